//! A file's text, and the lines and columns of its bytes.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Place;

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(path: &Path, text: String) -> Self {
        let begins = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Source { path: path.to_path_buf(), text, lines }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The line with this number, without its end.
    pub(crate) fn line(&self, number: usize) -> &str {
        let begin = number.checked_sub(1).and_then(|index| self.lines.get(index));
        let end = self.lines.get(number).copied().unwrap_or(self.text.len());
        let line = begin.and_then(|begin| self.text.get(*begin..end)).unwrap_or_default();
        line.trim_end_matches(['\n', '\r'])
    }

    /// Line and column of a stretch of bytes. An end beyond the text, or within a character, is moved back.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = self.position(span.start);
        let (end_line, end_column) = self.position(span.end.max(span.start));
        Place { line, column, end_line, end_column }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let number = self.lines.partition_point(|begin| *begin <= offset);
        let begin = number.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let before = self.text.get(begin..offset).unwrap_or_default();
        (number, before.trim_start_matches('\u{feff}').chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new(Path::new("a"), "äb\r\ncd\n".to_string());
        let place = |range| source.place(&range);
        assert_eq!(place(0..2), Place { line: 1, column: 1, end_line: 1, end_column: 2 });
        assert_eq!(place(2..3), Place { line: 1, column: 2, end_line: 1, end_column: 3 });
        assert_eq!(place(5..7), Place { line: 2, column: 1, end_line: 2, end_column: 3 });
        assert_eq!(place(1..1), Place { line: 1, column: 1, end_line: 1, end_column: 1 });
        assert_eq!(place(99..99), Place { line: 3, column: 1, end_line: 3, end_column: 1 });
        assert_eq!((source.line(1), source.line(2), source.line(3), source.line(0)), ("äb", "cd", "", ""));
    }
}
