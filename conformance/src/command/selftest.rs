//! `conformance selftest`: the cases prove subjects, and mutants prove the cases.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::files::Files;
use super::frauds;
use super::run::begun_now;
use super::values;
use crate::case::{Case, Catalogue, Judged};
use crate::interrupt;
use crate::known::Known;
use crate::mutant::{self, Mutant};
use crate::out;
use crate::record::{CaseResult, Kill, MutantResult, Summary, Verdict};
use crate::report::console;
use crate::report::mutants::proven;
use crate::report::reading::Record;
use crate::requirements;
use crate::run::{counted, run_all, Job, Settings};
use crate::subject::{Engine, Subject};
use crate::trouble::Trouble;

/// What to prove.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this mutant; `engine/` and `engine/quit*` mean all that begin so, `fraud/` all frauds; several times if need be
    #[arg(long, value_name = "ID")]
    mutant: Vec<String>,
    /// The client library that stands for all as the reference
    #[arg(long, value_name = "NAME", default_value = "rust")]
    sdk: String,
    /// So many cases at a time: most of them only wait for what a mutant does not do
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = values::at_least_one)]
    jobs: usize,
    /// Multiply all deadlines, for slow machines
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = values::factor)]
    time_scale: f64,
    #[command(flatten)]
    files: Files,
    /// Of the cases that a mutant names only the first, and frauds only against some: for CI
    #[arg(long)]
    quick: bool,
    /// Show every kill with its reason
    #[arg(long)]
    verbose: bool,
}

/// How long a testee may take to start for the first time.
const INTRODUCTION: Duration = Duration::from_secs(30);

/// Kills mutants, and lets frauds try.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let begun = Instant::now();
    let catalogue = Catalogue::built_in()?;
    let all = mutant::all()?;
    let mutants: Vec<&Mutant> =
        all.iter().filter(|mutant| is_chosen(&mutant.id, &arguments.mutant)).collect();
    let frauds: Vec<_> =
        frauds::all().into_iter().filter(|(id, ..)| is_chosen(id, &arguments.mutant)).collect();
    if mutants.is_empty() && frauds.is_empty() {
        return Err(Trouble::Usage(format!("there is no mutant {}", arguments.mutant.join(", "))));
    }
    let files = arguments.files.open()?;
    let limit = INTRODUCTION.mul_f64(arguments.time_scale);
    // Frauds need no reference.
    let subject = (!mutants.is_empty()).then(|| Subject::sdk(&arguments.sdk, limit, false)).transpose()?;
    let engine = Engine::named("event-engine", limit, false)?;
    let settings = Settings { jobs: arguments.jobs, time_scale: arguments.time_scale, seed: 1, retry: false };
    let run =
        begun_now(&settings, subject.iter().map(Subject::about).chain([engine.about()]).cloned().collect());

    let mut reference: BTreeMap<String, Job<'_>> = BTreeMap::new();
    let mut jobs = Vec::new();
    for mutant in &mutants {
        for name in named(mutant, arguments.quick) {
            for (case, profile) in cases(&catalogue, mutant, name)? {
                let job = |mutant| job(case, profile, subject.as_ref(), &engine, mutant);
                jobs.push(job(Some(mutant)));
                reference.entry(case.name_in(profile)).or_insert_with(|| job(None));
            }
        }
    }
    let healthy = results(reference.into_values().collect(), &settings);
    let sick = results(jobs, &settings);

    let mut problems = Vec::new();
    for (_, result) in healthy.iter().filter(|(_, result)| result.verdict != Verdict::Pass) {
        problems.push(format!("the reference does not pass {}: {}", result.case, why(result)));
    }
    let mut matrix: Vec<MutantResult> =
        mutants.iter().map(|mutant| judged(mutant, named(mutant, arguments.quick), &sick)).collect();
    matrix.extend(frauds::run(&frauds, &catalogue, &engine, arguments.time_scale, arguments.quick)?);
    if interrupt::came().is_some() {
        // A mutant of which not all cases ran is not judged.
        let cases = healthy.into_iter().map(|(_, result)| result).collect();
        files.write(&Record { run, cases, mutants: Vec::new(), summary: None })?;
        return Err(Trouble::NotRun(interrupt::ENDED.to_owned()));
    }
    let share = proven(&matrix).len() as f64 / requirements::all().len().max(1) as f64;
    if arguments.mutant.is_empty() && share < mutant::PROVEN {
        problems.push(format!("at least {:.0} % of the requirements must be proven", mutant::PROVEN * 100.0));
    }
    let good = problems.is_empty() && matrix.iter().all(|result| result.killed);
    out::text(&console::mutants(&matrix, arguments.verbose, std::io::stdout().is_terminal()));
    problems.iter().for_each(|problem| say!("{problem}"));
    say!("{} cases proven, {:.1} s", healthy.len(), begun.elapsed().as_secs_f64());

    let cases: Vec<CaseResult> = healthy.into_iter().map(|(_, result)| result).collect();
    let summary = Summary {
        outcome: if good { "pass" } else { "fail" }.to_owned(),
        verdicts: counted(&cases),
        seconds: begun.elapsed().as_secs_f64(),
        problems,
    };
    let (passed, failed) = super::run::totals(&cases);
    let killed = matrix.iter().filter(|result| result.killed).count();
    say!("{} passed, {} failed", passed + killed, failed + matrix.len() - killed);
    files.write(&Record { run, cases, mutants: matrix, summary: Some(summary) })?;
    Ok(ExitCode::from(u8::from(!good)))
}

