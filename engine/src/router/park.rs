//! Publishes that wait for room: first come, first served at every queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Condvar;

use super::{deliver, State};
use crate::filters::PluginId;
use crate::payload::Payload;
use crate::queue::Ticket;
use crate::wake::Sleeper;

/// Whom to tell that a parked publish was accepted.
pub(crate) enum Notify {
    /// The publishing thread, which waits.
    Thread(Arc<Waiting>),
    /// The source's edge, which does not; it is told of each event.
    Edge,
}

/// Where a publishing thread waits.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) room: Condvar,
    /// The order of the last event, once all are accepted; 0 before.
    pub(crate) last_order: AtomicU64,
}

/// A publish that waits.
pub(crate) struct Parked {
    pub(crate) source: PluginId,
    /// What is not accepted yet, the first of it waiting at `targets`.
    pub(crate) events: VecDeque<Payload>,
    pub(crate) targets: Vec<PluginId>,
    pub(crate) notify: Notify,
    pub(crate) since: Instant,
}

impl State {
    /// Parks events of `source`; whether any still wait. If none does all were accepted after all, beyond a limit, because the
    /// publisher waits in a circle.
    pub(super) fn park(
        &mut self,
        source: PluginId,
        events: VecDeque<Payload>,
        notify: Notify,
    ) -> (Ticket, bool) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let parked = Parked { source, events, targets: Vec::new(), notify, since: Instant::now() };
        self.parked.insert(ticket, parked);
        self.line_up(ticket);
        self.advance(ticket);
        let freed = self.break_cycle(ticket);
        self.resume_waiters(freed);
        (ticket, self.parked.contains_key(&ticket))
    }

    /// Takes back what still waits of `ticket`, and gives those behind it their turn. Whether there was any.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let Some(parked) = self.parked.remove(&ticket) else { return false };
        for target in &parked.targets {
            if let Some(queue) = self.queues.get_mut(*target) {
                queue.leave(ticket, parked.source);
            }
        }
        self.resume_waiters(parked.targets);
        true
    }

    /// Gives publishes their turn that wait at `queues`, and at those that become free by it.
    pub(super) fn resume_waiters(&mut self, mut queues: Vec<PluginId>) {
        while let Some(plugin) = queues.pop() {
            while let Some(ticket) = self.queues.get(plugin).and_then(|queue| queue.waiters.front().copied())
            {
                let freed = self.advance(ticket);
                if freed.is_empty() {
                    break;
                }
                queues.extend(freed);
                queues.extend(self.break_cycle(ticket));
            }
        }
    }

    /// Subscriptions have changed: every parked publish waits for those who match now.
    pub(super) fn retarget_parked(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        for queue in &mut self.queues {
            queue.leave_all();
        }
        let tickets: Vec<Ticket> = self.parked.keys().copied().collect();
        for ticket in &tickets {
            self.line_up(*ticket);
        }
        for ticket in tickets {
            let freed = self.advance(ticket);
            self.resume_waiters(freed);
        }
    }

    /// Accepts events of `ticket` from the front for as long as it is first in line and there is room.
    /// Returns the queues at whose line it no longer stands (empty: nothing has moved).
    pub(super) fn advance(&mut self, ticket: Ticket) -> Vec<PluginId> {
        let mut freed = Vec::new();
        while self.parked.get(&ticket).is_some_and(|parked| self.is_admissible(ticket, parked)) {
            freed.extend(self.admit_parked(ticket, false));
        }
        freed
    }

    fn is_admissible(&self, ticket: Ticket, parked: &Parked) -> bool {
        let bytes = parked.events.front().map_or(0, |payload| payload.len());
        parked.targets.iter().all(|target| {
            self.queues.get(*target).is_none_or(|queue| {
                queue.sheds() || (queue.waiters.front() == Some(&ticket) && queue.has_room(bytes))
            })
        })
    }

    /// Accepts the first event of `ticket`; returns the queues it waited at. The rest lines up anew.
    pub(super) fn admit_parked(&mut self, ticket: Ticket, beyond: bool) -> Vec<PluginId> {
        let Some(parked) = self.parked.get_mut(&ticket) else { return Vec::new() };
        let targets = std::mem::take(&mut parked.targets);
        let Some(payload) = parked.events.pop_front() else { return Vec::new() };
        // What waits now is the next event.
        parked.since = Instant::now();
        let source = parked.source;
        let for_edge = matches!(parked.notify, Notify::Edge);
        self.accepted += 1;
        let order = self.accepted;
        self.observers.accepted(order, source, &payload);
        if targets.is_empty() {
            self.unmatched += 1;
        }
        for target in &targets {
            if let Some(queue) = self.queues.get_mut(*target) {
                queue.leave(ticket, source);
                let beyond = beyond && !queue.sheds() && !queue.has_room(payload.len());
                deliver(&mut self.queues, &mut self.line, *target, order, payload.clone(), beyond);
            }
        }
        if let Some(queue) = self.queues.get_mut(source) {
            queue.ledger.published += 1;
            if for_edge {
                queue.completed.push(ticket);
                // An edge that is not asleep at its queue may still be in its poll.
                if let Sleeper::Edge(waker) = &queue.sleeper {
                    waker.wake();
                }
                self.choose(source);
            }
        }
        self.line_up(ticket);
        targets
    }

    /// Puts `ticket` at the end of the line of every queue that its first event matches; without events it is done.
    fn line_up(&mut self, ticket: Ticket) {
        let State { filters, queues, merged, parked, accepted, .. } = self;
        let Some(entry) = parked.get_mut(&ticket) else { return };
        if let Some(payload) = entry.events.front() {
            entry.targets = filters.targets(payload, merged).to_vec();
            for target in &entry.targets {
                if let Some(queue) = queues.get_mut(*target) {
                    if !queue.sheds() {
                        queue.wait_for_room(ticket, entry.source);
                    }
                }
            }
            return;
        }
        let Some(done) = parked.remove(&ticket) else { return };
        if let Notify::Thread(waiting) = done.notify {
            waiting.last_order.store(*accepted, Ordering::Relaxed);
            waiting.room.notify_one();
        }
    }
}
