//! The edges: how events get from plugins to the router and back. None knows how events are routed.

pub(crate) mod bridge;
pub(crate) mod bus;
pub(crate) mod external;
pub(crate) mod internal;

use std::sync::Arc;
use std::time::Duration;

use crate::filters::PluginId;
use crate::payload::Payload;
use crate::router::Router;

/// What every edge needs to know of its plugin.
#[derive(Clone)]
pub(crate) struct EdgeOf {
    pub(crate) router: Arc<Router>,
    pub(crate) plugin: PluginId,
    pub(crate) name: Arc<str>,
    pub(crate) max_event_bytes: usize,
}

/// What becomes of events that readers had in their hands when they ended.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    /// So often an event goes back to the queue.
    pub(crate) redelivery_limit: u32,
    /// Then it is published again behind this prefix, if there is one.
    pub(crate) dead_letter: Option<Vec<u8>>,
}

impl EdgeOf {
    /// An event is given up (EE-SESSION-42).
    pub(crate) fn dead_letter(&self, event: &Payload, letters: &Letters) {
        let EdgeOf { router, plugin, name, .. } = self;
        tracing::error!(
            "{name}: an event of {} bytes was in the hands of {} readers that ended without having handled it; it is given up",
            event.len(),
            letters.redelivery_limit.saturating_add(1),
        );
        if let Some(prefix) = &letters.dead_letter {
            let letter = [prefix.as_slice(), event].concat();
            if self.accepts(letter.len()) {
                // Accepted or parked; it is this plugin's event like any other.
                let _ = router.offer(*plugin, Payload::from(letter), None);
            }
        }
    }

    /// An event, or nothing when it is too large; that is counted and logged.
    pub(crate) fn accepts(&self, bytes: usize) -> bool {
        if bytes <= self.max_event_bytes {
            return true;
        }
        self.refuse(&format!(
            "an event of {bytes} bytes is larger than the limit of {} bytes; split it or raise max_event_bytes",
            self.max_event_bytes
        ));
        false
    }

    /// Counts and logs a message that is no event.
    pub(crate) fn refuse(&self, why: &str) {
        self.router.count_refused(self.plugin);
        tracing::error!("{}: nothing was published: {why}", self.name);
    }
}

/// Reads all frames of the message that begins with `first`.
pub(crate) fn rest_of_message(
    socket: &zmq::Socket,
    first: zmq::Message,
) -> Result<Vec<zmq::Message>, zmq::Error> {
    let mut frames = vec![first];
    while frames.last().is_some_and(zmq::Message::get_more) {
        frames.push(uninterrupted(|| socket.recv_msg(zmq::DONTWAIT))?);
    }
    Ok(frames)
}

/// Waits until one of the items has something.
pub(crate) fn poll(items: &mut [zmq::PollItem<'_>]) -> Result<(), zmq::Error> {
    poll_within(items, None)
}

/// As [`poll`], but not much longer than `within`.
pub(crate) fn poll_within(
    items: &mut [zmq::PollItem<'_>],
    within: Option<Duration>,
) -> Result<(), zmq::Error> {
    // Rounded up, so that the time has come when it returns.
    let within_ms = within.map_or(-1, |within| {
        i64::try_from(within.as_micros().div_ceil(1000)).unwrap_or(i64::MAX).min(i64::from(i32::MAX))
    });
    uninterrupted(|| zmq::poll(items, within_ms)).map(drop)
}

/// Calls again for as long as signals interrupt the call.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, zmq::Error>) -> Result<T, zmq::Error> {
    loop {
        match call() {
            Err(zmq::Error::EINTR) => {}
            result => return result,
        }
    }
}
