//! `conformance walk`: random walks through the session profile's state machines, and the shortest one that fails.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::values;
use crate::case::Case;
use crate::interrupt;
use crate::known::Known;
use crate::mutant::{self, Mutant};
use crate::record::{CaseResult, Verdict};
use crate::report::console;
use crate::run::{Job, Settings};
use crate::subject::{Engine, Subject};
use crate::trouble::Trouble;
use crate::walk::{self, Model};

/// Whom to walk with, and how far.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A client library of this repository
    #[arg(long, value_name = "NAME", conflicts_with = "engine", required_unless_present = "engine")]
    sdk: Option<String>,
    /// An engine: event-engine, mini, or the command that starts its testee
    #[arg(long, value_name = "ENGINE", value_parser = values::not_blank)]
    engine: Option<String>,
    /// So many walks
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = values::at_least_one)]
    walks: usize,
    /// The most inputs of a walk
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = values::at_least_one)]
    length: usize,
    /// Seed of everything random; the same seed, the same walks
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Multiply all deadlines, for slow machines
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = values::factor)]
    time_scale: f64,
    /// A mutant in place of the subject: it must be found
    #[arg(long, value_name = "ID", hide = true)]
    mutant: Option<String>,
}

/// How long a testee may take to start for the first time.
const INTRODUCTION: Duration = Duration::from_secs(30);

/// Walks.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let limit = INTRODUCTION.mul_f64(arguments.time_scale);
    let mutants = mutant::all()?;
    let mutant = match &arguments.mutant {
        Some(id) => {
            Some(mutants.iter().find(|one| one.id == *id).ok_or_else(|| format!("there is no mutant {id}"))?)
        }
        None => None,
    };
    let engine = Engine::named(arguments.engine.as_deref().unwrap_or("event-engine"), limit, false)?;
    let subject = arguments.sdk.as_deref().map(|key| Subject::sdk(key, limit, false)).transpose()?;
    match &subject {
        Some(subject) => with::<walk::Client>(arguments, Some(subject), &engine, mutant),
        None => with::<walk::Engine>(arguments, None, &engine, mutant),
    }
}

fn with<M: Model>(
    arguments: &Arguments,
    subject: Option<&Subject>,
    engine: &Engine,
    mutant: Option<&Mutant>,
) -> Result<ExitCode, Trouble> {
    if mutant.is_some_and(|mutant| mutant.judged != M::JUDGED) {
        return Err(Trouble::Usage("the mutant is one of the other side".to_owned()));
    }
    let begun = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = arguments.seed.unwrap_or(now.as_nanos() as u64 & 0xffff_ffff);
    let settings = Settings { jobs: 1, time_scale: arguments.time_scale, seed, retry: false };
    let play = |case: &Case| -> CaseResult {
        let profile = Some("session");
        Job { case, profile, lane: case.lane, clients: [subject, None], engine, mutant }
            .run(&settings, &Known::default())
    };
    let (mut played, mut skipped) = (0, 0);
    let found = walk::first_failure::<M, _>(seed, arguments.length, arguments.walks, |walk| {
        let case = walk::case_of::<M>(walk, "walks/found", "A random walk through the machine.")?;
        let result = play(&case);
        played += 1;
        match result.verdict {
            _ if interrupt::came().is_some() => Err(interrupt::ENDED.to_owned()),
            Verdict::Pass => Ok(None),
            Verdict::NotApplicable => {
                skipped += 1;
                Ok(None)
            }
            Verdict::HarnessError | Verdict::CouldNotRun => Err(result.reason.unwrap_or_default()),
            _ => Ok(Some((case, result))),
        }
    });
    let found = found.map_err(Trouble::NotRun)?;
    let seconds = begun.elapsed().as_secs_f64();
    let Some(((_, inputs), (case, result))) = found else {
        say!("{played} walks, {skipped} of them not applicable, none fails ({seconds:.1} s), seed {seed}");
        return Ok(ExitCode::from(if played > skipped { 0 } else { 5 }));
    };
    let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
    say!("{}", console::failure(&CaseResult { reproduce: reproduce(arguments, seed), ..result }, colour));
    say!("the shortest walk that fails has {} inputs: {inputs:?}\n", inputs.len());
    for step in &case.steps {
        say!("{:>4}  {}", step.line, step.text);
    }
    say!("\n{played} walks and simpler ones were played ({seconds:.1} s), seed {seed}");
    Ok(ExitCode::from(1))
}

fn reproduce(arguments: &Arguments, seed: u64) -> String {
    let whom = match (&arguments.sdk, &arguments.engine) {
        (Some(sdk), _) => format!("--sdk {sdk}"),
        (None, engine) => format!("--engine '{}'", engine.as_deref().unwrap_or("event-engine")),
    };
    format!("conformance walk {whom} --walks {} --length {} --seed {seed}", arguments.walks, arguments.length)
}
