//! One page of Markdown, for people: a pull request's comment, a CI job's summary.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Failure, Verdict};
use crate::report::matrix::{self, Counts};
use crate::report::mutants;
use crate::report::reading::Record;
use crate::report::words::{self, put};
use crate::requirements;

/// So many entries of a transcript are shown, those before the end.
const ENTRIES: usize = 60;

/// The whole page.
pub(crate) fn render(record: &Record) -> String {
    let mut out = String::from("# Conformance to event-engine\n\n");
    put!(out, "**{}**  \n", inline(&record.outcome_sentence()));
    let counts = matrix::counts(&record.cases);
    let phrase = if counts.total() == 0 { "none".to_owned() } else { counts.phrase() };
    put!(out, "{} cases: {phrase}\n\n", counts.total());
    problems(&mut out, record);
    what_ran(&mut out, record);
    areas(&mut out, record);
    pairs(&mut out, record);
    failures(&mut out, record);
    selftest(&mut out, record);
    known(&mut out, record);
    let sections = [
        (
            "Could not run",
            Verdict::CouldNotRun,
            "Something that the case needs beside the subject is missing.",
        ),
        (
            "Not applicable",
            Verdict::NotApplicable,
            "The subject lacks an optional part that the case is about.",
        ),
    ];
    for (title, verdict, meaning) in sections {
        without(&mut out, record, title, verdict, meaning);
    }
    out
}

fn problems(out: &mut String, record: &Record) {
    if record.problems().is_empty() {
        return;
    }
    out.push_str("## Problems of the run\n\n");
    record.problems().iter().for_each(|problem| put!(out, "- {}\n", inline(problem)));
    out.push('\n');
}

fn what_ran(out: &mut String, record: &Record) {
    let run = &record.run;
    out.push_str(
        "## What ran\n\n| | role | name and version | language | profiles | features | libraries |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|\n");
    for subject in &run.subjects {
        put!(out, "| **{}** | {} | ", inline(&subject.key), inline(&subject.role));
        if let Some(reason) = &subject.broken {
            put!(out, "could not be started: {} | | | | |\n", inline(reason));
            continue;
        }
        let libraries: Vec<_> =
            subject.libraries.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let lists = [&subject.profiles, &subject.features, &libraries].map(|list| inline(&list.join(", ")));
        let names = [&subject.name, &subject.version, &subject.language].map(|name| inline(name));
        put!(out, "{} {} | {} | {} |\n", names[0], names[1], names[2], lists.join(" | "));
    }
    let took =
        record.summary.as_ref().map_or(String::new(), |summary| format!(", took {:.1} s", summary.seconds));
    put!(
        out,
        "\nHarness {}, begun {}{took}, on {}. Seed {}, deadlines × {}. Arguments: {}\n\n",
        inline(&run.harness),
        inline(&run.started),
        inline(&run.machine),
        run.seed,
        run.time_scale,
        code(&run.arguments.join(" "))
    );
}

fn areas(out: &mut String, record: &Record) {
    let columns = matrix::columns(record);
    if record.cases.is_empty() {
        return;
    }
    let mut cells: BTreeMap<(&str, String), Counts> = BTreeMap::new();
    for result in &record.cases {
        let cell = cells.entry((words::area(&result.case), matrix::column(result))).or_default();
        cell.extend([result.verdict]);
    }
    let mut areas: Vec<&str> = cells.keys().map(|(area, _)| *area).collect();
    areas.sort_by(|left, right| requirements::natural(left, right));
    areas.dedup();
    out.push_str("## Results\n\n| |");
    columns.iter().for_each(|column| put!(out, " {} |", inline(column)));
    put!(out, "\n|---|{}\n", "---|".repeat(columns.len()));
    for area in areas {
        put!(out, "| {} |", inline(area));
        for column in &columns {
            let cell = cells.get(&(area, column.clone()));
            put!(out, " {} |", cell.map_or("–".to_owned(), Counts::signs).replace('~', "\\~"));
        }
        out.push('\n');
    }
    let legend: Vec<_> = words::VERDICTS
        .iter()
        .map(|&verdict| format!("{} {}", words::sign(verdict), words::phrase(verdict)))
        .collect();
    put!(out, "\n{}, – no case\n\n", legend.join(", ").replace('~', "\\~"));
}

