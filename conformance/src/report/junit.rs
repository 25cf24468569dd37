//! JUnit's XML, for CI systems: a testsuite for each subject and lane.

use std::collections::BTreeMap;

use crate::record::{CaseResult, MutantResult, Verdict};
use crate::report::matrix::Counts;
use crate::report::mutants;
use crate::report::reading::Record;
use crate::report::words::{self, put};
use crate::requirements;

/// The whole file.
pub(crate) fn render(record: &Record) -> String {
    let mut suites: BTreeMap<(String, &str), Vec<&CaseResult>> = BTreeMap::new();
    for result in &record.cases {
        suites.entry((words::label(result), words::lane(result.lane))).or_default().push(result);
    }
    let problems = problems(record);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = numbers(record.cases.iter(), &record.mutants, problems.len() as u64);
    put!(out, "<testsuites name=\"event-engine conformance\"{all}>\n");
    for ((subject, lane), results) in suites {
        let numbers = numbers(results.iter().copied(), &[], 0);
        let (name, at) =
            (escaped(&format!("{subject} {lane}")), escaped(record.run.started.trim_end_matches('Z')));
        put!(out, "  <testsuite name=\"{name}\"{numbers} timestamp=\"{at}\">\n");
        results.into_iter().for_each(|result| testcase(&mut out, result));
        out.push_str("  </testsuite>\n");
    }
    if !record.mutants.is_empty() {
        put!(out, "  <testsuite name=\"selftest\"{}>\n", numbers(std::iter::empty(), &record.mutants, 0));
        mutants::sorted(&record.mutants).into_iter().for_each(|mutant| survivor(&mut out, mutant));
        out.push_str("  </testsuite>\n");
    }
    if !problems.is_empty() {
        put!(out, "  <testsuite name=\"run\"{}>\n", numbers(std::iter::empty(), &[], problems.len() as u64));
        for (index, problem) in problems.iter().enumerate() {
            put!(out, "    <testcase name=\"problem {}\" classname=\"run\" time=\"0\">\n", index + 1);
            put!(out, "      <error message=\"{}\"/>\n    </testcase>\n", escaped(problem));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// What belongs to no case, and would be silent otherwise; also the end that never came.
fn problems(record: &Record) -> Vec<String> {
    let broken = record.run.subjects.iter().filter_map(|subject| {
        let reason = subject.broken.as_ref()?;
        Some(format!("{} could not be started: {reason}", subject.key))
    });
    let cut = record.summary.is_none().then(|| "the run did not come to its end".to_owned());
    record.problems().iter().cloned().chain(cut).chain(broken).collect()
}

/// A mutant, which fails if it survives.
fn survivor(out: &mut String, mutant: &MutantResult) {
    let (name, class) = (escaped(&mutant.mutant), escaped(words::area(&mutant.mutant)));
    put!(out, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"0\"");
    if mutant.killed {
        out.push_str("/>\n");
        return;
    }
    let message = format!("{}: {}", mutants::word(mutant), mutant.title);
    let mut text = format!("{message}\n");
    for id in &mutant.breaks {
        put!(
            text,
            "requirement: {id} {}\n",
            requirements::get(id).map_or("", |requirement| &requirement.text)
        );
    }
    for kill in mutant.cases.iter().filter(|kill| !kill.killed) {
        let (verdict, rules) = (words::phrase(kill.verdict), kill.requirements.join(" "));
        put!(text, "{}: {verdict} {rules} {}\n", kill.case, kill.why);
    }
    put!(out, ">\n      <failure message=\"{}\" type=\"survivor\">", escaped(&message));
    put!(out, "{}</failure>\n    </testcase>\n", escaped(&text).replace("&#10;", "\n"));
}

/// The attributes that count; `problems` are errors beside the cases.
fn numbers<'a>(
    results: impl Iterator<Item = &'a CaseResult> + Clone,
    mutants: &[MutantResult],
    problems: u64,
) -> String {
    let survivors = mutants.iter().filter(|mutant| !mutant.killed).count() as u64;
    let counts: Counts = results.clone().map(|result| result.verdict).collect();
    let of = |verdicts: &[Verdict]| verdicts.iter().map(|&verdict| counts.of(verdict)).sum::<u64>();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        counts.total() + mutants.len() as u64 + problems,
        of(&[Verdict::Fail, Verdict::UnexpectedPass, Verdict::Flaky]) + survivors,
        of(&[Verdict::HarnessError, Verdict::CouldNotRun]) + problems,
        of(&[Verdict::NotApplicable, Verdict::KnownFail]),
        seconds(results.map(|result| result.ms).sum())
    )
}

fn testcase(out: &mut String, result: &CaseResult) {
    put!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        escaped(&result.case),
        escaped(words::area(&result.case)),
        seconds(result.ms)
    );
    let (element, has_text) = match result.verdict {
        Verdict::Pass => {
            out.push_str("/>\n");
            return;
        }
        Verdict::Fail | Verdict::UnexpectedPass | Verdict::Flaky => ("failure", true),
        Verdict::HarnessError | Verdict::CouldNotRun => ("error", true),
        Verdict::NotApplicable | Verdict::KnownFail => ("skipped", false),
    };
    put!(out, ">\n      <{element} message=\"{}\"", escaped(&message(result)));
    if has_text {
        put!(
            out,
            " type=\"{}\">{}</{element}>\n",
            words::word(result.verdict),
            escaped(&text(result)).replace("&#10;", "\n")
        );
    } else {
        out.push_str("/>\n");
    }
    out.push_str("    </testcase>\n");
}

