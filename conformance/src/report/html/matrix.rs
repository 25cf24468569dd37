//! Requirements × subjects, and below each requirement the cases that test it.

use std::collections::BTreeMap;

use crate::record::{CaseResult, Subject, Verdict};
use crate::report::html::cases::anchor;
use crate::report::html::escape::{markdown, text};
use crate::report::markdown::binds;
use crate::report::matrix::{about, column, Counts, Mark, CUT_OFF_SIGN, PAIRS};
use crate::report::reading::Record;
use crate::report::words::{self, put};
use crate::requirements::{self, Requirement};

/// A result's place in the record, the result, and what it says about a requirement.
type Said<'a> = (usize, &'a CaseResult, Mark);

/// What one case says, by column.
type Cells<'a> = BTreeMap<String, Vec<Said<'a>>>;

/// What the cases say about one requirement.
struct Row<'a> {
    rule: &'static Requirement,
    results: Vec<Said<'a>>,
}

impl<'a> Row<'a> {
    fn new(record: &'a Record, rule: &'static Requirement) -> Self {
        let results = record.cases.iter().enumerate();
        let results = results.filter_map(|(index, result)| Some((index, result, about(result, &rule.id)?)));
        Self { rule, results: results.collect() }
    }

    fn counts(&self, column_name: Option<&str>) -> Counts {
        let mut counts = Counts::default();
        for (_, result, mark) in &self.results {
            if column_name.is_none_or(|name| column(result) == name) {
                counts.add(*mark);
            }
        }
        counts
    }
}

