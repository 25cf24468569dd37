//! The commands, one file each: `Arguments`, and `run`, which does the work.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Error, Parser, Subcommand};

use crate::exit::{self, Exit, Problem};

mod check;
mod completions;
mod graph;
mod ledger;
mod list;
mod new;
mod publish;
mod run;
mod stop;
mod tap;
mod top;

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
    /// Run an application and the processes of its plugins
    Run(run::Arguments),
    /// Say everything that is wrong with an application file
    Check(check::Arguments),
    /// Draw who sends what to whom
    Graph(graph::Arguments),
    /// Make an application or a plugin that runs
    New(new::Arguments),
    /// List the applications that run here, and their plugins
    List(list::Arguments),
    /// Print the account of every event of a running application
    Ledger(ledger::Arguments),
    /// Show what every plugin of a running application does, live
    Top(top::Arguments),
    /// Show events of a running application
    Tap(tap::Arguments),
    /// Publish one event in a running application
    #[command(name = "pub")]
    Publish(publish::Arguments),
    /// Stop a running application
    Stop(stop::Arguments),
    /// Print what a shell needs to complete the command line
    Completions(completions::Arguments),
}

/// An error of the command line, with a tip for `--wait 5s`: the time of `--wait` may be left out, so it stands behind a `=`.
pub(crate) fn explained(mut error: Error, arguments: impl Iterator<Item = OsString>) -> Error {
    let Some(ContextValue::String(unexpected)) = error.get(ContextKind::InvalidArg).cloned() else {
        return error;
    };
    let arguments: Vec<OsString> = arguments.collect();
    let is_time = arguments
        .windows(2)
        .any(|pair| matches!(pair, [wait, time] if wait == "--wait" && *time == *unexpected));
    if error.kind() == ErrorKind::UnknownArgument && is_time {
        let tip = format!("to wait at most so long, write '--wait={unexpected}'");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Does it.
pub(crate) fn run(command: &Command) -> Result<Exit, Problem> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Graph(arguments) => graph::run(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Ledger(arguments) => ledger::run(arguments),
        Command::Top(arguments) => top::run(arguments),
        Command::Tap(arguments) => tap::run(arguments),
        Command::Publish(arguments) => publish::run(arguments),
        Command::Stop(arguments) => stop::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
