//! Where a case plays: its actors, and its steps one after the other.

mod clients;
mod decode;
mod engines;
mod link;
mod listener;
mod outcome;
mod process;
mod raw;
pub(crate) mod testee;
mod transcript;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::case::{Actor, Case, Judged, Step, Variables};
use crate::interrupt;
use crate::mutant::Mutation;
use crate::random::Random;
use crate::record::{Entry, Failure};
use crate::subject::{Engine, Subject};
use engines::EngineSide;
use link::Link;
use listener::Listener;
pub(crate) use outcome::told;
use raw::Raw;
use testee::{Call, Testee};
pub(crate) use transcript::Transcript;

/// How long a step may take unless it says otherwise.
const STEP: Duration = Duration::from_secs(5);
/// How long a testee may take to start.
const START: Duration = Duration::from_secs(20);

/// Why a case does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody broke a rule.
    Broken { expected: String, observed: String },
    /// The case does not apply; why.
    NotApplicable(String),
    /// Something is missing beside the subject.
    CouldNotRun(String),
    /// The case or the harness is wrong.
    Mistake(String),
}

impl Stop {
    fn broken(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self::Broken { expected: expected.into(), observed: observed.into() }
    }
}

impl From<String> for Stop {
    fn from(mistake: String) -> Self {
        Self::Mistake(mistake)
    }
}

/// What a case plays with.
pub(crate) struct Cast<'a> {
    /// The client libraries; two in a pair.
    pub(crate) clients: [Option<&'a Subject>; 2],
    /// The engine.
    pub(crate) engine: &'a Engine,
    /// The mutant that stands in for whom the case judges.
    pub(crate) mutation: Option<Arc<Mutation>>,
    /// All times are multiplied by it.
    pub(crate) time_scale: f64,
    pub(crate) seed: u64,
}

/// How a case ended.
pub(crate) struct Ending {
    /// `None`: every step went as it should.
    pub(crate) stop: Option<(Stop, Option<Failure>)>,
    pub(crate) transcript: Vec<Entry>,
    /// What the subject printed.
    pub(crate) output: String,
}

/// A call that only began.
struct Pending {
    client: usize,
    call: Call,
    begun: Instant,
}

/// The stage.
struct Stage<'a> {
    case: &'a Case,
    cast: &'a Cast<'a>,
    transcript: Transcript,
    variables: Variables,
    random: Random,
    clients: [Option<Testee>; 2],
    engine: Option<EngineSide>,
    /// The application that the next `engine start` starts.
    application: Map<String, Value>,
    listener: Option<Listener>,
    links: BTreeMap<String, Link>,
    raws: BTreeMap<String, Raw>,
    pending: BTreeMap<String, Pending>,
    /// Ports that were told by the last `engine start`.
    ports: BTreeMap<String, u16>,
    deadline: Instant,
}

/// Plays a case.
pub(crate) fn play(case: &Case, profile: Option<&str>, cast: &Cast<'_>) -> Ending {
    let transcript = Transcript::new();
    let limit = Duration::from_millis(case.limit_ms).mul_f64(cast.time_scale);
    let mut stage = Stage {
        case,
        cast,
        transcript: transcript.clone(),
        variables: Variables::new(),
        random: Random::new(cast.seed),
        clients: [None, None],
        engine: None,
        application: Map::new(),
        listener: None,
        links: BTreeMap::new(),
        raws: BTreeMap::new(),
        pending: BTreeMap::new(),
        ports: BTreeMap::new(),
        deadline: Instant::now() + limit,
    };
    if let Some(profile) = profile {
        stage.variables.insert("profile".to_owned(), profile.as_bytes().to_vec());
    }
    let stop = stage.run();
    let output = stage.leave(stop.is_none());
    Ending { stop, transcript: transcript.entries(), output }
}

