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
use crate::lifecycle::Lifecycle;
use crate::payload::Payload;
use crate::queue::{QueueLimits, Settled};
use crate::router::quiescence::{Rest, Stage};
use crate::router::{Refusal, Router};
use crate::supervisor::children::Children;
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
mod lock;
#[cfg(feature = "application")]
pub mod messages;
#[cfg(feature = "application")]
mod metrics;
pub(crate) mod outside;
#[cfg(feature = "application")]
mod paths;
mod phase;
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
pub use phase::Phase;
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
    /// The processes of plugins, if the engine starts some.
    pub(crate) children: OnceLock<Arc<Children>>,
    /// The application does not start before external plugins are ready.
    pub(crate) waits_for_external: bool,
    pub(crate) max_event_bytes: usize,
    pub(crate) name: String,
    #[cfg(feature = "application")]
    pub(crate) started: Instant,
    #[cfg(feature = "application")]
    pub(crate) described: Vec<Member>,
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

    /// Asks the application to end and returns at once; further calls change nothing. Sources are told first. When they have
    /// ended and everything in flight has drained, everybody else is told: internal plugins get [`crate::Error::Closed`] once their queue is
    /// empty, sessions get `stop`, and whoever has a stop event gets that (EE-LIFE-10 to EE-LIFE-12). An application whose start barrier
    /// waits for external plugins does not start any more.
    pub fn stop(&self) {
        let Shared { router, barrier, waits_for_external, .. } = &*self.shared;
        // As long as it waits for external plugins nothing has started, so that there is nothing to drain.
        let stage = if *waits_for_external && barrier.cancel() { Stage::Rest } else { Stage::Sources };
        router.stop(stage);
    }

    /// Ends the application without letting anything drain: what is queued is discarded, and plugins that do not end within a second
    /// are left behind, or killed, and named in the report. Works during a stop, too.
    pub fn stop_now(&self) {
        self.shared.router.abort(None);
        self.shared.barrier.cancel();
    }

    /// Where the application stands.
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// What has happened to the application and its plugins so far, and what happens, as it does.
    pub fn lifecycle(&self) -> Lifecycle {
        self.shared.router.lifecycles().listen()
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
        // Whoever publishes from outside is a source.
        if router.is_stopping() {
            return Err(Refusal::Closed.into());
        }
        // Without a subscription nothing ever waits in its queue.
        let plugin = publishes_as.get_or_init(|| {
            let plugin = router.register(CONTROL, QueueLimits::default(), None);
            // No plugin, so that nobody waits for its end.
            router.rests_as(plugin, Rest::Bus);
            plugin
        });
        Ok(router.publish_by(*plugin, event, Settled::default(), deadline)?)
    }

    /// Waits until the application has ended, at most so long; whether it has. The end is complete, and its ports are free, once whoever
    /// has the [`crate::Handle`] waits for it or drops it; until then this is not.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        self.shared.end.wait(timeout)
    }

    /// How the application ended, once [`Control::wait_ended`] would return true.
    pub fn ended(&self) -> Option<Ended> {
        self.shared.end.get()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
