//! The first lines of tables, found without understanding the rest.

use std::collections::BTreeMap;

use crate::application::read::Span;

/// The lines such as `[plugins.scorer]`, in the order of the file.
pub(super) struct Headers {
    lines: Vec<Header>,
    /// The first line of each name.
    first: BTreeMap<String, Span>,
}

struct Header {
    /// Without spaces.
    name: String,
    span: Span,
}

impl Headers {
    pub(super) fn of(text: &str) -> Self {
        let mut headers = Headers { lines: Vec::new(), first: BTreeMap::new() };
        let mut begin = 0;
        for line in text.split_inclusive('\n') {
            let shown = line.trim_matches('\u{feff}').trim();
            if shown.starts_with('[') {
                let name: String = shown.split('#').next().unwrap_or_default().split_whitespace().collect();
                let indent = line.find('[').unwrap_or(0);
                let span = begin + indent
                    ..begin + indent + shown.split('#').next().unwrap_or_default().trim_end().len();
                headers.first.entry(name.clone()).or_insert_with(|| span.clone());
                headers.lines.push(Header { name, span });
            }
            begin += line.len();
        }
        headers
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The line to whose table this byte belongs.
    pub(super) fn of_place(&self, offset: usize) -> Option<&Span> {
        self.before(offset).map(|header| &header.span)
    }

    /// An earlier line that says the same as the one to whose table this byte belongs.
    pub(super) fn earlier(&self, offset: usize) -> Option<&Span> {
        let header = self.before(offset)?;
        self.first.get(&header.name).filter(|first| first.start < header.span.start)
    }

    /// Where the next table begins.
    pub(super) fn next(&self, offset: usize) -> Option<usize> {
        let next = self.lines.partition_point(|header| header.span.start <= offset);
        self.lines.get(next).map(|header| header.span.start)
    }

    fn before(&self, offset: usize) -> Option<&Header> {
        let next = self.lines.partition_point(|header| header.span.start <= offset);
        self.lines.get(next.checked_sub(1)?)
    }
}
