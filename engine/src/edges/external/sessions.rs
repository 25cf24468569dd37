//! Clients of the session profile: between their state machines (crate `event-engine-protocol`) and the router.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use event_engine_protocol::session::batch;
use event_engine_protocol::session::engine::{
    Body, Config, Heard, InFlight, Life, Outgoing, Returned, Sessions,
};

use super::port::{Frame, PeerId, Received, Sent};
use super::Counter;
use crate::builder::Sessions as Options;
use crate::edges::EdgeOf;
use crate::payload::Payload;
use crate::queue::{Item, SessionTaken, Ticket, Unacknowledged};
use crate::router::Offer;

/// So many batches are handed out before messages are read again.
const ROUND: usize = 16;

/// What clients are told when the application is stopped.
const STOP_REASON: &str = "the application is ending";

/// A parked publish: whose it is, and how many of its events still wait.
struct Parked {
    session: Life,
    events: usize,
}

/// How handing out events has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HandedOut {
    /// There may be more.
    More,
    /// A session would take some, and there are none.
    Waits,
    /// Nobody may have any: an acknowledgement will say when.
    Rests,
}

/// The sessions at one port.
pub(super) struct SessionEdge {
    sessions: Sessions<PeerId, Payload>,
    options: Options,
    parked: HashMap<Ticket, Parked>,
    /// Behind what a session's next publish has to wait.
    last_ticket: HashMap<Life, Ticket>,
    /// Connections whose errors were logged.
    logged: HashSet<PeerId>,
    batch: VecDeque<Item>,
    /// Processes that have died; the sessions that they had end with their connections.
    deaths: usize,
}

impl SessionEdge {
    pub(super) fn new(of: &EdgeOf, replicas: usize, options: Options) -> Self {
        let config = Config {
            plugin: of.name.to_string(),
            engine: concat!("event-engine/", env!("CARGO_PKG_VERSION")).to_string(),
            max_event_bytes: of.max_event_bytes,
            replicas,
            ping: options.ping,
            grace: options.grace,
        };
        SessionEdge {
            sessions: Sessions::new(config),
            options,
            parked: HashMap::new(),
            last_ticket: HashMap::new(),
            logged: HashSet::new(),
            batch: VecDeque::new(),
            deaths: 0,
        }
    }

