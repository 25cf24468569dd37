//! One plugin's waiting and in-flight events, bounded in events and bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use event_engine_protocol::constants;
use event_engine_protocol::session::engine::Wish;

use crate::filters::PluginId;
use crate::ledger::PluginLedger;
use crate::payload::Payload;
use crate::router::clients::{Clients, Signs};
use crate::router::quiescence::Rest;
use crate::wake::{Sleep, Sleeper, Waker};

/// What happens to an event that finds a full queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The publisher waits until there is room: nothing is lost.
    #[default]
    Wait,
    /// The oldest waiting events are shed, and counted.
    DropOldest,
    /// The new event is shed for this plugin, and counted.
    DropNewest,
}

/// The bounds of one plugin's queue: waiting and in-flight events together (EE-DELIVERY-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// At most so many events.
    pub max_events: usize,
    /// At most so many bytes. An empty queue admits one event of any size.
    pub max_bytes: usize,
    /// What happens past either.
    pub overflow: Overflow,
    /// While publishers wait for each other in a circle, a queue may grow so far beyond `max_bytes`.
    pub cycle_max_bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        QueueLimits {
            max_events: constants::QUEUE_MAX_EVENTS,
            max_bytes: constants::QUEUE_MAX_BYTES,
            overflow: Overflow::Wait,
            cycle_max_bytes: constants::CYCLE_MAX_BYTES,
        }
    }
}

/// An event in a queue.
pub(crate) type Item = (u64, Payload);

/// A waiting publish; see `router`.
pub(crate) type Ticket = u64;

/// What a reader has finished with since it last came.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settled {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    /// So many of the events were given to a transport that acknowledges nothing.
    pub(crate) handed_over: usize,
    /// Which run of the plugin this is; one that was revoked settles nothing.
    pub(crate) run: u32,
}

impl Settled {
    /// The plugin has handled an event.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes;
    }

    /// An event was given to a transport that acknowledges nothing.
    pub(crate) fn hand_over(&mut self, bytes: usize) {
        self.add(bytes);
        self.handed_over += 1;
    }

    pub(crate) fn take(&mut self) -> Settled {
        let run = self.run;
        std::mem::replace(self, Settled { run, ..Settled::default() })
    }
}

/// An event that a session had and did not acknowledge.
#[derive(Clone)]
pub(crate) struct Unacknowledged {
    pub(crate) item: Item,
    /// So many sessions, or runs of an internal plugin, ended with it in their hands.
    pub(crate) attempts: u32,
}

impl Unacknowledged {
    /// One more has ended with it in its hands.
    pub(crate) fn tried_again(self) -> Self {
        Unacknowledged { attempts: self.attempts.saturating_add(1), ..self }
    }
}

/// What a session got.
pub(crate) enum SessionTaken {
    Some,
    /// One event that ended sessions did not acknowledge; it travels alone.
    Redelivered(Unacknowledged),
    /// There is something, but the session has too much in its hands for it.
    Held,
    Nothing,
    Closed,
}

