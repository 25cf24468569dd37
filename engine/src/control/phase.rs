//! How far an application is.

use std::fmt;

use super::Shared;
use crate::router::quiescence::Stage;

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

impl Shared {
    pub(super) fn phase(&self) -> Phase {
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
