//! What the TOML parser says, without what only follows from it.

use std::collections::BTreeSet;

use toml::de::Error;

use crate::application::diagnostics::Diagnostics;

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
pub(super) fn say(errors: &[Error], text: &str, out: &mut Diagnostics) -> Lost {
    let end = text.len()..text.len();
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or_else(|| end.clone()), error)).collect();
    // It looks at the text more than once.
    errors.sort_by_key(|(span, _)| span.start);
    let mut lost = Lost { lines: BTreeSet::new(), from_line: usize::MAX };
    for (span, error) in errors {
        let message = error.message().trim().replace('\n', ", ");
        let help = if message.contains("array") {
            Some("is the list closed with `]`? what follows was not looked at")
        } else if message.contains("inline table") {
            Some("is the table closed with `}`? what follows was not looked at")
        } else {
            None
        };
        let line = out.source().place(&span).line;
        if lost.lines.insert(line) {
            out.error(&span, format!("this is not TOML: {message}")).maybe_help(help.map(str::to_string));
        }
        if help.is_some() {
            lost.from_line = line;
            break;
        }
    }
    lost
}
