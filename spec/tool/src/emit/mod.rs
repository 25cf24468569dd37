//! Files generated from the specification, one emitter each.
//!
//! An emitter for another language is one more file here and one more line in [`outputs`].

mod abnf;
mod c;
mod go;
mod limits;
mod machine;
mod python;
mod rust;

use crate::protocol::{Limit, Protocol, Setting, Side};
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
        output("pyevents/pyevents/_constants.py", python::emit_words(protocol)),
        output("sdks/python/src/event_engine/_constants.py", python::emit(protocol)),
        output("sdks/go/constants.go", go::emit(protocol)),
        output("sdks/c/src/constants.h", c::emit(protocol)),
        output("spec/grammar.abnf", abnf::emit(protocol)),
    ];
    let mut problems = Vec::new();
    for source in &spec.prose {
        let mut text = prose::with_registry_texts(source, &spec.registry.0);
        let tables = [
            ("spec/limits.md", "limits", limits::limits(protocol)),
            ("spec/limits.md", "settings", limits::settings(protocol)),
            ("spec/README.md", "profiles", limits::profiles(protocol)),
            ("spec/session.md", "verbs of the client", machine::verbs(protocol, Side::Client)),
            ("spec/session.md", "verbs of the engine", machine::verbs(protocol, Side::Engine)),
            ("spec/session.md", "error codes", machine::codes(protocol)),
            ("spec/session.md", "states of the client", machine::diagram(&spec.machines.0.client)),
            ("spec/session.md", "states of the engine", machine::diagram(&spec.machines.0.engine)),
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

/// Verbs and error codes: name of the constant, text, sentence.
fn words(protocol: &Protocol) -> impl Iterator<Item = (String, &str, &str)> {
    let verbs = protocol.verbs.iter().map(|verb| (verb.constant(), verb.name.get_ref(), &verb.doc));
    let codes = protocol.codes.iter().map(|code| (code.constant(), code.name.get_ref(), &code.doc));
    verbs.chain(codes).map(|(name, value, doc)| (name, value.as_str(), doc.as_str()))
}

/// Settings that clients need.
fn client_settings(protocol: &Protocol) -> impl Iterator<Item = &Setting> {
    protocol.settings.iter().filter(|setting| setting.client)
}

/// Limits that clients need.
fn client_limits(protocol: &Protocol) -> impl Iterator<Item = &Limit> {
    protocol.limits.iter().filter(|limit| limit.client)
}

/// What a limit means, its kind and its unit.
fn limit_doc(limit: &Limit) -> String {
    let kind = if limit.fixed { "Part of the protocol" } else { "Default" };
    format!("{} {kind}, in {}.", limit.doc, limits::unit_name(limit.unit))
}

/// A comment of lines that fit a terminal, each beginning with `prefix`.
fn comment(prefix: &str, text: &str) -> String {
    const WIDTH: usize = 95;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{prefix}{line}\n")).collect()
}

/// Writes a number with `_` between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

fn begin(name: &str) -> String {
    let from = if name.starts_with("states") { crate::machine::PATH } else { crate::protocol::PATH };
    format!("<!-- {name}: generated from {from} by `{COMMAND}` -->")
}

fn end(name: &str) -> String {
    format!("<!-- end of {name} -->")
}

fn replace_between_markers(text: &str, name: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(&begin(name))?;
    let (_, after) = rest.split_once(&end(name))?;
    Some(format!("{before}{}\n{table}{}{after}", begin(name), end(name)))
}
