//! Nothing waits for ever without saying so: names whom long-waiting publishers wait for, and ends an application
//! whose plugins have locked each other up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use event_engine_protocol::constants;

use super::cycle::Circle;
use super::{Router, State};
use crate::queue::{Queue, Ticket};

const TICK: Duration = Duration::from_secs(1);

/// What the watch remembers of one parked publish.
struct Seen {
    next_log: Duration,
}

/// A circle past its cap, and since when nothing in it has moved.
struct Stall {
    progress: u64,
    since: Instant,
}

impl Router {
    /// Runs until the router is aborted; sleeps while no publish is parked.
    pub(crate) fn watch(&self) {
        let mut seen: HashMap<Ticket, Seen> = HashMap::new();
        let mut stalls: HashMap<Circle, Stall> = HashMap::new();
        loop {
            let mut state = self.state.lock();
            while state.parked.is_empty() && !state.aborted {
                seen.clear();
                stalls.clear();
                state.watch_sleeps = true;
                self.parked.wait(&mut state);
            }
            if !state.aborted {
                self.parked.wait_for(&mut state, TICK);
            }
            if state.aborted {
                return;
            }
            seen.retain(|ticket, _| state.parked.contains_key(ticket));
            state.warn_of_long_waits(&mut seen);
            let failure = state.locked_up(&mut stalls);
            self.unlock_and_wake(state);
            if let Some(failure) = failure {
                tracing::error!("{failure}");
                self.abort(Some(failure));
                return;
            }
        }
    }
}

impl State {
    fn warn_of_long_waits(&mut self, seen: &mut HashMap<Ticket, Seen>) {
        for (ticket, parked) in &self.parked {
            let waited = parked.since.elapsed();
            let first = Duration::from_millis(constants::SLOW_PUBLISH_LOG_MS);
            if waited < first {
                seen.remove(ticket);
                continue;
            }
            let entry = seen.entry(*ticket).or_insert(Seen { next_log: first });
            if waited < entry.next_log {
                continue;
            }
            entry.next_log = waited * 2;
            let publisher = self.queues.get(parked.source).map(Queue::name).unwrap_or_default();
            let full: Vec<_> = parked
                .targets
                .iter()
                .filter_map(|target| self.queues.get(*target))
                .filter(|queue| !queue.sheds())
                .map(|queue| format!("{} ({} events waiting)", queue.ledger.name, queue.snapshot().queued))
                .collect();
            self.warnings.push(format!(
                "{publisher} has waited {} s to publish an event, for room in the queue of {}",
                waited.as_secs(),
                full.join(", ")
            ));
        }
    }

    /// Breaks circles that formed without a new publish; the failure text when one past its cap has not moved for
    /// long.
    fn locked_up(&mut self, stalls: &mut HashMap<Circle, Stall>) -> Option<String> {
        let mut first_of: HashMap<usize, Ticket> = HashMap::new();
        for (ticket, parked) in &self.parked {
            first_of.entry(parked.source).or_insert(*ticket);
        }
        for ticket in first_of.values() {
            let freed = self.break_cycle(*ticket);
            self.resume_waiters(freed);
        }
        let circles: Vec<Circle> = first_of.keys().filter_map(|source| self.circle_of(*source)).collect();
        stalls.retain(|circle, _| circles.contains(circle));
        for circle in circles {
            let progress = self.progress(&circle);
            let stall = stalls.entry(circle.clone()).or_insert(Stall { progress, since: Instant::now() });
            if stall.progress != progress {
                *stall = Stall { progress, since: Instant::now() };
            } else if stall.since.elapsed() >= Duration::from_millis(constants::CYCLE_STALL_MS) {
                return Some(format!(
                    "plugins wait for each other to read and none does: {}; their queues are full beyond every limit. \
                     Read between publishing, raise the queue limits, or let one of them shed events",
                    self.names(&circle)
                ));
            }
        }
        None
    }
}
