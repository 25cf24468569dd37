//! `conformance replay`: runs again what did not pass, with the arguments and the seed of the record.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::record::Verdict;
use crate::report::reading::Record;
use crate::trouble::Trouble;
use crate::Command;

/// What to run again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The record of a run
    record: PathBuf,
    /// This case, whether it passed or not; several times if need be
    #[arg(long, value_name = "ID")]
    case: Vec<String>,
}

/// Runs it again.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let record = Record::read(&arguments.record)?;
    let mut cases = arguments.case.clone();
    if cases.is_empty() {
        let passed = [Verdict::Pass, Verdict::NotApplicable, Verdict::KnownFail];
        cases = record
            .cases
            .iter()
            .filter(|case| !passed.contains(&case.verdict))
            .map(|case| case.case.clone())
            .collect();
        cases.sort();
        cases.dedup();
    }
    if cases.is_empty() {
        say!("everything passed in {}: there is nothing to run again", arguments.record.display());
        return Ok(ExitCode::SUCCESS);
    }
    say!("again, with seed {}: {}", record.run.seed, cases.join(" "));
    if let Some(folder) = &record.run.folder {
        go_to(folder)?;
    }
    let words = std::iter::once("conformance".to_owned()).chain(record.run.arguments.iter().cloned());
    let parsed = crate::Arguments::try_parse_from(words)
        .map_err(|error| format!("the record's arguments are not those of this version: {error}"))?;
    match parsed.command {
        Command::Run(mut run) => {
            (run.options.case, run.options.seed) = (cases, Some(record.run.seed));
            run.options.leave_nothing();
            super::run::run(&run)
        }
        Command::Smoke(mut all) | Command::Full(mut all) => {
            (all.options.case, all.options.seed) = (cases, Some(record.run.seed));
            all.options.leave_nothing();
            super::run::everybody(&all, false)
        }
        _ => Err(Trouble::Usage("the record is of none of `conformance run`, `smoke` or `full`".to_owned())),
    }
}

/// Goes where the run was, as its arguments may name files from there.
fn go_to(folder: &str) -> Result<(), String> {
    let here = std::env::current_dir().ok();
    if here.as_deref() == Some(Path::new(folder)) {
        return Ok(());
    }
    say!("in {folder}, where the run was");
    std::env::set_current_dir(folder).map_err(|error| format!("cannot go to {folder}: {error}"))
}
