//! A running application in the hands of any thread.

use std::fmt;
use std::sync::Arc;

use crate::barrier::Barrier;
use crate::ledger::Ledger;
use crate::router::quiescence::Stage;
use crate::router::Router;
use crate::supervisor::Supervisor;

/// Where an application stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The start barrier is closed: somebody is not ready yet.
    Starting,
    /// Everybody has started.
    Running,
    /// It was stopped: sources were told, and everything in flight drains.
    Draining,
    /// Everybody was told to stop.
    Stopping,
    /// Every plugin has ended, or was left behind past the deadline.
    Ended,
}

impl Phase {
    /// The phase as a word, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
            Phase::Ended => "ended",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a [`crate::Handle`] can do without owning the application: for threads that handle signals or serve others. Clones
/// are cheap, and work after the application's end, too.
#[derive(Clone)]
pub struct Control {
    pub(crate) router: Arc<Router>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) barrier: Arc<Barrier>,
    /// The start barrier may stay closed for long.
    pub(crate) waits_for_external: bool,
}

impl Control {
    /// Asks the application to end and returns at once; further calls change nothing. Sources are told first. When they have
    /// ended and everything in flight has drained, everybody else is told: internal plugins get [`crate::Error::Closed`] once their queue is
    /// empty, sessions get `stop`, and whoever has a stop event gets that (EE-LIFE-10 to EE-LIFE-12). An application whose start barrier
    /// waits for external plugins does not start any more.
    pub fn stop(&self) {
        // As long as it waits for external plugins nothing has started, so that there is nothing to drain.
        let stage =
            if self.waits_for_external && self.barrier.cancel() { Stage::Rest } else { Stage::Sources };
        self.router.stop(stage);
    }

    /// Ends the application without letting anything drain: what is queued is discarded, and plugins that do not end within a second
    /// are left behind, and named in the report. Works during a stop, too.
    pub fn stop_now(&self) {
        self.router.abort(None);
        self.barrier.cancel();
    }

    /// The account of every event at this moment.
    pub fn ledger(&self) -> Ledger {
        self.router.ledger()
    }

    /// Where the application stands.
    pub fn phase(&self) -> Phase {
        if self.supervisor.is_over() {
            return Phase::Ended;
        }
        match self.router.stage() {
            (Stage::Rest, _) => Phase::Stopping,
            (Stage::Sources, _) => Phase::Draining,
            (Stage::Running, true) => Phase::Running,
            (Stage::Running, false) => Phase::Starting,
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("phase", &self.phase()).finish_non_exhaustive()
    }
}
