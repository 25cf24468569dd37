//! What the router tells of itself at one moment.

use super::{Router, State};
use crate::filters::PluginId;
use crate::ledger::{Ledger, PluginLedger};
use crate::queue::Queue;
use crate::wake::Sleep;

/// One plugin's queue at one moment.
pub(crate) struct QueueSnapshot {
    pub(crate) ledger: PluginLedger,
    pub(crate) queued_bytes: u64,
    pub(crate) filters: Vec<Vec<u8>>,
    /// Its reader waits for events; nothing is queued or unsettled.
    pub(crate) waits: bool,
    /// Age of the event that waits longest.
    pub(crate) oldest_ms: Option<u64>,
}

/// Everything at the same moment.
pub(crate) struct Snapshot {
    pub(crate) accepted: u64,
    pub(crate) unmatched: u64,
    pub(crate) parked: u64,
    pub(crate) draining: bool,
    pub(crate) aborted: bool,
    /// By the plugins' ids.
    pub(crate) queues: Vec<QueueSnapshot>,
}

impl Router {
    pub(crate) fn ledger(&self) -> Ledger {
        let state = self.state.lock();
        Ledger {
            accepted: state.accepted,
            unmatched: state.unmatched,
            parked: state.parked_events(),
            plugins: state.queues.iter().map(Queue::snapshot).collect(),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut state = self.state.lock();
        let State { queues, observers, accepted, .. } = &mut *state;
        let queues = queues
            .iter()
            .map(|queue| {
                let ledger = queue.snapshot();
                QueueSnapshot {
                    waits: queue.sleep == Sleep::Sleeping && ledger.queued == 0 && ledger.in_flight == 0,
                    queued_bytes: queue.queued_bytes() as u64,
                    filters: queue.filters.iter().cloned().collect(),
                    oldest_ms: queue.oldest_waiting().map(|order| observers.ages.of(order, *accepted)),
                    ledger,
                }
            })
            .collect();
        Snapshot {
            accepted: state.accepted,
            unmatched: state.unmatched,
            parked: state.parked_events(),
            draining: state.draining,
            aborted: state.aborted,
            queues,
        }
    }

    /// The plugin's name; empty for one that is not there.
    pub(crate) fn name_of(&self, plugin: PluginId) -> std::sync::Arc<str> {
        self.state.lock().queues.get(plugin).map(Queue::name).unwrap_or_default()
    }
}

impl State {
    fn parked_events(&self) -> u64 {
        self.parked.values().map(|parked| parked.events.len() as u64).sum()
    }
}
