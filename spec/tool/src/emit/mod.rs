//! Files generated from the specification, one emitter each.
//!
//! An emitter for another language is one more file here and one more line in [`outputs`].

mod abnf;
mod limits;
mod python;
mod rust;

use crate::source::Problem;
use crate::{prose, Spec};

/// The command that the generated files name.
pub const COMMAND: &str = "cargo run -p event-engine-spec-tool -- generate";

/// A file as it should be.
#[derive(Debug)]
pub struct Output {
    /// Path relative to the top of the repository.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// Makes every generated file, and the prose with the registry's texts and the table of limits in it.
///
/// # Errors
/// A table's markers are missing in the prose.
pub fn outputs(spec: &Spec) -> Result<Vec<Output>, Vec<Problem>> {
    let protocol = &spec.protocol.0;
    let output = |path: &str, text| Output { path: path.to_owned(), text };
    let mut outputs = vec![
        output("engine/protocol/src/constants.rs", rust::emit(protocol)),
        output("pyevents/pyevents/_constants.py", python::emit(protocol)),
        output("spec/grammar.abnf", abnf::emit(protocol)),
    ];
    let mut problems = Vec::new();
    for source in &spec.prose {
        let mut text = prose::with_registry_texts(source, &spec.registry.0);
        let tables = [
            ("spec/limits.md", "limits", limits::limits(protocol)),
            ("spec/limits.md", "settings", limits::settings(protocol)),
            ("spec/README.md", "profiles", limits::profiles(protocol)),
        ];
        for (path, name, table) in tables {
            if source.path == path {
                match replace_between_markers(&text, name, &table) {
                    Some(replaced) => text = replaced,
                    None => problems.push(source.problem_at_line(
                        1,
                        format!("the lines `{}` and `{}` are missing", begin(name), end(name)),
                    )),
                }
            }
        }
        outputs.push(Output { path: source.path.clone(), text });
    }
    if problems.is_empty() {
        Ok(outputs)
    } else {
        Err(problems)
    }
}

fn begin(name: &str) -> String {
    format!("<!-- {name}: generated from spec/protocol.toml by `{COMMAND}` -->")
}

fn end(name: &str) -> String {
    format!("<!-- end of {name} -->")
}

fn replace_between_markers(text: &str, name: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(&begin(name))?;
    let (_, after) = rest.split_once(&end(name))?;
    Some(format!("{before}{}\n{table}{}{after}", begin(name), end(name)))
}
