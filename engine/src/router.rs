//! One router, one lock, one sequence: a publish takes the lock, gets its place in the order and goes into every matching
//! queue, or is parked until all of them have room.
//!
//! The lock gives the total order, causality and exact accounting for free; everything else is an edge
//! (ARCHITECTURE.md).

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::filters::{Filters, PluginId};
use crate::lifecycle::Lifecycles;
use crate::payload::Payload;
use crate::queue::{Queue, QueueLimits, Settled, Ticket};
use crate::wake::{Line, Sleep, Sleeper, Waker};

#[cfg_attr(not(feature = "application"), allow(dead_code))] // only a status asks
mod ages;
pub(crate) mod clients;
mod cycle;
mod park;
pub(crate) mod quiescence;
mod read;
#[cfg_attr(not(feature = "application"), allow(dead_code))] // only a status asks
mod snapshot;
pub(crate) mod stop;
mod tap;
mod watch;

use park::{Notify, Parked, Waiting};
use quiescence::Stages;
pub(crate) use read::Taken;
#[cfg(feature = "application")]
pub(crate) use snapshot::{QueueSnapshot, Snapshot};
use tap::Observers;
pub(crate) use tap::{Seen, TapId, TapTaken};

/// So many events of a batch are published under one lock.
const BATCH_EVENTS: usize = 64;

/// Why an event was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The application has ended or failed.
    Closed,
    /// There was no room by the deadline.
    NoRoom,
}

/// What became of an edge's publish.
pub(crate) enum Offer {
    Accepted,
    Parked(Ticket),
    Refused,
}

pub(crate) struct Router {
    state: Mutex<State>,
    /// Tells the watch that a publish was parked, or that it may go home.
    parked: Condvar,
    /// Tells whoever sees to the end that there is news of it.
    stage_changed: Condvar,
    lifecycles: Arc<Lifecycles>,
}

pub(crate) struct State {
    filters: Filters,
    queues: Vec<Queue>,
    accepted: u64,
    unmatched: u64,
    parked: BTreeMap<Ticket, Parked>,
    next_ticket: Ticket,
    line: Line,
    /// What is to be logged once the lock is free.
    warnings: Vec<String>,
    /// The watch waits for a publish to be parked.
    watch_sleeps: bool,
    stages: Stages,
    /// The end: readers and publishers return at once.
    aborted: bool,
    /// Why the application failed, if it did.
    failure: Option<String>,
    merged: Vec<PluginId>,
    observers: Observers,
}

impl Router {
    pub(crate) fn new() -> Self {
        Router {
            state: Mutex::new(State {
                filters: Filters::default(),
                queues: Vec::new(),
                accepted: 0,
                unmatched: 0,
                parked: BTreeMap::new(),
                next_ticket: 0,
                line: Line::default(),
                warnings: Vec::new(),
                watch_sleeps: false,
                stages: Stages::default(),
                aborted: false,
                failure: None,
                merged: Vec::new(),
                observers: Observers::new(),
            }),
            parked: Condvar::new(),
            stage_changed: Condvar::new(),
            lifecycles: Arc::default(),
        }
    }

    /// Who is told what happens to the application.
    pub(crate) fn lifecycles(&self) -> &Arc<Lifecycles> {
        &self.lifecycles
    }

    // ---- plugins -------------------------------------------------------------------------------------------

    /// Adds a plugin with its queue, which takes events from now on.
    pub(crate) fn register(&self, name: &str, limits: QueueLimits, waker: Option<&Arc<Waker>>) -> PluginId {
        let sleeper = match waker {
            Some(waker) => Sleeper::Edge(Arc::clone(waker)),
            None => Sleeper::Thread(Arc::new(Condvar::new())),
        };
        let mut state = self.state.lock();
        state.queues.push(Queue::new(Arc::from(name), limits, sleeper));
        state.queues.len() - 1
    }

