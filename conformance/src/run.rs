//! A run: which cases, with whom, in how many threads, and what became of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::case::{Case, Judged};
use crate::interrupt;
use crate::known::Known;
use crate::mutant::{Mutant, Mutation};
use crate::record::{self, CaseResult, Lane, Verdict};
use crate::stage::{play, Cast, Ending, Stop};
use crate::subject::{Engine, Subject};

/// One case with its cast.
pub(crate) struct Job<'a> {
    pub(crate) case: &'a Case,
    pub(crate) profile: Option<&'a str>,
    pub(crate) lane: Lane,
    pub(crate) clients: [Option<&'a Subject>; 2],
    pub(crate) engine: &'a Engine,
    pub(crate) mutant: Option<&'a Mutant>,
}

/// How a run is done.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) jobs: usize,
    pub(crate) time_scale: f64,
    pub(crate) seed: u64,
    /// A case that failed is tried once more, to see whether it is flaky.
    pub(crate) retry: bool,
}

impl Job<'_> {
    /// Keys of those under test.
    fn subjects(&self) -> Vec<String> {
        let clients = self.clients.iter().flatten().map(|subject| subject.key.clone());
        match self.case.judged {
            Judged::Client => clients.collect(),
            Judged::Engine => vec![self.engine.key.clone()],
        }
    }

    /// Why the case says nothing about this subject, if so. `Err`: what is missing beside the subject.
    fn fits(&self) -> Result<Option<String>, String> {
        let case = self.case;
        let engine = self.engine.about();
        let lacks = |about: &record::Subject, wanted: &[String]| -> Option<String> {
            let missing: Vec<&str> = wanted
                .iter()
                .filter(|feature| !about.features.contains(feature))
                .map(String::as_str)
                .collect();
            (!missing.is_empty()).then(|| format!("{} lacks {}", about.key, missing.join(", ")))
        };
        let judged: Vec<&record::Subject> = match case.judged {
            Judged::Client => self.clients.iter().flatten().map(|subject| subject.about()).collect(),
            Judged::Engine => vec![engine],
        };
        for about in &judged {
            let profiles =
                self.profile.map_or_else(|| case.profiles.clone(), |profile| vec![profile.to_owned()]);
            if let Some(profile) = profiles.iter().find(|profile| !about.profiles.contains(profile)) {
                return Ok(Some(format!("{} has no profile `{profile}`", about.key)));
            }
            if case.sdk_only && about.role != "sdk" {
                return Ok(Some(format!(
                    "{} is not an SDK of this project, and need not keep sdk.md",
                    about.key
                )));
            }
            if let Some(why) = lacks(about, &case.needs) {
                return Ok(Some(why));
            }
        }
        if case.judged == Judged::Client && case.lane != Lane::HostileEngine {
            if let Some(why) = lacks(engine, &case.engine_needs) {
                return if self.lane == Lane::MiniEngine { Ok(Some(why)) } else { Err(why) };
            }
        }
        Ok(None)
    }

    /// Plays it.
    pub(crate) fn run(&self, settings: &Settings, known: &Known) -> CaseResult {
        let begun = Instant::now();
        let name = self.case.name_in(self.profile);
        let mut result = CaseResult {
            case: name.clone(),
            title: self.case.title.clone(),
            lane: self.lane,
            subjects: self.subjects(),
            requirements: self.case.requirements.clone(),
            verdict: Verdict::Pass,
            ms: 0,
            attempts: 0,
            reason: None,
            failure: None,
            reproduce: self.reproduce(&name, settings),
            transcript: Vec::new(),
            output: None,
        };
        match self.fits() {
            Ok(Some(why)) => (result.verdict, result.reason) = (Verdict::NotApplicable, Some(why)),
            Err(why) => (result.verdict, result.reason) = (Verdict::CouldNotRun, Some(why)),
            Ok(None) => {
                self.attempt(&mut result, settings);
                known.judge(&mut result);
                if result.verdict == Verdict::Fail && settings.retry {
                    let first = (result.failure.clone(), result.transcript.clone(), result.output.clone());
                    self.attempt(&mut result, settings);
                    if result.verdict == Verdict::Fail {
                        known.judge(&mut result);
                    }
                    if result.verdict == Verdict::Pass {
                        result.verdict = Verdict::Flaky;
                        result.reason = Some("it failed, and passed when it was tried again".to_owned());
                        (result.failure, result.transcript, result.output) = first;
                    }
                }
            }
        }
        result.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        result
    }

    fn attempt(&self, result: &mut CaseResult, settings: &Settings) {
        result.attempts += 1;
        let mutation: Option<Arc<Mutation>> = self.mutant.map(|mutant| Arc::new(mutant.begin()));
        let cast = Cast {
            clients: self.clients,
            engine: self.engine,
            mutation,
            time_scale: settings.time_scale,
            seed: settings.seed ^ hash(&result.case),
        };
        let Ending { stop, transcript, output } = play(self.case, self.profile, &cast);
        result.transcript = transcript;
        result.output = (!output.is_empty()).then_some(output);
        (result.failure, result.reason) = (None, None);
        result.verdict = match stop {
            None => Verdict::Pass,
            Some((Stop::Broken { .. }, failure)) => {
                result.failure = failure;
                Verdict::Fail
            }
            Some((Stop::NotApplicable(why), _)) => {
                result.reason = Some(why);
                Verdict::NotApplicable
            }
            Some((Stop::CouldNotRun(why), _)) => {
                result.reason = Some(why);
                Verdict::CouldNotRun
            }
            Some((Stop::Mistake(why), _)) => {
                result.reason = Some(why);
                Verdict::HarnessError
            }
        };
    }

    fn reproduce(&self, name: &str, settings: &Settings) -> String {
        let seed = settings.seed;
        let first = self.clients.first().copied().flatten().map_or("", |subject| subject.named.as_str());
        let who = match (self.case.judged, self.lane) {
            (Judged::Engine, _) => self.engine.named.clone(),
            (Judged::Client, Lane::Pair) => {
                let keys: Vec<&str> =
                    self.clients.iter().flatten().map(|subject| subject.key.as_str()).collect();
                format!("--pair {}", keys.join("+"))
            }
            (Judged::Client, Lane::MiniEngine) => format!("{first} --lane mini-engine"),
            (Judged::Client, _) => first.to_owned(),
        };
        format!("conformance run {who} --case {name} --seed {seed}")
    }
}

/// FNV-1a: each case has random numbers of its own.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Runs all jobs, `settings.jobs` at a time; those that want the machine for themselves come last, one by one. `done` hears of each.
pub(crate) fn run_all<'a>(
    jobs: Vec<Job<'a>>,
    settings: &Settings,
    known: &Known,
    done: &(dyn Fn(&Job<'a>, CaseResult) + Sync),
) {
    let (alone, together): (VecDeque<_>, VecDeque<_>) = jobs.into_iter().partition(|job| job.case.alone);
    for (jobs, threads) in [(together, settings.jobs.max(1)), (alone, 1)] {
        let queue = Mutex::new(jobs);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while interrupt::came().is_none() {
                        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some(job) = job else { return };
                        let result = job.run(settings, known);
                        // What became of a case in whose midst all was killed says nothing.
                        if interrupt::came().is_some() {
                            return;
                        }
                        done(&job, result);
                    }
                });
            }
        });
    }
}

/// How many results have each verdict.
pub(crate) fn counted(results: &[CaseResult]) -> BTreeMap<Verdict, u64> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.verdict).or_insert(0) += 1;
    }
    counts
}
