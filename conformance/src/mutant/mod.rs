//! Mutants: a reference with one rule broken. A mutant is data (`conformance/mutants/`): rules that change what the reference says
//! on the wire, what it is told and what it answers. The language is described in `conformance/mutants/README.md`.

mod answers;
mod rule;
mod wire;

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::case::Judged;
use crate::stage::testee::Answer;
pub(crate) use answers::find;
use rule::{Place, Rule};
pub(crate) use wire::{Direction, Out};

/// The part of the requirements of which a mutant must have been killed.
pub(crate) const PROVEN: f64 = 0.9;

/// A reference with one rule broken.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// `client/…` or `engine/…`.
    pub(crate) id: String,
    /// What is wrong with it.
    pub(crate) title: String,
    /// What it breaks.
    pub(crate) breaks: Vec<String>,
    /// The cases that must fail for that reason.
    pub(crate) cases: Vec<String>,
    /// Whether it is a client library or an engine.
    pub(crate) judged: Judged,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    title: String,
    breaks: Vec<String>,
    cases: Vec<String>,
    rules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutant: Vec<Written>,
}

/// All mutants.
pub(crate) fn all() -> Result<Vec<Mutant>, String> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for (file, text) in crate::data::files("mutants")? {
        let written: File = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
        for one in written.mutant {
            let judged = match one.id.split('/').next() {
                Some("client") => Judged::Client,
                Some("engine") => Judged::Engine,
                _ => return Err(format!("{file}: {}: an id begins with client/ or engine/", one.id)),
            };
            if mutants.iter().any(|other| other.id == one.id) {
                return Err(format!("{file}: {} stands twice", one.id));
            }
            if one.breaks.is_empty() || one.cases.is_empty() || one.rules.is_empty() {
                return Err(format!("{file}: {}: breaks, cases and rules must not be empty", one.id));
            }
            let rules = one.rules.iter().map(|rule| Rule::read(rule)).collect::<Result<_, _>>();
            let rules = rules.map_err(|why| format!("{file}: {}: {why}", one.id))?;
            let Written { id, title, breaks, cases, .. } = one;
            mutants.push(Mutant { id, title, breaks, cases, judged, rules });
        }
    }
    Ok(mutants)
}

impl Mutant {
    /// It, in one case: its counters begin anew.
    pub(crate) fn begin(&self) -> Mutation {
        Mutation { rules: self.rules.clone(), counts: Mutex::new(vec![0; self.rules.len()]) }
    }
}

/// A mutant at work in one case.
#[derive(Debug)]
pub(crate) struct Mutation {
    rules: Vec<Rule>,
    counts: Mutex<Vec<u64>>,
}

impl Mutation {
    /// Whether it changes what is said on the wire.
    pub(crate) fn is_on_the_wire(&self) -> bool {
        self.rules.iter().any(|rule| {
            matches!(rule.place, Place::Wire(_) | Place::Ready(_) | Place::Command(_) | Place::End(_))
        })
    }

    /// Changes a command of the adapter protocol; or answers it itself.
    pub(crate) fn command(&self, op: &str, fields: &mut Map<String, Value>) -> Option<Answer> {
        let mut answer = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let matches = matches!(&rule.place, Place::Told(wanted) if wanted == op || wanted == "*")
                && answers::matches(rule, fields);
            if matches && self.count(index, rule) {
                answer = answers::command(rule, fields).or(answer);
            }
        }
        answer
    }

    /// Changes an answer of the adapter protocol.
    pub(crate) fn answer(&self, op: &str, answer: &mut Answer) {
        for (index, rule) in self.rules.iter().enumerate() {
            let (fields, well) = match &*answer {
                Answer::Ok(fields) => (fields, true),
                Answer::Error(fields) => (fields, false),
            };
            let matches = match &rule.place {
                Place::Answers(wanted) => wanted == op || wanted == "*",
                Place::Oks(wanted) => (wanted == op || wanted == "*") && well,
                Place::Errors(wanted) => (wanted == op || wanted == "*") && !well,
                _ => false,
            };
            if matches && answers::matches(rule, fields) && self.count(index, rule) {
                answers::answer(rule, answer);
            }
        }
    }

    /// Counts a match; whether the rule is for this one.
    fn count(&self, index: usize, rule: &Rule) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(index) else { return false };
        *count += 1;
        rule.is_for(*count)
    }
}
