//! `conformance`: proves that a client library or an engine keeps the event-engine specification.

mod record;
mod report;
mod requirements;
mod testees;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Proves that a client library or an engine keeps the event-engine specification.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make reports from the record of a run; without an option, to the terminal
    Report(report::ReportArguments),
    /// Compare two records; ends with 1 when something newly fails
    Diff(report::DiffArguments),
    /// A testee of the adapter protocol, for the engines that this program contains
    #[command(hide = true)]
    Testee {
        /// Which one
        which: testees::Which,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Report(arguments) => report::run(&arguments),
        Command::Diff(arguments) => report::run_diff(&arguments),
        Command::Testee { which } => testees::run(which),
    }
}