pub(crate) struct Queue {
    pub(crate) ledger: PluginLedger,
    limits: QueueLimits,
    /// Ahead of `events`: what ended sessions did not acknowledge, by its order.
    redelivered: VecDeque<Unacknowledged>,
    events: VecDeque<Item>,
    queued_bytes: usize,
    in_flight_bytes: usize,
    /// Bytes (with overhead) that were admitted beyond the limit and are still here.
    over_limit_bytes: usize,
    pub(crate) over_limit_logged: bool,
    pub(crate) closed: bool,
    /// Nothing of the plugin comes any more.
    pub(crate) ended: bool,
    /// The plugin is between two runs.
    pub(crate) away: bool,
    /// The plugin is told to stop before the others, and the drain waits for its end.
    pub(crate) source: bool,
    /// The plugin was told to stop: its reader ends when the queue is empty.
    pub(crate) told: bool,
    /// The last event, when the plugin is told to stop.
    pub(crate) stop_event: Option<Payload>,
    /// There is, or was, such an event.
    pub(crate) has_stop_event: bool,
    /// How it is known that the plugin waits for its next event.
    pub(crate) rest: Rest,
    /// Who is there at its port.
    pub(crate) clients: Clients,
    /// Called when that changes.
    pub(crate) followers: Vec<Arc<Waker>>,
    /// Processes that have died since its edge looked last.
    pub(crate) deaths: usize,
    pub(crate) signs: Signs,
    /// Which run of an internal plugin holds the queue.
    pub(crate) run: u32,
    /// How often an internal plugin was started again.
    pub(crate) restarts: u64,
    /// What a run has in its hands that may have to be taken from it.
    pub(crate) in_hand: Option<Unacknowledged>,
    pub(crate) sleep: Sleep,
    pub(crate) sleeper: Sleeper,
    /// Publishes that wait for room here, first come first served.
    pub(crate) waiters: VecDeque<Ticket>,
    /// Who publishes them: publishes waiting, by plugin.
    pub(crate) waiting_sources: BTreeMap<PluginId, usize>,
    /// Publishes of this plugin's edge that were accepted after waiting.
    pub(crate) completed: Vec<Ticket>,
    /// Filters in force.
    pub(crate) filters: BTreeSet<Vec<u8>>,
}

