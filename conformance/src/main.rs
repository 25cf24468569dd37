//! `conformance`: proves that a client library or an engine keeps the event-engine specification.
//!
//! A *case* (`case`) is data: who does what, and what must come of it. The *stage* (`stage`) plays it with testees (client libraries and
//! engines, by the adapter protocol), raw connections (`zmtp`) and links between them. A *run* (`run`) plays many and leaves a
//! *record* (`record`), from which all *reports* (`report`) are made. *Mutants* (`mutant`) prove the cases.

mod bench;
mod case;
mod command;
mod data;
mod guardian;
mod header;
mod hello;
mod interrupt;
mod known;
mod mutant;
mod nearest;
mod out;
mod random;
mod record;
mod report;
mod requirements;
mod run;
mod stage;
mod subject;
mod testees;
mod trouble;
mod vectors;
mod walk;
mod zmtp;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use trouble::Trouble;

/// Proves that a client library or an engine keeps the event-engine specification.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program's end says.
const EXIT_CODES: &str = "Exit codes: 0 all that ran passed (known failures apart) · 1 something failed, was flaky, or passed though it \
is a known failure · 2 the command line is wrong · 3 something could not run, so the run proves nothing as a whole · 4 the harness \
itself failed, or what came of it could not be written · 5 nothing ran · 129, 130, 143 ended by SIGHUP, Ctrl-C, SIGTERM";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run cases with client libraries, or with an engine
    Run(command::run::Arguments),
    /// Run the short choice of cases with every SDK and the engine
    Smoke(command::run::Everybody),
    /// Run every case with every SDK, every pair and the engine
    Full(command::run::Everybody),
    /// Run again what did not pass in the record of a run, with its seed
    Replay(command::replay::Arguments),
    /// Write a testee's skeleton for a new client library, and say in which order to build
    NewSdk(command::new_sdk::Arguments),
    /// List the cases
    List(command::list::Arguments),
    /// Explain a requirement or a case
    Explain(command::explain::Arguments),
    /// Say which requirements have cases, and why the others have none
    Coverage(command::coverage::Arguments),
    /// Prove the cases: each mutant, a reference with one rule broken, must fail for that reason
    Selftest(command::selftest::Arguments),
    /// Measure client libraries side by side: rates, and what arrived of what was sent
    Bench(command::bench::Arguments),
    /// Walk at random through the session profile's state machines, and show the shortest walk that fails
    Walk(command::walk::Arguments),
    /// Make reports from the record of a run; without an option, to the terminal
    Report(report::ReportArguments),
    /// Compare two records; ends with 1 when something newly fails
    Diff(report::DiffArguments),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A testee of the adapter protocol, for the engines that this program contains
    #[command(hide = true)]
    Testee {
        /// Which one
        #[command(subcommand)]
        which: testees::Named,
    },
}

fn main() -> ExitCode {
    let ended = done(Arguments::parse().command);
    // What a run that was ended says of its testees is of no use to anybody.
    if let Some(code) = interrupt::code() {
        return ExitCode::from(code);
    }
    let code = ended.unwrap_or_else(|trouble| {
        let _ = writeln!(std::io::stderr(), "conformance: {trouble}");
        trouble.code()
    });
    // A failure stays one.
    match out::problem().map(|why| Trouble::Unwritten(why.to_owned())) {
        Some(trouble) if code == ExitCode::SUCCESS => {
            let _ = writeln!(std::io::stderr(), "conformance: {trouble}");
            trouble.code()
        }
        _ => code,
    }
}

/// Does what the command line says.
fn done(command: Command) -> Result<ExitCode, Trouble> {
    if command.starts_others() {
        interrupt::watch()?;
    }
    Ok(match command {
        Command::Run(arguments) => command::run::run(&arguments)?,
        Command::Smoke(arguments) => command::run::everybody(&arguments, true)?,
        Command::Full(arguments) => command::run::everybody(&arguments, false)?,
        Command::Replay(arguments) => command::replay::run(&arguments)?,
        Command::NewSdk(arguments) => command::new_sdk::run(&arguments)?,
        Command::List(arguments) => command::list::run(&arguments)?,
        Command::Explain(arguments) => command::explain::run(&arguments)?,
        Command::Coverage(arguments) => command::coverage::run(&arguments)?,
        Command::Selftest(arguments) => command::selftest::run(&arguments)?,
        Command::Bench(arguments) => command::bench::run(&arguments)?,
        Command::Walk(arguments) => command::walk::run(&arguments)?,
        Command::Report(arguments) => report::run(&arguments),
        Command::Diff(arguments) => report::run_diff(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "conformance", &mut script);
            out::text(&String::from_utf8_lossy(&script));
            ExitCode::SUCCESS
        }
        Command::Testee { which } => testees::run(&which),
    })
}

impl Command {
    /// Whether it starts other programs, which must end with it.
    fn starts_others(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Smoke(_)
                | Self::Full(_)
                | Self::Replay(_)
                | Self::Selftest(_)
                | Self::Bench(_)
                | Self::Walk(_)
        )
    }
}
