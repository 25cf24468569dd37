//! What changed from one record to another.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Lane, Subject, Verdict};
use crate::report::reading::Record;
use crate::report::words::{self, put};
use crate::requirements;

/// What a person reads, and whether something newly fails.
pub(crate) struct Diff {
    /// Lines of text.
    pub(crate) text: String,
    /// Something fails now that did not before, or that is new.
    pub(crate) newly_failing: bool,
}

type Key<'a> = (&'a str, &'a [String], Lane);

/// Compares them.
pub(crate) fn compare(old: &Record, new: &Record) -> Diff {
    let old_cases = by_key(old);
    let new_cases = by_key(new);
    let mut sections = Sections::default();
    for (key, &after) in &new_cases {
        match old_cases.get(key) {
            Some(&before) => sections.both(before, after),
            None => sections.added(after),
        }
    }
    for (key, &before) in &old_cases {
        if !new_cases.contains_key(key) {
            sections.removed.push(format!("{} (was {})", name(before), words::phrase(before.verdict)));
        }
    }
    let mut out = String::new();
    for (which, record) in [("old", old), ("new", new)] {
        let run = &record.run;
        put!(
            out,
            "{which}: {}, {} cases, {} (harness {})\n",
            run.started,
            record.cases.len(),
            record.outcome(),
            run.harness
        );
    }
    if new.summary.is_none() {
        out.push_str("the new record was cut short: cases that are missing from it may just not have come to their turn\n");
    }
    let newly_failing = !sections.newly_failing.is_empty();
    let lists = [
        ("newly failing", sections.newly_failing),
        ("newly passing", sections.newly_passing),
        ("still failing", sections.still_failing),
        ("other changes of verdict", sections.other),
        ("new cases", sections.added),
        ("removed cases", sections.removed),
        ("changed subjects", subjects(old, new)),
        ("note: slower", sections.slower),
    ];
    let mut same = true;
    for (title, mut lines) in lists {
        if lines.is_empty() {
            continue;
        }
        same &= title == "still failing" || title == "note: slower";
        lines.sort_by(|left, right| requirements::natural(left, right));
        put!(out, "\n{title} ({})\n", lines.len());
        lines.iter().for_each(|line| put!(out, "  {}\n", words::visible(line)));
    }
    if same {
        out.push_str("\nno change\n");
    }
    Diff { text: out, newly_failing }
}

#[derive(Default)]
struct Sections {
    newly_failing: Vec<String>,
    newly_passing: Vec<String>,
    still_failing: Vec<String>,
    other: Vec<String>,
    added: Vec<String>,
    removed: Vec<String>,
    slower: Vec<String>,
}

impl Sections {
    fn both(&mut self, before: &CaseResult, after: &CaseResult) {
        let (was, is) = (before.verdict, after.verdict);
        let change = if was == is {
            format!("{}{}", name(after), why(after))
        } else {
            format!("{}: {} → {}{}", name(after), words::phrase(was), words::phrase(is), why(after))
        };
        match (words::is_failing(was), words::is_failing(is)) {
            (false, true) => self.newly_failing.push(change),
            (true, true) => self.still_failing.push(change),
            (true, false) if is == Verdict::Pass => self.newly_passing.push(change),
            _ if was != is => self.other.push(change),
            _ => {}
        }
        if after.ms > before.ms.saturating_mul(2) && after.ms - before.ms > 100 {
            self.slower.push(format!(
                "{}: {} → {}",
                name(after),
                words::time(before.ms),
                words::time(after.ms)
            ));
        }
    }

    fn added(&mut self, result: &CaseResult) {
        let line = format!("{}: {}{}", name(result), words::phrase(result.verdict), why(result));
        if words::is_failing(result.verdict) {
            self.newly_failing.push(format!("{line} (a new case)"));
        }
        self.added.push(line);
    }
}

fn by_key(record: &Record) -> BTreeMap<Key<'_>, &CaseResult> {
    record
        .cases
        .iter()
        .map(|result| ((result.case.as_str(), result.subjects.as_slice(), result.lane), result))
        .collect()
}

fn name(result: &CaseResult) -> String {
    format!("{} [{}, {}]", result.case, words::label(result), words::lane(result.lane))
}

