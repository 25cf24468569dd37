//! What an internal plugin of the engine's own API works with.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::filters::PluginId;
use crate::payload::{Event, Payload};
use crate::queue::{Item, Settled};
use crate::router::{Refusal, Router, Taken};

/// What one call takes out of the queue at most: events, and bytes (but at least one event).
const BATCH: (usize, usize) = (256, 1 << 20);
/// After a batch smaller than this the reader gives its publishers a moment to make it larger.
const SMALL_BATCH: usize = 64;
const SMALL_BATCH_SPINS: usize = 50;

/// Why a call of a [`Context`] or [`Publisher`] did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The time-out passed without an event. Nothing is lost; the next call gets it.
    #[error("no event within the time-out")]
    Timeout,
    /// The application is ending: no more events come, or this one was not accepted.
    #[error("the application is ending")]
    Closed,
    /// The event was refused; it went to nobody.
    #[error("an event of {bytes} bytes is larger than the limit of {max_bytes} bytes; split it or raise `max_event_bytes`")]
    TooLarge {
        /// Size of the event.
        bytes: usize,
        /// The application's limit.
        max_bytes: usize,
    },
    /// There was no room for the event within the time-out; it went to nobody.
    #[error("no room within the time-out: a plugin's queue is full; publish again once it has read")]
    NoRoom,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Error::Closed,
            Refusal::NoRoom => Error::NoRoom,
        }
    }
}

/// Publishes for a plugin; clone it to publish from several threads. Each thread's events keep their order.
#[derive(Clone)]
pub struct Publisher {
    router: Arc<Router>,
    plugin: PluginId,
    max_event_bytes: usize,
}

impl Publisher {
    pub(crate) fn new(router: Arc<Router>, plugin: PluginId, max_event_bytes: usize) -> Self {
        Publisher { router, plugin, max_event_bytes }
    }

    /// Publishes one event and returns its order once it has room in the queue of every plugin that subscribed to it.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or [`Error::Closed`] when the application ended first.
    pub fn publish(&self, event: impl Into<Payload>) -> Result<u64, Error> {
        self.publish_settling(event.into(), Settled::default())
    }

    /// Publishes events in their order, several under one lock; returns the order of the last one (0 for none).
    ///
    /// # Errors
    /// As [`Publisher::publish`]; events before a refused one were published.
    pub fn publish_batch<E: Into<Payload>>(&self, events: impl IntoIterator<Item = E>) -> Result<u64, Error> {
        self.publish_batch_settling(events, &mut Settled::default())
    }

    fn publish_settling(&self, event: Payload, settled: Settled) -> Result<u64, Error> {
        self.check(&event)?;
        Ok(self.router.publish(self.plugin, event, settled)?)
    }

    fn publish_batch_settling<E: Into<Payload>>(
        &self,
        events: impl IntoIterator<Item = E>,
        settled: &mut Settled,
    ) -> Result<u64, Error> {
        /// Enough to make the lock cheap; the first events flow while the rest is still being made.
        const CHUNK_EVENTS: usize = 64;
        const CHUNK_BYTES: usize = 256 << 10;
        let mut events = events.into_iter();
        let mut chunk = VecDeque::with_capacity(CHUNK_EVENTS);
        let mut last = 0;
        loop {
            let mut refused = None;
            let mut bytes = 0;
            while chunk.len() < CHUNK_EVENTS && bytes < CHUNK_BYTES {
                let Some(event) = events.next() else { break };
                let event = event.into();
                if let Err(error) = self.check(&event) {
                    refused = Some(error);
                    break;
                }
                bytes += event.len();
                chunk.push_back(event);
            }
            if !chunk.is_empty() {
                last = self.router.publish_batch(self.plugin, &mut chunk, settled.take())?;
            } else if refused.is_none() {
                return Ok(last);
            }
            if let Some(error) = refused {
                return Err(error);
            }
        }
    }

    fn check(&self, event: &Payload) -> Result<(), Error> {
        if event.len() > self.max_event_bytes {
            return Err(Error::TooLarge { bytes: event.len(), max_bytes: self.max_event_bytes });
        }
        Ok(())
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// An internal plugin's access to the application: its events in, its events out.
///
/// Asking for the next event says that those before it were handled.
pub struct Context {
    name: Arc<str>,
    publisher: Publisher,
    batch: VecDeque<Item>,
    settled: Settled,
    /// Size of the event that the plugin is working on.
    current: Option<usize>,
    last_batch: usize,
}

impl Context {
    pub(crate) fn new(name: Arc<str>, publisher: Publisher) -> Self {
        Context {
            name,
            publisher,
            batch: VecDeque::new(),
            settled: Settled::default(),
            current: None,
            last_batch: 0,
        }
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// [`Error::Closed`] when the application is ending and no event is left.
    pub fn next_event(&mut self) -> Result<Event, Error> {
        self.next(None)
    }

    /// Waits for the next event, but not longer than `timeout`. A time-out loses nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`], or [`Error::Closed`] as for [`Context::next_event`].
    pub fn next_event_timeout(&mut self, timeout: Duration) -> Result<Event, Error> {
        // A time-out too long for the clock is none.
        self.next(Instant::now().checked_add(timeout))
    }

    /// The events as they come; ends when the application is ending and no event is left.
    ///
    /// To publish while iterating, take a [`Context::publisher`] first.
    pub fn events(&mut self) -> impl Iterator<Item = Event> + '_ {
        std::iter::from_fn(move || self.next_event().ok())
    }

    /// Publishes one event; see [`Publisher::publish`].
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn publish(&mut self, event: impl Into<Payload>) -> Result<u64, Error> {
        let event = event.into();
        // First, so that a refusal takes no acknowledgement with it.
        self.publisher.check(&event)?;
        self.publisher.publish_settling(event, self.settled.take())
    }

    /// Publishes events in their order; see [`Publisher::publish_batch`].
    ///
    /// # Errors
    /// As [`Publisher::publish_batch`].
    pub fn publish_batch<E: Into<Payload>>(
        &mut self,
        events: impl IntoIterator<Item = E>,
    ) -> Result<u64, Error> {
        self.publisher.publish_batch_settling(events, &mut self.settled)
    }

    /// Publishes from other threads, or while iterating.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Whether the application is ending.
    pub fn stopping(&self) -> bool {
        self.publisher.router.is_draining()
    }

    fn next(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        if let Some(bytes) = self.current.take() {
            self.settled.add(bytes);
        }
        if self.batch.is_empty() {
            self.refill(deadline)?;
        }
        let (order, payload) = self.batch.pop_front().ok_or(Error::Closed)?;
        self.current = Some(payload.len());
        Ok(Event::new(order, payload))
    }

    fn refill(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        if self.last_batch < SMALL_BATCH {
            for _ in 0..SMALL_BATCH_SPINS {
                std::hint::spin_loop();
            }
        }
        let Publisher { router, plugin, .. } = &self.publisher;
        match router.take(*plugin, self.settled.take(), BATCH, &mut self.batch, deadline) {
            Taken::Some => {
                self.last_batch = self.batch.len();
                Ok(())
            }
            Taken::Nothing => Err(Error::Timeout),
            Taken::Closed => Err(Error::Closed),
        }
    }
}

impl Drop for Context {
    /// What was returned counts as delivered; what was only taken goes back.
    fn drop(&mut self) {
        if let Some(bytes) = self.current.take() {
            self.settled.add(bytes);
        }
        let Publisher { router, plugin, .. } = &self.publisher;
        router.settle(*plugin, self.settled.take());
        router.give_back(*plugin, &mut self.batch);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", &self.name).finish_non_exhaustive()
    }
}
