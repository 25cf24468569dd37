//! What the TOML parser says, without what only follows from it.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue, Error};

use super::Span;
use crate::application::diagnostics::Diagnostics;
use advice::Advice;
use headers::Headers;
use open::{Kind, Opening, Scan};

mod advice;
mod headers;
mod open;

/// The parser goes no deeper.
const DEEPEST: usize = 80;

/// Lines that were not understood.
pub(super) struct Lost {
    /// These, from 1.
    pub(super) lines: BTreeSet<usize>,
    /// This and all that follow.
    pub(super) from_line: usize,
}

/// Says what is no TOML: the first error of each line.
///
/// After a list or an inline table that is not closed the parser takes the whole rest for a part of it, so nothing that it says, and
/// nothing that it read, means anything from there on.
pub(super) fn say(errors: &[Error], document: &DeTable<'_>, text: &str, out: &mut Diagnostics) -> Lost {
    let mut syntax = Syntax {
        text,
        document,
        scan: Scan::new(text),
        headers: Headers::of(text),
        keys: None,
        closed_until: 0,
        twice: BTreeSet::new(),
        said: BTreeSet::new(),
        lost: Lost { lines: BTreeSet::new(), from_line: usize::MAX },
    };
    if errors.is_empty() || syntax.is_another_language(out) {
        return syntax.lost;
    }
    let end = text.len()..text.len();
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or_else(|| end.clone()), error)).collect();
    // It looks at the text more than once.
    errors.sort_by_key(|(span, _)| span.start);
    for (span, error) in errors {
        let message = error.message().trim().replace('\n', ", ");
        if !syntax.say(&span, &message, out) {
            break;
        }
    }
    syntax.lost
}

struct Syntax<'t> {
    text: &'t str,
    document: &'t DeTable<'t>,
    scan: Scan<'t>,
    headers: Headers,
    /// Where the keys of each name stand, in the order of the file; made when it is needed.
    keys: Option<BTreeMap<String, Vec<Span>>>,
    /// Up to there, all lists and inline tables are known to be closed.
    closed_until: usize,
    /// Where tables begin of which it was said that they are there twice.
    twice: BTreeSet<usize>,
    /// Lines of which something was said.
    said: BTreeSet<usize>,
    lost: Lost,
}

