//! Clients of the basic profile: one request, one answer, in the order of each connection.

use std::collections::{HashMap, VecDeque};
use std::mem;

use event_engine_protocol::basic::{self, Request};
use event_engine_protocol::constants;

use super::port::{Frame, PeerId, Received, Sent};
use super::Counter;
use crate::edges::EdgeOf;
use crate::payload::Payload;
use crate::queue::{Item, Ticket};
use crate::router::{Offer, Taken};

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
    busy_logged: bool,
}

/// The connections of one port that speak the basic profile.
#[derive(Default)]
pub(super) struct Basic {
    quits: usize,
    connections: HashMap<PeerId, Connection>,
    /// Who waits for an event, first come first served.
    line: VecDeque<PeerId>,
    tickets: HashMap<Ticket, PeerId>,
}

impl Basic {
    /// How many clients have quit.
    pub(super) fn quits(&self) -> usize {
        self.quits
    }

    /// Whether somebody waits for an event.
    pub(super) fn is_waiting(&mut self) -> bool {
        self.first_in_line().is_some()
    }

    pub(super) fn gone(&mut self, peer: &PeerId) {
        if self.connections.remove(peer).is_some() {
            self.line.retain(|waiting| waiting != peer);
        }
    }

    /// A request came; its body begins with the frame `body_start`.
    pub(super) fn message(
        &mut self,
        counter: &mut Counter,
        peer: PeerId,
        mut frames: Vec<Received>,
        body_start: usize,
    ) {
        let connection = self.connections.entry(PeerId::clone(&peer)).or_default();
        let mut body = frames.split_off(body_start.min(frames.len()));
        let envelope = frames;
        // A newer request replaces the one that waits for an event, whose place in the line is lost.
        connection.pending.retain(|pending| !matches!(pending, Pending::NextMsg(_)));
        if mem::take(&mut connection.in_line) {
            self.line.retain(|waiting| *waiting != peer);
        }
        if connection.pending.len() >= constants::CONNECTION_MAX_UNANSWERED {
            self.reply(counter, &peer, &envelope, Frame::Bytes(constants::BAD_MSG));
            return;
        }
        let EdgeOf { router, plugin, name, max_event_bytes } = &counter.of;
        let pending = match basic::parse_request(&body, *max_event_bytes) {
            Request::NextMsg => Pending::NextMsg(envelope),
            Request::Quit => {
                self.quits += 1;
                return;
            }
            Request::Bad(reason) => {
                counter.count_refused();
                tracing::warn!("{name}: nothing was published: {reason}");
                Pending::Reply(envelope, constants::BAD_MSG)
            }
            Request::Publish => {
                let Some(event) = body.pop() else { return };
                // Events of one connection are accepted in its order (EE-ORDER-4).
                let behind = connection.pending.iter().rev().find_map(|pending| match pending {
                    Pending::Publish(_, ticket) => Some(*ticket),
                    _ => None,
                });
                match router.offer(*plugin, Payload::from(event), behind) {
                    Offer::Accepted => Pending::Reply(envelope, constants::MSG_PUBLISHED),
                    Offer::Parked(ticket) => {
                        self.tickets.insert(ticket, PeerId::clone(&peer));
                        Pending::Publish(envelope, ticket)
                    }
                    // The port is about to close; an answer would say that the event was accepted, or that it was wrong.
                    Offer::Refused => return,
                }
            }
        };
        connection.pending.push_back(pending);
        self.advance(counter, &peer);
    }

    /// A parked publish was accepted: the first that has this ticket.
    pub(super) fn complete(&mut self, counter: &mut Counter, ticket: Ticket) {
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
        self.advance(counter, &peer);
    }

    /// Answers what can be answered, in order; then the connection waits for an event if that is next.
    fn advance(&mut self, counter: &mut Counter, peer: &PeerId) {
        while let Some(connection) = self.connections.get_mut(peer) {
            match connection.pending.front() {
                Some(Pending::Reply(..)) => {
                    if let Some(Pending::Reply(envelope, text)) = connection.pending.pop_front() {
                        self.reply(counter, peer, &envelope, Frame::Bytes(text));
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
    pub(super) fn hand_over(&mut self, counter: &mut Counter) -> Taken {
        let EdgeOf { router, plugin, .. } = counter.of.clone();
        let mut batch: VecDeque<Item> = VecDeque::new();
        let mut taken = Taken::Nothing;
        while let Some(peer) = self.first_in_line() {
            if batch.is_empty() {
                taken = router.take_now(plugin, counter.settled.take(), (1, usize::MAX), &mut batch);
            }
            let Some((_, payload)) = batch.front() else { break };
            // A connection that is known to be gone gets, and eats, no event (EE-BASIC-17).
            if counter.port.look_for_gone().is_err() {
                taken = Taken::Closed;
                break;
            }
            for gone in counter.port.gone() {
                self.gone(&gone);
            }
            let Some(connection) = self.connections.get_mut(&peer) else { continue };
            let Some(Pending::NextMsg(envelope)) = connection.pending.pop_front() else { continue };
            connection.in_line = false;
            self.line.pop_front();
            let bytes = payload.len();
            if self.reply(counter, &peer, &envelope, Frame::Event(&payload.clone())) {
                counter.settled.hand_over(bytes);
                batch.pop_front();
            }
            self.advance(counter, &peer);
        }
        router.give_back(plugin, &mut batch);
        if counter.settled.events > 0 {
            router.settle(plugin, counter.settled.take());
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

    /// Whether the reply was sent.
    fn reply(&mut self, counter: &mut Counter, peer: &PeerId, envelope: &Envelope, body: Frame<'_>) -> bool {
        let mut frames: Vec<Frame<'_>> = envelope.iter().map(|frame| Frame::Bytes(frame)).collect();
        frames.push(body);
        match counter.port.send(peer, &frames) {
            Sent::Yes => true,
            Sent::Gone => false,
            Sent::Busy => {
                if let Some(connection) = self.connections.get_mut(peer) {
                    if !mem::replace(&mut connection.busy_logged, true) {
                        tracing::warn!(
                            "{}: a client does not read its replies; they are dropped",
                            counter.of.name
                        );
                    }
                }
                false
            }
        }
    }
}
