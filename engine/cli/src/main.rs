//! `event-engine`: runs, checks and watches applications of event-engine.
//!
//! Each command has a file under `command`; what a command ends with is in `exit`, how it writes is in `output`. Running
//! applications are found and asked in `live`; `top`, `tap`, `graph` and `new` have folders of their own.

mod account;
mod command;
mod exit;
mod filter;
mod graph;
mod hex;
mod human;
mod live;
mod log;
mod new;
mod output;
mod printer;
mod report;
mod table;
mod tap;
mod top;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = command::Arguments::try_parse()
        .unwrap_or_else(|error| command::explained(error, std::env::args_os()).exit());
    exit::code(command::run(&arguments.command))
}
