//! Counts of verdicts by subject, and by whatever stands in the rows.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Failure, Verdict};
use crate::report::reading::Record;
use crate::report::words;

/// The column of all cases that two subjects play: each pair its own one would be too many.
pub(crate) const PAIRS: &str = "pairs";

/// What a case says about one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// The verdict.
    Verdict(Verdict),
    /// Nothing: the case ended earlier, because another rule was broken.
    CutOff,
}

/// How many of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<Mark, u64>);

impl Counts {
    /// One more.
    pub(crate) fn add(&mut self, mark: Mark) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// So many have that verdict.
    pub(crate) fn of(&self, verdict: Verdict) -> u64 {
        self.0.get(&Mark::Verdict(verdict)).copied().unwrap_or(0)
    }

    /// So many were cut off.
    pub(crate) fn cut_off(&self) -> u64 {
        self.0.get(&Mark::CutOff).copied().unwrap_or(0)
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// All but those that do not apply.
    pub(crate) fn applicable(&self) -> u64 {
        self.total() - self.of(Verdict::NotApplicable)
    }

    /// The one that a reader has to see first.
    pub(crate) fn worst(&self) -> Option<Mark> {
        const ORDER: [Mark; 9] = [
            Mark::Verdict(Verdict::HarnessError),
            Mark::Verdict(Verdict::Fail),
            Mark::Verdict(Verdict::UnexpectedPass),
            Mark::Verdict(Verdict::Flaky),
            Mark::Verdict(Verdict::CouldNotRun),
            Mark::Verdict(Verdict::KnownFail),
            Mark::CutOff,
            Mark::Verdict(Verdict::Pass),
            Mark::Verdict(Verdict::NotApplicable),
        ];
        ORDER.into_iter().find(|mark| self.0.contains_key(mark))
    }

    /// Those that are not zero, as `(sign, phrase, count)`.
    pub(crate) fn parts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let verdicts = words::VERDICTS
            .into_iter()
            .map(|verdict| (words::sign(verdict), words::phrase(verdict), self.of(verdict)));
        verdicts
            .chain([(CUT_OFF_SIGN, "cut off", self.cut_off())])
            .filter(|(_, _, count)| *count > 0)
            .collect()
    }

    /// `3 passed, 1 failed`.
    pub(crate) fn phrase(&self) -> String {
        let parts: Vec<_> =
            self.parts().iter().map(|(_, phrase, count)| format!("{count} {phrase}")).collect();
        parts.join(", ")
    }

    /// `3 ✓ 1 ✗`.
    pub(crate) fn signs(&self) -> String {
        let parts: Vec<_> = self.parts().iter().map(|(sign, _, count)| format!("{count} {sign}")).collect();
        parts.join(" ")
    }
}

impl Extend<Verdict> for Counts {
    fn extend<I: IntoIterator<Item = Verdict>>(&mut self, verdicts: I) {
        verdicts.into_iter().for_each(|verdict| self.add(Mark::Verdict(verdict)));
    }
}

impl FromIterator<Verdict> for Counts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut counts = Self::default();
        counts.extend(verdicts);
        counts
    }
}

/// The sign of [`Mark::CutOff`].
pub(crate) const CUT_OFF_SIGN: &str = "…";

/// The counts of all cases.
pub(crate) fn counts(cases: &[CaseResult]) -> Counts {
    cases.iter().map(|result| result.verdict).collect()
}

/// The column in which a result is counted.
pub(crate) fn column(result: &CaseResult) -> String {
    match result.subjects.as_slice() {
        [_, _, ..] => PAIRS.to_owned(),
        _ => words::label(result),
    }
}

/// The columns, in the order in which the run names its subjects.
pub(crate) fn columns(record: &Record) -> Vec<String> {
    let mut columns: Vec<String> = record.run.subjects.iter().map(|subject| subject.key.clone()).collect();
    let mut pairs = false;
    for result in &record.cases {
        let column = column(result);
        if column == PAIRS {
            pairs = true;
        } else if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if pairs {
        columns.push(PAIRS.to_owned());
    }
    columns
}

/// What a result says about a requirement; nothing if it is about others.
pub(crate) fn about(result: &CaseResult, requirement: &str) -> Option<Mark> {
    let is_in = |list: &[String]| list.iter().any(|id| id == requirement);
    let broken = result
        .failure
        .as_ref()
        .map(|Failure { requirements, .. }| requirements.as_slice())
        .unwrap_or_default();
    if is_in(broken) {
        return Some(Mark::Verdict(result.verdict));
    }
    is_in(&result.requirements).then_some(match result.verdict {
        Verdict::Fail | Verdict::KnownFail if !broken.is_empty() => Mark::CutOff,
        verdict => Mark::Verdict(verdict),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_rule_that_a_failed_case_did_not_reach_is_not_called_broken() {
        let record = sample::record();
        let failed = record.cases.iter().find(|result| result.verdict == Verdict::Fail).unwrap();
        assert_eq!(about(failed, "EE-BASIC-12"), Some(Mark::Verdict(Verdict::Fail)));
        assert_eq!(about(failed, "EE-BASIC-2"), Some(Mark::CutOff));
        assert_eq!(about(failed, "EE-BUS-1"), None);
    }

    #[test]
    fn the_worst_is_seen_first() {
        let counts: Counts =
            [Verdict::Pass, Verdict::NotApplicable, Verdict::Fail, Verdict::Pass].into_iter().collect();
        assert_eq!(counts.worst(), Some(Mark::Verdict(Verdict::Fail)));
        assert_eq!(counts.phrase(), "2 passed, 1 failed, 1 not applicable");
        assert_eq!(counts.signs(), "2 ✓ 1 ✗ 1 ○");
        assert_eq!((counts.total(), counts.applicable()), (4, 3));
        assert_eq!(Counts::default().worst(), None);
    }

    #[test]
    fn pairs_share_a_column() {
        assert_eq!(columns(&sample::record()), ["engine", "go", "rust", "c", PAIRS]);
    }
}