fn message(result: &CaseResult) -> String {
    let phrase = words::phrase(result.verdict);
    match (&result.failure, &result.reason) {
        (Some(failure), None) => {
            format!("{phrase}: expected {}, observed {}", failure.expected, failure.observed)
        }
        (_, Some(reason)) => format!("{phrase}: {reason}"),
        (None, None) => words::meaning(result.verdict).to_owned(),
    }
}

fn text(result: &CaseResult) -> String {
    let mut out = format!("{}\n", result.title);
    if let Some(failure) = &result.failure {
        put!(out, "step: line {}: {}\n", failure.step, failure.text);
        put!(out, "expected: {}\nobserved: {}\n", failure.expected, failure.observed);
        put!(out, "to blame: {}\n", failure.blame);
    }
    if let Some(reason) = &result.reason {
        put!(out, "reason: {reason}\n");
    }
    for id in words::rules(result) {
        put!(
            out,
            "requirement: {id} {}\n",
            requirements::get(id).map_or("", |requirement| &requirement.text)
        );
    }
    put!(out, "reproduce: {}\n", result.reproduce);
    if !result.transcript.is_empty() {
        put!(out, "transcript (ms):\n{}\n", words::transcript(&result.transcript, 10, 70).join("\n"));
    }
    if let Some(output) = &result.output {
        put!(out, "printed by the subject:\n{output}\n");
    }
    out
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text for an attribute or an element. XML 1.0 has no way to write most control characters, so they are dropped.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(character),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn junit() {
        insta::assert_snapshot!(render(&sample::record()));
    }

    #[test]
    fn nothing_that_xml_forbids_is_left() {
        let all: String = (0..=0x2_ffff).filter_map(char::from_u32).collect();
        let forbidden = |c: char| {
            (c < ' ' || ('\x7f'..='\u{9f}').contains(&c) || c == '\u{fffe}' || c == '\u{ffff}') || c == '<'
        };
        assert!(!escaped(&all).contains(forbidden));
    }

    #[test]
    fn the_numbers_agree_with_the_cases() {
        let record = sample::record();
        let text = render(&record);
        let first = text.lines().nth(1).unwrap();
        assert!(first.contains("tests=\"19\" failures=\"4\" errors=\"4\" skipped=\"2\""), "{first}");
        assert_eq!(text.matches("<failure ").count(), 4);
        assert_eq!(text.matches("<skipped ").count(), 2);
        // Two of cases, one problem, one subject that could not be started.
        assert_eq!(text.matches("<error ").count(), 4);
    }
}
