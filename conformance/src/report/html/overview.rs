//! The page's begin: outcome, what failed, what ran.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Verdict};
use crate::report::html::cases::anchor;
use crate::report::html::escape::text;
use crate::report::html::matrix::signs;
use crate::report::matrix::{counts, Counts};
use crate::report::reading::Record;
use crate::report::words::{self, put};

/// Outcome, counts, the filter.
pub(super) fn header(out: &mut String, record: &Record) {
    let run = &record.run;
    let class = match record.outcome() {
        "pass" => "pass",
        "fail" => "fail",
        "error" => "harness-error",
        "incomplete" => "could-not-run",
        _ => "not-applicable",
    };
    let sign = match record.outcome() {
        "pass" => "✓",
        "fail" | "error" => "✗",
        _ => "?",
    };
    let sentence = record.outcome_sentence();
    let (word, meaning) = sentence.split_once(": ").unwrap_or((&sentence, ""));
    out.push_str("<header>\n<p class=\"over\">event-engine</p>\n<h1>Conformance</h1>\n");
    put!(
        out,
        "<p class=\"outcome {class}\"><strong>{sign} {}</strong> <span>{}</span></p>\n",
        text(word),
        text(meaning)
    );
    let all = counts(&record.cases);
    put!(out, "<ul class=\"counts\">\n<li><b>{}</b> cases</li>\n", all.total());
    for verdict in words::VERDICTS {
        let count = all.of(verdict);
        if count > 0 {
            let (word, sign, phrase) = (words::word(verdict), words::sign(verdict), words::phrase(verdict));
            let meaning = words::meaning(verdict);
            put!(
                out,
                "<li class=\"{word}\" title=\"{meaning}\"><i>{sign}</i> <b>{count}</b> {phrase}</li>\n"
            );
        }
    }
    put!(out, "</ul>\n<p class=\"facts\">Begun {}", text(&run.started));
    if let Some(summary) = &record.summary {
        put!(out, ", took {:.1} s", summary.seconds);
    }
    put!(out, ". Harness {} on {}. Seed {}", text(&run.harness), text(&run.machine), run.seed);
    put!(out, ", deadlines × {}. <code>{}</code></p>\n", run.time_scale, text(&run.arguments.join(" ")));
    out.push_str("<nav aria-label=\"Parts\"><a href=\"#subjects\">What ran</a> <a href=\"#requirements\">Requirements</a>");
    if !record.cases.is_empty() {
        out.push_str(" <a href=\"#cases\">Cases</a>");
    }
    if !record.mutants.is_empty() {
        out.push_str(" <a href=\"#mutants\">Self-test</a>");
    }
    out.push_str("</nav>\n");
    // Only a script can filter, so it shows the box itself.
    out.push_str("<form id=\"filter\" role=\"search\" hidden><label for=\"words\">Show only</label>");
    out.push_str(
        "<input id=\"words\" type=\"search\" autocomplete=\"off\" placeholder=\"quit, go fail, EE-SDK-2 …\">",
    );
    out.push_str("<output for=\"words\"></output></form>\n</header>\n");
}

/// Problems that belong to no case.
pub(super) fn problems(out: &mut String, record: &Record, _: &[String]) {
    if record.problems().is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Problems of the run</h2>\n<ul>\n");
    record.problems().iter().for_each(|problem| put!(out, "<li>{}</li>\n", text(problem)));
    out.push_str("</ul>\n</section>\n");
}

/// Whatever did not pass, and is not silent therefore.
pub(super) fn failures(out: &mut String, record: &Record, _: &[String]) {
    let of = |verdict| record.cases.iter().enumerate().filter(move |(_, result)| result.verdict == verdict);
    let failing = record.cases.iter().enumerate().filter(|(_, result)| words::is_failing(result.verdict));
    list(out, "What failed", true, failing.collect());
    list(out, "Known failures", false, of(Verdict::KnownFail).collect());
    list(out, "What could not run", false, of(Verdict::CouldNotRun).collect());
    list(out, "What is not applicable", false, of(Verdict::NotApplicable).collect());
}

