//! What was said in a case, in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::record::Entry;

/// So many entries are kept from the beginning, and as many from the end.
const KEPT: usize = 150;

/// Shared by everybody on the stage.
#[derive(Clone)]
pub(crate) struct Transcript {
    begin: Instant,
    entries: Arc<Mutex<Entries>>,
}

#[derive(Default)]
struct Entries {
    first: Vec<Entry>,
    last: std::collections::VecDeque<Entry>,
    left_out: usize,
}

impl Transcript {
    /// An empty one, from now on.
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now(), entries: Arc::default() }
    }

    /// Adds an entry.
    pub(crate) fn add(&self, from: &str, to: &str, kind: &str, text: String) {
        let us = u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let entry = Entry { us, from: from.to_owned(), to: to.to_owned(), kind: kind.to_owned(), text };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.first.len() < KEPT {
            entries.first.push(entry);
            return;
        }
        if entries.last.len() == KEPT {
            entries.last.pop_front();
            entries.left_out += 1;
        }
        entries.last.push_back(entry);
    }

    /// All entries; where some were left out a note says so.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = entries.first.clone();
        if entries.left_out > 0 {
            let us = all.last().map_or(0, |entry| entry.us);
            let text = format!("{} entries are left out", entries.left_out);
            all.push(Entry { us, from: "harness".into(), to: String::new(), kind: "note".into(), text });
        }
        all.extend(entries.last.iter().cloned());
        all
    }
}