    /// From now on `waker` calls the plugin's reader.
    pub(crate) fn set_waker(&self, plugin: PluginId, waker: &Arc<Waker>) {
        let mut state = self.state.lock();
        state.awake(plugin);
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.sleeper = Sleeper::Edge(Arc::clone(waker));
        }
        self.unlock_and_wake(state);
    }

    pub(crate) fn subscribe(&self, plugin: PluginId, filter: &[u8]) {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(plugin) else { return };
        if queue.closed || !queue.filters.insert(filter.to_vec()) {
            return;
        }
        state.filters.subscribe(plugin, filter);
        state.retarget_parked();
        self.unlock_and_wake(state);
    }

    pub(crate) fn unsubscribe(&self, plugin: PluginId, filter: &[u8]) {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(plugin) else { return };
        if !queue.filters.remove(filter) {
            return;
        }
        state.filters.unsubscribe(plugin, filter);
        state.retarget_parked();
        self.unlock_and_wake(state);
    }

    /// The plugin has finished: what waits for it is discarded, and nobody waits for it any more.
    pub(crate) fn close(&self, plugin: PluginId) {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(plugin) else { return };
        if queue.closed {
            return;
        }
        queue.close();
        queue.tell_followers();
        // Its reader, if it sleeps, is told directly: it comes back to nothing, and could not wake the next in line.
        let reader = queue.sleeper.clone();
        state.awake(plugin);
        state.filters.remove(plugin);
        state.retarget_parked();
        self.unlock_and_wake(state);
        reader.wake();
    }

    /// Counts a message that was no event.
    pub(crate) fn count_refused(&self, plugin: PluginId) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.ledger.refused += 1;
        }
    }

    // ---- publishing ----------------------------------------------------------------------------------------

    /// Publishes one event; waits for room. `settled` is what the publisher has handled of its own queue.
    /// Returns the event's order.
    pub(crate) fn publish(
        &self,
        source: PluginId,
        payload: Payload,
        settled: Settled,
    ) -> Result<u64, Refusal> {
        self.publish_by(source, payload, settled, None)
    }

    /// As [`Router::publish`], but waits for room until `deadline` at most; then nothing was published.
    #[inline(always)] // without a deadline it costs nothing
    pub(crate) fn publish_by(
        &self,
        source: PluginId,
        payload: Payload,
        settled: Settled,
        deadline: Option<Instant>,
    ) -> Result<u64, Refusal> {
        let run = settled.run;
        let mut state = self.state.lock();
        state.settle(source, settled);
        if state.aborted || !state.may_publish(source, run) {
            return Err(Refusal::Closed);
        }
        match state.admit(source, payload) {
            Ok(order) => {
                self.unlock_and_wake(state);
                Ok(order)
            }
            Err(payload) => self.wait_for_room(state, source, VecDeque::from([payload]), deadline),
        }
    }

    /// Publishes events in their order; waits for room. Returns the order of the last one.
    pub(crate) fn publish_batch(
        &self,
        source: PluginId,
        events: &mut VecDeque<Payload>,
        mut settled: Settled,
    ) -> Result<u64, Refusal> {
        let mut last = 0;
        loop {
            let mut state = self.state.lock();
            state.settle(source, settled.take());
            if state.aborted || !state.may_publish(source, settled.run) {
                return Err(Refusal::Closed);
            }
            for _ in 0..BATCH_EVENTS {
                let Some(payload) = events.pop_front() else { break };
                match state.admit(source, payload) {
                    Ok(order) => last = order,
                    Err(payload) => {
                        events.push_front(payload);
                        return self.wait_for_room(state, source, std::mem::take(events), None);
                    }
                }
            }
            self.unlock_and_wake(state);
            if events.is_empty() {
                return Ok(last);
            }
        }
    }

    /// Publishes for an edge, which never waits: a parked event's ticket comes back by
    /// [`Router::take_completed`]. As long as `behind` is parked the event waits behind it, with the same ticket.
    pub(crate) fn offer(&self, source: PluginId, payload: Payload, behind: Option<Ticket>) -> Offer {
        let mut state = self.state.lock();
        if state.aborted {
            return Offer::Refused;
        }
        if let Some(ticket) = behind {
            if let Some(parked) = state.parked.get_mut(&ticket) {
                parked.events.push_back(payload);
                return Offer::Parked(ticket);
            }
        }
        let offer = match state.admit(source, payload) {
            Ok(_) => Offer::Accepted,
            Err(payload) => match state.park(source, VecDeque::from([payload]), Notify::Edge) {
                (ticket, true) => {
                    self.call_watch(&mut state);
                    Offer::Parked(ticket)
                }
                (_, false) => Offer::Accepted,
            },
        };
        self.unlock_and_wake(state);
        offer
    }

    /// As [`Router::offer`] for events that belong together: how many were accepted at once, and the ticket behind which the
    /// others wait.
    pub(crate) fn offer_batch(
        &self,
        source: PluginId,
        mut events: VecDeque<Payload>,
        behind: Option<Ticket>,
    ) -> Result<(usize, Option<Ticket>), Refusal> {
        let mut accepted = 0;
        loop {
            let mut state = self.state.lock();
            if state.aborted {
                return Err(Refusal::Closed);
            }
            if let Some(ticket) = behind {
                if let Some(parked) = state.parked.get_mut(&ticket) {
                    parked.events.append(&mut events);
                    return Ok((accepted, behind));
                }
            }
            let mut parked = None;
            for _ in 0..BATCH_EVENTS {
                let Some(payload) = events.pop_front() else { break };
                match state.admit(source, payload) {
                    Ok(_) => accepted += 1,
                    Err(payload) => {
                        events.push_front(payload);
                        // Accepted by now or later, each is reported by its ticket.
                        parked = Some(state.park(source, std::mem::take(&mut events), Notify::Edge));
                        break;
                    }
                }
            }
            if parked.is_some_and(|(_, waits)| waits) {
                self.call_watch(&mut state);
            }
            self.unlock_and_wake(state);
            match parked {
                Some((ticket, _)) => return Ok((accepted, Some(ticket))),
                None if events.is_empty() => return Ok((accepted, None)),
                None => {}
            }
        }
    }

    fn wait_for_room(
        &self,
        mut state: MutexGuard<'_, State>,
        source: PluginId,
        events: VecDeque<Payload>,
        deadline: Option<Instant>,
    ) -> Result<u64, Refusal> {
        let mut refusal = Refusal::Closed;
        let waiting = Arc::new(Waiting::default());
        let (ticket, waits) = state.park(source, events, Notify::Thread(Arc::clone(&waiting)));
        if waits {
            self.call_watch(&mut state);
            if let Some(next) = state.next_in_line() {
                next.wake();
            }
            while state.parked.contains_key(&ticket) {
                match deadline {
                    None => waiting.room.wait(&mut state),
                    Some(deadline) => {
                        if waiting.room.wait_until(&mut state, deadline).timed_out() && state.withdraw(ticket)
                        {
                            refusal = Refusal::NoRoom;
                        }
                    }
                }
            }
        }
        self.unlock_and_wake(state);
        match waiting.last_order.load(Ordering::Relaxed) {
            0 => Err(refusal),
            order => Ok(order),
        }
    }

    // ---- the end -------------------------------------------------------------------------------------------

    pub(crate) fn is_aborted(&self) -> bool {
        self.state.lock().aborted
    }

    /// Readers and publishers return at once; parked events are refused.
    pub(crate) fn abort(&self, failure: Option<String>) {
        let mut state = self.state.lock();
        state.aborted = true;
        if state.failure.is_none() {
            state.failure = failure;
        }
        for (_, parked) in std::mem::take(&mut state.parked) {
            if let Notify::Thread(waiting) = parked.notify {
                waiting.room.notify_all();
            }
        }
        for queue in &mut state.queues {
            queue.leave_all();
            queue.tell_followers();
        }
        self.parked.notify_all();
        self.stage_changed.notify_all();
        state.wake_all_readers();
        state.observers.wake_all();
        self.unlock_and_wake(state);
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.state.lock().failure.clone()
    }

    /// A publish was parked: the watch has something to look at, once a second.
    fn call_watch(&self, state: &mut State) {
        if std::mem::take(&mut state.watch_sleeps) {
            self.parked.notify_all();
        }
    }

    fn unlock_and_wake(&self, mut state: MutexGuard<'_, State>) {
        let next = state.next_in_line();
        let warnings = std::mem::take(&mut state.warnings);
        drop(state);
        // Without the lock: whoever reads the log may publish.
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if let Some(next) = next {
            next.wake();
        }
    }
}

