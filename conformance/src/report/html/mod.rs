//! One HTML page that needs nothing beside itself: what came of the run, by requirement and by case.

mod cases;
mod escape;
mod matrix;
mod mutants;
mod overview;

use crate::report::matrix::columns;
use crate::report::reading::Record;
use crate::report::words::put;

use escape::text;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("filter.js");

/// The whole page.
pub(crate) fn render(record: &Record) -> String {
    let columns = columns(record);
    // Each section is a function that adds itself; it says nothing where it has nothing to say.
    let sections: [fn(&mut String, &Record, &[String]); 7] = [
        overview::problems,
        overview::failures,
        mutants::section,
        overview::subjects,
        overview::pairs,
        matrix::section,
        cases::section,
    ];
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    // What the subjects said stands in this page: nothing of it may load or run anything.
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; ",
    );
    out.push_str(
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<link rel=\"icon\" href=\"data:,\">\n",
    );
    put!(
        out,
        "<title>Conformance: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        text(record.outcome())
    );
    overview::header(&mut out, record);
    out.push_str("<main>\n");
    sections.into_iter().for_each(|section| section(&mut out, record, &columns));
    put!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Entry, Verdict};
    use crate::report::sample;
    use crate::requirements;

    #[test]
    fn html() {
        let page = render(&sample::record());
        // Style and script are files of their own, and what no case tests is long.
        let page = page.replace(STYLE, "(style)\n").replace(SCRIPT, "(script)\n");
        let shown: Vec<_> = page.lines().filter(|line| !line.contains("data-untested")).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_page_of_a_record_that_was_cut_short() {
        let page =
            render(&Record { summary: None, cases: Vec::new(), mutants: Vec::new(), ..sample::record() });
        assert!(page.contains("the run did not come to its end"));
    }

    #[test]
    fn every_requirement_is_there_and_every_link_leads_somewhere() {
        let page = render(&sample::record());
        for requirement in requirements::all() {
            assert!(page.contains(&format!("id=\"{}\"", requirement.id)), "{}", requirement.id);
        }
        for link in page.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert_eq!(page.matches(&format!(" id=\"{target}\"")).count(), 1, "{target}");
        }
    }

    #[test]
    fn nothing_breaks_out_and_nothing_is_loaded() {
        let page = render(&sample::record());
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("alert(1)</script"));
        assert!(
            !page.contains("src=")
                && !page.contains("http://")
                && !page.contains("https://")
                && !page.contains("url(")
        );
        assert!(!page.contains(|c: char| (c < ' ' && c != '\n') || c == '\u{202e}'));
    }

    /// Four libraries, 250 cases each, transcripts of 40 entries, each different.
    #[test]
    fn a_large_run_stays_below_six_megabytes() {
        let record = large(40);
        assert_eq!(record.cases.len(), 1000);
        let bytes = render(&record).len();
        assert!(bytes < 6_000_000, "{bytes}");
    }

    fn large(entries: u64) -> Record {
        let mut record = sample::record();
        let pattern = record.cases.clone();
        let sdks = ["go", "rust", "python", "c"];
        let like = record.run.subjects[1].clone();
        record.run.subjects = sdks
            .iter()
            .map(|&key| crate::record::Subject { key: key.into(), language: key.into(), ..like.clone() })
            .collect();
        record.cases.clear();
        for number in 0..1000_usize {
            // Most pass; the others are as the sample has them.
            let mut result =
                if number % 23 == 0 { &pattern[number / 23 % pattern.len()] } else { &pattern[2] }.clone();
            let rules = requirements::all();
            let first = &rules[number / 4 * 7 % rules.len()].id;
            result.requirements = vec![first.clone(), rules[number / 4 * 5 % rules.len()].id.clone()];
            if let Some(failure) = &mut result.failure {
                failure.requirements = vec![first.clone()];
            }
            let area = first.trim_start_matches("EE-").split('-').next().unwrap().to_lowercase();
            result.case = format!("{area}/topic-{}/{}@session", number / 40, number / 4);
            result.title =
                format!("What case {} is about, in a sentence of usual length for a title", number / 4);
            result.subjects = vec![sdks[number % 4].into()];
            if result.verdict != Verdict::Pass || number % 20 == 2 {
                result.ms = 100 + number as u64 * 7;
            }
            let text = |at| {
                format!(
                    "session/1 events first={at} count=3 session=4f2a{number:04x} [\"t:{at:08}\" \"t:...\"]"
                )
            };
            result.transcript = (0..entries)
                .map(|at| Entry {
                    us: at * 1777,
                    from: if at % 2 == 0 { "client" } else { "engine" }.into(),
                    to: if at % 2 == 0 { "engine" } else { "client" }.into(),
                    kind: "message".into(),
                    text: text(at),
                })
                .collect();
            record.cases.push(result);
        }
        record
    }
}
