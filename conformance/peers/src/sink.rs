//! The internal plugin that gets everything and counts what did not come from here.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::lines::hex;
use crate::numbers::{self, Collected, DOWN};
use crate::source::FINISH;

/// So many of the other events are kept, and so many bytes of each are shown.
const OTHERS_KEPT: usize = 10_000;
const OTHERS_SHOWN: usize = 16;
const BYTES_SHOWN: usize = 64;

/// What came so far.
#[derive(Default)]
pub(crate) struct Sink {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    collected: Collected,
    /// Events without a number of ours, and how many more of them came.
    others: Vec<Vec<u8>>,
    more: u64,
    /// Literal events that were published here: they come back and are no news. How often each.
    own: HashMap<Vec<u8>, usize>,
}

impl Sink {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one event; false for the mark that ends the sink.
    pub(crate) fn take(&self, event: &[u8]) -> bool {
        if event == FINISH {
            return false;
        }
        if event.starts_with(DOWN) {
            return true;
        }
        let mut state = self.state();
        if let Some((name, number)) = numbers::parse_up(event) {
            state.collected.add(name, number);
        } else if state.others.len() < OTHERS_KEPT {
            state.others.push(event.to_vec());
        } else {
            state.more += 1;
        }
        self.changed.notify_all();
        true
    }

    /// Says that this literal event is about to be published here.
    pub(crate) fn expect_own(&self, event: &[u8]) {
        *self.state().own.entry(event.to_vec()).or_default() += 1;
    }

    pub(crate) fn collected(&self) -> String {
        self.state().collected.line()
    }

    /// Waits until so many distinct events came, or for the deadline.
    pub(crate) fn collected_by(&self, distinct: u64, deadline: Instant) -> String {
        self.wait(deadline, |state| state.collected.distinct() >= distinct).collected.line()
    }

    /// `other N HEX HEX …`: how many events came from the client without a number, and how the first ones begin.
    /// An empty event is shown as `-`.
    pub(crate) fn other(&self) -> String {
        self.state().other()
    }

    /// Waits until so many of them came, or for the deadline.
    pub(crate) fn other_by(&self, count: u64, deadline: Instant) -> String {
        self.wait(deadline, |state| state.foreign().len() as u64 + state.more >= count).other()
    }

    fn wait(&self, deadline: Instant, enough: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || enough(&state) {
                return state;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Other events without those that were published here.
    fn foreign(&self) -> Vec<&Vec<u8>> {
        let mut own = self.own.clone();
        let mut is_own = |event: &Vec<u8>| match own.get_mut(event) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        self.others.iter().filter(|event| !is_own(event)).collect()
    }

    fn other(&self) -> String {
        let foreign = self.foreign();
        let mut line = format!("other {}", foreign.len() as u64 + self.more);
        for event in foreign.iter().take(OTHERS_SHOWN) {
            let shown = event.get(..BYTES_SHOWN).unwrap_or(event);
            line.push(' ');
            line.push_str(&if shown.is_empty() { "-".to_string() } else { hex(shown) });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_from_elsewhere_is_other() {
        let sink = Sink::default();
        sink.expect_own(b"ours");
        for event in [&b"ours"[..], b"theirs", b"", b"down:00000001", b"up:00000000", b"ours"] {
            assert!(sink.take(event));
        }
        assert_eq!(sink.other(), "other 3 746865697273 - 6f757273");
        assert_eq!(sink.collected(), "collected 1 distinct 1 in_order true last 0");
        assert!(!sink.take(FINISH));
    }
}