fn list(out: &mut String, title: &str, open: bool, results: Vec<(usize, &CaseResult)>) {
    if results.is_empty() {
        return;
    }
    let open = if open { " open" } else { "" };
    put!(
        out,
        "<details class=\"list\"{open}>\n<summary><h2>{title}</h2> <span>{}</span></summary>\n",
        results.len()
    );
    out.push_str("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">\n<table class=\"results\">\n");
    out.push_str(
        "<thead><tr><th scope=\"col\">Case</th><th scope=\"col\">Subject</th><th scope=\"col\">Rules</th>",
    );
    out.push_str("<th scope=\"col\">What happened</th></tr></thead>\n<tbody>\n");
    for (index, result) in results {
        let (word, sign, phrase) =
            (words::word(result.verdict), words::sign(result.verdict), words::phrase(result.verdict));
        put!(
            out,
            "<tr data-f=\"{word}\"><th scope=\"row\"><i class=\"{word}\" title=\"{phrase}\">{sign}</i> "
        );
        put!(out, "<a href=\"#{}\">{}</a></th>", anchor(index), text(&result.case));
        put!(out, "<td>{}</td><td class=\"rules\">", text(&words::label(result)));
        words::rules(result).iter().for_each(|id| put!(out, "{} ", super::matrix::rule_link(id)));
        let (what, blame) = match (&result.failure, &result.reason) {
            (_, Some(reason)) => (reason.as_str(), None),
            (Some(failure), None) => (failure.observed.as_str(), Some(failure.blame.as_str())),
            (None, None) => (words::meaning(result.verdict), None),
        };
        put!(out, "</td><td>{}", text(&words::short(what, 160)));
        if let Some(blame) = blame {
            put!(out, " <small>to blame: {}</small>", text(blame));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</details>\n");
}

/// What ran, with versions.
pub(super) fn subjects(out: &mut String, record: &Record, _: &[String]) {
    out.push_str("<section>\n<h2 id=\"subjects\">What ran</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What ran\">\n");
    out.push_str(
        "<table class=\"subjects\">\n<thead><tr><th scope=\"col\">Subject</th><th scope=\"col\">Result</th>",
    );
    out.push_str(
        "<th scope=\"col\">Name and version</th><th scope=\"col\">Role</th><th scope=\"col\">Language</th>",
    );
    out.push_str("<th scope=\"col\">Profiles</th><th scope=\"col\">Features</th><th scope=\"col\">Libraries</th></tr></thead>\n<tbody>\n");
    for subject in &record.run.subjects {
        let mine = record.cases.iter().filter(|result| result.subjects == [subject.key.as_str()]);
        let counts: Counts = mine.map(|result| result.verdict).collect();
        put!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"signs\">{}</td>",
            text(&subject.key),
            signs(&counts)
        );
        if let Some(reason) = &subject.broken {
            put!(
                out,
                "<td colspan=\"6\" class=\"fail\">✗ could not be started: {}</td></tr>\n",
                text(reason)
            );
            continue;
        }
        let libraries: Vec<_> =
            subject.libraries.iter().map(|(name, version)| format!("{name} {version}")).collect();
        put!(out, "<td>{} {}</td>", text(&subject.name), text(&subject.version));
        put!(out, "<td>{}</td><td>{}</td>", text(&subject.role), text(&subject.language));
        for list in [&subject.profiles, &subject.features, &libraries] {
            put!(out, "<td>{}</td>", text(&list.join(", ")));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// Who was tried with whom.
pub(super) fn pairs(out: &mut String, record: &Record, _: &[String]) {
    let mut cells: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    for result in &record.cases {
        if let [first, second, ..] = result.subjects.as_slice() {
            cells.entry((first, second)).or_default().extend([result.verdict]);
        }
    }
    if cells.is_empty() {
        return;
    }
    let mut names: Vec<&str> = cells.keys().flat_map(|(first, second)| [*first, *second]).collect();
    names.sort_unstable();
    names.dedup();
    out.push_str("<section>\n<h2>Pairs</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Pairs\">\n");
    out.push_str("<table class=\"pairs\">\n<thead><tr><th scope=\"col\">first, second →</th>");
    names.iter().for_each(|name| put!(out, "<th scope=\"col\">{}</th>", text(name)));
    out.push_str("</tr></thead>\n<tbody>\n");
    for first in &names {
        put!(out, "<tr><th scope=\"row\">{}</th>", text(first));
        for second in &names {
            let cell = cells.get(&(*first, *second));
            put!(out, "<td class=\"signs\">{}</td>", cell.map_or("–".to_owned(), signs));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}
