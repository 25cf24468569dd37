//! Diagnostics as text for people.

use std::fmt;

use super::source::Source;
use super::{Diagnostic, Place, Severity};

/// More of a line than this is not shown.
const SHOWN_CHARACTERS: usize = 110;

/// The colours of a terminal, or none.
struct Colours {
    bold: &'static str,
    error: &'static str,
    warning: &'static str,
    help: &'static str,
    margin: &'static str,
    reset: &'static str,
}

const NONE: Colours = Colours { bold: "", error: "", warning: "", help: "", margin: "", reset: "" };

const TERMINAL: Colours = Colours {
    bold: "\x1b[1m",
    error: "\x1b[1;31m",
    warning: "\x1b[1;33m",
    help: "\x1b[1;32m",
    margin: "\x1b[1;34m",
    reset: "\x1b[0m",
};

/// Writes each diagnostic with its line, marks below it, and what to do. In colours with `{:#}`.
pub(super) fn render(source: &Source, list: &[Diagnostic], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let colours = if f.alternate() { &TERMINAL } else { &NONE };
    for diagnostic in list {
        render_one(source, diagnostic, colours, f)?;
    }
    Ok(())
}

fn render_one(
    source: &Source,
    diagnostic: &Diagnostic,
    c: &Colours,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let Diagnostic { severity, place, related, .. } = diagnostic;
    let message = harmless(&diagnostic.message);
    let help = diagnostic.help.as_deref().map(harmless);
    let (bold, reset) = (c.bold, c.reset);
    let colour = if *severity == Severity::Error { c.error } else { c.warning };
    let file = harmless(&source.path().to_string_lossy());
    let width =
        place.iter().chain(related.iter().map(|other| &other.place)).map(|place| digits(place.line)).max();
    let width = width.unwrap_or(1);

    match place {
        Some(Place { line, column, .. }) => {
            writeln!(
                f,
                "{bold}{file}:{line}:{column}: {reset}{colour}{severity}{reset}{bold}: {message}{reset}"
            )?;
        }
        None => writeln!(f, "{bold}{file}: {reset}{colour}{severity}{reset}{bold}: {message}{reset}")?,
    }
    if let Some(place) = place {
        excerpt(source, place, width, '^', colour, c, f)?;
    }
    for other in related {
        let Place { line, column, .. } = other.place;
        writeln!(
            f,
            "{:width$} {}={reset} note: {file}:{line}:{column}: {}",
            "",
            c.margin,
            harmless(&other.message)
        )?;
        excerpt(source, &other.place, width, '-', c.margin, c, f)?;
    }
    if let Some(help) = help {
        writeln!(f, "{:width$} {}={reset} {}help{reset}: {help}", "", c.margin, c.help)?;
    }
    Ok(())
}

/// The place's first line with marks below.
fn excerpt(
    source: &Source,
    place: &Place,
    width: usize,
    mark: char,
    colour: &str,
    c: &Colours,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let line: Vec<char> = source.line(place.line).trim_start_matches('\u{feff}').chars().collect();
    // Of a long line, what is around the place.
    let begin = place.column.saturating_sub(1);
    let first = if line.len() > SHOWN_CHARACTERS { begin.saturating_sub(SHOWN_CHARACTERS / 3) } else { 0 };
    let shown: String =
        line.iter().skip(first).take(SHOWN_CHARACTERS).map(|character| visible(*character)).collect();
    let shown = shown.trim_end();

    let end = if place.end_line > place.line { line.len() } else { place.end_column.saturating_sub(1) };
    let marks = end.min(first + SHOWN_CHARACTERS).saturating_sub(begin).max(1);
    let marks: String = std::iter::repeat_n(mark, marks).collect();
    let (before, skipped) = if first > 0 { ("…", 1) } else { ("", 0) };
    let after = if first + SHOWN_CHARACTERS < line.len() { "…" } else { "" };
    let indent = begin - first + skipped;
    let (margin, reset) = (c.margin, c.reset);
    writeln!(f, "{margin}{:width$} |{reset} {before}{shown}{after}", place.line)?;
    writeln!(f, "{margin}{:width$} |{reset} {:indent$}{colour}{marks}{reset}", "", "")
}

/// A character that takes one column and does nothing to a terminal.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

/// A text without what would do something to a terminal; names come from the file.
fn harmless(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}
