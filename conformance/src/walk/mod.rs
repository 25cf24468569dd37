//! Walks through the two state machines of the session profile (`spec/machine.toml`). A walk is a list of inputs: what the outside
//! does. A model follows the machine, keeps the few numbers that are needed, and writes down what must come of each input, as a case
//! like any other. One case takes each transition; others are random walks, from a seed.

mod client;
mod engine;
mod machine;
mod random;
mod script;
mod search;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed test says where
mod tests;

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::OnceLock;

use proptest::strategy::BoxedStrategy;

use crate::case::{Case, Judged, Made};
use machine::{machines, Atom, Machine};
use script::Script;

pub(crate) use client::Client;
pub(crate) use engine::Engine;
use random::walks;
pub(crate) use random::{case_of, first_failure};

/// Random walks that are cases.
const RANDOM: u64 = 5;
/// So many inputs each of them tries.
const LENGTH: usize = 60;
/// Each of them is one of so many.
const TRIES: usize = 8;

/// Predicts what must come of inputs.
pub(crate) trait Model: Clone + Eq + Hash {
    /// What the outside does.
    type Input: Copy + Debug + PartialEq + 'static;
    /// Whom its cases judge.
    const JUDGED: Judged;

    /// At the machine's beginning; a variant where there are two ways to begin.
    fn begin(variant: bool) -> Self;
    /// The inputs with which every transition can be reached.
    fn alphabet() -> Vec<Self::Input>;
    /// Inputs at random.
    fn strategy() -> BoxedStrategy<Self::Input>;
    /// Whether an input is possible now, and its outcome known.
    fn enabled(&self, input: Self::Input) -> bool;
    /// Writes down an input, and what must come of it.
    fn take(&mut self, input: Self::Input);
    /// What is written so far.
    fn script(&self) -> &Script;
    /// The case, with a fence at its end.
    fn finish(self, id: &str, title: &str) -> Result<Case, String>;
}

/// A transition without a case.
pub(crate) struct Untaken {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Why the outside cannot cause it.
    pub(crate) reason: Option<&'static str>,
}

/// What all walks come to.
struct All {
    cases: Vec<Case>,
    untaken: Vec<Untaken>,
}

/// All cases: each transition that can be caused from outside, and some random walks.
pub(crate) fn cases() -> Result<Vec<Case>, String> {
    all().as_ref().map(|all| all.cases.clone()).map_err(String::clone)
}

/// The transitions that have no case.
pub(crate) fn untaken() -> Result<&'static [Untaken], String> {
    all().as_ref().map(|all| all.untaken.as_slice()).map_err(String::clone)
}

fn all() -> &'static Result<All, String> {
    static ALL: OnceLock<Result<All, String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = All { cases: Vec::new(), untaken: Vec::new() };
        all.add::<Engine>("engine", &machines().engine, engine::reason)?;
        all.add::<Client>("client", &machines().client, client::reason)?;
        Ok(all)
    })
}

impl All {
    fn add<M: Model>(
        &mut self,
        side: &str,
        machine: &Machine,
        reason: fn(&Atom) -> Option<&'static str>,
    ) -> Result<(), String> {
        let wanted = |atom: &&Atom| reason(atom).is_none();
        let ways = search::ways::<M>(machine.atoms().iter().filter(wanted).map(|atom| atom.number));
        for atom in machine.atoms() {
            let id = format!("walks/{side}/{}", atom.number);
            match ways.get(&atom.number) {
                Some((variant, inputs)) => {
                    let (_, model) = random::walk::<M>(*variant, inputs);
                    self.cases.push(model.finish(&id, &atom.title())?);
                }
                None => self.untaken.push(Untaken { id, title: atom.title(), reason: reason(atom) }),
            }
        }
        for seed in 1..=RANDOM {
            // Of a few the one that goes on longest.
            let some = walks::<M>(seed, LENGTH, TRIES)?;
            if let Some(walk) =
                some.iter().max_by_key(|(variant, inputs)| random::walk::<M>(*variant, inputs).0.len())
            {
                let title = format!("A random walk through the machine, from the seed {seed}.");
                self.cases.push(case_of::<M>(walk, &format!("walks/{side}/random/{seed}"), &title)?);
            }
        }
        Ok(())
    }
}

/// A walk's case.
fn case(judged: Judged, id: &str, title: &str, needs: Vec<String>, steps: &str) -> Result<Case, String> {
    Case::made(Made {
        id: id.to_owned(),
        title: title.to_owned(),
        requirements: Vec::new(),
        judged,
        profiles: vec!["session".to_owned()],
        needs,
        sdk_only: judged == Judged::Client,
        file: "spec/machine.toml".to_owned(),
        steps: steps.to_owned(),
    })
}

/// The names of connections: a, b, … h, then a1, b1 and so on; others are not used.
fn name(number: u8) -> String {
    const LETTERS: u8 = 6;
    let letter = char::from(b'a' + number % LETTERS);
    match number / LETTERS {
        0 => letter.to_string(),
        more => format!("{letter}{}", char::from_digit(u32::from(more), 36).unwrap_or('0')),
    }
}