impl State {
    /// Puts an event into every matching queue, if all have room; else gives it back.
    fn admit(&mut self, source: PluginId, payload: Payload) -> Result<u64, Payload> {
        let bytes = payload.len();
        let State { filters, queues, merged, line, accepted, unmatched, observers, .. } = self;
        let targets = filters.targets(&payload, merged);
        for target in targets {
            let Some(queue) = queues.get(*target) else { continue };
            if !queue.admits(bytes) {
                return Err(payload);
            }
        }
        *accepted += 1;
        let order = *accepted;
        observers.accepted(order, source, &payload);
        if let Some((last, others)) = targets.split_last() {
            for target in others {
                deliver(queues, line, *target, order, payload.clone(), false);
            }
            deliver(queues, line, *last, order, payload, false);
        } else {
            *unmatched += 1;
        }
        if let Some(queue) = queues.get_mut(source) {
            queue.ledger.published += 1;
        }
        Ok(order)
    }

    /// Whether this run of an internal plugin has not been revoked; it lives, then.
    fn may_publish(&mut self, plugin: PluginId, run: u32) -> bool {
        match self.queues.get(plugin) {
            Some(queue) if queue.run == run => {
                if queue.signs.are_watched() {
                    self.sign(plugin);
                }
                true
            }
            _ => false,
        }
    }

