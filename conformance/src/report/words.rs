//! Words, signs and forms that all reports share.

use crate::record::{CaseResult, Entry, Failure, Lane, Verdict};

/// Writes formatted text to the end of a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arguments:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arguments)*);
    }};
}
pub(crate) use put;

/// All verdicts, the best first.
pub(crate) const VERDICTS: [Verdict; 8] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::HarnessError,
    Verdict::UnexpectedPass,
    Verdict::Flaky,
    Verdict::CouldNotRun,
    Verdict::KnownFail,
    Verdict::NotApplicable,
];

/// The verdict as the record has it.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::KnownFail => "known-fail",
        Verdict::UnexpectedPass => "unexpected-pass",
        Verdict::Flaky => "flaky",
        Verdict::NotApplicable => "not-applicable",
        Verdict::CouldNotRun => "could-not-run",
        Verdict::HarnessError => "harness-error",
    }
}

/// The verdict for people.
pub(crate) fn phrase(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "failed",
        Verdict::KnownFail => "known failure",
        Verdict::UnexpectedPass => "unexpected pass",
        Verdict::Flaky => "flaky",
        Verdict::NotApplicable => "not applicable",
        Verdict::CouldNotRun => "could not run",
        Verdict::HarnessError => "harness error",
    }
}

/// A sign for the verdict, so that no report speaks by colour alone.
pub(crate) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::KnownFail => "k",
        Verdict::UnexpectedPass => "!",
        Verdict::Flaky => "~",
        Verdict::NotApplicable => "○",
        Verdict::CouldNotRun => "?",
        Verdict::HarnessError => "E",
    }
}

/// What the verdict means, one sentence.
pub(crate) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Every step went as the specification says.",
        Verdict::Fail => "A step did not go as the specification says.",
        Verdict::KnownFail => "It failed, as the ledger of known failures says it does.",
        Verdict::UnexpectedPass => "It passed, though the ledger of known failures says that it fails.",
        Verdict::Flaky => "It failed, and passed when it was tried again.",
        Verdict::NotApplicable => "The subject lacks an optional part that the case is about.",
        Verdict::CouldNotRun => "Something that the case needs beside the subject is missing.",
        Verdict::HarnessError => "The harness or a case is wrong.",
    }
}

/// Whether somebody has to do something about it.
pub(crate) fn is_failing(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::UnexpectedPass | Verdict::Flaky | Verdict::HarnessError)
}

/// The lane as the record has it.
pub(crate) fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::ClientEngine => "client-engine",
        Lane::HostileEngine => "hostile-engine",
        Lane::HostileClient => "hostile-client",
        Lane::Pair => "pair",
        Lane::MiniEngine => "mini-engine",
    }
}

/// `go`, or `go+rust` of a pair.
pub(crate) fn label(result: &CaseResult) -> String {
    result.subjects.join("+")
}

/// `basic/quit` of `basic/quit/1@basic`.
pub(crate) fn area(case: &str) -> &str {
    case.rsplit_once('/').map_or(case, |(area, _)| area)
}

/// The requirements to show with a result: the broken ones where they are known.
pub(crate) fn rules(result: &CaseResult) -> &[String] {
    match &result.failure {
        Some(Failure { requirements, .. }) if !requirements.is_empty() => requirements,
        _ => &result.requirements,
    }
}

/// `12 ms`, `3.4 s`.
pub(crate) fn time(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms} ms")
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

/// Makes one line of it in which everything is seen and nothing acts: control characters, and characters that turn the
/// direction of writing, become their escapes. (They have pictures too, but few fonts do.)
pub(crate) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => put!(out, "\\x{:02x}", u32::from(character)),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => put!(out, "\\u{{{:x}}}", u32::from(character)),
            _ => out.push(character),
        }
        out
    })
}

/// The same for what has several lines.
pub(crate) fn visible_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| visible(&line.replace('\t', "    "))).collect()
}

/// At most `limit` characters of it.
pub(crate) fn short(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => {
            format!("{}… ({} more characters)", text.get(..end).unwrap_or(text), text.chars().count() - limit)
        }
        None => text.to_owned(),
    }
}

/// Breaks it into lines of at most `width` characters, where words allow it.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The first `head` and the last `tail` entries as aligned lines: milliseconds, who says it to whom, what.
pub(crate) fn transcript(entries: &[Entry], head: usize, tail: usize) -> Vec<String> {
    const LONGEST: usize = 300;
    let left_out = entries.len().saturating_sub(head + tail);
    let (first, last) = if left_out == 0 {
        (entries, Default::default())
    } else {
        (entries.get(..head).unwrap_or_default(), entries.get(head + left_out..).unwrap_or_default())
    };
    let shown = || first.iter().chain(last);
    let from = shown().map(|entry| visible(&entry.from).chars().count()).max().unwrap_or(0);
    let to = shown().map(|entry| visible(&entry.to).chars().count()).max().unwrap_or(0);
    let ms = shown().map(|entry| (entry.us / 1000).to_string().len()).max().unwrap_or(1);
    let line = |entry: &Entry| {
        let arrow = if entry.to.is_empty() { ' ' } else { '→' };
        // A step is what the case says, not what was said.
        let mark = if entry.kind == "step" { "▸ " } else { "" };
        let time = format!("{:>ms$}.{:03}", entry.us / 1000, entry.us % 1000);
        format!(
            "{time}  {:<from$} {arrow} {:<to$}  {mark}{}",
            visible(&entry.from),
            visible(&entry.to),
            short(&visible(&entry.text), LONGEST)
        )
    };
    let mut lines: Vec<String> = first.iter().map(line).collect();
    if left_out > 0 {
        lines.push(format!("{:ms$}   …  {left_out} entries left out", ""));
    }
    lines.extend(last.iter().map(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_and_nothing_that_acts_is_left() {
        assert_eq!(visible("a\0\x1b[31m\n\u{202e}é\x7f\u{85}"), "a\\x00\\x1b[31m\\n\\u{202e}é\\x7f\\u{85}");
        assert_eq!(visible_lines("a\tb\r\nc\n"), ["a    b", "c"]);
    }

    #[test]
    fn times_and_areas() {
        assert_eq!(time(999), "999 ms");
        assert_eq!(time(12_345), "12.3 s");
        assert_eq!(area("basic/quit/1@basic"), "basic/quit");
        assert_eq!(area("alone"), "alone");
    }

    #[test]
    fn words_are_wrapped() {
        assert_eq!(
            wrap("one two  three incomprehensibilities", 8),
            ["one two", "three", "incomprehensibilities"]
        );
        assert_eq!(wrap("", 8), Vec::<String>::new());
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äöüß", 3), "äöü… (1 more characters)");
    }

    #[test]
    fn a_transcript_is_cut_in_its_middle() {
        let entry =
            |us| Entry { us, from: "a".into(), to: "bc".into(), kind: "note".into(), text: us.to_string() };
        let entries: Vec<_> = (0..10).map(entry).collect();
        let lines = transcript(&entries, 1, 2);
        assert_eq!(
            lines,
            ["0.000  a → bc  0", "    …  7 entries left out", "0.008  a → bc  8", "0.009  a → bc  9"]
        );
        assert_eq!(transcript(&entries, 5, 5).len(), 10);
        assert!(transcript(&[], 0, 5).is_empty());
    }
}