fn pairs(out: &mut String, record: &Record) {
    let mut pairs: BTreeMap<String, Counts> = BTreeMap::new();
    for result in record.cases.iter().filter(|result| result.subjects.len() > 1) {
        pairs.entry(words::label(result)).or_default().extend([result.verdict]);
    }
    if pairs.is_empty() {
        return;
    }
    out.push_str("## Pairs\n\n| | |\n|---|---|\n");
    for (pair, counts) in pairs {
        put!(out, "| {} | {} |\n", inline(&pair), counts.signs().replace('~', "\\~"));
    }
    out.push('\n');
}

fn failures(out: &mut String, record: &Record) {
    let failing: Vec<_> = record.cases.iter().filter(|result| words::is_failing(result.verdict)).collect();
    if failing.is_empty() {
        return;
    }
    out.push_str("## Failures\n\n");
    failing.into_iter().for_each(|result| failure(out, result));
}

fn failure(out: &mut String, result: &CaseResult) {
    let (sign, phrase) = (words::sign(result.verdict).replace('~', "\\~"), words::phrase(result.verdict));
    put!(out, "### {sign} {}: {} {phrase}\n\n", inline(&result.case), inline(&words::label(result)));
    put!(
        out,
        "{}. Lane {}, {}",
        inline(result.title.trim_end_matches('.')),
        words::lane(result.lane),
        words::time(result.ms)
    );
    if result.attempts > 1 {
        put!(out, ", tried {} times", result.attempts);
    }
    out.push_str(".\n\n");
    for id in words::rules(result) {
        match requirements::get(id) {
            // The text is Markdown itself.
            Some(rule) => {
                put!(out, "> **{id}** ({}, binds {}) {}\n>\n", rule.level, binds(&rule.role), rule.text)
            }
            None => put!(out, "> **{}** is not in this specification\n>\n", inline(id)),
        }
    }
    out.push('\n');
    if let Some(Failure { step, text, blame, expected, observed, .. }) = &result.failure {
        put!(out, "- to blame: **{}**\n- step, line {step}: {}\n", inline(blame), code(text));
        put!(out, "- expected: {}\n- observed: {}\n", code(expected), code(observed));
    }
    if let Some(reason) = &result.reason {
        put!(out, "- reason: {}\n", inline(reason));
    }
    put!(out, "- again: {}\n\n", code(&result.reproduce));
    if !result.transcript.is_empty() {
        let lines = words::transcript(&result.transcript, 0, ENTRIES);
        put!(out, "Transcript (ms since the case began):\n\n{}\n", block(&lines));
    }
    if let Some(output) = &result.output {
        put!(out, "Printed by the subject:\n\n{}\n", block(&words::visible_lines(output)));
    }
}

/// Whom a requirement's role binds, in words.
pub(crate) fn binds(role: &str) -> &str {
    match role {
        "both" => "clients and engines",
        "client" => "clients",
        "engine" => "engines",
        "runner" => "runners of applications",
        other => other,
    }
}

