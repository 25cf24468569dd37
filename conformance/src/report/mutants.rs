//! What a self-test showed: which mutants were killed, and what that proves.

use std::collections::BTreeSet;

use crate::record::MutantResult;
use crate::requirements;

/// Survivors first: they are what somebody has to do something about.
pub(crate) fn sorted(mutants: &[MutantResult]) -> Vec<&MutantResult> {
    let mut sorted: Vec<_> = mutants.iter().collect();
    sorted.sort_by(|left, right| {
        left.killed.cmp(&right.killed).then_with(|| requirements::natural(&left.mutant, &right.mutant))
    });
    sorted
}

/// The requirements that a killed mutant breaks.
pub(crate) fn proven(mutants: &[MutantResult]) -> BTreeSet<&str> {
    mutants.iter().filter(|one| one.killed).flat_map(|one| &one.breaks).map(String::as_str).collect()
}

/// In one word.
pub(crate) fn word(mutant: &MutantResult) -> &'static str {
    match (mutant.killed, is_fraud(mutant)) {
        (true, false) => "killed",
        (false, false) => "survives",
        (true, true) => "passes nothing",
        (false, true) => "gets through",
    }
}

/// All in one sentence.
pub(crate) fn sentence(mutants: &[MutantResult]) -> String {
    let (frauds, others): (Vec<_>, Vec<_>) = mutants.iter().partition(|one| is_fraud(one));
    let killed = |list: &[&MutantResult]| list.iter().filter(|one| one.killed).count();
    let mut parts = Vec::new();
    if !others.is_empty() {
        parts.push(format!("{} of {} mutants killed", killed(&others), others.len()));
        let all = requirements::all().len();
        let proven = proven(mutants).len();
        let share = proven as f64 / all.max(1) as f64 * 100.0;
        parts.push(format!("{proven} of {all} requirements proven ({share:.1} %)"));
    }
    if !frauds.is_empty() {
        parts.push(format!("{} of {} frauds pass nothing", killed(&frauds), frauds.len()));
    }
    parts.join(", ")
}

fn is_fraud(mutant: &MutantResult) -> bool {
    mutant.mutant.starts_with("fraud/")
}
