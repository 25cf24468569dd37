//! What a person sees in a terminal.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Failure, MutantResult, Summary, Verdict};
use crate::report::matrix::Counts;
use crate::report::mutants;
use crate::report::words::{self, put};
use crate::requirements;

/// Of the text; a transcript's lines may be longer.
const WIDTH: usize = 100;
/// Where the text beside a heading begins.
const INDENT: usize = 12;
/// So many entries of a transcript are shown, those before the end.
const ENTRIES: usize = 40;

/// Everything about one case that did not go well.
pub(crate) fn failure(result: &CaseResult, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    let verdict = words::phrase(result.verdict).to_uppercase();
    let verdict = paint.verdict(result.verdict, &format!("{} {verdict}", words::sign(result.verdict)));
    let subject = words::visible(&words::label(result));
    let tried =
        if result.attempts > 1 { format!(", tried {} times", result.attempts) } else { String::new() };
    put!(out, "{verdict}  {}  {subject}  ", paint.bold(&words::visible(&result.case)));
    put!(out, "({}, {}{tried})\n", words::lane(result.lane), words::time(result.ms));
    put!(out, "{}\n", words::wrap(&words::visible(&result.title), WIDTH).join("\n"));
    for id in words::rules(result) {
        let text = requirements::get(id).map_or("is not in this specification".to_owned(), |rule| {
            format!("({}) {}", rule.level, rule.text)
        });
        paragraph(&mut out, paint, "rule", &format!("{} {text}", words::visible(id)));
    }
    if let Some(Failure { step, text, blame, expected, observed, .. }) = &result.failure {
        paragraph(&mut out, paint, "to blame", &words::visible(blame));
        block(&mut out, paint, "step", &format!("line {step}: {text}"));
        block(&mut out, paint, "expected", expected);
        block(&mut out, paint, "observed", observed);
    }
    if let Some(reason) = &result.reason {
        paragraph(&mut out, paint, "reason", &words::visible(reason));
    }
    if !result.transcript.is_empty() {
        put!(out, "{}\n", paint.dim("transcript, in ms since the case began"));
        words::transcript(&result.transcript, 0, ENTRIES).iter().for_each(|line| put!(out, "{line}\n"));
    }
    if let Some(output) = result.output.as_ref().filter(|output| !output.is_empty()) {
        put!(out, "{}\n", paint.dim("printed by the subject"));
        words::visible_lines(output).iter().for_each(|line| put!(out, "  | {line}\n"));
    }
    block(&mut out, paint, "again", &result.reproduce);
    out
}

/// The mutants of a self-test: those that survive and what their cases say, the others if `all`, and what that proves.
pub(crate) fn mutants(results: &[MutantResult], all: bool, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    if results.is_empty() {
        return out;
    }
    for mutant in mutants::sorted(results).into_iter().filter(|mutant| all || !mutant.killed) {
        let verdict = if mutant.killed { Verdict::Pass } else { Verdict::Fail };
        let word = mutants::word(mutant);
        let word = if mutant.killed { word.to_owned() } else { word.to_uppercase() };
        let (id, title) = (words::visible(&mutant.mutant), words::visible(&mutant.title));
        put!(out, "{}  {}  {title}", paint.verdict(verdict, &word), paint.bold(&id));
        put!(
            out,
            "{}\n",
            if mutant.breaks.is_empty() { String::new() } else { format!(" ({})", mutant.breaks.join(" ")) }
        );
        for kill in mutant.cases.iter().filter(|kill| kill.killed == mutant.killed) {
            let what =
                format!("{} {} {}", words::phrase(kill.verdict), kill.requirements.join(" "), kill.why);
            paragraph(&mut out, paint, "", &words::visible(&format!("{}: {}", kill.case, what.trim_end())));
        }
    }
    put!(out, "{}\n", mutants::sentence(results));
    out
}

