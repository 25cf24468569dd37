//! Publishes that are not accepted yet: those that wait for the window (EE-SESSION-29), and those that the engine may have
//! to get again (EE-SESSION-35).

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::constants::BATCH_TARGET_BYTES;
use crate::session::batch::{split_first, travels_alone, LENGTH_BYTES};

/// Events that wait to be sent: packed ones, or one that travels alone and has no length before it.
#[derive(Debug)]
struct Run {
    bytes: BytesMut,
    events: u64,
    alone: bool,
}

/// Events that were sent and are not accepted yet.
#[derive(Debug)]
struct Sent {
    bytes: Bytes,
    events: u64,
    alone: bool,
}

impl Sent {
    /// Bytes of the events themselves.
    fn event_bytes(&self) -> u64 {
        self.bytes.len() as u64 - if self.alone { 0 } else { LENGTH_BYTES as u64 * self.events }
    }

    /// Forgets the first events.
    fn skip(&mut self, events: u64) {
        for _ in 0..events.min(self.events) {
            let length = if self.alone { self.bytes.len() } else { LENGTH_BYTES + first_bytes(&self.bytes) };
            self.bytes.advance(length.min(self.bytes.len()));
        }
        self.events = self.events.saturating_sub(events);
    }
}

/// A `publish` that is to be sent now.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) id: u64,
    pub(super) count: Option<u64>,
    pub(super) payload: Bytes,
}