/// The mutants, survivors first, and the cases that killed them.
fn selftest(out: &mut String, record: &Record) {
    if record.mutants.is_empty() {
        return;
    }
    put!(out, "## Self-test\n\n{}\n\n", inline(&mutants::sentence(&record.mutants)));
    out.push_str("| | mutant | breaks | cases |\n|---|---|---|---|\n");
    for mutant in mutants::sorted(&record.mutants) {
        let sign = words::sign(if mutant.killed { Verdict::Pass } else { Verdict::Fail });
        let cases = mutant.cases.iter().filter(|kill| kill.killed == mutant.killed).map(|kill| {
            let mut told = format!("{} {}", kill.case, words::phrase(kill.verdict));
            if !kill.requirements.is_empty() {
                put!(told, " {}", kill.requirements.join(", "));
            }
            if !kill.killed && !kill.why.is_empty() {
                put!(told, ": {}", words::short(&kill.why, 160));
            }
            inline(&told)
        });
        // A fraud fails nearly all cases there are.
        const SHOWN: usize = 6;
        let count = cases.clone().count();
        let mut shown: Vec<String> = cases.take(if mutant.killed { SHOWN } else { count }).collect();
        if count > shown.len() {
            shown.push(format!("and {} more", count - shown.len()));
        }
        put!(
            out,
            "| {sign} {} | **{}** {} ",
            mutants::word(mutant),
            inline(&mutant.mutant),
            inline(&mutant.title)
        );
        put!(out, "| {} | {} |\n", inline(&mutant.breaks.join(", ")), shown.join("<br>"));
    }
    out.push('\n');
}

fn known(out: &mut String, record: &Record) {
    let known: Vec<_> = record.cases.iter().filter(|result| result.verdict == Verdict::KnownFail).collect();
    if known.is_empty() {
        return;
    }
    out.push_str("## Known failures\n\n| case | subject | requirements | reason |\n|---|---|---|---|\n");
    for result in known {
        put!(
            out,
            "| {} | {} | {} | {} |\n",
            inline(&result.case),
            inline(&words::label(result)),
            inline(&words::rules(result).join(", ")),
            inline(result.reason.as_deref().unwrap_or("none given"))
        );
    }
    out.push('\n');
}

/// Cases that did not run, together by reason: many cases share one.
fn without(out: &mut String, record: &Record, title: &str, verdict: Verdict, meaning: &str) {
    let mut groups: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for result in record.cases.iter().filter(|result| result.verdict == verdict) {
        let reason = result.reason.as_deref().unwrap_or("no reason given");
        groups.entry((words::label(result), reason)).or_default().push(&result.case);
    }
    if groups.is_empty() {
        return;
    }
    put!(out, "## {title}\n\n{meaning}\n\n| subject | reason | cases |\n|---|---|---|\n");
    for ((subject, reason), cases) in groups {
        put!(out, "| {} | {} | {} |\n", inline(&subject), inline(reason), inline(&cases.join(", ")));
    }
    out.push('\n');
}

/// Text in which nothing is markup, also within a table.
fn inline(text: &str) -> String {
    words::visible(text).chars().fold(String::new(), |mut out, character| {
        match character {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
        out
    })
}

/// One line of code.
fn code(text: &str) -> String {
    let text = words::short(&words::visible(text), 1000);
    let fence = "`".repeat(longest_run(&text) + 1);
    // Next to a backtick, or to spaces at both ends, Markdown takes one space away again.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        format!("{fence}{pad}{text}{pad}{fence}")
    }
}

/// Lines of code.
fn block(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn markdown() {
        insta::assert_snapshot!(render(&sample::record()));
    }

    #[test]
    fn markdown_of_a_record_that_was_cut_short() {
        let record = Record { summary: None, cases: Vec::new(), mutants: Vec::new(), ..sample::record() };
        insta::assert_snapshot!(render(&record));
    }

    #[test]
    fn code_is_never_left_early() {
        assert_eq!(code("a ``b` c"), "```a ``b` c```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code(""), "nothing");
        assert_eq!(block(&["````".into()]), "`````text\n````\n`````\n");
    }

    #[test]
    fn every_case_that_did_not_pass_is_named() {
        let record = sample::record();
        let page = render(&record);
        for result in record.cases.iter().filter(|result| result.verdict != Verdict::Pass) {
            assert!(page.contains(&inline(&result.case)), "{}", result.case);
        }
    }
}
