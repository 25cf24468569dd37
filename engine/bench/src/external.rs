//! The client of the external cases: a raw zmq REQ socket with a context of its own.

use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::measurement::Measurement;
use crate::payload::{self, Template, FILTER, PROBE};
use crate::plan::{Kind, Load};
use crate::run::Run;
use crate::system::System;
use crate::Failure;

pub(crate) const NEXT_MSG: &[u8] = b"plugin_command: next_msg";
pub(crate) const QUIT: &[u8] = b"plugin_command: quit";
pub(crate) const PUBLISHED: &[u8] = b"event-engine: msg published";

/// A reply that takes longer was lost.
const REPLY_WITHIN_MS: i32 = 5_000;
/// How long `quit` may linger: it has no reply.
const LINGER_MS: i32 = 1_000;
/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(1);

/// Events for the client come in rounds, each published before the client asks for it: so few that the ancestor, too,
/// has room for all of them.
pub(crate) struct Rounds {
    load: Load,
    size: u64,
    lossless: bool,
    /// None where the server itself makes the events.
    turn: Option<Barrier>,
    /// Whether the client has seen that the subscription works.
    subscribed: Mutex<bool>,
    changed: Condvar,
}

impl Rounds {
    pub(crate) fn new(load: Load, system: System) -> Arc<Self> {
        let turn = (system != System::LibzmqRouter).then(|| Barrier::new(2));
        Arc::new(Rounds {
            load,
            size: if load.bytes > 64 * 1024 { 16 } else { 250 },
            lossless: system.is_lossless(),
            turn,
            subscribed: Mutex::new(system.is_lossless()),
            changed: Condvar::new(),
        })
    }

    /// The source's part: where events can be lost probes until the subscription works, then the rounds.
    pub(crate) fn produce<E>(&self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut template = Template::new(FILTER, self.load.bytes);
        while !self.subscribed_within(PROBE_EVERY) {
            send(template.stamp(PROBE, 0))?;
        }
        for first in (0..self.load.events).step_by(self.size as usize) {
            for sequence in first..self.load.events.min(first + self.size) {
                send(template.stamp(sequence, 0))?;
            }
            self.pass();
            self.pass();
        }
        Ok(())
    }

    fn subscribed_within(&self, patience: Duration) -> bool {
        let subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(subscribed, patience, |subscribed| !*subscribed);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn subscribed(&self) {
        *self.subscribed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for the other side: after a round was published, and after it was read.
    fn pass(&self) {
        if let Some(turn) = &self.turn {
            turn.wait();
        }
    }
}

/// A REQ socket, connected.
pub(crate) struct Client {
    socket: zmq::Socket,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Result<Self, Failure> {
        let socket = zmq::Context::new().socket(zmq::REQ)?;
        socket.set_rcvtimeo(REPLY_WITHIN_MS)?;
        socket.set_linger(LINGER_MS)?;
        socket.connect(&format!("tcp://127.0.0.1:{port}"))?;
        Ok(Client { socket })
    }

    /// All round trips; the first tenth warms up and does not count.
    pub(crate) fn measure(&self, kind: Kind, run: &Run, rounds: &Rounds) -> Result<Measurement, Failure> {
        let mut times_ns = match kind {
            Kind::ExternalNext => self.next(rounds)?,
            _ => self.publish(run)?,
        };
        let (sent, delivered) = match kind {
            Kind::ExternalPublish if run.load.readers > 0 => {
                let readers = run.measurement()?;
                (readers.sent, readers.delivered)
            }
            _ => (run.load.events, times_ns.len() as u64),
        };
        times_ns.drain(..times_ns.len() / 10);
        Ok(Measurement::of_round_trips(times_ns, sent, delivered))
    }

    /// Has no reply. Not possible while one is owed.
    pub(crate) fn quit(&self) -> Result<(), Failure> {
        Ok(self.socket.send(QUIT, 0)?)
    }

    fn publish(&self, run: &Run) -> Result<Vec<u64>, Failure> {
        let mut times_ns = Vec::new();
        run.produce(|event| {
            let (time_ns, reply) = self.round_trip(event)?;
            if &reply[..] != PUBLISHED {
                return Err(Failure::from(format!("publish was answered with {} bytes", reply.len())));
            }
            // Others are probes and end marks.
            if payload::sequence(event).is_some_and(|sequence| sequence < run.load.events) {
                times_ns.push(time_ns);
            }
            Ok(())
        })?;
        Ok(times_ns)
    }

    /// Reads all rounds; ends early when a reply does not come where events can be lost.
    fn next(&self, rounds: &Rounds) -> Result<Vec<u64>, Failure> {
        let mut times_ns = Vec::new();
        if !rounds.lossless {
            self.round_trip(NEXT_MSG)?;
            rounds.subscribed();
        }
        for first in (0..rounds.load.events).step_by(rounds.size as usize) {
            rounds.pass();
            let end = rounds.load.events.min(first + rounds.size);
            let mut next = first;
            while next < end {
                let (time_ns, event) = match self.round_trip(NEXT_MSG) {
                    Err(error) if !rounds.lossless && is_time_out(&error) => return Ok(times_ns),
                    result => result?,
                };
                let sequence =
                    payload::sequence(&event).ok_or("next_msg yielded an event without a number")?;
                if !rounds.lossless && sequence == PROBE {
                    continue;
                }
                let expected = if rounds.lossless { next..next + 1 } else { next..end };
                if event.len() != rounds.load.bytes || !expected.contains(&sequence) {
                    return Err(format!("next_msg yielded event {sequence} where {next} was next").into());
                }
                times_ns.push(time_ns);
                next = sequence + 1;
            }
            rounds.pass();
        }
        Ok(times_ns)
    }

    fn round_trip(&self, request: &[u8]) -> Result<(u64, zmq::Message), Failure> {
        let start = Instant::now();
        self.socket.send(request, 0)?;
        let reply = self.socket.recv_msg(0)?;
        Ok((u64::try_from(start.elapsed().as_nanos())?, reply))
    }
}

fn is_time_out(error: &Failure) -> bool {
    error.downcast_ref() == Some(&zmq::Error::EAGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_reply_is_a_loss() {
        assert!(is_time_out(&Failure::from(zmq::Error::EAGAIN)));
        assert!(!is_time_out(&Failure::from(zmq::Error::EFSM)));
        assert!(!is_time_out(&Failure::from("another failure")));
    }
}
