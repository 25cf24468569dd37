//! Writing to the terminal, to pipes and to files.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use event_engine::application::Diagnostics;
use serde::Serialize;

use crate::exit::Problem;

/// Whether what goes to this stream is coloured: on a terminal only, and not with NO_COLOR (<https://no-color.org>) or TERM=dumb.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !no_color && !dumb
}

/// Writes text to stdout.
///
/// # Errors
/// What the system says; a broken pipe ends the program quietly (`exit::code`).
pub(crate) fn write(text: &str) -> io::Result<()> {
    write_bytes(text.as_bytes())
}

/// Writes bytes to stdout.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes a value to stdout as one line of JSON.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_json(value: &impl Serialize) -> io::Result<()> {
    write(&format!("{}\n", serde_json::to_string(value)?))
}

/// Says on stderr what was done. Where that cannot be written, nobody wants to know.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes text to a file, or to stdout when there is none.
pub(crate) fn write_to(file: Option<&Path>, text: &str) -> Result<(), Problem> {
    match file {
        None => Ok(write(text)?),
        Some(path) => fs::write(path, text)
            .map_err(|error| Problem::Wrong(format!("{} could not be written: {error}", path.display()))),
    }
}

/// Writes diagnostics to stderr, in colours on a terminal. Where that cannot be written, nobody wants to know.
pub(crate) fn diagnostics(diagnostics: &Diagnostics) {
    let mut stderr = io::stderr().lock();
    let _ =
        if colours(&stderr) { write!(stderr, "{diagnostics:#}") } else { write!(stderr, "{diagnostics}") };
}

/// Says on stderr what went wrong. Where that cannot be written, nobody wants to know.
pub(crate) fn complain(text: &str) {
    let mut stderr = io::stderr().lock();
    let (bold, reset) = if colours(&io::stderr()) { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(stderr, "event-engine: {bold}error{reset}: {text}");
}
