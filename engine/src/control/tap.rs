//! Watching events pass.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::Error;
use crate::payload::Event;
use crate::router::{Router, Seen, TapId, TapTaken};
use crate::wake::Waker;

/// An event that passed; derefs to its bytes.
#[derive(Clone, Debug)]
pub struct TapEvent {
    event: Event,
    from: Arc<str>,
    missed: u64,
}

impl TapEvent {
    /// The event, whose bytes are shared with those who got it.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The plugin that published it.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// So many events between the one before and this one were not shown, because the reader was too slow.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl Deref for TapEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// Shows the events that pass, from [`crate::control::Control::tap`] on, until it is dropped.
///
/// It takes nothing from anybody and is not in the ledger. Events are shared, not copied; at most 8,192 of them, or 16 MiB, are kept
/// for a reader that is slow, and what has no room is counted as missed.
pub struct Tap {
    router: Arc<Router>,
    id: TapId,
    seen: VecDeque<Seen>,
}

impl Tap {
    pub(super) fn open(router: Arc<Router>, filters: Vec<Vec<u8>>, waker: Option<&Arc<Waker>>) -> Self {
        let id = router.open_tap(filters, waker);
        Tap { router, id, seen: VecDeque::new() }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// [`Error::Closed`] when the application has ended and everything that was kept was shown.
    pub fn next_event(&mut self) -> Result<TapEvent, Error> {
        self.next_by(None)
    }

    /// Waits for the next event, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`Error::Timeout`], or [`Error::Closed`] as for [`Tap::next_event`].
    pub fn next_event_timeout(&mut self, timeout: Duration) -> Result<TapEvent, Error> {
        // A time-out too long for the clock is none.
        self.next_by(Instant::now().checked_add(timeout))
    }

    /// Events that were not shown and that no event has told of yet.
    pub fn missed(&self) -> u64 {
        self.router.untold_missed(self.id)
    }

    fn next_by(&mut self, deadline: Option<Instant>) -> Result<TapEvent, Error> {
        if self.seen.is_empty() {
            match self.router.wait_tapped(self.id, &mut self.seen, deadline) {
                TapTaken::Some => {}
                TapTaken::Nothing => return Err(Error::Timeout),
                TapTaken::Closed => return Err(Error::Closed),
            }
        }
        self.pop().ok_or(Error::Closed)
    }

    /// The next event if there is one; else its waker tells when to come again.
    ///
    /// # Errors
    /// As [`Tap::next_event`].
    #[cfg(feature = "application")]
    pub(super) fn next_now(&mut self) -> Result<Option<TapEvent>, Error> {
        if self.seen.is_empty() && self.router.take_tapped(self.id, &mut self.seen) == TapTaken::Closed {
            return Err(Error::Closed);
        }
        Ok(self.pop())
    }

    fn pop(&mut self) -> Option<TapEvent> {
        let Seen { order, from, payload, missed } = self.seen.pop_front()?;
        Some(TapEvent { event: Event::new(order, payload), from: self.router.name_of(from), missed })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.router.close_tap(self.id);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("id", &self.id).finish_non_exhaustive()
    }
}
