//! `event-engine check`: everything that is wrong with an application file.

use std::io;
use std::path::PathBuf;

use event_engine::application::{ApplicationFile, Diagnostics};

use crate::exit::{self, Exit, Problem};
use crate::{human, output};

const JSON: &str = "With --json: {\"file\", \"errors\", \"warnings\", \"diagnostics\": [{\"severity\", \"line\", \"column\", \"end-line\", \"end-column\",
\"message\", \"help\", \"related\": [{\"line\", \"column\", \"end-line\", \"end-column\", \"message\"}]}]}; \"severity\" is \"error\" or
\"warning\"; places, \"help\" and \"related\" are there where there are some";

/// Which file, and how strictly.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{JSON}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    /// The application file
    #[arg(value_name = "APP.toml")]
    file: PathBuf,
    /// Write one JSON object to stdout in place of text to stderr
    #[arg(long)]
    json: bool,
    /// Look also whether the ports are free at this moment (not while the application runs)
    #[arg(long)]
    ports: bool,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
}

/// Checks it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let diagnostics = match ApplicationFile::read(&arguments.file) {
        Err(diagnostics) => diagnostics,
        Ok(file) => {
            let mut diagnostics = file.warnings().clone();
            if arguments.ports {
                diagnostics.append(file.ports_in_use());
            }
            diagnostics
        }
    };
    let written = if arguments.json { output::write_json(&diagnostics) } else { show(&diagnostics) };
    let wrong = diagnostics.errors() > 0 || (arguments.deny_warnings && diagnostics.warnings() > 0);
    exit::after(written, if wrong { Exit::Wrong } else { Exit::Done })
}

/// Writes diagnostics to stderr, and to stdout how many there are.
fn show(diagnostics: &Diagnostics) -> io::Result<()> {
    output::diagnostics(diagnostics);
    let summary = match (diagnostics.errors(), diagnostics.warnings()) {
        (0, 0) => "nothing is wrong".to_string(),
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    output::write(&format!("{}: {summary}\n", human::harmless(&diagnostics.file().to_string_lossy())))
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
