//! `event-engine`: runs, checks and watches applications of event-engine.
//!
//! Each command has a file under `command`; what a command ends with is in `exit`, how it writes is in `output`. Graphs are
//! drawn in `graph`.

mod command;
mod exit;
mod graph;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    exit::code(command::run(&arguments.command))
}
