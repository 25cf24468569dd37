//! The control interface of a running application: what it tells, and what it can be told (spec/control.md).
//!
//! # Where things are
//! - [`Control`]: from inside the process; [`Tap`]: events that pass, taken from nobody.
//! - `client`: from another process, over the socket that `server` opens and `connection` answers; `messages` is what travels.
//! - `status`: an application at one moment, out of `facts` and `processes`.
//! - `metrics`: the same for Prometheus, served by `http`.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::barrier::Barrier;
use crate::context::Error;
use crate::filters::PluginId;
use crate::ledger::Ledger;
use crate::payload::Payload;
use crate::queue::{QueueLimits, Settled};
use crate::router::{Refusal, Router};
use crate::supervisor::Supervisor;

#[cfg(feature = "application")]
pub mod client;
#[cfg(feature = "application")]
mod connection;
#[cfg(feature = "application")]
mod connections;
mod ended;
#[cfg(feature = "application")]
mod facts;
#[cfg(feature = "application")]
mod http;
#[cfg(feature = "application")]
mod lines;
#[cfg(feature = "application")]
pub mod messages;
#[cfg(feature = "application")]
mod metrics;
pub(crate) mod outside;
#[cfg(feature = "application")]
mod paths;
#[cfg(feature = "application")]
mod processes;
#[cfg(feature = "application")]
mod server;
#[cfg(feature = "application")]
mod status;
mod tap;

#[cfg(feature = "application")]
pub use client::Client;
pub use ended::Ended;
#[cfg(feature = "application")]
pub(crate) use facts::Member;
#[cfg(feature = "application")]
pub use paths::{default_path, running, NameError};
pub use tap::{Tap, TapEvent};

pub(crate) use ended::End;

/// In whose name events are published from outside.
const CONTROL: &str = "control";

/// Tells about a running application, and tells it things. Clone it to use it from several threads; it keeps nothing running, and
/// outlives the [`crate::Handle`].
#[derive(Clone)]
pub struct Control {
    pub(crate) shared: Arc<Shared>,
}

/// What every clone knows.
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) stop_events: Vec<(PluginId, Payload)>,
    pub(crate) stop_within: Duration,
    /// The application does not start before external plugins are ready.
    pub(crate) waits_for_external: bool,
    pub(crate) max_event_bytes: usize,
    pub(crate) name: String,
    #[cfg(feature = "application")]
    pub(crate) started: Instant,
    #[cfg(feature = "application")]
    pub(crate) members: Vec<Member>,
    /// Event types with their prefixes.
    #[cfg(feature = "application")]
    pub(crate) types: Vec<(String, Vec<u8>)>,
    /// The plugin `control`, once something was published in its name.
    pub(crate) publishes_as: OnceLock<PluginId>,
    pub(crate) end: End,
}

impl Control {
    /// The application's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The account of every event at this moment.
    pub fn ledger(&self) -> Ledger {
        self.shared.router.ledger()
    }

    /// Asks the application to end; see [`crate::Handle::stop`].
    pub fn stop(&self) {
        let Shared { router, barrier, supervisor, stop_events, stop_within, .. } = &*self.shared;
        if !router.drain(stop_events) {
            return;
        }
        // As long as it waits for external plugins nothing has started, and nothing shall.
        if self.shared.waits_for_external {
            barrier.cancel();
        }
        // A deadline beyond what the clock knows is none.
        if let Some(deadline) = Instant::now().checked_add(*stop_within) {
            supervisor.end_by(deadline);
        }
    }

    /// Ends the application without letting anything drain: what is queued is discarded, and named in the report.
    pub fn stop_now(&self) {
        self.stop();
        self.shared.router.abort(None);
        self.shared.supervisor.end_by(Instant::now());
    }

    /// From now on shows the events that begin with one of `filters` (all, if there are none), without taking them from anybody.
    pub fn tap<F: AsRef<[u8]>>(&self, filters: impl IntoIterator<Item = F>) -> Tap {
        let filters = filters.into_iter().map(|filter| filter.as_ref().to_vec()).collect();
        Tap::open(Arc::clone(&self.shared.router), filters, None)
    }

    /// Publishes one event in the name of `control`, which is in the ledger from then on; waits for room. Returns the event's
    /// order.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or [`Error::Closed`] when the application is ending.
    pub fn publish(&self, event: impl Into<Payload>) -> Result<u64, Error> {
        self.publish_by(event.into(), None)
    }

    /// As [`Control::publish`], but waits for room at most so long.
    ///
    /// # Errors
    /// [`Error::NoRoom`] when the time-out passed, or those of [`Control::publish`]. The event went to nobody.
    pub fn publish_timeout(&self, event: impl Into<Payload>, timeout: Duration) -> Result<u64, Error> {
        // A time-out too long for the clock is none.
        self.publish_by(event.into(), Instant::now().checked_add(timeout))
    }

    fn publish_by(&self, event: Payload, deadline: Option<Instant>) -> Result<u64, Error> {
        let Shared { router, max_event_bytes, publishes_as, .. } = &*self.shared;
        if event.len() > *max_event_bytes {
            return Err(Error::TooLarge { bytes: event.len(), max_bytes: *max_event_bytes });
        }
        if router.is_draining() {
            return Err(Refusal::Closed.into());
        }
        // Without a subscription nothing ever waits in its queue.
        let plugin = publishes_as.get_or_init(|| router.register(CONTROL, QueueLimits::default(), None));
        Ok(router.publish_by(*plugin, event, Settled::default(), deadline)?)
    }

    /// Waits until the application has ended, at most so long; whether it has.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        self.shared.end.wait(timeout)
    }

    /// How the application ended, once it has.
    pub fn ended(&self) -> Option<Ended> {
        self.shared.end.get()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
