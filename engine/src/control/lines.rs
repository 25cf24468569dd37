//! Lines of a stream, each bounded: whatever comes, no more than the limit is kept.

use std::io::{self, ErrorKind, Read};

/// So much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end.
    Some(Vec<u8>),
    /// A line longer than the limit; there is no going on.
    TooLong,
    /// The peer has nothing more to say. A half line at the end is none.
    End,
}

/// Reads lines.
pub(super) struct Lines<R> {
    stream: R,
    buffer: Vec<u8>,
    /// The first byte that belongs to no line yet.
    start: usize,
    /// Up to here there is no end of a line.
    searched: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Lines { stream, buffer: Vec::new(), start: 0, searched: 0 }
    }

    /// Reads the next line. `limit` is asked for the longest line that begins with the given bytes, whenever more has come.
    ///
    /// # Errors
    /// Those of the stream. After a time-out the line goes on where it was.
    pub(super) fn next(&mut self, limit: impl Fn(&[u8]) -> usize) -> io::Result<Line> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                let line = without_cr(self.buffer.get(self.start..end).unwrap_or_default());
                if line.len() > limit(line) {
                    return Ok(Line::TooLong);
                }
                let line = line.to_vec();
                self.start = end + 1;
                self.searched = self.start;
                return Ok(Line::Some(line));
            }
            self.searched = self.buffer.len();
            let begun = without_cr(self.buffer.get(self.start..).unwrap_or_default());
            if begun.len() > limit(begun) {
                return Ok(Line::TooLong);
            }
            if self.read_more()? == 0 {
                return Ok(Line::End);
            }
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            // What a large line needed is not kept for small ones.
            self.buffer.shrink_to(CHUNK_BYTES);
        }
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK_BYTES, 0);
        let read = loop {
            let rest = self.buffer.get_mut(filled..).unwrap_or_default();
            match self.stream.read(rest) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(filled + read.as_ref().copied().unwrap_or(0));
        read
    }
}

/// A CR before the end of a line belongs to the end; one that has come last may.
fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of this size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(size);
            buffer[..size].copy_from_slice(piece);
            self.0 = rest;
            Ok(size)
        }
    }

    fn lines(bytes: &[u8], piece: usize, limit: usize) -> (Vec<Vec<u8>>, Line) {
        let mut lines = Lines::new(Pieces(bytes, piece));
        let mut all = Vec::new();
        loop {
            match lines.next(|_| limit).unwrap() {
                Line::Some(line) => all.push(line),
                end => return (all, end),
            }
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        for piece in [1, 2, 3, 7, 1_000] {
            let (all, end) = lines(b"one\r\n\ntwo\nhalf", piece, 5);
            assert_eq!(all, [b"one".to_vec(), b"".to_vec(), b"two".to_vec()]);
            assert_eq!(end, Line::End);
        }
    }

    #[test]
    fn a_long_line_is_refused_with_and_without_its_end() {
        for piece in [1, 3, 1_000] {
            assert_eq!(lines(b"12345\n123456\n", piece, 5), (vec![b"12345".to_vec()], Line::TooLong));
            assert_eq!(lines(b"123456", piece, 5), (vec![], Line::TooLong));
            assert_eq!(lines(b"12345\r\n123456\r\n", piece, 5), (vec![b"12345".to_vec()], Line::TooLong));
            assert_eq!(lines(b"12345\r6\n", piece, 5), (vec![], Line::TooLong));
        }
    }

    #[test]
    fn the_limit_may_depend_on_how_a_line_begins() {
        let mut lines = Lines::new(Pieces(b"aaaaaaaa\nbbbbbbbb\n", 3));
        let limit = |begun: &[u8]| if begun.starts_with(b"a") { 8 } else { 4 };
        assert_eq!(lines.next(limit).unwrap(), Line::Some(b"aaaaaaaa".to_vec()));
        assert_eq!(lines.next(limit).unwrap(), Line::TooLong);
    }

    #[test]
    fn memory_follows_what_came() {
        let mut bytes = vec![b'x'; 10 << 20];
        bytes.extend_from_slice(b"\nsmall\nsmall\n");
        let mut lines = Lines::new(Pieces(&bytes, usize::MAX));
        assert!(matches!(lines.next(|_| 11 << 20).unwrap(), Line::Some(line) if line.len() == 10 << 20));
        assert_eq!(lines.next(|_| 9).unwrap(), Line::Some(b"small".to_vec()));
        assert_eq!(lines.next(|_| 9).unwrap(), Line::Some(b"small".to_vec()));
        assert_eq!(lines.next(|_| 9).unwrap(), Line::End);
        assert!(lines.buffer.capacity() <= 4 * CHUNK_BYTES, "{}", lines.buffer.capacity());
    }
}