/// Counts of verdicts for each subject, and what the run came to.
pub(crate) fn summary(summary: &Summary, results: &[CaseResult], colour: bool) -> String {
    let paint = Paint(colour);
    let mut rows: BTreeMap<String, Counts> = BTreeMap::new();
    for result in results {
        rows.entry(words::visible(&words::label(result))).or_default().extend([result.verdict]);
    }
    let all = Counts::from_iter(results.iter().map(|result| result.verdict));
    let verdicts: Vec<Verdict> = words::VERDICTS.into_iter().filter(|&verdict| all.of(verdict) > 0).collect();
    let width = rows.keys().map(|subject| subject.chars().count()).max().unwrap_or(0).max("all".len());
    let mut out = String::new();
    if !verdicts.is_empty() {
        put!(out, "{:width$}", "");
        verdicts.iter().for_each(|&verdict| put!(out, "  {}", words::phrase(verdict)));
        out.push('\n');
    }
    let total = (rows.len() > 1).then(|| ("all".to_owned(), all));
    for (subject, counts) in rows.into_iter().chain(total) {
        put!(out, "{subject:width$}");
        for &verdict in &verdicts {
            let count = counts.of(verdict);
            let cell = format!("{count:>width$}", width = words::phrase(verdict).len());
            put!(out, "  {}", if count == 0 { paint.dim(&cell) } else { paint.verdict(verdict, &cell) });
        }
        out.push('\n');
    }
    summary
        .problems
        .iter()
        .for_each(|problem| paragraph(&mut out, paint, "problem", &words::visible(problem)));
    let outcome = match summary.outcome.as_str() {
        "pass" => paint.verdict(Verdict::Pass, "pass"),
        "fail" | "error" => paint.verdict(Verdict::Fail, &summary.outcome),
        other => paint.verdict(Verdict::CouldNotRun, &words::visible(other)),
    };
    put!(out, "{outcome}: {} cases in {:.1} s\n", results.len(), summary.seconds);
    out
}

/// Why cases are not applicable, or could not run, and how many for each reason, the most first; nothing if all ran.
pub(crate) fn reasons(results: &[CaseResult], colour: bool) -> String {
    const MOST: usize = 12;
    let paint = Paint(colour);
    let mut counts: BTreeMap<(Verdict, String), usize> = BTreeMap::new();
    for result in results {
        if let (Verdict::NotApplicable | Verdict::CouldNotRun, Some(reason)) =
            (result.verdict, &result.reason)
        {
            *counts.entry((result.verdict, words::visible(reason))).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut out = String::new();
    for ((verdict, reason), count) in counts.iter().take(MOST) {
        paragraph(&mut out, paint, &format!("{count:>6}"), &format!("{}: {reason}", words::phrase(*verdict)));
    }
    if counts.len() > MOST {
        put!(out, "and {} other reasons; the record has them\n", counts.len() - MOST);
    }
    out
}

/// A heading and words that are wrapped.
fn paragraph(out: &mut String, paint: Paint, heading: &str, text: &str) {
    lines(out, paint, heading, &words::wrap(text, WIDTH - INDENT));
}

/// A heading and lines as they are.
fn block(out: &mut String, paint: Paint, heading: &str, text: &str) {
    lines(out, paint, heading, &words::visible_lines(text));
}

fn lines(out: &mut String, paint: Paint, heading: &str, lines: &[String]) {
    let mut heading = paint.dim(&format!("{heading:INDENT$}"));
    if lines.is_empty() {
        put!(out, "{heading}nothing\n");
    }
    for line in lines {
        put!(out, "{heading}{line}\n");
        heading = " ".repeat(INDENT);
    }
}

/// Colours, if they are asked for.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Pass => "32",
            Verdict::Fail | Verdict::HarnessError => "1;31",
            Verdict::UnexpectedPass | Verdict::Flaky | Verdict::CouldNotRun => "33",
            Verdict::KnownFail => "35",
            Verdict::NotApplicable => "2",
        };
        self.with(code, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn console_failures() {
        let record = sample::record();
        let failing = record.cases.iter().filter(|result| result.verdict != Verdict::Pass);
        let text: Vec<_> = failing.map(|result| failure(result, false)).collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn console_summary() {
        let record = sample::record();
        insta::assert_snapshot!(summary(&record.summary.unwrap(), &record.cases, false));
    }

    #[test]
    fn console_reasons() {
        let mut cases = sample::record().cases;
        let again = cases.iter().find(|case| case.verdict == Verdict::NotApplicable).unwrap().clone();
        cases.push(again);
        insta::assert_snapshot!(reasons(&cases, false));
        cases.retain(|case| case.verdict == Verdict::Pass);
        assert_eq!(reasons(&cases, false), "");
    }

    #[test]
    fn console_mutants() {
        insta::assert_snapshot!(mutants(&sample::record().mutants, true, false));
    }

    #[test]
    fn colour_only_if_asked_and_never_from_what_came() {
        let record = sample::record();
        for result in &record.cases {
            assert!(!failure(result, false).contains('\x1b'));
            assert!(failure(result, true).starts_with("\x1b["));
            assert!(!failure(result, true).contains("\x1b[31m\u{202e}"));
        }
        let end = record.summary.unwrap();
        assert!(!summary(&end, &record.cases, false).contains('\x1b'));
        assert!(summary(&end, &record.cases, true).contains("\x1b[1;31mfail\x1b[0m: 14 cases in 12.5 s"));
        assert_eq!(summary(&Summary::default(), &[], false), ": 0 cases in 0.0 s\n");
    }
}