impl Stage<'_> {
    fn run(&mut self) -> Option<(Stop, Option<Failure>)> {
        for step in &self.case.steps {
            self.transcript.add("case", "", "step", step.text.clone());
            if interrupt::came().is_some() {
                return Some(self.stopped(step, Stop::CouldNotRun(interrupt::ENDED.to_owned())));
            }
            let begun = Instant::now();
            let result = if begun >= self.deadline {
                let expected = format!("the case to be over within {} ms", self.case.limit_ms);
                Err(Stop::broken(expected, "it is not"))
            } else {
                self.step(step).and_then(|()| self.took(step, begun))
            };
            if let Err(stop) = result {
                return Some(self.stopped(step, stop));
            }
        }
        let last = self.case.steps.last()?;
        self.faults().map(|stop| self.stopped(last, stop))
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match &step.actor {
            Actor::Client(number) => self.client(usize::from(*number) - 1, step),
            Actor::Engine => self.engine(step),
            Actor::Listener => self.listener(step),
            Actor::Link => self.link(step),
            Actor::Raw(name) => self.raw(name, step),
        }
    }

    /// Whether a step took as long as it says: `after=MS` at least, `within=MS` at most.
    fn took(&self, step: &Step, begun: Instant) -> Result<(), Stop> {
        let took = begun.elapsed();
        if let Some(least) = step.key("after") {
            if step.verb != "await" && took < Duration::from_millis(number(least)?) {
                return Err(Stop::broken(format!("at least {least} ms"), format!("{} ms", took.as_millis())));
            }
        }
        Ok(())
    }

    fn stopped(&self, step: &Step, stop: Stop) -> (Stop, Option<Failure>) {
        // Testees may write as much as they like, and records are for people.
        let cut = |text: &String| outcome::cut(text);
        let stop = match &stop {
            Stop::Broken { expected, observed } => Stop::broken(cut(expected), cut(observed)),
            Stop::NotApplicable(why) => Stop::NotApplicable(cut(why)),
            Stop::CouldNotRun(why) => Stop::CouldNotRun(cut(why)),
            Stop::Mistake(why) => Stop::Mistake(cut(why)),
        };
        let Stop::Broken { expected, observed } = &stop else { return (stop, None) };
        let requirements =
            if step.requirements.is_empty() { &self.case.requirements } else { &step.requirements };
        let blame = match (self.case.judged, &step.actor) {
            (Judged::Client, Actor::Client(2)) => "client2",
            (Judged::Client, _) => "client",
            (Judged::Engine, _) => "engine",
        };
        let failure = Failure {
            step: step.line,
            text: step.text.clone(),
            requirements: requirements.clone(),
            blame: blame.to_owned(),
            expected: expected.clone(),
            observed: observed.clone(),
        };
        (stop, Some(failure))
    }

    /// What actors did besides what they were asked for.
    fn faults(&self) -> Option<Stop> {
        let testees = self.clients.iter().flatten().flat_map(Testee::faults);
        let engine = self.engine.iter().flat_map(EngineSide::faults);
        let listener = self.listener.iter().flat_map(Listener::faults);
        let fault = testees.chain(engine).chain(listener).next()?;
        Some(Stop::broken("nothing but what the adapter protocol and the specification allow", fault))
    }

    /// Ends all; testees that did well stay for other cases. What the subject printed.
    fn leave(&mut self, well: bool) -> String {
        self.raws.clear();
        self.links.clear();
        self.listener = None;
        let mut output = String::new();
        for (client, subject) in self.clients.iter_mut().zip(self.cast.clients) {
            let (Some(mut client), Some(subject)) = (client.take(), subject) else { continue };
            output.push_str(&client.output());
            if well && !client.is_gone() && clients::tidy(&mut client, self.cast.time_scale) {
                subject.put_back(client);
            }
        }
        if let Some(engine) = self.engine.take() {
            if self.case.judged == Judged::Engine {
                output.push_str(&engine.output());
            }
            engine.leave(well, self.cast.engine);
        }
        output
    }

    /// When a step must be over.
    fn until(&self, step: &Step) -> Result<Instant, Stop> {
        let limit = match step.key("within") {
            Some(ms) => Duration::from_millis(number(ms)?),
            None => STEP,
        };
        Ok((Instant::now() + self.scaled(limit)).min(self.deadline))
    }

    fn scaled(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.cast.time_scale)
    }

    /// The mutation, where it stands for those whom the case judges.
    fn mutation(&self, judged: Judged) -> Option<&Arc<Mutation>> {
        self.cast.mutation.as_ref().filter(|_| self.case.judged == judged)
    }

    /// `$profile` and other names inside a word.
    fn word(&mut self, word: &str) -> Result<String, Stop> {
        let Some(name) = word.strip_prefix('$') else { return Ok(word.to_owned()) };
        let value = self.variable(name);
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    /// A name's value; one that begins with `s` and has none becomes a session id.
    fn variable(&mut self, name: &str) -> Vec<u8> {
        if !self.variables.contains_key(name) {
            let id = format!("{:016x}{:016x}", self.random.next(), self.random.next());
            self.variables.insert(name.to_owned(), id.into_bytes());
        }
        self.variables.get(name).cloned().unwrap_or_default()
    }

    fn link(&mut self, step: &Step) -> Result<(), Stop> {
        let name = step.key("to").unwrap_or("client");
        let link = self.links.get(name).ok_or_else(|| format!("there is no link to {name} yet"))?;
        match step.verb.as_str() {
            "cut" => link.cut(step.has("reset")),
            "refuse" => link.refuse(),
            "accept" => link.accept()?,
            "pause" => link.pause(true),
            "resume" => link.pause(false),
            "cut-after" => {
                let bytes =
                    step.words().next().ok_or_else(|| "cut-after takes a number of bytes".to_owned())?;
                link.cut_after(number(bytes)?);
            }
            "connections" => {
                let wanted = step.words().next().unwrap_or_default();
                let deadline = self.until(step)?;
                while link.connections().to_string() != wanted {
                    if Instant::now() >= deadline {
                        return Err(Stop::broken(
                            format!("{wanted} connections"),
                            link.connections().to_string(),
                        ));
                    }
                    std::thread::park_timeout(LOOK_EVERY);
                }
            }
            verb => return Err(Stop::Mistake(format!("a link cannot `{verb}`"))),
        }
        Ok(())
    }
}

/// Between two looks at something that tells no news by itself.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn number(text: &str) -> Result<u64, Stop> {
    text.parse().map_err(|_| Stop::Mistake(format!("`{text}` is no number")))
}
