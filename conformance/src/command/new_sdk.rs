//! `conformance new-sdk`: a testee's skeleton, and the order in which to build.

use std::path::PathBuf;
use std::process::ExitCode;

/// Where to write it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A folder, made if it is not there; files that are there are left alone
    folder: PathBuf,
}

/// The skeleton is in Python because nearly everybody reads it; the protocol is JSON lines on a TCP connection, in whatever language.
const SKELETON: &str = include_str!("../../new-sdk/testee.py");
const PROTOCOL: &str = include_str!("../../adapter.md");

/// The order: what to build, and the cases that then pass.
const ORDER: [(&str, &str, &str); 8] = [
    ("hello", "who you are; start it once: the harness says what is wrong with it", ""),
    (
        "connect, publish, next",
        "one request, one reply, on a REQ socket or a DEALER",
        "basic-client/requests/",
    ),
    ("replies", "what the answer to a publish means", "vectors/replies/"),
    (
        "quit, close",
        "say quit, wait for nothing, leave with a linger of about a second",
        "basic-client/ending/",
    ),
    ("time-outs and broken connections", "one bit per connection: is an event owed?", "basic-client/early/"),
    (
        "flood, drain, and everything of the basic profile",
        "with this project's engine and the second one",
        "basic-client/",
    ),
    ("sessions", "headers, batches, then the states of spec/machine.toml", "session-client/"),
    ("what callers are owed", "only if your library wants to be like the project's own SDKs", "sdk/"),
];

/// Writes it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    for (name, text) in [("testee.py", SKELETON), ("adapter.md", PROTOCOL)] {
        let path = folder.join(name);
        if path.exists() {
            say!("{} is there already: left alone", path.display());
            continue;
        }
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        say!("wrote {}", path.display());
    }
    say!(
        "\nYour library may be in any language: translate testee.py, or start it from there. Then build in this order, each step until its \
         cases pass:\n"
    );
    for (number, (what, how, cases)) in ORDER.into_iter().enumerate() {
        say!("{number}. {what}: {how}");
        if !cases.is_empty() {
            say!(
                "   conformance run --adapter 'python3 {}' --case {cases}",
                folder.join("testee.py").display()
            );
        }
    }
    say!("\nA failed case shows what was said, and the rule; `conformance explain CASE` shows its steps. The specification's own steps are in spec/implementers-guide.md.");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Catalogue, Judged, Selection};

    #[test]
    fn every_step_but_the_first_has_cases() {
        let catalogue = Catalogue::built_in().unwrap();
        for (what, _, cases) in ORDER.into_iter().skip(1) {
            let selection = Selection { cases: vec![cases.to_owned()], ..Selection::default() };
            let any = catalogue.chosen(Judged::Client, &selection).next().is_some();
            assert!(any, "{what}: no case begins with {cases}");
        }
    }

    #[test]
    fn the_skeleton_counts_the_steps_as_they_are_printed() {
        for (number, functions) in [
            (1, ["connect", "publish", "next_event"].as_slice()),
            (3, &["quit_client", "close"]),
            (5, &["flood", "drain"]),
        ] {
            for name in functions {
                let body = SKELETON.split(&format!("def {name}(")).nth(1).unwrap();
                let todo = body.split("# TODO step ").nth(1).unwrap();
                assert!(todo.starts_with(&format!("{number}:")), "{name}: {todo:.20}");
            }
        }
        assert!(ORDER.get(5).unwrap().0.contains("flood, drain"));
    }
}
