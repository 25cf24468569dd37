//! The registry by itself: ids, levels, tests.

use crate::registry::split_id;
use crate::source::Problem;
use crate::Spec;
use std::collections::{BTreeMap, BTreeSet};

/// Untestable requirements are at most one in this many.
const UNTESTABLE_ONE_IN: usize = 10;

pub(super) fn check(spec: &Spec) -> Vec<Problem> {
    let (registry, source) = &spec.registry;
    let mut problems = Vec::new();
    let mut numbers: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for requirement in &registry.requirements {
        let id: &str = requirement.id.as_ref();
        let mut report = |text: String| problems.push(source.problem(requirement.id.span().start, text));
        match split_id(id) {
            None => report(format!("{id}: an id has the form EE-<AREA>-<number from 1>")),
            Some((area, number)) => {
                if !numbers.entry(area).or_default().insert(number) {
                    report(format!("{id} stands twice"));
                }
            }
        }
        let mut words = requirement.text.split(|c: char| !c.is_ascii_alphabetic());
        if !words.any(|word| word == requirement.level.word()) {
            report(format!("{id}: the text does not say {}", requirement.level.word()));
        }
        if requirement.text.contains('\n') || requirement.text.trim() != requirement.text {
            report(format!("{id}: the text is one line without spaces around it"));
        }
        if requirement.intent.trim().is_empty() {
            report(format!("{id}: the intent is empty"));
        }
        let tested = !requirement.cases.is_empty() || !requirement.pending.is_empty();
        match &requirement.untestable {
            None if !tested => report(format!("{id} has neither cases nor a reason why it is untestable")),
            Some(reason) if reason.trim().is_empty() => report(format!("{id}: the reason is empty")),
            Some(_) if tested => report(format!("{id} is called untestable and has cases")),
            _ => {}
        }
    }
    for (area, numbers) in &numbers {
        let last = numbers.last().copied().unwrap_or_default();
        for missing in (1..=last).filter(|number| !numbers.contains(number)) {
            let next = numbers.range(missing..).next().copied().unwrap_or(last);
            let place = format!("\"EE-{area}-{next}\"");
            problems.push(
                source.problem_at(&place, format!("EE-{area}-{missing} is missing: ids are consecutive")),
            );
        }
    }
    let untestable =
        registry.requirements.iter().filter(|requirement| requirement.untestable.is_some()).count();
    if untestable * UNTESTABLE_ONE_IN > registry.requirements.len() {
        let text =
            format!("{untestable} requirements are untestable: at most one in {UNTESTABLE_ONE_IN} may be");
        problems.push(source.problem_at_line(1, text));
    }
    problems
}