impl Syntax<'_> {
    /// Says one error; false if nothing that follows means anything.
    fn say(&mut self, span: &Span, message: &str, out: &mut Diagnostics) -> bool {
        if message.contains("recurs") {
            return self.say_too_deep(span, message, out);
        }
        if message.starts_with("carriage return") {
            return self.give_up(
                span,
                "a line ends with a lone carriage return",
                "save the file with the line ends of Unix (LF) or Windows (CR LF)",
                out,
            );
        }
        if let Some(open) = self.scan.before(span.start).last().copied() {
            if span.start >= self.closed_until && !self.is_closed() {
                return self.say_open(open, span, out);
            }
            self.lose(open.at, open.at + 1, out);
        }
        self.lose(span.start, span.start, out);
        if message.starts_with("duplicate key") {
            self.say_twice(span, message, out);
            return true;
        }
        if message.starts_with("unclosed") || message.starts_with("invalid table") {
            // The keys below were taken for those of another table.
            let next = self.headers.next(span.start).unwrap_or(self.text.len());
            self.lose(span.start, next, out);
        }
        let before = self.text.get(..span.start).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
        let rest = self.text.get(span.start..).unwrap_or_default();
        let Advice { message, help } = advice::advice(message, before, rest);
        self.say_once(span, message, help, None, out);
        true
    }

    /// A file of one of the other usual languages is said to be that, once.
    fn is_another_language(&mut self, out: &mut Diagnostics) -> bool {
        let mut lines = self.text.lines().map(|line| line.trim_matches('\u{feff}').trim());
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        let word = |character: char| character.is_alphanumeric() || "-_\"'".contains(character);
        let of_yaml = first.trim_start_matches(word);
        let yaml = of_yaml.len() < first.len() && (of_yaml == ":" || of_yaml.starts_with(": "));
        let language = if first.starts_with('{') {
            "JSON"
        } else if self.headers.is_empty() && (first == "---" || yaml) {
            "YAML"
        } else {
            return false;
        };
        let begin = self.text.find(first).unwrap_or(0);
        let help = "write it as TOML: [application], and below it name = \"my-application\"";
        self.give_up(&(begin..begin + 1), &format!("it looks like {language}"), help, out);
        self.lost.from_line = 0;
        true
    }

    /// Lists in lists, tables in tables, or a key of many dots, of which the parser does not say the place.
    fn say_too_deep(&mut self, span: &Span, message: &str, out: &mut Diagnostics) -> bool {
        let outermost = self.scan.before(span.start).first().map(|opening| opening.at..opening.at + 1);
        let dots = || {
            let mut begin = 0;
            for line in self.text.split_inclusive('\n') {
                if line.matches('.').count() >= DEEPEST {
                    let shown = line.trim_end().len();
                    return Some(begin..begin + shown);
                }
                begin += line.len();
            }
            None
        };
        let place = if message.starts_with("recursion limit") { dots() } else { outermost };
        let message = format!("what begins here is more than {DEEPEST} deep");
        let help =
            "remove it: nothing in an application file is deeper than a few lists and tables in one another";
        self.give_up(&place.unwrap_or_else(|| span.clone()), &message, help, out)
    }

    /// Something is open at the place where it is noticed, and not closed.
    fn say_open(&mut self, open: Opening, noticed: &Span, out: &mut Diagnostics) -> bool {
        let (what, end, length) = match open.kind {
            Kind::List => ("list", "]", 1),
            Kind::Table => ("inline table", "}", 1),
            Kind::Text => ("text", self.text.get(open.at..open.at + 3).unwrap_or("\"\"\""), 3),
        };
        let message = format!("the {what} that begins here is not closed");
        let help = format!("close it with `{end}`; what follows was not looked at");
        let begin = open.at..open.at + length;
        let line = out.source().place(&begin).line;
        let elsewhere = out.source().place(noticed).line != line && noticed.end < self.text.trim_end().len();
        self.say_once(
            &begin,
            message,
            help,
            elsewhere.then_some((noticed.clone(), "this is no part of it")),
            out,
        );
        let outermost = self.scan.before(0).first().map_or(open.at, |outermost| outermost.at);
        self.lost.from_line = out.source().place(&(outermost..outermost)).line;
        false
    }

    /// A key, or a whole table, that is there already.
    fn say_twice(&mut self, span: &Span, message: &str, out: &mut Diagnostics) {
        let header = self.headers.of_place(span.start).cloned();
        let Some(header) =
            header.filter(|header| self.twice.contains(&header.start) || span.start < header.end)
        else {
            let first = self.first_key(span).map(|first| (first, "the first one"));
            let Advice { message, help } = advice::advice(message, "", "");
            return self.say_once(span, message, help, first, out);
        };
        // What is in a table that is there twice is there twice, too.
        if self.twice.insert(header.start) {
            let first = self.headers.earlier(span.start).cloned().or_else(|| self.first_key(span));
            self.say_once(
                span,
                "the table is there already".to_string(),
                "put all keys into one of the two, or give one another name".to_string(),
                first.map(|first| (first, "the first one")),
                out,
            );
        }
    }

    /// The nearest key before this one that has the same name.
    fn first_key(&mut self, span: &Span) -> Option<Span> {
        let document = self.document;
        let keys = self.keys.get_or_insert_with(|| {
            let mut keys = BTreeMap::new();
            collect_keys(document, &mut keys);
            keys.values_mut().for_each(|places: &mut Vec<Span>| places.sort_by_key(|place| place.start));
            keys
        });
        let name = self.text.get(span.clone())?.trim_matches(['"', '\'']);
        keys.get(name)?.iter().rev().find(|place| place.start < span.start).cloned()
    }

    /// Whether what is open outermost is closed.
    fn is_closed(&mut self) -> bool {
        let closed = self.scan.closed();
        self.closed_until = closed.unwrap_or(self.closed_until);
        closed.is_some()
    }

    /// What is said about the lines of these bytes is not true, perhaps.
    fn lose(&mut self, begin: usize, end: usize, out: &Diagnostics) {
        let place = out.source().place(&(begin..end));
        self.lost.lines.extend(place.line..place.end_line.max(place.line + 1));
    }

    /// Says it, and that nothing that follows means anything.
    fn give_up(&mut self, span: &Span, message: &str, help: &str, out: &mut Diagnostics) -> bool {
        self.say_once(span, message.to_string(), help.to_string(), None, out);
        self.lost.from_line = out.source().place(span).line;
        false
    }

    /// Says it unless something was said of this line.
    fn say_once(
        &mut self,
        span: &Span,
        message: String,
        help: String,
        related: Option<(Span, &str)>,
        out: &mut Diagnostics,
    ) {
        if !self.said.insert(out.source().place(span).line) {
            return;
        }
        let saying = out.error(span, format!("this is not TOML: {message}")).help(help);
        if let Some((place, what)) = related {
            saying.related(&place, what);
        }
    }
}

/// All keys of a table and of those within it.
fn collect_keys(table: &DeTable<'_>, keys: &mut BTreeMap<String, Vec<Span>>) {
    for (key, value) in table.iter() {
        keys.entry(key.get_ref().to_string()).or_default().push(key.span());
        if let DeValue::Table(table) = value.get_ref() {
            collect_keys(table, keys);
        }
    }
}
