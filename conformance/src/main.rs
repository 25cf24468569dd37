//! `conformance`: proves that a client library or an engine keeps the event-engine specification.

mod record;
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
    /// A testee of the adapter protocol, for the engines that this program contains
    #[command(hide = true)]
    Testee {
        /// Which one
        which: testees::Which,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Testee { which } => testees::run(which),
    }
}
