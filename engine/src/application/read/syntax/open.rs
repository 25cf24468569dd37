//! What is open at some place of a text: lists, inline tables, texts of several lines.

/// What can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Table,
    Text,
}

/// Something that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    /// Its first byte.
    pub(super) at: usize,
}

/// Goes through a text, and knows what is open.
pub(super) struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// What is open, the outermost first.
    open: Vec<Opening>,
    /// Within the first line of a table, which nothing outlives.
    header: bool,
    /// Only spaces stand before this in the line.
    line_begins: bool,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Scan { text, at: 0, open: Vec::new(), header: false, line_begins: true }
    }

    /// What is open before this byte, the outermost first. Asked for places in their order.
    pub(super) fn before(&mut self, offset: usize) -> &[Opening] {
        while self.at < offset && self.step() {}
        if self.header {
            &[]
        } else {
            &self.open
        }
    }

    /// Where what is open outermost is closed, unless a line that can only be a new key or table comes first.
    pub(super) fn closed(&self) -> Option<usize> {
        let outermost = self.open.first()?;
        // Not a header, as it is not at the beginning of a line here.
        let mut scan = Scan { at: outermost.at, line_begins: false, ..Scan::new(self.text) };
        while scan.step() {
            match scan.open.last() {
                None => return Some(scan.at),
                Some(innermost) if scan.line_begins && begins_anew(scan.rest(), innermost.kind) => {
                    return None
                }
                Some(_) => {}
            }
        }
        None
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes past a character, a comment or a text; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(character) = rest.chars().next() else { return false };
        let line_began = self.line_begins;
        self.line_begins = character == '\n' || (line_began && matches!(character, ' ' | '\t' | '\u{feff}'));
        let mut length = character.len_utf8();
        match character {
            '#' => length = rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => match text_length(rest, character) {
                Some(text) => length = text,
                None => {
                    self.open.push(Opening { kind: Kind::Text, at: self.at });
                    length = rest.len();
                }
            },
            '[' => {
                self.header |= line_began && self.open.is_empty();
                self.open.push(Opening { kind: Kind::List, at: self.at });
            }
            '{' => self.open.push(Opening { kind: Kind::Table, at: self.at }),
            ']' => self.close(Kind::List),
            '}' => self.close(Kind::Table),
            '\n' if self.header => {
                self.header = false;
                self.open.clear();
            }
            _ => {}
        }
        self.at += length;
        true
    }

    fn close(&mut self, kind: Kind) {
        if self.open.last().is_some_and(|opening| opening.kind == kind) {
            self.open.pop();
        }
    }
}

/// The bytes of a text with its quotes; of one that is not closed in its line, up to the line's end. None if it is one of several
/// lines that is not closed.
fn text_length(rest: &str, quote: char) -> Option<usize> {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let several_lines = rest.starts_with(&triple);
    let opened = if several_lines { 3 } else { 1 };
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(opened) {
        match character {
            '\n' if !several_lines => return Some(at),
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if character != quote => {}
            _ if !several_lines => return Some(at + 1),
            _ if rest.get(at..).is_some_and(|rest| rest.starts_with(&triple)) => return Some(at + 3),
            _ => {}
        }
    }
    (!several_lines).then_some(rest.len())
}

/// Whether a line is a new key, or a new table, and no part of a list or inline table.
fn begins_anew(rest: &str, within: Kind) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim();
    let is_word = |word: &str| {
        let of_word = |character: char| character.is_alphanumeric() || "-_.\"' ".contains(character);
        let in_quotes = ['"', '\''].iter().all(|quote| word.matches(*quote).count() % 2 == 0);
        !word.trim().is_empty() && word.chars().all(of_word) && in_quotes
    };
    let header = line.split('#').next().unwrap_or_default().trim();
    let header = header.strip_prefix('[').and_then(|header| header.strip_suffix(']'));
    if header.is_some_and(|name| is_word(name) && name.starts_with(char::is_alphabetic)) {
        return true;
    }
    within == Kind::List && line.split_once('=').is_some_and(|(key, _)| is_word(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Vec<(Kind, usize)> {
        Scan::new(text).before(text.len()).iter().map(|opening| (opening.kind, opening.at)).collect()
    }

    #[test]
    fn what_is_open_is_known() {
        assert_eq!(open("a = [1, { b = "), [(Kind::List, 4), (Kind::Table, 8)]);
        assert_eq!(open("a = [1, {}] # ["), []);
        assert_eq!(open("[a]\nb = ['[', \"\\\"[\"]"), []);
        assert_eq!(open("[a\nb = 'c\nd = [\n"), [(Kind::List, 14)]);
        assert_eq!(open("a = \"\"\"b\n[\n"), [(Kind::Text, 4)]);
        assert_eq!(open("a = '''b\n[\n''' \n"), []);
        assert_eq!(open("[a.\"b"), []);
    }

    #[test]
    fn what_is_not_closed_ends_at_the_next_key_or_table() {
        let closed = |text: &str, at: usize| {
            let mut scan = Scan::new(text);
            scan.before(at);
            scan.closed()
        };
        assert_eq!(closed("a = [1,, 2]\nb = 1\n", 7), Some(11));
        assert_eq!(closed("a = [\n  [1],\n  { b = 1 },\n  'c = d',\n]\n", 8), Some(38));
        assert_eq!(closed("a = [1,\nb = [1]\n", 8), None);
        assert_eq!(closed("a = { b = 1\n[c.d]\n", 12), None);
        assert_eq!(closed("a = { b = 1,\nc = 2 }\n", 8), Some(20));
    }
}