/// The table with a part for each area.
pub(super) fn section(out: &mut String, record: &Record, columns: &[String]) {
    let mut areas: Vec<(&str, Vec<Row<'_>>)> = Vec::new();
    for rule in requirements::all() {
        let row = Row::new(record, rule);
        match areas.last_mut() {
            Some((area, rows)) if *area == rule.area() => rows.push(row),
            _ => areas.push((rule.area(), vec![row])),
        }
    }
    let tested = areas.iter().flat_map(|(_, rows)| rows).filter(|row| !row.results.is_empty()).count();
    let all = requirements::all().len();
    put!(out, "<section>\n<h2 id=\"requirements\">Requirements</h2>\n<p>The run tests {tested} of {all} requirements. ");
    out.push_str("A cell counts the cases; it leads to them.</p>\n");
    legend(out);
    areas.iter().for_each(|(name, rows)| area(out, record, columns, name, rows));
    out.push_str("</section>\n<section>\n<h2>Cases by requirement</h2>\n");
    for (name, rows) in &areas {
        put!(out, "<details class=\"rules\">\n{}", area_summary(name, rows));
        rows.iter().for_each(|row| drill_down(out, columns, row));
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn legend(out: &mut String) {
    out.push_str("<ul class=\"legend\">\n");
    for verdict in words::VERDICTS {
        let (word, sign, phrase) = (words::word(verdict), words::sign(verdict), words::phrase(verdict));
        put!(out, "<li title=\"{}\"><i class=\"{word}\">{sign}</i> {phrase}</li>\n", words::meaning(verdict));
    }
    put!(out, "<li><i class=\"cut-off\">{CUT_OFF_SIGN}</i> case ended earlier, by another rule</li>\n");
    out.push_str("<li><i class=\"untested\">–</i> not tested</li>\n<li><i class=\"unbound\">·</i> does not bind it</li>\n</ul>\n");
}

/// An area's name and how many requirements are as they should be: each counts by the worst that is known of it.
fn area_summary(name: &str, rows: &[Row<'_>]) -> String {
    let mut all = Counts::default();
    rows.iter().filter_map(|row| row.counts(None).worst()).for_each(|mark| all.add(mark));
    let untested = rows.iter().filter(|row| row.results.is_empty()).count();
    let mut out = format!("<summary><h3>EE-{}</h3> <span class=\"signs\">", text(name));
    if untested < rows.len() {
        out.push_str(&signs(&all));
    }
    if untested > 0 {
        put!(out, " <i class=\"untested\" title=\"{untested} not tested\">– {untested}</i>");
    }
    out + "</span></summary>\n"
}

fn area(out: &mut String, record: &Record, columns: &[String], name: &str, rows: &[Row<'_>]) {
    put!(out, "<details class=\"area\" open>\n{}", area_summary(name, rows));
    put!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"EE-{}\">\n", text(name));
    out.push_str("<table class=\"matrix\">\n<thead><tr><th scope=\"col\">Requirement</th><th scope=\"col\" class=\"wide\">Text</th>");
    columns.iter().for_each(|column| put!(out, "<th scope=\"col\" class=\"subject\">{}</th>", text(column)));
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let id = text(&row.rule.id);
        let untested = if row.results.is_empty() { " data-untested" } else { "" };
        put!(
            out,
            "<tr data-f=\"{}\"{untested}><th scope=\"row\">{}</th>",
            filter_words(row),
            rule_link(&row.rule.id)
        );
        put!(out, "<td class=\"wide\"><p>{}</p></td>", markdown(&row.rule.text));
        if row.results.is_empty() {
            put!(
                out,
                "<td class=\"untested reason\" colspan=\"{}\">– {}</td>",
                columns.len().max(1),
                untested_reason(row.rule)
            );
        } else {
            columns.iter().for_each(|name| cell(out, record, row, &id, name));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</details>\n");
}

fn cell(out: &mut String, record: &Record, row: &Row<'_>, id: &str, column: &str) {
    let counts = row.counts(Some(column));
    let Some(worst) = counts.worst() else {
        let subject = record.run.subjects.iter().find(|subject| subject.key == column);
        let bound = subject.is_none_or(|subject| is_bound(row.rule, subject)) && column != PAIRS;
        let (class, sign, meaning) =
            if bound { ("untested", "–", "not tested") } else { ("unbound", "·", "does not bind it") };
        put!(out, "<td class=\"{class}\" title=\"{meaning}\">{sign}</td>");
        return;
    };
    let (class, sign) = class_and_sign(worst);
    let of_that = match worst {
        Mark::Verdict(verdict) => counts.of(verdict),
        Mark::CutOff => counts.cut_off(),
    };
    let total = counts.total();
    let number = if of_that == total { total.to_string() } else { format!("{of_that}/{total}") };
    let phrase = counts.phrase();
    put!(out, "<td class=\"{class}\"><a href=\"#{id}\" title=\"{phrase}\">{sign} {number}</a></td>");
}

/// Whether the requirement is about such a subject at all.
fn is_bound(rule: &Requirement, subject: &Subject) -> bool {
    let is_engine = subject.role == "engine";
    let role = match rule.role.as_str() {
        "engine" => is_engine,
        "client" => !is_engine,
        _ => true,
    };
    let has =
        |profile: &str| subject.profiles.is_empty() || subject.profiles.iter().any(|name| name == profile);
    role && match rule.area() {
        "SDK" => subject.role == "sdk",
        "BASIC" => has("basic"),
        "SESSION" => has("session"),
        _ => true,
    }
}

fn untested_reason(rule: &Requirement) -> String {
    match &rule.untestable {
        Some(reason) => format!("untestable: {}", markdown(reason)),
        None => "no case of this run tests it".to_owned(),
    }
}

/// A requirement with its text, and its cases × subjects.
fn drill_down(out: &mut String, columns: &[String], row: &Row<'_>) {
    let Requirement { id, level, role, text: rule, intent, .. } = row.rule;
    let counts = row.counts(None);
    let untested = if row.results.is_empty() { " data-untested" } else { "" };
    put!(
        out,
        "<details class=\"rule\" data-f=\"{}\"{untested}><summary><b>{}</b>",
        filter_words(row),
        text(id)
    );
    put!(
        out,
        " <span class=\"signs\">{}</span></summary>",
        if untested.is_empty() { signs(&counts) } else { "–".into() }
    );
    put!(out, "<div id=\"{}\"><p>{}</p>", text(id), markdown(rule));
    put!(out, "<p class=\"facts\">{} for {}. {}</p>", text(level), binds(role), markdown(intent));
    if row.results.is_empty() {
        put!(out, "<p class=\"untested\">– {}</p></div></details>\n", untested_reason(row.rule));
        return;
    }
    out.push('\n');
    let mut cases: Vec<(&str, Cells<'_>)> = Vec::new();
    for &(index, result, mark) in &row.results {
        if !cases.iter().any(|(case, _)| *case == result.case) {
            cases.push((&result.case, BTreeMap::new()));
        }
        if let Some((_, cells)) = cases.iter_mut().find(|(case, _)| *case == result.case) {
            cells.entry(column(result)).or_default().push((index, result, mark));
        }
    }
    cases.sort_by(|(left, _), (right, _)| requirements::natural(left, right));
    let shown: Vec<&String> =
        columns.iter().filter(|name| cases.iter().any(|(_, cells)| cells.contains_key(*name))).collect();
    put!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Cases of {}\">\n", text(id));
    out.push_str("<table class=\"drill\">\n<thead><tr><th scope=\"col\">Case</th>");
    shown.iter().for_each(|name| put!(out, "<th scope=\"col\">{}</th>", text(name)));
    out.push_str("</tr></thead>\n<tbody>\n");
    for (case, cells) in cases {
        let title = cells.values().flatten().next().map_or("", |(_, result, _)| &result.title);
        put!(out, "<tr><th scope=\"row\">{}<small class=\"wide\">{}</small></th>", text(case), text(title));
        for name in &shown {
            out.push_str("<td class=\"signs\">");
            for (index, result, mark) in cells.get(*name).map(Vec::as_slice).unwrap_or_default() {
                let (class, sign) = class_and_sign(*mark);
                let title = format!("{}: {}", words::label(result), words::phrase(result.verdict));
                put!(
                    out,
                    "<a class=\"{class}\" href=\"#{}\" title=\"{}\">{sign}",
                    anchor(*index),
                    text(&title)
                );
                put!(out, " {}</a> ", words::time(result.ms));
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div></div></details>\n");
}

/// What the filter finds beside the text.
fn filter_words(row: &Row<'_>) -> String {
    let counts = row.counts(None);
    let verdicts = words::VERDICTS.into_iter().filter(|&verdict| counts.of(verdict) > 0).map(words::word);
    let untested = row.results.is_empty().then_some("untested");
    verdicts.chain(untested).collect::<Vec<_>>().join(" ")
}

fn class_and_sign(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Verdict(verdict) => (words::word(verdict), words::sign(verdict)),
        Mark::CutOff => ("cut-off", CUT_OFF_SIGN),
    }
}

/// Counts as coloured signs.
pub(super) fn signs(counts: &Counts) -> String {
    let verdicts =
        words::VERDICTS.into_iter().map(|verdict: Verdict| (Mark::Verdict(verdict), counts.of(verdict)));
    let mut out = String::new();
    for (mark, count) in verdicts.chain([(Mark::CutOff, counts.cut_off())]).filter(|(_, count)| *count > 0) {
        let (class, sign) = class_and_sign(mark);
        let phrase = match mark {
            Mark::Verdict(verdict) => words::phrase(verdict),
            Mark::CutOff => "cut off",
        };
        put!(out, "<i class=\"{class}\" title=\"{count} {phrase}\">{sign} {count}</i> ");
    }
    if out.is_empty() {
        "–".to_owned()
    } else {
        out.trim_end().to_owned()
    }
}

/// The id as a link to its cases, if this specification has it.
pub(super) fn rule_link(id: &str) -> String {
    let shown = text(id);
    match requirements::get(id) {
        Some(_) => format!("<a href=\"#{shown}\">{shown}</a>"),
        None => shown,
    }
}
