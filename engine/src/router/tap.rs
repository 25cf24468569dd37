//! Taps: observers of the event stream that take nothing from anybody.
//!
//! A tap has no queue and no place in the ledger. What does not fit into its buffer is counted as missed: a publisher never
//! waits for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use event_engine_protocol::constants;
use parking_lot::Condvar;

use super::ages::Ages;
use super::{Router, State};
use crate::filters::{PluginId, Prefixes};
use crate::payload::Payload;
use crate::wake::{Sleeper, Waker};

pub(crate) type TapId = u64;

/// An event that a tap saw.
pub(crate) struct Seen {
    pub(crate) order: u64,
    pub(crate) from: PluginId,
    pub(crate) payload: Payload,
    /// So many events before it were not kept.
    pub(crate) missed: u64,
}

/// What a tap got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TapTaken {
    Some,
    Nothing,
    /// Nothing there and nothing will come.
    Closed,
}

/// What one tap has seen and not taken yet.
pub(super) struct Buffer {
    id: TapId,
    /// None: it wants everything.
    filters: Option<Prefixes>,
    seen: VecDeque<Seen>,
    bytes: usize,
    missed: u64,
    asleep: bool,
    sleeper: Sleeper,
}

impl Buffer {
    fn wants(&self, payload: &[u8]) -> bool {
        self.filters.as_ref().is_none_or(|filters| filters.begin(payload))
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.seen.is_empty()
            || (self.seen.len() < constants::TAP_MAX_EVENTS
                && self.bytes.saturating_add(bytes) <= constants::TAP_MAX_BYTES)
    }

    fn show(&mut self, order: u64, from: PluginId, payload: &Payload) {
        if !self.has_room(payload.len()) {
            self.missed += 1;
            return;
        }
        self.bytes += payload.len();
        let missed = std::mem::take(&mut self.missed);
        self.seen.push_back(Seen { order, from, payload: payload.clone(), missed });
        self.wake();
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.asleep) {
            self.sleeper.wake();
        }
    }
}

/// Everybody who looks at accepted events beside those who get them: the taps, and the clock.
pub(super) struct Observers {
    /// The next event that somebody looks at. All that publishers pay for the others is this comparison.
    next: u64,
    pub(super) ages: Ages,
    taps: Vec<Buffer>,
    next_tap: TapId,
}

impl Observers {
    pub(super) fn new() -> Self {
        Observers { next: 0, ages: Ages::new(), taps: Vec::new(), next_tap: 0 }
    }

    /// An event was accepted.
    #[inline]
    pub(super) fn accepted(&mut self, order: u64, from: PluginId, payload: &Payload) {
        if order >= self.next {
            self.look(order, from, payload);
        }
    }

    /// A reader has found nothing: events are rare, or will be, so the time of the next one is looked at.
    pub(super) fn reader_is_idle(&mut self) {
        self.next = 0;
        self.ages.due = 0;
    }

    pub(super) fn wake_all(&mut self) {
        self.taps.iter_mut().for_each(Buffer::wake);
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, order: u64, from: PluginId, payload: &Payload) {
        if order >= self.ages.due {
            self.ages.look(order);
        }
        for tap in self.taps.iter_mut().filter(|tap| tap.wants(payload)) {
            tap.show(order, from, payload);
        }
        self.next = if self.taps.is_empty() { self.ages.due } else { 0 };
    }

    fn tap(&mut self, id: TapId) -> Option<&mut Buffer> {
        self.taps.iter_mut().find(|tap| tap.id == id)
    }
}

impl Router {
    /// From now on the tap sees the events that begin with one of `filters`. With a waker it is called when there are some,
    /// else [`Router::wait_tapped`] waits for them.
    pub(crate) fn open_tap(&self, filters: Vec<Vec<u8>>, waker: Option<&Arc<Waker>>) -> TapId {
        let sleeper = match waker {
            Some(waker) => Sleeper::Edge(Arc::clone(waker)),
            None => Sleeper::Thread(Arc::new(Condvar::new())),
        };
        let filters = (!filters.is_empty()).then(|| Prefixes::new(filters));
        let mut state = self.state.lock();
        let observers = &mut state.observers;
        let id = observers.next_tap;
        observers.next_tap += 1;
        observers.next = 0;
        observers.taps.push(Buffer {
            id,
            filters,
            seen: VecDeque::new(),
            bytes: 0,
            missed: 0,
            asleep: false,
            sleeper,
        });
        id
    }

    pub(crate) fn close_tap(&self, id: TapId) {
        let mut state = self.state.lock();
        let taps = &mut state.observers.taps;
        let closed = taps.iter().position(|tap| tap.id == id).map(|at| taps.swap_remove(at));
        drop(state);
        // Without the lock: it may hold the last reference to many events.
        drop(closed);
    }

    /// Takes everything that the tap has seen, if its waker is to tell of more.
    #[cfg(feature = "application")]
    pub(crate) fn take_tapped(&self, id: TapId, seen: &mut VecDeque<Seen>) -> TapTaken {
        self.state.lock().take_tapped(id, seen)
    }

    /// Takes everything that the tap has seen; waits for an event, for the end, or until `deadline`.
    pub(crate) fn wait_tapped(
        &self,
        id: TapId,
        seen: &mut VecDeque<Seen>,
        deadline: Option<Instant>,
    ) -> TapTaken {
        let mut state = self.state.lock();
        loop {
            let taken = state.take_tapped(id, seen);
            let sleeper = state.observers.tap(id).map(|tap| tap.sleeper.clone());
            let (TapTaken::Nothing, Some(Sleeper::Thread(condvar))) = (taken, sleeper) else {
                return taken;
            };
            match deadline {
                None => condvar.wait(&mut state),
                Some(deadline) => {
                    if condvar.wait_until(&mut state, deadline).timed_out() {
                        return state.take_tapped(id, seen);
                    }
                }
            }
        }
    }

    /// Events that the tap wanted, that had no room, and that no later event has told of yet.
    pub(crate) fn untold_missed(&self, id: TapId) -> u64 {
        self.state.lock().observers.tap(id).map_or(0, |tap| tap.missed)
    }
}

impl State {
    fn take_tapped(&mut self, id: TapId, seen: &mut VecDeque<Seen>) -> TapTaken {
        let aborted = self.aborted;
        let Some(tap) = self.observers.tap(id) else { return TapTaken::Closed };
        if !tap.seen.is_empty() {
            tap.bytes = 0;
            if seen.is_empty() {
                std::mem::swap(seen, &mut tap.seen);
            } else {
                seen.append(&mut tap.seen);
            }
            return TapTaken::Some;
        }
        if aborted {
            return TapTaken::Closed;
        }
        tap.asleep = true;
        TapTaken::Nothing
    }
}
