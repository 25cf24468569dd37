//! `conformance run`: cases with client libraries, or with an engine.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::files::Files;
use super::progress::Progress;
use super::values;
use crate::case::{selected_in, Actor, Case, Catalogue, Judged, Selection};
use crate::interrupt;
use crate::known::Known;
use crate::out;
use crate::record::{self, CaseResult, Lane, Summary, Verdict, FORMAT};
use crate::report::console;
use crate::report::reading::Record;
use crate::run::{counted, run_all, Job, Settings};
use crate::subject::{Engine, Subject, ALL};
use crate::trouble::Trouble;

/// What to run, and how.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// A client library of this repository: rust, python, go, c, pyevents, python-asyncio, pyevents-0.1.0, or all (the first five); several times if need be
    #[arg(long, value_name = "NAME")]
    sdk: Vec<String>,
    /// Any other client library, by the command that starts its testee
    #[arg(long, value_name = "COMMAND", value_parser = values::not_blank)]
    adapter: Option<String>,
    /// Two client libraries through the engine, such as rust+go
    #[arg(long, value_name = "A+B", value_parser = values::pair)]
    pair: Vec<String>,
    /// An engine: event-engine, ancestor, mini, tcp://HOST:PORT, or the command that starts its testee. Without --sdk it is under test
    #[arg(long, value_name = "ENGINE", value_parser = values::not_blank)]
    engine: Option<String>,
    /// Only this lane
    #[arg(long, value_name = "LANE")]
    lane: Vec<LaneName>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// How to run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Only this case; `basic/` and `basic/quit*` mean all that begin so; several times if need be
    #[arg(long, value_name = "ID")]
    pub(crate) case: Vec<String>,
    /// Only cases of this requirement
    #[arg(long, value_name = "ID")]
    req: Vec<String>,
    /// So many cases at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = values::at_least_one)]
    jobs: usize,
    /// Multiply all deadlines, for slow machines
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = values::factor)]
    time_scale: f64,
    /// Run everything so often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::at_least_one)]
    repeat: usize,
    /// Seed of everything random; the same seed, the same run
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Do not try a failed case again to see whether it is flaky
    #[arg(long)]
    no_retry: bool,
    /// Wait for testees that you start yourself, for instance in a debugger
    #[arg(long)]
    attach: bool,
    #[command(flatten)]
    files: Files,
    /// Show no bar and no failures, only the summary
    #[arg(long)]
    quiet: bool,
}

impl Options {
    /// Writes no files: those of the run that is played again stay.
    pub(crate) fn leave_nothing(&mut self) {
        self.files = Files::default();
        self.repeat = 1;
    }
}

/// `conformance smoke` and `conformance full`
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Everybody {
    /// Only these client libraries
    #[arg(long, value_name = "NAME", default_values_t = ALL.map(str::to_owned))]
    sdk: Vec<String>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Lanes as the command line calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LaneName {
    ClientEngine,
    HostileEngine,
    HostileClient,
    Pair,
    MiniEngine,
}

impl LaneName {
    fn lane(self) -> Lane {
        match self {
            Self::ClientEngine => Lane::ClientEngine,
            Self::HostileEngine => Lane::HostileEngine,
            Self::HostileClient => Lane::HostileClient,
            Self::Pair => Lane::Pair,
            Self::MiniEngine => Lane::MiniEngine,
        }
    }
}

/// How long a testee may take to start for the first time.
const INTRODUCTION: Duration = Duration::from_secs(30);

/// Runs what the command line says.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let selection = Selection {
        cases: arguments.options.case.clone(),
        requirements: arguments.options.req.clone(),
        smoke: false,
    };
    let mut keys: Vec<String> = Vec::new();
    for key in &arguments.sdk {
        let named = if key == "all" { ALL.map(str::to_owned).to_vec() } else { vec![key.clone()] };
        keys.extend(named.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
    }
    let tests_engine = arguments.sdk.is_empty() && arguments.adapter.is_none() && arguments.pair.is_empty();
    if tests_engine && arguments.engine.is_none() {
        let how = "say what to test: --sdk NAME, --adapter COMMAND, --pair A+B or --engine ENGINE";
        return Err(Trouble::Usage(how.to_owned()));
    }
    let plan = Plan {
        keys,
        adapter: arguments.adapter.clone(),
        pairs: arguments.pair.clone(),
        engine: arguments.engine.clone().unwrap_or_else(|| "event-engine".to_owned()),
        tests_engine,
        lanes: arguments.lane.iter().map(|lane| lane.lane()).collect(),
        selection,
    };
    plan.run(&arguments.options)
}

