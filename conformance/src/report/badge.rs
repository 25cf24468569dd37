//! A small SVG for READMEs: `event-engine conformance | go 212/212`.

use std::collections::BTreeMap;

use crate::record::Verdict;
use crate::report::matrix::{self, Counts};
use crate::report::reading::Record;
use crate::report::words::put;

const LEFT: &str = "event-engine conformance";

/// More subjects than these are added up.
const NAMED: usize = 3;

/// The whole image.
pub(crate) fn render(record: &Record) -> String {
    let right = message(record);
    let colour = match record.outcome() {
        "pass" => "#1a7f37",
        "fail" | "error" => "#b3261e",
        "incomplete" => "#8a5a00",
        _ => "#59636e",
    };
    let (left_width, right_width) = (width(LEFT), width(&right));
    let (whole, middle) = (left_width + right_width, left_width + right_width / 2);
    let title = escaped(&format!("{LEFT}: {right}"));
    let mut out = String::new();
    put!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" aria-label=\"{title}\">\n");
    put!(out, "<title>{title}</title>\n");
    put!(out, "<clipPath id=\"r\"><rect width=\"{whole}\" height=\"20\" rx=\"3\"/></clipPath>\n");
    put!(out, "<g clip-path=\"url(#r)\"><rect width=\"{left_width}\" height=\"20\" fill=\"#3d444d\"/>");
    put!(out, "<rect x=\"{left_width}\" width=\"{right_width}\" height=\"20\" fill=\"{colour}\"/></g>\n");
    put!(out, "<g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\n");
    for (at, width, text) in [(left_width / 2, left_width, LEFT), (middle, right_width, &right)] {
        // The length is given because nobody knows the reader's fonts.
        put!(out, "<text x=\"{at}\" y=\"14\" textLength=\"{}\">{}</text>\n", width - PAD, escaped(text));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn message(record: &Record) -> String {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for result in &record.cases {
        counts.entry(matrix::column(result)).or_default().extend([result.verdict]);
    }
    let ratio = |counts: &Counts| format!("{}/{}", counts.of(Verdict::Pass), counts.applicable());
    let columns = matrix::columns(record);
    let named: Vec<_> =
        columns.iter().filter_map(|column| counts.get(column).map(|counts| (column, counts))).collect();
    let numbers = match named.as_slice() {
        [] => "nothing ran".to_owned(),
        some if some.len() <= NAMED => some
            .iter()
            .map(|(column, counts)| format!("{column} {}", ratio(counts)))
            .collect::<Vec<_>>()
            .join(" · "),
        many => {
            let subjects = many.iter().filter(|(column, _)| *column != matrix::PAIRS).count();
            format!("{subjects} subjects {}", ratio(&matrix::counts(&record.cases)))
        }
    };
    match record.outcome() {
        "pass" | "empty" => numbers,
        outcome => format!("{numbers} · {outcome}"),
    }
}

const PAD: usize = 12;

/// In pixels, about as wide as Verdana of 11 pixels is.
fn width(text: &str) -> usize {
    let tenths = |character| match character {
        'i' | 'j' | 'l' | ' ' | '·' | '.' | '/' | 'f' | 't' | 'r' => 43,
        'm' | 'w' | 'M' | 'W' => 98,
        character if character.is_ascii() => 68,
        _ => 110,
    };
    text.chars().map(tenths).sum::<usize>() / 10 + PAD
}

fn escaped(text: &str) -> String {
    crate::report::words::visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn badge() {
        insta::assert_snapshot!(render(&sample::record()));
    }

    #[test]
    fn badge_of_one_subject_that_passes() {
        let mut record = sample::record();
        record.cases.retain(|result| result.subjects == ["engine"]);
        if let Some(summary) = &mut record.summary {
            summary.outcome = "pass".into();
        }
        assert_eq!(message(&record), "engine 2/2");
        insta::assert_snapshot!(render(&record));
    }

    #[test]
    fn badge_of_nothing() {
        let record = Record { cases: Vec::new(), summary: None, ..sample::record() };
        assert_eq!(message(&record), "nothing ran · cut short");
    }
}
