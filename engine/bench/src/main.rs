//! Measures event-engine beside its ancestor, raw libzmq, channels and a shared log.
//!
//! Every run of a system is a process of its own, and the systems of a case take turns (run 1 of each, run 2 of each, …), so
//! that neighbours on the machine disturb all of them alike: trust ratios, not absolute figures.
//!
//! # Where things are
//! - `plan`: cases, how many events; `system`: what takes part; `child`: one run; `interleave`: all runs.
//! - `payload`, `run`, `measurement`: what is sent, how receivers count it, what comes out.
//! - `programs`: clients in other languages and NATS, built from `clients/` before anything runs.
//! - `systems`: each system's way to carry the same load.
//! - `watched`: what a reader of the status and of the metrics costs.
//! - `report`: tables, ratios to the targets, JSON.

mod child;
mod external;
mod interleave;
mod measurement;
mod payload;
mod plan;
mod programs;
mod report;
mod run;
mod system;
mod systems;
mod watched;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever ends a run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measure event-engine beside its ancestor, raw libzmq, channels and a shared log.
///
/// Prints a table per case and the ratios to the targets. What cannot be built here is left out, and the report says so. Fails when a run fails, or when a system that promises to lose
/// nothing lost an event; never because of a rate.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to measure.
#[derive(clap::Args)]
struct Options {
    /// Fewer events and, unless --runs says otherwise, 3 runs
    #[arg(long)]
    quick: bool,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "FILTER", default_value = "")]
    case: String,
    /// Runs of each system in each case [default: 5, or 3 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench/bench.json")]
    output: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// One run of one system, in this process; prints its measurement as JSON
    #[command(hide = true)]
    Child {
        case: String,
        system: String,
        #[arg(long)]
        quick: bool,
    },
    /// What being watched costs: an application with and without a reader of its status and metrics, in pairs
    Watched(watched::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Child { case, system, quick }) => child::run(&case, &system, quick).map(|()| true),
        Some(Command::Watched(options)) => watched::run(&options),
        None => bench(&cli.options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing failed and nothing was lost that must not be.
fn bench(options: &Options) -> Result<bool, Failure> {
    let runs = options.runs.unwrap_or(if options.quick { 3 } else { 5 });
    let cases: Vec<plan::Case> =
        plan::cases(options.quick).into_iter().filter(|case| case.name.contains(&options.case)).collect();
    if cases.is_empty() {
        return Err(format!("no case's name contains `{}`", options.case).into());
    }
    let needed: BTreeSet<_> =
        cases.iter().flat_map(|case| case.systems).filter_map(|system| system.program()).collect();
    let missing = programs::build(needed);
    let (results, failures) = interleave::run(&cases, &missing, runs, options.quick)?;
    print!("{}", report::text(&cases, &results, &missing, runs));
    report::write_json(&options.output, &results)?;
    println!("\nThe figures are in {}.", options.output.display());
    let lost = report::lost(&results);
    for line in failures.iter().chain(&lost) {
        eprintln!("bench: {line}");
    }
    Ok(failures.is_empty() && lost.is_empty())
}