/// Runs with everybody: the short choice, or every case.
pub(crate) fn everybody(arguments: &Everybody, smoke: bool) -> Result<ExitCode, Trouble> {
    let plan = Plan {
        keys: arguments.sdk.clone(),
        adapter: None,
        pairs: Vec::new(),
        engine: "event-engine".to_owned(),
        tests_engine: true,
        lanes: Vec::new(),
        selection: Selection {
            cases: arguments.options.case.clone(),
            requirements: arguments.options.req.clone(),
            smoke,
        },
    };
    plan.run(&arguments.options)
}

/// What a run is made of.
struct Plan {
    keys: Vec<String>,
    adapter: Option<String>,
    pairs: Vec<String>,
    engine: String,
    tests_engine: bool,
    lanes: Vec<Lane>,
    selection: Selection,
}

impl Plan {
    fn run(&self, options: &Options) -> Result<ExitCode, Trouble> {
        let begun = Instant::now();
        let catalogue = Catalogue::built_in()?;
        self.check_selection(&catalogue)?;
        let files = options.files.open()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let known = Known::built_in(&date(now.as_secs()))?;
        let limit = INTRODUCTION.mul_f64(options.time_scale);
        let engine = Engine::named(&self.engine, limit, options.attach && self.tests_engine)?;
        let mut broken = Vec::new();
        let mut subjects = Vec::new();
        let in_pairs = self.pairs.iter().flat_map(|pair| pair.split('+').map(str::to_owned));
        for key in self.keys.iter().cloned().chain(in_pairs) {
            if subjects.iter().any(|subject: &Subject| subject.key == key) {
                continue;
            }
            match Subject::sdk(&key, limit, options.attach) {
                Ok(subject) => subjects.push(subject),
                // The others are tested all the same, and the run is incomplete.
                Err(Trouble::NotRun(why)) if self.keys.len() > 1 => {
                    let _ = writeln!(std::io::stderr(), "conformance: {key} could not be started: {why}");
                    broken.push(record::Subject { key, broken: Some(why), ..record::Subject::default() });
                }
                Err(why) => return Err(why),
            }
        }
        if let Some(command) = &self.adapter {
            subjects.push(Subject::adapter(command, limit, options.attach)?);
        }
        let mini = if self.wants(Lane::MiniEngine) && !subjects.is_empty() && self.engine == "event-engine" {
            Some(Engine::named("mini", limit, false)?)
        } else {
            None
        };
        let settings = Settings {
            // An engine that is only an address has one plugin, which all cases share.
            jobs: if options.attach || self.engine.starts_with("tcp://") { 1 } else { options.jobs },
            time_scale: options.time_scale,
            seed: options.seed.unwrap_or(now.as_nanos() as u64 & 0xffff_ffff),
            retry: !options.no_retry,
        };
        let jobs = || self.jobs(&catalogue, &subjects, &engine, mini.as_ref());
        let all: Vec<Job<'_>> = (0..options.repeat).flat_map(|_| jobs()).collect();
        let about = subjects.iter().map(|subject| subject.about().clone());
        let subjects_of_run = about.chain([engine.about().clone()]).chain(broken.iter().cloned()).collect();
        let run = begun_now(&settings, subjects_of_run);
        let progress = (!options.quiet).then(|| Progress::new(all.len()));
        let results = Mutex::new(Vec::new());
        run_all(all, &settings, &known, &|_, result| {
            if let Some(progress) = &progress {
                progress.done(&result);
            }
            if let Ok(mut results) = results.lock() {
                results.push(result);
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by(|one: &CaseResult, other| {
            let key = |result: &CaseResult| {
                (result.subjects.clone(), result.lane, crate::case::natural(&result.case))
            };
            key(one).cmp(&key(other))
        });
        let mut problems: Vec<String> =
            broken.iter().map(|subject| format!("{} could not be started", subject.key)).collect();
        let cut = interrupt::came().is_some();
        if self.is_whole() && !cut {
            let keys: Vec<&str> = run.subjects.iter().map(|subject| subject.key.as_str()).collect();
            problems.extend(known.stale(&keys));
        }
        let mut summary = summary(&results, problems, !broken.is_empty(), begun.elapsed());
        let mut whole = Record { run, cases: results, mutants: Vec::new(), summary: Some(summary.clone()) };
        if cut {
            whole.summary = None;
            summary.outcome = whole.outcome().to_owned();
        }
        report(options.quiet, &whole, &summary);
        files.write(&whole)?;
        Ok(ExitCode::from(exit_code(&summary)))
    }

    /// Names that select nothing are mistakes.
    fn check_selection(&self, catalogue: &Catalogue) -> Result<(), String> {
        for id in &self.selection.requirements {
            if catalogue.of_requirement(id).next().is_none() {
                return Err(format!("no case tests {id}; `conformance coverage` says what is tested"));
            }
        }
        for id in &self.selection.cases {
            let one = Selection { cases: vec![id.clone()], ..Selection::default() };
            if !catalogue.0.iter().any(|case| crate::case::selected(case, &one)) {
                return Err(format!("there is no case {id}; `conformance list` has them all"));
            }
        }
        Ok(())
    }

    /// Whether all cases of the subjects run, so that what no case uses is stale.
    fn is_whole(&self) -> bool {
        self.lanes.is_empty()
            && self.selection.cases.is_empty()
            && self.selection.requirements.is_empty()
            && !self.selection.smoke
    }

    fn wants(&self, lane: Lane) -> bool {
        self.lanes.is_empty() || self.lanes.contains(&lane)
    }

    fn jobs<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        subjects: &'a [Subject],
        engine: &'a Engine,
        mini: Option<&'a Engine>,
    ) -> Vec<Job<'a>> {
        let mut jobs = Vec::new();
        let mut add = |case: &'a Case, lane: Lane, clients: [Option<&'a Subject>; 2], engine: &'a Engine| {
            if self.wants(lane) {
                let runs = case.runs().into_iter();
                for profile in runs.filter(|profile| selected_in(case, *profile, &self.selection)) {
                    jobs.push(Job { case, profile, lane, clients, engine, mutant: None });
                }
            }
        };
        if self.tests_engine {
            for case in catalogue.chosen(Judged::Engine, &self.selection) {
                add(case, case.lane, [None, None], engine);
            }
        }
        let alone =
            subjects.iter().filter(|subject| self.keys.contains(&subject.key) || subject.key == "adapter");
        for case in catalogue.chosen(Judged::Client, &self.selection) {
            if case.lane == Lane::Pair {
                for (one, other) in self.in_pairs(subjects) {
                    add(case, Lane::Pair, [Some(one), Some(other)], engine);
                }
                continue;
            }
            for subject in alone.clone() {
                add(case, case.lane, [Some(subject), None], engine);
                // Where no engine takes part there is nothing to do again.
                let engines = case.steps.iter().any(|step| step.actor == Actor::Engine);
                if let (Lane::ClientEngine, true, Some(mini)) = (case.lane, engines, mini) {
                    add(case, Lane::MiniEngine, [Some(subject), None], mini);
                }
            }
        }
        jobs
    }

    /// The pairs: those that were named, or every one with every one, itself included.
    fn in_pairs<'a>(&self, subjects: &'a [Subject]) -> Vec<(&'a Subject, &'a Subject)> {
        if self.pairs.is_empty() {
            let all = subjects.iter().flat_map(|one| subjects.iter().map(move |other| (one, other)));
            return all.collect();
        }
        let get = |key: &str| subjects.iter().find(|subject| subject.key == key);
        self.pairs
            .iter()
            .filter_map(|pair| pair.split_once('+'))
            .filter_map(|(a, b)| get(a).zip(get(b)))
            .collect()
    }
}

