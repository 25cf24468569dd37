//! Each case once, and in it what became of it with each subject.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Entry, Failure};
use crate::report::html::escape::{markdown, markup, text};
use crate::report::html::matrix::{rule_link, signs};
use crate::report::matrix::Counts;
use crate::report::reading::Record;
use crate::report::words::{self, put};
use crate::requirements;

/// So many entries of a transcript are shown, of its begin and of its end.
const ENTRIES: (usize, usize) = (10, 70);
/// The same where all went well: most do, and nobody should have to wait for the page because of them.
const ENTRIES_OF_GOOD: (usize, usize) = (8, 32);
/// And where there are more results than [`MANY`], for phones.
const ENTRIES_OF_MANY: (usize, usize) = (3, 9);
const MANY: usize = 1500;

/// Where a result stands in the page, by its place in the record.
pub(super) fn anchor(index: usize) -> String {
    format!("r{index}")
}

/// Results with their place in the record.
type Results<'a> = Vec<(usize, &'a CaseResult)>;

/// All cases by area.
pub(super) fn section(out: &mut String, record: &Record, _: &[String]) {
    let mut cases: BTreeMap<&str, Results<'_>> = BTreeMap::new();
    for (index, result) in record.cases.iter().enumerate() {
        cases.entry(&result.case).or_default().push((index, result));
    }
    let mut cases: Vec<_> = cases.into_iter().collect();
    cases.sort_by(|(left, _), (right, _)| requirements::natural(left, right));
    let mut areas: BTreeMap<&str, Vec<(&str, Results<'_>)>> = BTreeMap::new();
    for (case, results) in cases {
        areas.entry(words::area(case)).or_default().push((case, results));
    }
    if areas.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2 id=\"cases\">Cases</h2>\n");
    let mut seen = Seen::new(record.cases.len());
    for (area, cases) in areas {
        let counts: Counts =
            cases.iter().flat_map(|(_, results)| results).map(|(_, result)| result.verdict).collect();
        put!(out, "<details class=\"cases\" open>\n<summary><h3>{}</h3> ", text(area));
        put!(out, "<span class=\"signs\">{}</span></summary>\n", signs(&counts));
        cases.iter().for_each(|(case, results)| one(out, case, results, &mut seen));
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn one<'a>(out: &mut String, case: &str, results: &[(usize, &'a CaseResult)], seen: &mut Seen<'a>) {
    let counts: Counts = results.iter().map(|(_, result)| result.verdict).collect();
    let mut filter: Vec<&str> = results.iter().map(|(_, result)| words::word(result.verdict)).collect();
    filter.sort_unstable();
    filter.dedup();
    let title = results.first().map_or("", |(_, result)| &result.title);
    put!(out, "<details class=\"case\" data-f=\"{}\"><summary><b>{}</b> ", filter.join(" "), text(case));
    put!(
        out,
        "<span class=\"title\">{}</span> <span class=\"signs\">{}</span></summary>\n",
        text(title),
        signs(&counts)
    );
    results.iter().for_each(|&(index, result)| part(out, index, result, seen));
    out.push_str("</details>\n");
}

fn part<'a>(out: &mut String, index: usize, result: &'a CaseResult, seen: &mut Seen<'a>) {
    let (word, sign) = (words::word(result.verdict), words::sign(result.verdict));
    let open = if words::is_failing(result.verdict) { " open" } else { "" };
    put!(out, "<details class=\"result\"{open}><summary><b>{}</b> ", text(&words::label(result)));
    put!(out, "<i class=\"{word}\">{sign} {}</i> ", words::phrase(result.verdict));
    put!(out, "<small>{} · {} · {}", words::time(result.ms), words::lane(result.lane), text(&result.case));
    if result.attempts > 1 {
        put!(out, " · tried {} times", result.attempts);
    }
    put!(out, "</small></summary><div id=\"{}\">\n<dl>", anchor(index));
    if let Some(Failure { step, text: line, blame, expected, observed, .. }) = &result.failure {
        put!(out, "<dt>to blame</dt><dd><b>{}</b></dd>", text(blame));
        put!(out, "<dt>step</dt><dd>line {step}: <code>{}</code></dd>", text(line));
        put!(out, "<dt>expected</dt><dd class=\"lines\">{}</dd>", lines(expected));
        put!(out, "<dt>observed</dt><dd class=\"lines\">{}</dd>", lines(observed));
    }
    if let Some(reason) = &result.reason {
        put!(out, "<dt>reason</dt><dd>{}</dd>", text(reason));
    }
    out.push_str("<dt>rules</dt><dd>");
    let is_bad = result.failure.is_some() || words::is_failing(result.verdict);
    if is_bad {
        for id in words::rules(result) {
            let rule = requirements::get(id).map_or(String::new(), |rule| markdown(&rule.text));
            put!(out, "<p>{} {rule}</p>", rule_link(id));
        }
    } else {
        result.requirements.iter().for_each(|id| put!(out, "{} ", rule_link(id)));
    }
    put!(out, "</dd><dt>again</dt><dd><code>{}</code></dd></dl>\n", text(&result.reproduce));
    transcript(out, index, result, seen, is_bad);
    if let Some(output) = result.output.as_ref().filter(|output| !output.is_empty()) {
        put!(out, "<h4>Printed by the subject</h4>\n<pre tabindex=\"0\">{}</pre>\n", lines(output));
    }
    out.push_str("</div></details>\n");
}

/// Transcripts that stand in the page already: many cases go the same way with every subject.
struct Seen<'a> {
    transcripts: BTreeMap<Vec<Said<'a>>, (usize, String)>,
    /// How much of a good case's transcript is shown.
    good: (usize, usize),
}

impl Seen<'_> {
    fn new(results: usize) -> Self {
        let good = if results > MANY { ENTRIES_OF_MANY } else { ENTRIES_OF_GOOD };
        Self { transcripts: BTreeMap::new(), good }
    }
}

/// An entry but for its time.
type Said<'a> = (&'a str, &'a str, &'a str, &'a str);

fn transcript<'a>(out: &mut String, index: usize, result: &'a CaseResult, seen: &mut Seen<'a>, is_bad: bool) {
    if result.transcript.is_empty() {
        return;
    }
    let said = |entry: &'a Entry| (&*entry.from, &*entry.to, &*entry.kind, &*entry.text);
    let key: Vec<Said<'a>> = result.transcript.iter().map(said).collect();
    let count = result.transcript.len();
    match seen.transcripts.get(&key) {
        // A failure keeps its own, with its times.
        Some((first, name)) if !is_bad => {
            put!(out, "<p class=\"facts\">Transcript: but for its times <a href=\"#{}\">", anchor(*first));
            put!(out, "that of {}</a>, {count} entries.</p>\n", text(name));
        }
        _ => {
            let (head, tail) = if is_bad { ENTRIES } else { seen.good };
            let shown = words::transcript(&result.transcript, head, tail);
            put!(out, "<h4>Transcript <small>in ms, {count} entries</small></h4>\n");
            put!(out, "<pre tabindex=\"0\">{}</pre>\n", markup(&shown.join("\n")));
            let name = format!("{} with {}", result.case, words::label(result));
            seen.transcripts.entry(key).or_insert((index, name));
        }
    }
}

fn lines(source: &str) -> String {
    markup(&words::visible_lines(source).join("\n"))
}
