//! `conformance new-sdk`: a testee's skeleton, and the order in which to build.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::case::{Catalogue, Judged, Selection};

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
    ("everything of the basic profile", "with this project's engine and the second one", "basic-client/"),
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
    let catalogue = Catalogue::built_in()?;
    for (number, (what, how, cases)) in ORDER.into_iter().enumerate() {
        let count = count(&catalogue, cases);
        say!("{number}. {what}: {how}");
        if count > 0 {
            say!(
                "   conformance run --adapter 'python3 {}' --case {cases}     ({count} cases)",
                folder.join("testee.py").display()
            );
        }
    }
    say!("\nA failed case shows what was said, and the rule; `conformance explain CASE` shows its steps. The specification's own steps are in spec/implementers-guide.md.");
    Ok(ExitCode::SUCCESS)
}

/// How many cases of clients begin so.
fn count(catalogue: &Catalogue, begin: &str) -> usize {
    let selection = Selection { cases: vec![begin.to_owned()], ..Selection::default() };
    catalogue.chosen(Judged::Client, &selection).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_but_the_first_has_cases() {
        let catalogue = Catalogue::built_in().unwrap();
        for (what, _, cases) in ORDER.into_iter().skip(1) {
            assert!(count(&catalogue, cases) > 0, "{what}: no case begins with {cases}");
        }
    }
}