fn is_chosen(id: &str, chosen: &[String]) -> bool {
    chosen.is_empty()
        || chosen.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(begin) => id.starts_with(begin),
            None => id == pattern || (pattern.ends_with('/') && id.starts_with(pattern.as_str())),
        })
}

/// The cases that must kill a mutant.
fn named(mutant: &Mutant, quick: bool) -> &[String] {
    mutant.cases.get(..if quick { 1 } else { mutant.cases.len() }).unwrap_or_default()
}

/// The runs of a case that a mutant names, `@profile` behind it for one.
fn cases<'a>(
    catalogue: &'a Catalogue,
    mutant: &Mutant,
    name: &str,
) -> Result<Vec<(&'a Case, Option<&'a str>)>, String> {
    let (plain, profile) =
        name.split_once('@').map_or((name, None), |(plain, profile)| (plain, Some(profile)));
    let case = catalogue.get(plain).ok_or_else(|| format!("{}: there is no case {plain}", mutant.id))?;
    if case.judged != mutant.judged {
        return Err(format!("{}: the case {plain} judges somebody else", mutant.id));
    }
    if let Some(id) = mutant.breaks.iter().find(|id| requirements::get(id).is_none()) {
        return Err(format!("{}: there is no requirement {id}", mutant.id));
    }
    let runs: Vec<_> = case.runs().into_iter().filter(|run| profile.is_none() || *run == profile).collect();
    if runs.is_empty() {
        return Err(format!("{}: the case {plain} does not run in this profile: {name}", mutant.id));
    }
    Ok(runs.into_iter().map(|run| (case, run)).collect())
}

fn job<'a>(
    case: &'a Case,
    profile: Option<&'a str>,
    subject: Option<&'a Subject>,
    engine: &'a Engine,
    mutant: Option<&'a Mutant>,
) -> Job<'a> {
    let clients = match case.judged {
        Judged::Client => [subject, subject],
        Judged::Engine => [None, None],
    };
    Job { case, profile, lane: case.lane, clients, engine, mutant }
}

/// Results with the mutants' ids.
fn results(jobs: Vec<Job<'_>>, settings: &Settings) -> Vec<(Option<String>, CaseResult)> {
    let results = Mutex::new(Vec::new());
    run_all(jobs, settings, &Known::default(), &|job, result| {
        if let Ok(mut results) = results.lock() {
            results.push((job.mutant.map(|mutant| mutant.id.clone()), result));
        }
    });
    results.into_inner().unwrap_or_default()
}

/// A mutant is killed if each of its cases fails, in one profile at least, at a step for what the mutant breaks.
fn judged(mutant: &Mutant, names: &[String], results: &[(Option<String>, CaseResult)]) -> MutantResult {
    let own = results.iter().filter(|(id, _)| id.as_deref() == Some(&mutant.id)).map(|(_, result)| result);
    let kills: Vec<Kill> = own
        .map(|result| {
            let requirements =
                result.failure.as_ref().map(|failure| failure.requirements.clone()).unwrap_or_default();
            let killed =
                result.verdict == Verdict::Fail && requirements.iter().any(|id| mutant.breaks.contains(id));
            Kill {
                case: result.case.clone(),
                verdict: result.verdict,
                requirements,
                why: why(result),
                killed,
            }
        })
        .collect();
    let killed = names.iter().all(|name| {
        kills
            .iter()
            .any(|kill| kill.killed && (kill.case == *name || kill.case.split('@').next() == Some(name)))
    });
    MutantResult {
        mutant: mutant.id.clone(),
        title: mutant.title.clone(),
        breaks: mutant.breaks.clone(),
        killed,
        cases: kills,
    }
}

/// What a case says, on one line.
pub(super) fn why(result: &CaseResult) -> String {
    let Some(failure) = &result.failure else { return result.reason.clone().unwrap_or_default() };
    let observed: String = failure.observed.chars().take(200).collect();
    format!("expected {}, observed {observed} (line {}: {})", failure.expected, failure.step, failure.text)
}
