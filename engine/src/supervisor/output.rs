//! What plugins' processes print, line by line.

/// Longer lines are passed on in pieces of this size (bytes).
const LINE_MAX_BYTES: usize = 64 << 10;

/// Where a process wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a plugin's process printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The process's number among the plugin's replicas, from 1.
    pub replica: usize,
    /// Where it wrote.
    pub stream: Stream,
    /// The line without its end, untouched; lines of more than 64 KiB come in pieces.
    pub bytes: &'a [u8],
}

/// Cuts what is read into lines.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes in what was read; `say` hears each line that is complete.
    pub(super) fn read(&mut self, mut bytes: &[u8], say: &mut dyn FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.append(line, say);
            say(self.rest.strip_suffix(b"\r").unwrap_or(&self.rest));
            self.rest.clear();
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.append(bytes, say);
    }

    /// Nothing more comes: what has no end is a line, too.
    pub(super) fn end(&mut self, say: &mut dyn FnMut(&[u8])) {
        if !self.rest.is_empty() {
            say(&self.rest);
            self.rest.clear();
        }
    }

    fn append(&mut self, mut bytes: &[u8], say: &mut dyn FnMut(&[u8])) {
        while self.rest.len() + bytes.len() > LINE_MAX_BYTES {
            let (head, tail) = bytes.split_at(LINE_MAX_BYTES - self.rest.len());
            self.rest.extend_from_slice(head);
            say(&self.rest);
            self.rest.clear();
            bytes = tail;
        }
        self.rest.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut said: Vec<Vec<u8>> = Vec::new();
        let mut say = |line: &[u8]| said.push(line.to_vec());
        for piece in pieces {
            lines.read(piece, &mut say);
        }
        lines.end(&mut say);
        said
    }

    #[test]
    fn lines_are_found_however_they_come() {
        assert_eq!(cut(&[b"a\nb", b"c\r\n\n", b"\xff"]), [&b"a"[..], b"bc", b"", b"\xff"]);
        assert!(cut(&[b""]).is_empty());
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let flood = vec![b'x'; 3 * LINE_MAX_BYTES + 1];
        let sizes: Vec<_> = cut(&[&flood, b"\n"]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [LINE_MAX_BYTES, LINE_MAX_BYTES, LINE_MAX_BYTES, 1]);
    }
}
