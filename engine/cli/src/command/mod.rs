//! The commands, one file each: `Arguments`, and `run`, which does the work.

use clap::{Parser, Subcommand};

use crate::exit::{self, Exit, Problem};

mod check;
mod graph;

/// Runs, checks and watches applications of event-engine
#[derive(Debug, Parser)]
#[command(name = "event-engine", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with an application file
    Check(check::Arguments),
    /// Draw who sends what to whom
    Graph(graph::Arguments),
}

/// Does it.
pub(crate) fn run(command: &Command) -> Result<Exit, Problem> {
    match command {
        Command::Check(arguments) => check::run(arguments),
        Command::Graph(arguments) => graph::run(arguments),
    }
}