    fn settle(&mut self, plugin: PluginId, settled: Settled) {
        if settled.events == 0 {
            return;
        }
        let Some(queue) = self.queues.get_mut(plugin).filter(|queue| queue.run == settled.run) else {
            return;
        };
        queue.in_hand = None;
        queue.settle(settled);
        if !queue.waiters.is_empty() {
            self.resume_waiters(vec![plugin]);
        }
    }

    fn wake_all_readers(&self) {
        self.queues.iter().for_each(Queue::wake_reader);
    }

    /// The reader of `plugin` has something to do.
    fn choose(&mut self, plugin: PluginId) {
        choose(&mut self.queues, &mut self.line, plugin);
    }

    /// The reader of `plugin` has come back; if it was the one to wake the next, that is due now.
    fn awake(&mut self, plugin: PluginId) {
        let Some(queue) = self.queues.get_mut(plugin) else { return };
        if queue.sleep == Sleep::Woken {
            self.line.under_way = false;
        }
        queue.sleep = Sleep::Awake;
    }

    /// Whom to wake now, if nobody is on the way already.
    fn next_in_line(&mut self) -> Option<Sleeper> {
        if self.line.under_way {
            return None;
        }
        while let Some(plugin) = self.line.chosen.pop_front() {
            let Some(queue) = self.queues.get_mut(plugin) else { continue };
            if queue.sleep == Sleep::Chosen {
                queue.sleep = Sleep::Woken;
                self.line.under_way = true;
                return Some(queue.sleeper.clone());
            }
        }
        None
    }
}

fn deliver(
    queues: &mut [Queue],
    line: &mut Line,
    target: PluginId,
    order: u64,
    payload: Payload,
    beyond: bool,
) {
    if let Some(queue) = queues.get_mut(target) {
        if beyond {
            queue.push_beyond(order, payload);
        } else {
            queue.push(order, payload);
        }
        if queue.sleep == Sleep::Sleeping {
            choose(queues, line, target);
        }
    }
}

fn choose(queues: &mut [Queue], line: &mut Line, plugin: PluginId) {
    if let Some(queue) = queues.get_mut(plugin) {
        if queue.sleep == Sleep::Sleeping {
            queue.sleep = Sleep::Chosen;
            line.chosen.push_back(plugin);
        }
    }
}

#[cfg(test)]
mod tests;
