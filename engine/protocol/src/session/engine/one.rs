//! One session, as the engine sees it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::Hash;
use std::time::Duration;

use super::{Body, Heard, Life, Outgoing, Refused, Wish};
use crate::constants::{IN_FLIGHT_MAX_BYTES, PUBLISH_WINDOW, PUBLISH_WINDOW_BYTES, RECEIVE_WINDOW_MAX};
use crate::session::batch::{self, Batch};
use crate::session::message::{ErrorCode, ToClient};

/// An event in the hands of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight<E> {
    /// Its position in the application's order.
    pub order: u64,
    /// Its bytes.
    pub event: E,
    /// So many sessions ended with it in their hands.
    pub attempts: u32,
}

pub(super) struct Session<P, E> {
    pub(super) life: Life,
    pub(super) peer: Option<P>,
    /// Since when it has no connection.
    pub(super) detached: Option<Duration>,
    pub(super) last_heard: Duration,
    pub(super) last_ping: Duration,

    /// `ready` came on this connection.
    pub(super) ready: bool,
    /// `ok` was sent on this connection.
    greeted: bool,
    /// `ack` came on this connection.
    credited: bool,
    /// What was in flight went out on this connection too.
    started: bool,
    stop_said: bool,
    pub(super) quitting: bool,
    /// Its client does not read; nothing is sent until it speaks.
    pub(super) blocked: bool,

    acknowledged: u64,
    upto: u64,
    /// Everything after `acknowledged`, without gaps.
    in_flight: VecDeque<InFlight<E>>,
    in_flight_bytes: usize,

    /// The last publish id that came.
    pub(super) taken: u64,
    /// The last one that every matching queue has accepted.
    pub(super) accepted: u64,
    /// Sizes of those between.
    pub(super) unanswered: VecDeque<usize>,
    pub(super) unanswered_bytes: usize,
    /// What the client was told of it on this connection.
    pub(super) told: Option<u64>,
}

impl<P: Clone + Eq + Hash, E: AsRef<[u8]> + Clone> Session<P, E> {
    pub(super) fn new(life: Life, peer: P, now: Duration) -> Self {
        Session {
            life,
            peer: Some(peer),
            detached: None,
            last_heard: now,
            last_ping: now,
            ready: false,
            greeted: false,
            credited: false,
            started: false,
            stop_said: false,
            quitting: false,
            blocked: false,
            acknowledged: 0,
            upto: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            taken: 0,
            accepted: 0,
            unanswered: VecDeque::new(),
            unanswered_bytes: 0,
            told: Some(0),
        }
    }

    /// A connection says hello for this session; returns the one it had.
    pub(super) fn attach(&mut self, peer: P, now: Duration) -> Option<P> {
        self.detached = None;
        self.last_heard = now;
        self.last_ping = now;
        self.ready = false;
        self.greeted = false;
        self.credited = false;
        self.started = false;
        self.stop_said = false;
        self.blocked = false;
        self.told = None;
        self.peer.replace(peer)
    }

    /// Goes on as far as the handshake of this connection has come: `ok`, then what was in flight.
    pub(super) fn start(&mut self, out: &mut VecDeque<Outgoing<P, E>>, open: bool) {
        if self.ready && open && !self.greeted {
            self.greeted = true;
            self.say(out, &ToClient::Ok);
        }
        if self.greeted && self.credited && !self.started {
            self.started = true;
            self.send_again(out);
        }
    }

    /// Says `stop`, once on each connection.
    pub(super) fn stop(&mut self, out: &mut VecDeque<Outgoing<P, E>>, reason: &str) {
        if self.started && !self.blocked && !std::mem::replace(&mut self.stop_said, true) {
            self.say(out, &ToClient::Stop { reason: Cow::Borrowed(reason) });
        }
    }

    /// Everything to `seq` is handled: how many events that are, and bytes.
    pub(super) fn acknowledge(&mut self, seq: u64, upto: u64) -> Result<(usize, usize), Refused> {
        let sent = self.last_sent();
        // A session that quits has given back what it had.
        if seq > sent && !self.quitting {
            let text = format!("ack of {seq}, but {sent} is the last event sent");
            return Err(Refused::new(ErrorCode::BadParam, text));
        }
        self.credited = true;
        self.upto = self.upto.max(upto);
        let (mut events, mut bytes) = (0, 0);
        while self.acknowledged < seq {
            let Some(handled) = self.in_flight.pop_front() else { break };
            self.acknowledged += 1;
            events += 1;
            bytes += handled.event.as_ref().len();
        }
        self.in_flight_bytes -= bytes;
        Ok((events, bytes))
    }

