//! Reports, each made from a record alone: `conformance report` and `conformance diff`.

pub(crate) mod badge;
pub(crate) mod console;
mod diff;
pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod markdown;
mod matrix;
pub(crate) mod mutants;
pub(crate) mod reading;
#[cfg(test)]
mod sample;
mod words;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::out;
use reading::Record;

/// What `conformance report` is given.
#[derive(clap::Args)]
pub(crate) struct ReportArguments {
    /// The record of a run
    record: PathBuf,
    /// Write JUnit's XML, for CI systems
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page of Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a badge, an SVG image
    #[arg(long, value_name = "FILE")]
    badge: Option<PathBuf>,
}

/// What `conformance diff` is given.
#[derive(clap::Args)]
pub(crate) struct DiffArguments {
    /// The record of the run before
    old: PathBuf,
    /// The record of the run after
    new: PathBuf,
}

/// The arguments were good, and what they name was not: not to be taken for the 1 of "something newly fails".
const TROUBLE: u8 = 2;

/// Writes the files that are asked for; to the terminal, if none is. Ends well whatever the record says.
pub(crate) fn run(arguments: &ReportArguments) -> ExitCode {
    ended(write_all(arguments).map(|()| ExitCode::SUCCESS))
}

/// Says what changed. Ends with 1 when something newly fails.
pub(crate) fn run_diff(arguments: &DiffArguments) -> ExitCode {
    let both = Record::read(&arguments.old).and_then(|old| Ok((old, Record::read(&arguments.new)?)));
    ended(both.map(|(old, new)| {
        let diff = diff::compare(&old, &new);
        out::text(&diff.text);
        ExitCode::from(u8::from(diff.newly_failing))
    }))
}

fn ended(result: Result<ExitCode, String>) -> ExitCode {
    result.unwrap_or_else(|problem| {
        let _ = writeln!(std::io::stderr(), "conformance: {problem}");
        ExitCode::from(TROUBLE)
    })
}

fn write_all(arguments: &ReportArguments) -> Result<(), String> {
    let record = Record::read(&arguments.record)?;
    type Render = fn(&Record) -> String;
    let files: [(&Option<PathBuf>, Render); 4] = [
        (&arguments.junit, junit::render),
        (&arguments.markdown, markdown::render),
        (&arguments.html, html::render),
        (&arguments.badge, badge::render),
    ];
    if files.iter().all(|(path, _)| path.is_none()) {
        out::text(&terminal(&record, std::io::stdout().is_terminal()));
    }
    files
        .into_iter()
        .try_for_each(|(path, render)| path.as_deref().map_or(Ok(()), |path| write(path, &render(&record))))
}

/// The record for a terminal: each failure, then the table.
fn terminal(record: &Record, colour: bool) -> String {
    let mut out = String::new();
    for result in record.cases.iter().filter(|result| words::is_failing(result.verdict)) {
        let _ = writeln!(out, "{}", console::failure(result, colour));
    }
    let summary = record.summary.clone().unwrap_or_else(|| crate::record::Summary {
        outcome: record.outcome().to_owned(),
        ..Default::default()
    });
    out.push_str(&console::mutants(&record.mutants, false, colour));
    out.push_str(&console::summary(&summary, &record.cases, colour));
    out
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