#[derive(Debug)]
pub(super) struct Outbox {
    /// Last id that is accepted.
    settled: u64,
    /// Last id that was sent.
    sent: u64,
    /// Last id that was given to an event.
    last: u64,
    in_flight: VecDeque<Sent>,
    in_flight_bytes: u64,
    queued: VecDeque<Run>,
    window: u64,
    window_bytes: u64,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Outbox {
            settled: 0,
            sent: 0,
            last: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            queued: VecDeque::new(),
            window: 0,
            window_bytes: 0,
        }
    }

    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Adds an event behind the others and returns its id.
    pub(super) fn push(&mut self, event: &[u8]) -> u64 {
        self.last += 1;
        self.queue(event);
        self.last
    }

    fn queue(&mut self, event: &[u8]) {
        if travels_alone(event.len()) {
            self.queued.push_back(Run { bytes: event.into(), events: 1, alone: true });
            return;
        }
        let needed = LENGTH_BYTES + event.len();
        let mut capacity = needed;
        if let Some(run) = self.queued.back_mut().filter(|run| !run.alone) {
            if run.bytes.len() + needed <= BATCH_TARGET_BYTES {
                run.put(event);
                return;
            }
            // After a full run there comes another, probably.
            capacity = needed.max(BATCH_TARGET_BYTES);
        }
        let mut run = Run { bytes: BytesMut::with_capacity(capacity), events: 0, alone: false };
        run.put(event);
        self.queued.push_back(run);
    }

    /// The next message that the window allows.
    pub(super) fn next(&mut self) -> Option<Publish> {
        let room = self.window.saturating_sub(self.sent - self.settled);
        let room_bytes = self.window_bytes.saturating_sub(self.in_flight_bytes);
        let idle = self.sent == self.settled;
        self.top_up();
        let run = self.queued.front_mut()?;
        let (events, length) = run.fitting(room, room_bytes, idle);
        if events == 0 {
            return None;
        }
        let sent = Sent { bytes: run.bytes.split_to(length).freeze(), events, alone: run.alone };
        run.events -= events;
        if run.events == 0 {
            self.queued.pop_front();
        }
        let single = if sent.alone { 0 } else { LENGTH_BYTES };
        let publish = Publish {
            id: self.sent + 1,
            count: (events > 1).then_some(events),
            payload: if events > 1 { sent.bytes.clone() } else { sent.bytes.slice(single..) },
        };
        self.sent += events;
        self.in_flight_bytes += sent.event_bytes();
        self.in_flight.push_back(sent);
        Some(publish)
    }

    /// Fills the first run from those behind it, for the case that the window has cut it.
    fn top_up(&mut self) {
        loop {
            let mut runs = self.queued.iter_mut().take(2);
            let (Some(first), Some(second)) = (runs.next(), runs.next()) else { return };
            if first.alone || second.alone {
                return;
            }
            while let Some((event, _)) = split_first(&second.bytes) {
                let needed = LENGTH_BYTES + event.len();
                if first.bytes.len() + needed > BATCH_TARGET_BYTES {
                    return;
                }
                first.put(event);
                second.bytes.advance(needed);
                second.events -= 1;
            }
            self.queued.remove(1);
        }
    }

    /// Everything that could be sent was sent.
    pub(super) fn is_sent(&self) -> bool {
        self.queued.is_empty()
    }

    /// Everything to `id`, which was sent, is accepted.
    pub(super) fn settle(&mut self, id: u64) {
        while self.settled < id {
            let Some(front) = self.in_flight.front_mut() else { break };
            let before = front.event_bytes();
            let events = front.events.min(id - self.settled);
            if events == front.events {
                self.in_flight.pop_front();
                self.in_flight_bytes -= before;
            } else {
                front.skip(events);
                self.in_flight_bytes -= before - front.event_bytes();
            }
            self.settled += events;
        }
    }

    /// A connection has begun whose engine has taken everything to `received`; the rest is to be sent again.
    pub(super) fn resume(&mut self, received: u64, window: u64, window_bytes: u64) {
        (self.window, self.window_bytes) = (window, window_bytes);
        if received >= self.sent {
            return;
        }
        let queued = std::mem::take(&mut self.queued);
        let mut taken = received.saturating_sub(self.settled);
        for mut sent in std::mem::take(&mut self.in_flight) {
            if taken >= sent.events {
                taken -= sent.events;
                self.in_flight.push_back(sent);
                continue;
            }
            if taken > 0 {
                let mut head = Sent { bytes: sent.bytes.clone(), ..sent };
                sent.skip(taken);
                head.bytes.truncate(head.bytes.len() - sent.bytes.len());
                head.events = taken;
                self.in_flight.push_back(head);
                taken = 0;
            }
            self.queue_all(&sent.bytes, sent.alone);
        }
        for run in queued {
            self.queue_all(&run.bytes, run.alone);
        }
        self.sent = received;
        self.in_flight_bytes = self.in_flight.iter().map(Sent::event_bytes).sum();
    }

    fn queue_all(&mut self, bytes: &[u8], alone: bool) {
        if alone {
            return self.queue(bytes);
        }
        let mut rest = bytes;
        while let Some((event, after)) = split_first(rest) {
            self.queue(event);
            rest = after;
        }
    }
}

impl Run {
    fn put(&mut self, event: &[u8]) {
        self.bytes.put_u32(event.len() as u32);
        self.bytes.put_slice(event);
        self.events += 1;
    }

    /// How many of the events may be sent, and their length here. When nothing is unanswered one always may.
    fn fitting(&self, room: u64, room_bytes: u64, idle: bool) -> (u64, usize) {
        let all = self.bytes.len() as u64;
        if self.events <= room && all <= room_bytes {
            return (self.events, self.bytes.len());
        }
        let (mut events, mut length, mut event_bytes) = (0, 0, 0);
        while events < room.min(self.events) {
            let (here, size) = if self.alone {
                (self.bytes.len(), self.bytes.len())
            } else {
                let size = first_bytes(self.bytes.get(length..).unwrap_or_default());
                (LENGTH_BYTES + size, size)
            };
            event_bytes += size as u64;
            if event_bytes > room_bytes && !(idle && events == 0) {
                break;
            }
            events += 1;
            length += here;
        }
        (events, length)
    }
}

/// Size of the first event of a packed payload.
fn first_bytes(packed: &[u8]) -> usize {
    split_first(packed).map_or(0, |(event, _)| event.len())
}