    /// How many sessions have quit.
    pub(super) fn quits(&self) -> usize {
        self.sessions.quits()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether every session waits for events, and owes and is owed nothing.
    pub(super) fn all_wait(&self) -> bool {
        self.sessions.all_wait()
    }

    /// When [`SessionEdge::advance`] is due although nothing came.
    pub(super) fn due(&self) -> Option<Duration> {
        self.sessions.due()
    }

    pub(super) fn open(&mut self) {
        self.sessions.open();
    }

    /// The plugin was told to stop, and nothing is queued. Whether there is something to say now.
    pub(super) fn stop(&mut self) -> bool {
        self.sessions.stop(STOP_REASON)
    }

    /// So many processes have died: whoever has no connection, or loses it next, does not come back.
    pub(super) fn died(&mut self, processes: usize) {
        self.deaths += processes;
        if self.deaths > 0 {
            self.deaths -= self.sessions.end_detached(self.deaths);
        }
    }

    pub(super) fn gone(&mut self, peer: &PeerId, now: Duration) {
        self.sessions.gone(peer, now);
        self.died(0);
        self.logged.remove(peer);
    }

    /// A message without an envelope came. Whether it says that the plugin's process is ready.
    pub(super) fn message(&mut self, counter: &mut Counter, peer: &PeerId, frames: Vec<Received>) -> bool {
        let heard = self.sessions.receive(peer, &frames, counter.now());
        self.send(counter);
        match heard {
            Heard::Nothing => return false,
            Heard::Ready => {
                counter.moved = true;
                // The dead have at most the others.
                self.deaths = self.deaths.min(self.sessions.len().saturating_sub(1));
                return true;
            }
            Heard::Settled { events, bytes } => {
                counter.settled.events += events;
                counter.settled.bytes += bytes;
            }
            Heard::Publish { session, skip, count } => self.publish(counter, session, skip, count, frames),
            Heard::Refused { code, text } => {
                counter.count_refused();
                if self.logged.insert(PeerId::clone(peer)) {
                    tracing::warn!("{}: a client was answered `error code={code}`: {text}", counter.of.name);
                }
            }
        }
        // A `pong` says that the connection lives, not that the plugin does.
        counter.moved = true;
        false
    }

    fn publish(
        &mut self,
        counter: &Counter,
        session: Life,
        skip: usize,
        count: Option<u64>,
        mut frames: Vec<Received>,
    ) {
        let Some(payload) = frames.pop() else { return };
        let EdgeOf { router, plugin, .. } = &counter.of;
        let behind = self.last_ticket.get(&session).copied();
        let (accepted, ticket, waiting) = match count {
            None => {
                let bytes = payload.len();
                match router.offer(*plugin, Payload::from(payload), behind) {
                    Offer::Accepted => (1, None, vec![]),
                    Offer::Parked(ticket) => (0, Some(ticket), vec![bytes]),
                    // The port is about to close.
                    Offer::Refused => return,
                }
            }
            Some(count) => {
                let Ok(events) = batch::unpack(&payload, count) else { return };
                let events: VecDeque<Payload> = events.skip(skip).map(Payload::copy_from_slice).collect();
                let sizes: Vec<usize> = events.iter().map(|event| event.len()).collect();
                match router.offer_batch(*plugin, events, behind) {
                    Ok((accepted, ticket)) => (accepted, ticket, sizes.into_iter().skip(accepted).collect()),
                    Err(_) => return,
                }
            }
        };
        if let Some(ticket) = ticket {
            self.last_ticket.insert(session, ticket);
            self.parked.entry(ticket).or_insert(Parked { session, events: 0 }).events += waiting.len();
        }
        self.sessions.offered(session, accepted, waiting);
    }

    /// A parked publish was accepted. Whether it was one of a session's.
    pub(super) fn complete(&mut self, ticket: Ticket) -> bool {
        let Some(parked) = self.parked.get_mut(&ticket) else { return false };
        let session = parked.session;
        parked.events = parked.events.saturating_sub(1);
        if parked.events == 0 {
            self.parked.remove(&ticket);
            if self.last_ticket.get(&session) == Some(&ticket) {
                self.last_ticket.remove(&session);
            }
        }
        self.sessions.accepted(session);
        true
    }

    /// Does what is due and sends what there is to say.
    pub(super) fn advance(&mut self, counter: &mut Counter) -> HandedOut {
        self.sessions.tick(counter.now());
        self.take_back(counter);
        let handed_out = self.hand_out(counter);
        self.sessions.flush();
        self.send(counter);
        let EdgeOf { router, plugin, .. } = &counter.of;
        if counter.settled.events > 0 {
            router.settle(*plugin, counter.settled.take());
        }
        handed_out
    }

    /// Gives waiting events to the sessions that may have some.
    fn hand_out(&mut self, counter: &mut Counter) -> HandedOut {
        let EdgeOf { router, plugin, .. } = counter.of.clone();
        let (mut batches, mut held) = (0, 0);
        while batches < ROUND {
            let Some(mut wish) = self.sessions.wish() else { return HandedOut::Rests };
            if self.options.one_at_a_time {
                if !wish.empty_handed {
                    held += 1;
                    if held < self.sessions.len() {
                        continue;
                    }
                    return HandedOut::Rests;
                }
                wish.max_events = 1;
            }
            let settled = counter.settled.take();
            match router.take_for_session(plugin, settled, &wish, &mut self.batch) {
                SessionTaken::Some => {
                    let fresh =
                        self.batch.drain(..).map(|(order, event)| InFlight { order, event, attempts: 0 });
                    self.sessions.deliver(wish.session, fresh);
                }
                SessionTaken::Redelivered(Unacknowledged { item: (order, event), attempts }) => {
                    self.sessions.deliver(wish.session, [InFlight { order, event, attempts }]);
                }
                // Perhaps another session has room in its hands.
                SessionTaken::Held if held < self.sessions.len() => {
                    held += 1;
                    continue;
                }
                SessionTaken::Nothing => return HandedOut::Waits,
                SessionTaken::Held | SessionTaken::Closed => return HandedOut::Rests,
            }
            (batches, held) = (batches + 1, 0);
            self.send(counter);
        }
        HandedOut::More
    }

    /// Puts back into the queue what ended sessions left there.
    fn take_back(&mut self, counter: &Counter) {
        let EdgeOf { router, plugin, name, .. } = &counter.of;
        for Returned { events, attempted } in self.sessions.take_returned() {
            if attempted {
                tracing::warn!(
                    "{name}: a session ended without quit; {} events go back to the queue",
                    events.len()
                );
            }
            let mut fresh = VecDeque::new();
            let mut tried = Vec::new();
            for InFlight { order, event, attempts } in events {
                if attempted || attempts > 0 {
                    let attempts = attempts.saturating_add(u32::from(attempted));
                    tried.push(Unacknowledged { item: (order, event), attempts });
                } else {
                    fresh.push_back((order, event));
                }
            }
            router.give_back(*plugin, &mut fresh);
            for dead in router.give_back_unacknowledged(*plugin, tried, self.options.letters.redelivery_limit)
            {
                counter.of.dead_letter(&dead, &self.options.letters);
            }
        }
    }

    fn send(&mut self, counter: &mut Counter) {
        let mut busy: Option<PeerId> = None;
        while let Some(Outgoing { to, header, body }) = self.sessions.outgoing() {
            // Nothing overtakes what could not be sent.
            if busy.as_ref() == Some(&to) {
                continue;
            }
            let header = Frame::Bytes(&header);
            let sent = match &body {
                Body::None => counter.port.send(&to, &[header]),
                Body::Bytes(bytes) => counter.port.send(&to, &[header, Frame::Bytes(bytes)]),
                Body::Event(event) => counter.port.send(&to, &[header, Frame::Event(event)]),
            };
            counter.moved |= sent == Sent::Yes && !matches!(body, Body::None);
            if sent == Sent::Busy {
                self.sessions.unsent(&to);
                busy = Some(to);
            }
        }
    }

    /// The port closes: what sessions hold goes back.
    pub(super) fn close(&mut self, counter: &mut Counter) {
        self.sessions.close();
        self.take_back(counter);
        self.sessions.flush();
        self.send(counter);
    }
}
