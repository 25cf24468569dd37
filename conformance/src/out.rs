//! What is written to stdout. Who has closed it does not want to read on; what else is in the way is told at the end, and the exit
//! code says so.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

static PROBLEM: OnceLock<String> = OnceLock::new();

/// Writes text.
pub(crate) fn text(text: &str) {
    note(io::stdout().write_all(text.as_bytes()));
}

/// Writes a line.
pub(crate) fn line(words: fmt::Arguments<'_>) {
    text(&format!("{words}\n"));
}

/// Why not everything could be written.
pub(crate) fn problem() -> Option<&'static str> {
    note(io::stdout().flush());
    PROBLEM.get().map(String::as_str)
}

fn note(written: io::Result<()>) {
    if let Err(error) = written {
        if error.kind() != ErrorKind::BrokenPipe {
            let _ = PROBLEM.set(format!("cannot write to stdout: {error}"));
        }
    }
}
