//! `spec/machine.toml`: the state machines of the session profile.

use crate::protocol::{Protocol, Side};
use crate::source::{Problem, Source};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::Spanned;

/// Where the file stands.
pub const PATH: &str = "spec/machine.toml";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// A client's session.
    pub client: Machine,
    /// One session, as the engine sees it.
    pub engine: Machine,
}

/// One side's state machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Where it begins.
    pub initial: Spanned<String>,
    /// Where it may stay for good.
    #[serde(rename = "final")]
    pub last: Vec<String>,
    /// Its states.
    #[serde(rename = "state")]
    pub states: Vec<Named>,
    /// What happens to it besides messages.
    #[serde(rename = "event")]
    pub events: Vec<Named>,
    /// What follows from what.
    #[serde(rename = "transition")]
    pub transitions: Vec<Transition>,
}

/// A state or an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: Spanned<String>,
    /// One sentence.
    pub doc: String,
}

/// What follows when something happens in one of several states.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// States.
    pub from: Spanned<Vec<String>>,
    /// Verbs of the other side, or events.
    pub on: Vec<String>,
    /// Condition; absent: in all other cases.
    pub when: Option<String>,
    /// The state afterwards.
    pub to: String,
    /// Verbs that may be said, in this order.
    #[serde(default)]
    pub sends: Vec<String>,
    /// True if the other side broke the protocol.
    #[serde(default)]
    pub fault: bool,
    /// True if the message belongs to a connection that is gone.
    #[serde(default)]
    pub late: bool,
}

impl Machines {
    /// Reads the file.
    ///
    /// # Errors
    /// The place where it is not what this tool understands.
    pub fn read(root: &Path) -> Result<(Self, Source), Problem> {
        let source = Source::read(root, PATH)?;
        let machines: Self = crate::parse_toml(&source)?;
        Ok((machines, source))
    }

    /// Checks both sides: names, that states can be reached and left, that every verb is handled once everywhere.
    pub fn check(&self, source: &Source, protocol: &Protocol) -> Vec<Problem> {
        let mut problems = self.client.check(source, protocol, Side::Client);
        problems.extend(self.engine.check(source, protocol, Side::Engine));
        problems
    }
}

impl Machine {
    fn check(&self, source: &Source, protocol: &Protocol, side: Side) -> Vec<Problem> {
        let verbs = |own: bool| -> BTreeSet<&str> {
            let said = protocol.verbs.iter().filter(|verb| (verb.from == side) == own);
            said.map(|verb| verb.name.get_ref().as_str()).collect()
        };
        let (said, heard) = (verbs(true), verbs(false));
        let states: BTreeSet<&str> = self.states.iter().map(|state| state.name.get_ref().as_str()).collect();
        let events: BTreeSet<&str> = self.events.iter().map(|event| event.name.get_ref().as_str()).collect();
        let mut problems = Vec::new();

        let begin = self.initial.span().start;
        for state in self.last.iter().chain([self.initial.get_ref()]) {
            if !states.contains(state.as_str()) {
                problems.push(source.problem(begin, format!("there is no state {state}")));
            }
        }
        for transition in &self.transitions {
            let place = transition.from.span().start;
            let mut report = |text: String| problems.push(source.problem(place, text));
            for state in transition.from.get_ref().iter().chain([&transition.to]) {
                if !states.contains(state.as_str()) {
                    report(format!("there is no state {state}"));
                }
            }
            for cause in &transition.on {
                if !events.contains(cause.as_str()) && !heard.contains(cause.as_str()) {
                    report(format!("{cause} is neither an event nor a verb of the other side"));
                }
            }
            for verb in &transition.sends {
                if !said.contains(verb.as_str()) {
                    report(format!("{verb} is no verb of this side"));
                }
            }
        }
        problems.extend(self.ambiguities(source));
        problems.extend(self.unhandled(source, &heard));
        problems.extend(self.dead_ends(source));
        problems
    }

    /// Two outcomes of the same thing in the same state, and no condition that tells them apart.
    fn ambiguities(&self, source: &Source) -> Vec<Problem> {
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for transition in &self.transitions {
            for state in transition.from.get_ref() {
                for cause in &transition.on {
                    if !seen.insert((state, cause, &transition.when)) {
                        let text = format!("{cause} in {state} has two outcomes under the same condition");
                        problems.push(source.problem(transition.from.span().start, text));
                    }
                }
            }
        }
        problems
    }

    /// Verbs without an unconditional outcome in some state; events without any outcome.
    fn unhandled(&self, source: &Source, heard: &BTreeSet<&str>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for state in &self.states {
            let place = state.name.span().start;
            for verb in heard {
                let handled = self.transitions.iter().any(|transition| {
                    transition.when.is_none()
                        && transition.from.get_ref().contains(state.name.get_ref())
                        && transition.on.iter().any(|cause| cause == verb)
                });
                if !handled {
                    let text = format!("{}: what follows from {verb} is not said", state.name.get_ref());
                    problems.push(source.problem(place, text));
                }
            }
        }
        for event in &self.events {
            if !self.transitions.iter().any(|transition| transition.on.contains(event.name.get_ref())) {
                let text = format!("{} has no outcome", event.name.get_ref());
                problems.push(source.problem(event.name.span().start, text));
            }
        }
        problems
    }

    /// States that cannot be reached from the first one, or from which none of the last ones can.
    fn dead_ends(&self, source: &Source) -> Vec<Problem> {
        let mut forth: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut back: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for transition in &self.transitions {
            for from in transition.from.get_ref() {
                forth.entry(from).or_default().push(&transition.to);
                back.entry(&transition.to).or_default().push(from);
            }
        }
        let reached = closure([self.initial.get_ref().as_str()], &forth);
        let ending = closure(self.last.iter().map(String::as_str), &back);
        let mut problems = Vec::new();
        for state in &self.states {
            let name = state.name.get_ref().as_str();
            for (found, text) in [(&reached, "cannot be reached"), (&ending, "cannot be left for good")] {
                if !found.contains(name) {
                    problems.push(source.problem(state.name.span().start, format!("{name} {text}")));
                }
            }
        }
        problems
    }
}

fn closure<'a>(
    from: impl IntoIterator<Item = &'a str>,
    steps: &BTreeMap<&'a str, Vec<&'a str>>,
) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = from.into_iter().collect();
    while let Some(state) = open.pop() {
        if found.insert(state) {
            open.extend(steps.get(state).into_iter().flatten());
        }
    }
    found
}
