//! Frauds: testees that lie must pass nothing, hold nothing up and leave nothing behind.

use std::process::exit;
use std::sync::mpsc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::case::{natural, Catalogue, Judged, Selection};
use crate::known::Known;
use crate::record::{CaseResult, Kill, MutantResult, Verdict};
use crate::run::{run_all, Job, Settings};
use crate::subject::{own, Engine, Subject};
use crate::testees::fraud::{Kind, Role};

/// A fraud does nothing, so what it does needs little time; most of the cases only wait for it in vain.
const TIME_SCALE: f64 = 0.1;
/// So many cases at a time, as nearly all of them only wait.
const JOBS: usize = 12;
/// So many cases try a fraud when it has to be quick.
const QUICK: usize = 24;
/// How long a fraud may take to start for the first time.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// What all frauds together may take, before it is the harness that hangs.
const WATCH: Duration = Duration::from_secs(600);
/// By how much a case may exceed its limit: ending processes takes time, too.
const LEEWAY: Duration = Duration::from_secs(10);
/// How long processes that were killed may take to be gone.
const GONE: Duration = Duration::from_secs(3);

/// The ids of all frauds, `fraud/client/hang` and so on.
pub(super) fn all() -> Vec<(String, Role, Kind)> {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|it| it.get_name().to_owned()).unwrap_or_default()
    };
    let mut all = Vec::new();
    for role in Role::value_variants() {
        for kind in Kind::value_variants() {
            let id = format!("fraud/{}/{}", name(role.to_possible_value()), name(kind.to_possible_value()));
            all.push((id, *role, *kind));
        }
    }
    all
}

/// Lets frauds try the smoke cases that judge their role; clients with this engine.
pub(super) fn run(
    frauds: &[(String, Role, Kind)],
    catalogue: &Catalogue,
    engine: &Engine,
    time_scale: f64,
    quick: bool,
) -> Result<Vec<MutantResult>, String> {
    let (over, watch) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if watch.recv_timeout(WATCH.mul_f64(time_scale.max(1.0))) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("conformance: a fraud holds up the harness");
            exit(4);
        }
    });
    let settings = Settings { jobs: JOBS, time_scale: TIME_SCALE * time_scale, seed: 1, retry: false };
    let results = frauds.iter().map(|fraud| one(fraud, catalogue, engine, &settings, quick)).collect();
    drop(over);
    results
}

fn one(
    (id, role, kind): &(String, Role, Kind),
    catalogue: &Catalogue,
    engine: &Engine,
    settings: &Settings,
    quick: bool,
) -> Result<MutantResult, String> {
    // Each of these fills a line of the greatest length.
    let jobs = if *kind == Kind::Flood { 2 } else { settings.jobs };
    let settings = &Settings { jobs, ..settings.clone() };
    let value = kind.to_possible_value();
    let (name, title) = value.as_ref().map_or(("", String::new()), |value| {
        (value.get_name(), value.get_help().map(ToString::to_string).unwrap_or_default())
    });
    let mark = format!("mark-{}-{}", std::process::id(), id.replace('/', "-"));
    let role_name = if *role == Role::Client { "client" } else { "engine" };
    let command = own(&["fraud", "--kind", name, "--role", role_name, "--mark", &mark])?;
    let limit = INTRODUCTION.mul_f64((settings.time_scale / TIME_SCALE).max(1.0));
    let tried = match role {
        Role::Client => Subject::command("fraud", command, limit).map(|fraud| {
            results(Judged::Client, catalogue, [Some(&fraud), Some(&fraud)], engine, settings, quick)
        }),
        Role::Engine => Engine::command("fraud", command, limit)
            .map(|fraud| results(Judged::Engine, catalogue, [None, None], &fraud, settings, quick)),
    };
    let mut kills = match tried {
        Ok(results) => results.iter().map(|result| kill(result, catalogue, settings)).collect(),
        // It does not even get to the cases.
        Err(why) => vec![Kill {
            case: "hello".to_owned(),
            verdict: Verdict::Fail,
            requirements: Vec::new(),
            why: why.to_string(),
            killed: true,
        }],
    };
    let left = left_behind(&mark);
    if !left.is_empty() {
        let why = format!("these processes are left: {left:?}");
        let (case, requirements) = ("afterwards".to_owned(), Vec::new());
        kills.push(Kill { case, verdict: Verdict::HarnessError, requirements, why, killed: false });
    }
    // What could not run says nothing; so at least one case must have found it out.
    let harmless = |kill: &Kill| kill.killed || kill.verdict == Verdict::CouldNotRun;
    let killed = kills.iter().any(|kill| kill.killed) && kills.iter().all(harmless);
    Ok(MutantResult { mutant: id.clone(), title, breaks: Vec::new(), killed, cases: kills })
}

/// All smoke cases that judge it, but those that want the machine for themselves; quickly: some of them, from all areas.
fn results(
    judged: Judged,
    catalogue: &Catalogue,
    clients: [Option<&Subject>; 2],
    engine: &Engine,
    settings: &Settings,
    quick: bool,
) -> Vec<CaseResult> {
    let smoke = Selection { smoke: true, ..Selection::default() };
    let mut jobs = Vec::new();
    for case in catalogue.chosen(judged, &smoke).filter(|case| !case.alone) {
        for profile in case.runs() {
            jobs.push(Job { case, profile, lane: case.lane, clients, engine, mutant: None });
        }
    }
    if quick {
        let step = jobs.len().div_ceil(QUICK).max(1);
        jobs = jobs.into_iter().step_by(step).collect();
    }
    let results = Mutex::new(Vec::new());
    run_all(jobs, settings, &Known::default(), &|_, result| {
        if let Ok(mut results) = results.lock() {
            results.push(result);
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|result: &CaseResult| natural(&result.case));
    results
}

/// What a case did to a fraud: it must fail, in the time that it has.
fn kill(result: &CaseResult, catalogue: &Catalogue, settings: &Settings) -> Kill {
    let case = catalogue.get(result.case.split('@').next().unwrap_or_default());
    let limit =
        Duration::from_millis(case.map_or(0, |case| case.limit_ms)).mul_f64(settings.time_scale) + LEEWAY;
    let in_time = u128::from(result.ms) <= limit.as_millis();
    let requirements =
        result.failure.as_ref().map(|failure| failure.requirements.clone()).unwrap_or_default();
    let mut why = super::selftest::why(result);
    if !in_time {
        why = format!("it held up the harness for {} ms; {why}", result.ms);
    }
    let killed = result.verdict == Verdict::Fail && in_time;
    Kill { case: result.case.clone(), verdict: result.verdict, requirements, why, killed }
}

/// The processes with that word among their arguments that do not go.
fn left_behind(mark: &str) -> Vec<u32> {
    let deadline = Instant::now() + GONE;
    loop {
        let left = marked(mark);
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn marked(mark: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).any(|word| word == mark.as_bytes())
    })
    .collect()
}