/// Shows what came of it.
fn report(quiet: bool, whole: &Record, summary: &Summary) {
    let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let failing = |result: &&CaseResult| {
        !matches!(result.verdict, Verdict::Pass | Verdict::NotApplicable | Verdict::KnownFail)
    };
    if !quiet {
        whole.cases.iter().filter(failing).for_each(|result| say!("{}", console::failure(result, colour)));
    }
    let (passed, failed) = totals(&whole.cases);
    out::text(&console::summary(summary, &whole.cases, colour));
    if !quiet {
        out::text(&console::reasons(&whole.cases, colour));
    }
    say!("seed {}", whole.run.seed);
    say!("{passed} passed, {failed} failed");
}

/// What a run is called that begins now.
pub(super) fn begun_now(settings: &Settings, subjects: Vec<record::Subject>) -> record::Run {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    record::Run {
        format: FORMAT,
        started: rfc3339(now.as_secs()),
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        arguments: std::env::args().skip(1).collect(),
        folder: std::env::current_dir().ok().map(|folder| folder.display().to_string()),
        seed: settings.seed,
        time_scale: settings.time_scale,
        subjects,
        machine: format!(
            "{} {}, {} processors",
            std::env::consts::OS,
            std::env::consts::ARCH,
            std::thread::available_parallelism().map_or(0, usize::from)
        ),
    }
}

