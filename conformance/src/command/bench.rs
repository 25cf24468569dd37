//! `conformance bench`: client libraries side by side, in figures.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::files::Target;
use super::values;
use crate::bench::{self, Machine, Plan, Results};
use crate::interrupt;
use crate::out;
use crate::record;
use crate::subject::{Engine, Subject, ALL};
use crate::trouble::Trouble;

/// What to measure, and how.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// A client library of this repository: rust, python, go, c, pyevents, python-asyncio, pyevents-0.1.0, or all (the first five), which is meant without an option; several times if need be
    #[arg(long, value_name = "NAME", num_args = 1..)]
    sdk: Vec<String>,
    /// Any other client library, by the command that starts its testee; with --sdk beside those
    #[arg(long, value_name = "COMMAND", value_parser = values::not_blank)]
    adapter: Option<String>,
    /// Measure everything so often [default: 5; with --quick 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Events of a run in a session; the basic profile gets a tenth, round trips a fortieth [default: 200000; with --quick 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=99_999_999))]
    events: Option<u64>,
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = at_least_the_number)]
    size: usize,
    /// Fewer runs of fewer events
    #[arg(long)]
    quick: bool,
    /// Leave the figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How long a testee may take to start for the first time.
const INTRODUCTION: Duration = Duration::from_secs(30);
/// The length of an event with its number and nothing else.
const LEAST_BYTES: usize = 10;
/// What everybody has to know who reads the figures.
const NOTES: &str = "\
per second, p50, p99: min / median / max of the runs; all runs of all clients interleaved, new processes for each
times are the testee's own, and hold its work: making the events, counting and comparing the numbers of those that came
session: by batches of at most 500 a call where the library has them; what fits the window may have come before the first event is
taken, which counts the more the fewer the events are; basic: an event a request, some libraries with several publishes under way
delivered ÷ sent: publish: what the engine's ledger says was matched; receive: different numbers that came; round trips: those that ended";

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let begun = Instant::now();
    let machine = Machine::this();
    let json = arguments.json.as_deref().map(Target::open).transpose()?;
    let engine = Engine::named("event-engine", INTRODUCTION, false)?;
    let (subjects, missing) = subjects(arguments)?;
    let (runs, events) = if arguments.quick { (2, 20_000) } else { (5, 200_000) };
    let plan = Plan {
        rows: Plan::rows(subjects.iter().map(Subject::about)),
        runs: arguments.runs.unwrap_or(runs),
        events: arguments.events.unwrap_or(events),
        size: arguments.size,
    };
    if plan.rows.is_empty() {
        return Err(Trouble::NotRun(missing.join("\n")));
    }
    let mut results = bench::run(&plan, &subjects, &engine);
    if interrupt::came().is_some() {
        return Err(Trouble::NotRun(interrupt::ENDED.to_owned()));
    }
    results.failures.splice(0..0, missing);

    say!("{} runs, {} bytes an event; {}", plan.runs, plan.size, machine.text());
    for about in std::iter::once(engine.about()).chain(subjects.iter().map(Subject::about)) {
        say!("{}", described(about));
    }
    out::text(&bench::text(&results.summaries));
    say!("\n{NOTES}");
    let lost = lost(&results);
    for line in lost.iter().chain(&results.failures) {
        say!("{line}");
    }
    say!("{:.1} s", begun.elapsed().as_secs_f64());
    if let Some(target) = json {
        let clients = subjects.iter().map(Subject::about).collect();
        let text = bench::json(&plan, &machine, engine.about(), clients, &results)?;
        target.write(&text).map_err(Trouble::Unwritten)?;
    }
    Ok(match (lost.is_empty(), results.failures.is_empty()) {
        (false, _) => ExitCode::from(1),
        (true, false) => ExitCode::from(3),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn at_least_the_number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if size >= LEAST_BYTES => Ok(size),
        _ => Err(format!("an event has at least {LEAST_BYTES} bytes: its prefix and its number")),
    }
}

/// The clients, built and asked who they are; those that cannot be started, the others are measured all the same.
fn subjects(arguments: &Arguments) -> Result<(Vec<Subject>, Vec<String>), Trouble> {
    let mut keys: Vec<&str> = Vec::new();
    if arguments.sdk.is_empty() && arguments.adapter.is_none() {
        keys.extend(ALL);
    }
    for name in &arguments.sdk {
        let named = if name == "all" { ALL.to_vec() } else { vec![name.as_str()] };
        let new: Vec<&str> = named.into_iter().filter(|key| !keys.contains(key)).collect();
        keys.extend(new);
    }
    let (mut subjects, mut missing) = (Vec::new(), Vec::new());
    let named = keys.iter().map(|key| (*key, Subject::sdk(key, INTRODUCTION, false)));
    let adapter = arguments.adapter.iter();
    let adapter = adapter.map(|command| ("adapter", Subject::adapter(command, INTRODUCTION, false)));
    for (key, subject) in named.chain(adapter) {
        match subject {
            Ok(subject) => subjects.push(subject),
            Err(Trouble::NotRun(why)) => missing.push(format!("not measured: {key}: {why}")),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok((subjects, missing))
}

fn described(about: &record::Subject) -> String {
    let libraries: Vec<String> = about
        .libraries
        .iter()
        .map(|(name, version)| format!("{name} {}", version.trim_matches('"')))
        .collect();
    let with = if libraries.is_empty() { String::new() } else { format!("; {}", libraries.join(", ")) };
    format!("  {}: {} {} ({}{with})", about.key, about.name, about.version, about.language)
}

/// Every run in which not exactly what was sent arrived.
fn lost(results: &Results) -> Vec<String> {
    let runs = results.summaries.iter().filter(|result| !result.is_whole()).flat_map(|result| {
        let strange = result.runs.iter().filter(|run| run.delivered != run.sent || run.remark.is_some());
        strange.map(move |run| {
            let remark = run.remark.as_deref().map(|remark| format!("; {remark}")).unwrap_or_default();
            let (measure, row) = (result.measure.name(), result.row.name());
            format!("{measure} {row}: {} of {} events were delivered{remark}", run.delivered, run.sent)
        })
    });
    runs.collect()
}