/// One line of what went wrong.
fn why(result: &CaseResult) -> String {
    let text = match (&result.failure, &result.reason) {
        (Some(failure), _) => format!("expected {}, observed {}", failure.expected, failure.observed),
        (None, Some(reason)) => reason.clone(),
        (None, None) => return String::new(),
    };
    format!(" ({})", words::short(&text, 200))
}

fn subjects(old: &Record, new: &Record) -> Vec<String> {
    let find =
        |record: &Record, key: &str| record.run.subjects.iter().find(|subject| subject.key == key).cloned();
    let mut lines = Vec::new();
    for after in &new.run.subjects {
        match find(old, &after.key) {
            Some(before) => {
                lines.extend(changes(&before, after).map(|change| format!("{}: {change}", after.key)))
            }
            None => lines.push(format!("{}: new, {} {}", after.key, after.name, after.version)),
        }
    }
    let gone = old.run.subjects.iter().filter(|before| find(new, &before.key).is_none());
    lines.extend(gone.map(|before| format!("{}: no more", before.key)));
    lines
}

fn changes<'a>(before: &'a Subject, after: &'a Subject) -> impl Iterator<Item = String> + 'a {
    let libraries = |subject: &Subject| {
        let libraries = subject.libraries.iter().map(|(name, version)| format!("{name} {version}"));
        libraries.collect::<Vec<_>>().join(", ")
    };
    let broken = |subject: &Subject| subject.broken.clone().unwrap_or_else(|| "starts".into());
    let fields = [
        ("name", before.name.clone(), after.name.clone()),
        ("version", before.version.clone(), after.version.clone()),
        ("language", before.language.clone(), after.language.clone()),
        ("role", before.role.clone(), after.role.clone()),
        ("profiles", before.profiles.join(" "), after.profiles.join(" ")),
        ("features", before.features.join(" "), after.features.join(" ")),
        ("libraries", libraries(before), libraries(after)),
        ("start", broken(before), broken(after)),
    ];
    fields.into_iter().filter(|(_, was, is)| was != is).map(|(field, was, is)| {
        let named = |text: String| if text.is_empty() { "nothing".to_owned() } else { text };
        format!("{field} {} → {}", named(was), named(is))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The sample after some work: mended, broken, slower, renamed.
    fn later() -> Record {
        let mut record = sample::record();
        record.run.started = "2026-02-03T04:05:06Z".into();
        record.run.subjects[1].version = "0.3.1".into();
        record.run.subjects[3].broken = None;
        record.run.subjects.remove(2);
        let good = record.cases[0].clone();
        for result in &mut record.cases {
            match (result.case.as_str(), result.subjects.join("+").as_str()) {
                ("basic/letters/2", "go") => {
                    result.verdict = Verdict::Fail;
                    result.failure = sample::record().cases[4].failure.clone();
                }
                ("basic/letters/2", "rust") => result.ms = 500,
                ("basic/letters/10@basic", "go") => {
                    *result = CaseResult {
                        case: result.case.clone(),
                        subjects: result.subjects.clone(),
                        ..good.clone()
                    };
                }
                ("sdk/cancel/1", _) => result.verdict = Verdict::KnownFail,
                ("sdk/route/2", _) => result.case = "sdk/route/3".into(),
                ("pair/exchange/1@session", "go+rust") => result.case = "pair/exchange/2@session".into(),
                _ => {}
            }
        }
        record
    }

    #[test]
    fn diff() {
        let diff = compare(&sample::record(), &later());
        assert!(diff.newly_failing);
        insta::assert_snapshot!(diff.text);
    }

    #[test]
    fn what_failed_before_is_no_news() {
        let diff = compare(&sample::record(), &sample::record());
        assert!(!diff.newly_failing);
        assert!(diff.text.ends_with("\nno change\n"), "{}", diff.text);
        assert!(diff.text.contains("still failing (4)"));
    }

    #[test]
    fn a_record_cut_short_says_so() {
        let diff = compare(&sample::record(), &Record { summary: None, ..sample::record() });
        assert!(diff.text.contains("cut short"));
    }
}