/// The end of a run.
fn summary(results: &[CaseResult], problems: Vec<String>, incomplete: bool, took: Duration) -> Summary {
    let verdicts = counted(results);
    let has = |verdict| verdicts.get(&verdict).copied().unwrap_or(0) > 0;
    let outcome = if has(Verdict::HarnessError) {
        "error"
    } else if has(Verdict::Fail)
        || has(Verdict::Flaky)
        || has(Verdict::UnexpectedPass)
        || problems.iter().any(|p| p.starts_with("stale"))
    {
        "fail"
    } else if has(Verdict::CouldNotRun) || incomplete {
        "incomplete"
    } else if !has(Verdict::Pass) && !has(Verdict::KnownFail) {
        "empty"
    } else {
        "pass"
    };
    Summary { outcome: outcome.to_owned(), verdicts, seconds: took.as_secs_f64(), problems }
}

/// How many passed, known failures among them, and how many failed.
pub(crate) fn totals(results: &[CaseResult]) -> (usize, usize) {
    let count = |wanted: &[Verdict]| results.iter().filter(|result| wanted.contains(&result.verdict)).count();
    let failed =
        [Verdict::Fail, Verdict::Flaky, Verdict::UnexpectedPass, Verdict::CouldNotRun, Verdict::HarnessError];
    (count(&[Verdict::Pass, Verdict::KnownFail]), count(&failed))
}

fn exit_code(summary: &Summary) -> u8 {
    match summary.outcome.as_str() {
        "pass" => 0,
        "fail" => 1,
        "incomplete" => 3,
        "error" => 4,
        _ => 5,
    }
}

/// A day of the Gregorian calendar: 2026-11-28.
fn date(seconds: u64) -> String {
    // Days are counted in eras of 400 years that begin on 1 March, so that a leap day is the last of its year.
    let days = i64::try_from(seconds / 86_400).unwrap_or(0) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn rfc3339(seconds: u64) -> String {
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(seconds))
}

#[cfg(test)]
mod tests {
    use super::{date, rfc3339};

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_675_200, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
        ] {
            assert_eq!(date(seconds), day);
        }
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
