//! The TCP port of an external plugin: the basic profile (spec/basic.md). Never waits for room.

use std::collections::{HashMap, VecDeque};
use std::mem;

use event_engine_protocol::basic::{self, Request};
use event_engine_protocol::constants;

use super::EdgeOf;
use crate::payload::Payload;
use crate::queue::{Item, Settled, Ticket};
use crate::router::{Offer, Taken};

pub(crate) mod monitor;
pub(crate) mod net;
pub(crate) mod port;

use port::{Frame, Incoming, PeerId, Port, Received, Sent};

/// So many messages are read before waiting clients get their turn, however many more there are.
const ROUND: usize = 64;

/// How serving a port has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Served {
    /// As many clients as the plugin has replicas have quit.
    Quit,
    /// The application ended first.
    Aborted,
}

/// A request that is not answered yet; a connection's are answered in their order.
enum Pending {
    /// Waits for an event.
    NextMsg(Envelope),
    /// Waits for room.
    Publish(Envelope, Ticket),
    /// Waits for those before it.
    Reply(Envelope, &'static [u8]),
}

/// The frames before a request's body, echoed in the reply.
type Envelope = Vec<Received>;

#[derive(Default)]
struct Connection {
    pending: VecDeque<Pending>,
    /// Stands in the line of those who wait for an event.
    in_line: bool,
    no_envelope_logged: bool,
    busy_logged: bool,
}

/// One plugin's port.
pub(crate) struct External {
    of: EdgeOf,
    port: Port,
    replicas: usize,
    quits: usize,
    connections: HashMap<PeerId, Connection>,
    /// Who waits for an event, first come first served.
    line: VecDeque<PeerId>,
    tickets: HashMap<Ticket, PeerId>,
    settled: Settled,
}

impl External {
    pub(crate) fn new(of: EdgeOf, port: Port, replicas: usize) -> Self {
        External {
            of,
            port,
            replicas: replicas.max(1),
            quits: 0,
            connections: HashMap::new(),
            line: VecDeque::new(),
            tickets: HashMap::new(),
            settled: Settled::default(),
        }
    }

    /// Serves the port until its clients have quit or the application ends; then closes it. `before` came in already.
    pub(crate) fn serve(mut self, before: Vec<Incoming>) -> Served {
        for incoming in before {
            self.handle(incoming);
        }
        let served = self.run();
        let EdgeOf { router, plugin, .. } = &self.of;
        router.settle(*plugin, self.settled.take());
        router.close(*plugin);
        served
    }

    fn run(&mut self) -> Served {
        loop {
            let mut all_read = false;
            for _ in 0..ROUND {
                if self.quits >= self.replicas {
                    return Served::Quit;
                }
                match self.port.next() {
                    Ok(Some(incoming)) => self.handle(incoming),
                    Ok(None) => {
                        all_read = true;
                        break;
                    }
                    Err(_) => return Served::Aborted,
                }
            }
            let Ok(completed) = self.of.router.take_completed(self.of.plugin) else { return Served::Aborted };
            for ticket in completed {
                self.complete(ticket);
            }
            if self.hand_over() == Taken::Closed || (all_read && self.port.wait().is_err()) {
                return Served::Aborted;
            }
        }
    }

    fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(peer, frames) => self.message(peer, frames),
            Incoming::Gone(peer) => {
                self.connections.remove(&peer);
                self.line.retain(|waiting| *waiting != peer);
            }
            Incoming::Stranger => self.of.router.count_refused(self.of.plugin),
        }
    }

    fn message(&mut self, peer: PeerId, mut frames: Vec<Received>) {
        let connection = self.connections.entry(PeerId::clone(&peer)).or_default();
        let Some(body_start) = basic::body_start(&as_slices(&frames)) else {
            self.of.router.count_refused(self.of.plugin);
            if !mem::replace(&mut connection.no_envelope_logged, true) {
                tracing::warn!(
                    "{}: a message without an empty frame before its body was dropped; this port serves the basic profile, \
                     a DEALER has to send an empty frame first",
                    self.of.name
                );
            }
            return;
        };
        let mut body = frames.split_off(body_start.min(frames.len()));
        let envelope = frames;
        // A newer request replaces the one that waits for an event, whose place in the line is lost.
        connection.pending.retain(|pending| !matches!(pending, Pending::NextMsg(_)));
        if mem::take(&mut connection.in_line) {
            self.line.retain(|waiting| *waiting != peer);
        }
        if connection.pending.len() >= constants::CONNECTION_MAX_UNANSWERED {
            self.reply(&peer, &envelope, Frame::Bytes(constants::BAD_MSG));
            return;
        }
        let pending = match basic::parse_request(&as_slices(&body), self.of.max_event_bytes) {
            Request::NextMsg => Pending::NextMsg(envelope),
            Request::Quit => {
                self.quits += 1;
                return;
            }
            Request::Bad(reason) => {
                self.of.router.count_refused(self.of.plugin);
                tracing::warn!("{}: nothing was published: {reason}", self.of.name);
                Pending::Reply(envelope, constants::BAD_MSG)
            }
            Request::Publish => {
                let Some(event) = body.pop() else { return };
                // Events of one connection are accepted in its order (EE-ORDER-4).
                let behind = connection.pending.iter().rev().find_map(|pending| match pending {
                    Pending::Publish(_, ticket) => Some(*ticket),
                    _ => None,
                });
                match self.of.router.offer(self.of.plugin, Payload::from(event), behind) {
                    Offer::Accepted => Pending::Reply(envelope, constants::MSG_PUBLISHED),
                    Offer::Parked(ticket) => {
                        self.tickets.insert(ticket, PeerId::clone(&peer));
                        Pending::Publish(envelope, ticket)
                    }
                    // The port is about to close; an answer would say that the event was accepted, or that it was wrong.
                    Offer::Refused(_) => return,
                }
            }
        };
        connection.pending.push_back(pending);
        self.advance(&peer);
    }

    /// A parked publish was accepted: the first that has this ticket.
    fn complete(&mut self, ticket: Ticket) {
        let Some(peer) = self.tickets.get(&ticket).cloned() else { return };
        let parked =
            |pending: &&mut Pending| matches!(pending, Pending::Publish(_, waiting) if *waiting == ticket);
        let mut waiting =
            self.connections.get_mut(&peer).into_iter().flat_map(|connection| &mut connection.pending);
        let mut waiting = waiting.by_ref().filter(parked);
        if let Some(pending) = waiting.next() {
            if let Pending::Publish(envelope, _) = pending {
                *pending = Pending::Reply(mem::take(envelope), constants::MSG_PUBLISHED);
            }
        }
        if waiting.next().is_none() {
            self.tickets.remove(&ticket);
        }
        self.advance(&peer);
    }

    /// Answers what can be answered, in order; then the connection waits for an event if that is next.
    fn advance(&mut self, peer: &PeerId) {
        while let Some(connection) = self.connections.get_mut(peer) {
            match connection.pending.front() {
                Some(Pending::Reply(..)) => {
                    if let Some(Pending::Reply(envelope, text)) = connection.pending.pop_front() {
                        self.reply(peer, &envelope, Frame::Bytes(text));
                    }
                }
                Some(Pending::NextMsg(_)) => {
                    if !mem::replace(&mut connection.in_line, true) {
                        self.line.push_back(PeerId::clone(peer));
                    }
                    return;
                }
                Some(Pending::Publish(..)) | None => return,
            }
        }
    }

    /// Hands waiting events to waiting connections.
    fn hand_over(&mut self) -> Taken {
        let EdgeOf { router, plugin, .. } = self.of.clone();
        let mut batch: VecDeque<Item> = VecDeque::new();
        let mut taken = Taken::Nothing;
        while let Some(peer) = self.first_in_line() {
            if batch.is_empty() {
                taken = router.take_or_sleep(plugin, self.settled.take(), (1, usize::MAX), &mut batch);
            }
            let Some((_, payload)) = batch.front() else { break };
            // A connection that is known to be gone gets, and eats, no event (EE-BASIC-17).
            if self.port.look_for_gone().is_err() {
                taken = Taken::Closed;
                break;
            }
            self.forget_gone();
            let Some(connection) = self.connections.get_mut(&peer) else { continue };
            let Some(Pending::NextMsg(envelope)) = connection.pending.pop_front() else { continue };
            connection.in_line = false;
            self.line.pop_front();
            let bytes = payload.len();
            if self.reply(&peer, &envelope, Frame::Event(&payload.clone())) {
                self.settled.add(bytes);
                batch.pop_front();
            }
            self.advance(&peer);
        }
        router.give_back(plugin, &mut batch);
        if self.settled.events > 0 {
            router.settle(plugin, self.settled.take());
        }
        taken
    }

    /// The first connection whose next answer is an event.
    fn first_in_line(&mut self) -> Option<PeerId> {
        while let Some(peer) = self.line.front() {
            match self.connections.get_mut(peer) {
                Some(connection) if matches!(connection.pending.front(), Some(Pending::NextMsg(_))) => {
                    return Some(PeerId::clone(peer));
                }
                Some(connection) => connection.in_line = false,
                None => {}
            }
            self.line.pop_front();
        }
        None
    }

    fn forget_gone(&mut self) {
        for peer in self.port.take_gone() {
            self.handle(Incoming::Gone(peer));
        }
    }

    /// Whether the reply was sent.
    fn reply(&mut self, peer: &PeerId, envelope: &Envelope, body: Frame<'_>) -> bool {
        let mut frames: Vec<Frame<'_>> = envelope.iter().map(|frame| Frame::Bytes(frame)).collect();
        frames.push(body);
        match self.port.send(peer, &frames) {
            Sent::Yes => true,
            Sent::Gone => false,
            Sent::Busy => {
                if let Some(connection) = self.connections.get_mut(peer) {
                    if !mem::replace(&mut connection.busy_logged, true) {
                        tracing::warn!(
                            "{}: a client does not read its replies; they are dropped",
                            self.of.name
                        );
                    }
                }
                false
            }
        }
    }
}

fn as_slices(frames: &[Received]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame[..]).collect()
}