    /// A `publish` came: what of it is new, if anything is.
    pub(super) fn take(
        &mut self,
        first: u64,
        count: Option<u64>,
        payload: &[u8],
        max_event_bytes: usize,
    ) -> Result<Heard, Refused> {
        if self.quitting {
            return Err(Refused::new(ErrorCode::BadCommand, "a session that has quit publishes nothing"));
        }
        let next = self.taken + 1;
        if first > next {
            let text = format!("publish id {first} came, but {next} is the next");
            return Err(Refused::publish(ErrorCode::BadParam, first, text));
        }
        let mut new_bytes = 0;
        let mut last = first - 1;
        let mut look_at = |event: &[u8]| {
            last += 1;
            if last >= next {
                new_bytes += event.len();
            }
            if event.len() > max_event_bytes {
                let text =
                    format!("the event has {} bytes, at most {max_event_bytes} are allowed", event.len());
                return Err(Refused::publish(ErrorCode::TooLarge, last, text));
            }
            Ok(())
        };
        match count {
            None => look_at(payload)?,
            Some(count) => batch::unpack(payload, count)
                .map_err(|error| Refused::publish(error.code(), first, error.to_string()))?
                .try_for_each(look_at)?,
        }
        if last < next {
            return Ok(Heard::Nothing);
        }
        let new = (last - self.taken) as usize;
        let over = self.unanswered.len() + new > PUBLISH_WINDOW
            || self.unanswered_bytes.saturating_add(new_bytes) > PUBLISH_WINDOW_BYTES;
        if over && !(self.unanswered.is_empty() && new == 1) {
            let text = format!(
                "at most {PUBLISH_WINDOW} events and {PUBLISH_WINDOW_BYTES} bytes may be unanswered; wait for `published`"
            );
            return Err(Refused::publish(ErrorCode::Window, first, text));
        }
        self.taken = last;
        Ok(Heard::Publish { session: self.life, skip: (next - first) as usize, count })
    }

    /// What this session would take now.
    pub(super) fn wish(&self) -> Option<Wish> {
        if !self.started || self.blocked || self.quitting || self.peer.is_none() {
            return None;
        }
        // A redelivered event travels alone.
        if self.in_flight.front().is_some_and(|event| event.attempts > 0) {
            return None;
        }
        let upto = self.upto.min(self.acknowledged.saturating_add(RECEIVE_WINDOW_MAX as u64));
        let max_events = usize::try_from(upto.saturating_sub(self.last_sent())).unwrap_or(usize::MAX);
        let max_bytes = IN_FLIGHT_MAX_BYTES.saturating_sub(self.in_flight_bytes);
        (max_events > 0 && max_bytes > 0).then_some(Wish {
            session: self.life.id,
            max_events,
            max_bytes,
            empty_handed: self.in_flight.is_empty(),
        })
    }

    /// Whether it waits for events, and owes and is owed nothing.
    pub(super) fn waits(&self) -> bool {
        self.started
            && !self.blocked
            && !self.quitting
            && self.peer.is_some()
            && self.in_flight.is_empty()
            && self.accepted == self.taken
    }

    pub(super) fn deliver(
        &mut self,
        events: impl IntoIterator<Item = InFlight<E>>,
        out: &mut VecDeque<Outgoing<P, E>>,
    ) {
        let from = self.in_flight.len();
        for event in events {
            self.in_flight_bytes += event.event.as_ref().len();
            self.in_flight.push_back(event);
        }
        self.send_from(from, out);
    }

    /// Sends everything that is in flight again, with the same numbers.
    pub(super) fn send_again(&mut self, out: &mut VecDeque<Outgoing<P, E>>) {
        if self.started {
            self.send_from(0, out);
        }
    }

    /// Sends what is in flight from an index on, small events packed.
    fn send_from(&self, from: usize, out: &mut VecDeque<Outgoing<P, E>>) {
        let mut seq = self.acknowledged + 1 + from as u64;
        let mut events = self.in_flight.range(from.min(self.in_flight.len())..).peekable();
        while let Some(first) = events.next() {
            let mut batch = Batch::new();
            let mut count = 1;
            if first.attempts == 0 && events.peek().is_some() && batch.push(first.event.as_ref()) {
                while events
                    .next_if(|event| event.attempts == 0 && batch.push(event.event.as_ref()))
                    .is_some()
                {
                    count += 1;
                }
            }
            let header = header(&ToClient::Events {
                seq,
                count: batch.count(),
                redelivered: first.attempts > 0,
                order: Some(first.order).filter(|order| *order > 0),
            });
            let body = match count {
                1 => Body::Event(first.event.clone()),
                _ => Body::Bytes(batch.into_payload()),
            };
            self.send(out, header, body);
            seq += count;
        }
    }

    pub(super) fn say(&self, out: &mut VecDeque<Outgoing<P, E>>, message: &ToClient<'_>) {
        self.send(out, header(message), Body::None);
    }

    fn send(&self, out: &mut VecDeque<Outgoing<P, E>>, header: Vec<u8>, body: Body<E>) {
        if let Some(peer) = &self.peer {
            out.push_back(Outgoing { to: peer.clone(), header, body });
        }
    }

    pub(super) fn take_in_flight(&mut self) -> Vec<InFlight<E>> {
        self.in_flight_bytes = 0;
        std::mem::take(&mut self.in_flight).into()
    }

    pub(super) fn quiet_since(&self) -> Duration {
        self.last_heard.max(self.last_ping)
    }

    fn last_sent(&self) -> u64 {
        self.acknowledged + self.in_flight.len() as u64
    }
}

pub(super) fn header(message: &ToClient<'_>) -> Vec<u8> {
    let mut header = Vec::with_capacity(64);
    message.write(&mut header);
    header
}
