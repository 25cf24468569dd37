//! `event-engine check`: everything that is wrong with an application file.

use std::path::PathBuf;

use crate::exit::{self, Exit, Problem};

/// Which file.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(crate) struct Arguments {
    /// The application file
    #[arg(value_name = "APP.toml")]
    file: PathBuf,
}

/// Checks it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    std::fs::read_to_string(&arguments.file)
        .map_err(|error| Problem::Wrong(format!("{}: {error}", arguments.file.display())))?;
    Ok(Exit::Done)
}