impl Queue {
    pub(crate) fn new(name: Arc<str>, limits: QueueLimits, sleeper: Sleeper) -> Self {
        Queue {
            ledger: PluginLedger { name, ..PluginLedger::default() },
            limits,
            redelivered: VecDeque::new(),
            events: VecDeque::new(),
            queued_bytes: 0,
            in_flight_bytes: 0,
            over_limit_bytes: 0,
            over_limit_logged: false,
            closed: false,
            ended: false,
            away: false,
            source: false,
            told: false,
            stop_event: None,
            has_stop_event: false,
            rest: match sleeper {
                Sleeper::Thread(_) => Rest::Thread,
                Sleeper::Edge(_) => Rest::Unseen,
            },
            clients: Clients::default(),
            followers: Vec::new(),
            deaths: 0,
            signs: Signs::default(),
            run: 0,
            restarts: 0,
            in_hand: None,
            sleep: Sleep::Awake,
            sleeper,
            waiters: VecDeque::new(),
            waiting_sources: BTreeMap::new(),
            completed: Vec::new(),
            filters: BTreeSet::new(),
        }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.ledger.name)
    }

    pub(crate) fn sheds(&self) -> bool {
        self.limits.overflow != Overflow::Wait
    }

    /// Whether an event of `bytes` fits within the limits.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let events = self.waiting() + self.ledger.in_flight as usize;
        let used = self.queued_bytes + self.in_flight_bytes;
        events == 0
            || (events < self.limits.max_events && used.saturating_add(bytes) <= self.limits.max_bytes)
    }

    /// Whether a publish of `bytes` need not wait here: there is room and nobody came first, or the policy has an answer.
    pub(crate) fn admits(&self, bytes: usize) -> bool {
        self.sheds() || (self.waiters.is_empty() && self.has_room(bytes))
    }

    /// Whether an event of `bytes` may be admitted beyond the limit, because its publisher waits in a circle.
    pub(crate) fn may_exceed(&self, bytes: usize) -> bool {
        self.over_limit_bytes + charge(bytes) <= self.limits.cycle_max_bytes
    }

    /// Adds an event that has room, or that the overflow policy has an answer for.
    pub(crate) fn push(&mut self, order: u64, payload: Payload) {
        let bytes = payload.len();
        self.ledger.matched += 1;
        if self.sheds() {
            match self.limits.overflow {
                Overflow::DropNewest if !self.has_room(bytes) => {
                    self.ledger.shed += 1;
                    return;
                }
                _ => {
                    while !self.has_room(bytes) {
                        let Some((_, oldest)) = self.pop() else { break };
                        self.queued_bytes -= oldest.len();
                        self.ledger.shed += 1;
                    }
                }
            }
        }
        self.queued_bytes += bytes;
        self.events.push_back((order, payload));
    }

    /// Adds an event beyond the limit.
    pub(crate) fn push_beyond(&mut self, order: u64, payload: Payload) {
        self.over_limit_bytes += charge(payload.len());
        self.push(order, payload);
    }

    /// Adds an event whatever the limits and filters say (a plugin's stop event).
    pub(crate) fn push_last(&mut self, order: u64, payload: Payload) {
        self.ledger.matched += 1;
        self.queued_bytes += payload.len();
        self.events.push_back((order, payload));
    }

    /// Takes one event that an earlier run did not handle; it comes alone.
    pub(crate) fn take_redelivered(&mut self) -> Option<Unacknowledged> {
        let event = self.redelivered.pop_front()?;
        self.now_in_flight(1, event.item.1.len());
        Some(event)
    }

    /// An event in flight is lost with the plugin that had it in its hands and is not started again.
    pub(crate) fn lose(&mut self, bytes: usize) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        self.ledger.in_flight = self.ledger.in_flight.saturating_sub(1);
        self.ledger.discarded += 1;
        self.forget_over_limit(1, bytes);
    }

    /// Moves up to `max_events` events, and about `max_bytes` bytes but at least one event, to `batch`.
    pub(crate) fn take(&mut self, max_events: usize, max_bytes: usize, batch: &mut VecDeque<Item>) -> usize {
        let mut taken = 0;
        let mut bytes = 0;
        while taken < max_events && bytes < max_bytes {
            let Some(item) = self.pop() else { break };
            bytes += item.1.len();
            taken += 1;
            batch.push_back(item);
        }
        self.now_in_flight(taken, bytes);
        taken
    }

    /// Counts events that were in flight as delivered, or as handed over where nobody acknowledges.
    pub(crate) fn settle(&mut self, settled: Settled) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(settled.bytes);
        self.ledger.in_flight = self.ledger.in_flight.saturating_sub(settled.events as u64);
        self.ledger.handed_over += settled.handed_over as u64;
        self.ledger.delivered += (settled.events - settled.handed_over) as u64;
        self.forget_over_limit(settled.events, settled.bytes);
    }

    fn forget_over_limit(&mut self, events: usize, bytes: usize) {
        self.over_limit_bytes =
            self.over_limit_bytes.saturating_sub(bytes + events * constants::CYCLE_EVENT_OVERHEAD_BYTES);
    }

    /// Puts events back that were taken and not used, at the head and in their order.
    pub(crate) fn give_back(&mut self, batch: &mut VecDeque<Item>) {
        let last = batch.back().map(|(order, _)| *order);
        let next = self.events.front().map(|(order, _)| *order);
        while let Some((order, payload)) = batch.pop_back() {
            let bytes = payload.len();
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
            self.ledger.in_flight = self.ledger.in_flight.saturating_sub(1);
            if self.closed {
                self.ledger.discarded += 1;
            } else {
                self.queued_bytes += bytes;
                self.events.push_front((order, payload));
            }
        }
        // Another reader has given back later ones before.
        if next.is_some() && last > next {
            self.events.make_contiguous().sort_by_key(|(order, _)| *order);
        }
    }

    /// Takes one batch for a session; a redelivered event goes alone, and to empty hands only.
    pub(crate) fn take_for_session(&mut self, wish: &Wish, batch: &mut VecDeque<Item>) -> SessionTaken {
        if self.waiting() == 0 {
            return SessionTaken::Nothing;
        }
        if !self.redelivered.is_empty() {
            let redelivered = if wish.empty_handed { self.redelivered.pop_front() } else { None };
            let Some(redelivered) = redelivered else { return SessionTaken::Held };
            self.now_in_flight(1, redelivered.item.1.len());
            return SessionTaken::Redelivered(redelivered);
        }
        let mut taken = 0;
        let mut bytes = 0;
        while taken < wish.max_events && bytes < constants::BATCH_TARGET_BYTES {
            let Some((_, next)) = self.events.front() else { break };
            let of_any_size = wish.empty_handed && taken == 0;
            if bytes + next.len() > wish.max_bytes && !of_any_size {
                break;
            }
            bytes += next.len();
            taken += 1;
            batch.extend(self.events.pop_front());
        }
        self.now_in_flight(taken, bytes);
        if taken > 0 {
            SessionTaken::Some
        } else {
            SessionTaken::Held
        }
    }

    fn now_in_flight(&mut self, events: usize, bytes: usize) {
        self.queued_bytes -= bytes;
        self.in_flight_bytes += bytes;
        self.ledger.in_flight += events as u64;
    }

    /// Puts back what an ended session did not acknowledge, ahead of everything else. Returns those that have been tried more
    /// than `limit` times, which leave the queue.
    pub(crate) fn give_back_unacknowledged(
        &mut self,
        unacknowledged: impl IntoIterator<Item = Unacknowledged>,
        limit: u32,
    ) -> Vec<Payload> {
        let mut dead = Vec::new();
        for event in unacknowledged {
            let bytes = event.item.1.len();
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
            self.ledger.in_flight = self.ledger.in_flight.saturating_sub(1);
            if self.closed {
                self.ledger.discarded += 1;
            } else if event.attempts > limit {
                self.ledger.dead_lettered += 1;
                self.forget_over_limit(1, bytes);
                dead.push(event.item.1);
            } else {
                self.queued_bytes += bytes;
                self.ledger.redelivered += 1;
                self.redelivered.push_back(event);
            }
        }
        self.redelivered.make_contiguous().sort_by_key(|event| event.item.0);
        dead
    }

    fn pop(&mut self) -> Option<Item> {
        match self.redelivered.pop_front() {
            Some(event) => Some(event.item),
            None => self.events.pop_front(),
        }
    }

    /// The order of the event that has waited longest.
    #[cfg_attr(not(feature = "application"), allow(dead_code))] // only a status asks
    pub(crate) fn oldest_waiting(&self) -> Option<u64> {
        let redelivered = self.redelivered.front().map(|event| event.item.0);
        let event = self.events.front().map(|(order, _)| *order);
        match (redelivered, event) {
            (Some(redelivered), Some(event)) => Some(redelivered.min(event)),
            (redelivered, event) => redelivered.or(event),
        }
    }

    /// Bytes of the events that wait.
    #[cfg_attr(not(feature = "application"), allow(dead_code))] // only a status asks
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Events that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.redelivered.len() + self.events.len()
    }

    /// The plugin has finished: what waits is discarded, what is in flight stays until it is settled or given back.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.ledger.discarded += self.waiting() as u64;
        self.events = VecDeque::new();
        self.redelivered = VecDeque::new();
        self.queued_bytes = 0;
    }

    /// A publish of `source` lines up here.
    pub(crate) fn wait_for_room(&mut self, ticket: Ticket, source: PluginId) {
        self.waiters.push_back(ticket);
        *self.waiting_sources.entry(source).or_default() += 1;
    }

    /// It leaves the line.
    pub(crate) fn leave(&mut self, ticket: Ticket, source: PluginId) {
        // Nearly always it is the first.
        let Some(at) = self.waiters.iter().position(|waiting| *waiting == ticket) else { return };
        self.waiters.remove(at);
        if let Some(count) = self.waiting_sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.waiting_sources.remove(&source);
            }
        }
    }

    pub(crate) fn leave_all(&mut self) {
        self.waiters.clear();
        self.waiting_sources.clear();
    }

    pub(crate) fn snapshot(&self) -> PluginLedger {
        PluginLedger { queued: self.waiting() as u64, ..self.ledger.clone() }
    }
}

/// What an event costs against the cap of a cycle.
fn charge(bytes: usize) -> usize {
    bytes + constants::CYCLE_EVENT_OVERHEAD_BYTES
}
