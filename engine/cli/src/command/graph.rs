//! `event-engine graph`: who sends what to whom.

use std::path::PathBuf;

use crate::exit::{self, Exit, Problem};
use crate::output;

/// Of which application, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(crate) struct Arguments {
    /// The application file
    #[arg(value_name = "APP.toml")]
    file: PathBuf,
    /// Where to write it; stdout unless said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Draws it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| Problem::Wrong(format!("{}: {error}", arguments.file.display())))?;
    output::write_to(arguments.output.as_deref(), &text)?;
    Ok(Exit::Done)
}
