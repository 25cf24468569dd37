//! One connection after the other to the engine: a socket lives as long as its connection.
//!
//! libzmq must not connect again by itself (EE-SDK-5), so that nothing reaches a new connection before its first message is due. The
//! socket's monitor tells when a connection ends.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_engine_protocol::constants::{RECONNECT_MAX_MS, RECONNECT_MIN_MS};
use zmq::SocketEvent;

use super::resolve::{resolve, Resolved};
use super::Waker;
use crate::ffi;
use crate::options::Endpoint;

/// Longest time until a connection is established, its handshake included.
const ESTABLISH: Duration = Duration::from_secs(10);
/// A day, which no socket with a broken connection sees. The value for "never", -1, makes libzmq drop what has come over
/// the connection and was not read yet, as the engine's `bye`.
const NEVER_MS: i32 = 86_400_000;
/// Frames of a message beyond which its content does not matter: no message of the protocol has so many.
const FRAMES_MAX: usize = 3;

/// What has become of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// There is a socket: what is sent on it reaches the engine first of all.
    Opened,
    /// It is ending: what has come is still there to be received, then it will be broken.
    Ending,
    /// It is gone, with everything that was on its way.
    Broken,
}

/// How connections are made.
#[derive(Clone)]
pub(crate) struct Dial {
    /// Absent after closing, so that what is left of it can be terminated.
    pub(crate) context: Option<zmq::Context>,
    pub(crate) endpoint: Endpoint,
    /// Where the engine was found; tried first.
    pub(crate) found: SocketAddr,
    pub(crate) heartbeat: Duration,
    pub(crate) waker: Waker,
}

enum State {
    Down { retry_at: Instant },
    Resolving(Receiver<Resolved>),
    Open(Connection),
    Closed,
}

struct Connection {
    socket: zmq::Socket,
    monitor: zmq::Socket,
    /// Until the handshake has succeeded: when it must have.
    establish_by: Option<Instant>,
    ending: bool,
    /// Nobody listens at the port.
    refused: bool,
}

pub(crate) struct Link {
    dial: Dial,
    state: State,
    attempts: usize,
    /// Openings and breaks.
    changes: u64,
    backoff_ms: u64,
    refused: bool,
    /// The socket was used since [`Link::has_input`] was asked.
    touched: Cell<bool>,
}

impl Link {
    /// Not connected; the first [`Link::step`] begins.
    pub(crate) fn new(dial: Dial) -> Self {
        Link {
            dial,
            state: State::Down { retry_at: Instant::now() },
            attempts: 0,
            changes: 0,
            backoff_ms: RECONNECT_MIN_MS,
            refused: false,
            touched: Cell::new(false),
        }
    }

    /// Goes on connecting, or looks whether the connection still lives.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Change> {
        match &mut self.state {
            State::Down { retry_at } if *retry_at <= now => {
                if self.attempts == 0 {
                    return self.open(self.dial.found, now);
                }
                let resolving = resolve(&self.dial.endpoint, self.dial.waker.clone());
                self.state = State::Resolving(resolving);
                self.step(now)
            }
            State::Resolving(receiver) => match receiver.try_recv() {
                Ok(Ok(addresses)) => match addresses.get(self.attempts % addresses.len().max(1)) {
                    Some(address) => {
                        let address = *address;
                        self.open(address, now)
                    }
                    None => self.retry(now),
                },
                Err(TryRecvError::Empty) => None,
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => self.retry(now),
            },
            State::Open(connection) if connection.ending => Some(self.broken(now)),
            State::Open(connection) => match connection.health(now) {
                Health::Living => None,
                Health::Established => {
                    self.refused = false;
                    None
                }
                Health::Broken => {
                    connection.ending = true;
                    Some(Change::Ending)
                }
            },
            State::Down { .. } | State::Closed => None,
        }
    }

    fn open(&mut self, address: SocketAddr, now: Instant) -> Option<Change> {
        self.attempts += 1;
        match Connection::open(&self.dial, address, now) {
            Ok(connection) => {
                self.state = State::Open(connection);
                self.changes += 1;
                Some(Change::Opened)
            }
            Err(_) => self.retry(now),
        }
    }

    fn broken(&mut self, now: Instant) -> Change {
        if let State::Open(connection) = &self.state {
            self.refused = connection.refused;
        }
        let _ = self.retry(now);
        self.changes += 1;
        Change::Broken
    }

    fn retry(&mut self, now: Instant) -> Option<Change> {
        // A random number from how the standard library seeds its hashes: enough to spread clients.
        let random = RandomState::new().build_hasher().finish();
        let wait = self.backoff_ms / 2 + random % (self.backoff_ms / 2 + 1);
        self.backoff_ms = (self.backoff_ms * 2).min(RECONNECT_MAX_MS);
        self.state = State::Down { retry_at: now + Duration::from_millis(wait) };
        None
    }

    /// The engine has answered: the next time, connecting is tried quickly again. Its messages can be here before the
    /// monitor's report of the handshake is, so this, too, says that somebody listens.
    pub(crate) fn worked(&mut self) {
        self.backoff_ms = RECONNECT_MIN_MS;
        self.refused = false;
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The last attempt did not even get a connection: nobody listens at the port.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Grows whenever the descriptors change.
    #[cfg(feature = "tokio")]
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// When [`Link::step`] has something to do although nothing came.
    pub(crate) fn timer(&self) -> Option<Instant> {
        match &self.state {
            State::Down { retry_at } => Some(*retry_at),
            State::Open(connection) if connection.ending => Some(Instant::now()),
            State::Open(connection) => connection.establish_by,
            State::Resolving(_) | State::Closed => None,
        }
    }

    /// The descriptors that become readable when there may be something to do.
    pub(crate) fn fds(&self, fds: &mut Vec<RawFd>) {
        if let State::Open(connection) = &self.state {
            fds.extend(
                [&connection.socket, &connection.monitor].iter().filter_map(|socket| socket.get_fd().ok()),
            );
        }
    }

    /// Something came that nobody has looked at, and using the socket has made its descriptor silent about it.
    pub(crate) fn has_input(&self) -> bool {
        if !self.touched.take() {
            return false;
        }
        let readable = |socket: &zmq::Socket| {
            socket.get_events().is_ok_and(|events| events.contains(zmq::PollEvents::POLLIN))
        };
        match &self.state {
            State::Open(connection) => readable(&connection.socket) || readable(&connection.monitor),
            _ => false,
        }
    }

    /// Sends a message of two frames, or of one. If the connection cannot take it, it is ending.
    pub(crate) fn send(&mut self, first: &[u8], second: Option<&[u8]>) {
        let State::Open(Connection { socket, ending, .. }) = &mut self.state else { return };
        self.touched.set(true);
        let more = if second.is_some() { zmq::SNDMORE } else { 0 };
        let sent = uninterrupted(|| socket.send(first, more | zmq::DONTWAIT)).and_then(|()| {
            second.map_or(Ok(()), |second| uninterrupted(|| socket.send(second, zmq::DONTWAIT)))
        });
        *ending |= sent.is_err();
    }

    /// The next message, if one has come: its first frames.
    pub(crate) fn receive(&self) -> Option<Vec<Bytes>> {
        let State::Open(Connection { socket, .. }) = &self.state else { return None };
        self.touched.set(true);
        let mut frames = Vec::with_capacity(2);
        loop {
            let frame = uninterrupted(|| socket.recv_msg(zmq::DONTWAIT)).ok()?;
            let more = frame.get_more();
            if frames.len() < FRAMES_MAX {
                frames.push(Bytes::from_owner(Frame(frame)));
            }
            if !more {
                return Some(frames);
            }
        }
    }

    /// Closes for good. What is unsent has `linger` to go out while the context is terminated.
    pub(crate) fn close(&mut self, linger: Duration) {
        if let State::Open(connection) = &self.state {
            let _ = connection.socket.set_linger(linger.as_millis().try_into().unwrap_or(i32::MAX));
        }
        self.state = State::Closed;
        self.dial.context = None;
    }
}

enum Health {
    Living,
    Established,
    Broken,
}

impl Connection {
    fn open(dial: &Dial, address: SocketAddr, now: Instant) -> zmq::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let context = dial.context.as_ref().ok_or(zmq::Error::ETERM)?;
        let socket = context.socket(zmq::DEALER)?;
        socket.set_linger(0)?;
        socket.set_reconnect_ivl(NEVER_MS)?;
        // The windows of the protocol bound what waits here.
        socket.set_sndhwm(0)?;
        socket.set_rcvhwm(0)?;
        socket.set_ipv6(address.is_ipv6())?;
        let heartbeat_ms = dial.heartbeat.as_millis().try_into().unwrap_or(i32::MAX);
        if heartbeat_ms > 0 {
            socket.set_heartbeat_ivl(heartbeat_ms)?;
            socket.set_heartbeat_timeout(heartbeat_ms)?;
        }
        let reports = format!("inproc://monitor-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let events = [
            SocketEvent::HANDSHAKE_SUCCEEDED,
            SocketEvent::HANDSHAKE_FAILED_NO_DETAIL,
            SocketEvent::HANDSHAKE_FAILED_PROTOCOL,
            SocketEvent::HANDSHAKE_FAILED_AUTH,
            SocketEvent::DISCONNECTED,
            SocketEvent::CLOSED,
        ];
        uninterrupted(|| {
            socket.monitor(&reports, events.iter().map(|event| i32::from(event.to_raw())).sum())
        })?;
        let monitor = context.socket(zmq::PAIR)?;
        monitor.set_linger(0)?;
        monitor.set_rcvhwm(0)?;
        // From here on dropping stops the monitor first.
        let connection = Connection {
            socket,
            monitor,
            establish_by: Some(now + ESTABLISH),
            ending: false,
            refused: false,
        };
        uninterrupted(|| connection.monitor.connect(&reports))?;
        uninterrupted(|| connection.socket.connect(&format!("tcp://{address}")))?;
        Ok(connection)
    }

    fn health(&mut self, now: Instant) -> Health {
        let mut established = false;
        loop {
            match uninterrupted(|| self.monitor.recv_msg(zmq::DONTWAIT)) {
                Ok(report) => {
                    if report.get_more() {
                        let _address = uninterrupted(|| self.monitor.recv_msg(zmq::DONTWAIT));
                    }
                    let kind = report.first_chunk::<2>().map(|kind| u16::from_ne_bytes(*kind));
                    if kind != Some(SocketEvent::HANDSHAKE_SUCCEEDED.to_raw()) {
                        // A connection that was there would be disconnected, not closed.
                        self.refused =
                            self.establish_by.is_some() && kind == Some(SocketEvent::CLOSED.to_raw());
                        return Health::Broken;
                    }
                    self.establish_by = None;
                    established = true;
                }
                Err(zmq::Error::EAGAIN) if self.establish_by.is_some_and(|by| by <= now) => {
                    return Health::Broken
                }
                Err(zmq::Error::EAGAIN) if established => return Health::Established,
                Err(zmq::Error::EAGAIN) => return Health::Living,
                Err(_) => return Health::Broken,
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        ffi::stop_monitor(&mut self.socket);
    }
}

/// A received frame as the owner of its bytes.
struct Frame(zmq::Message);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Calls again after a signal.
fn uninterrupted<T>(mut call: impl FnMut() -> zmq::Result<T>) -> zmq::Result<T> {
    loop {
        match call() {
            Err(zmq::Error::EINTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EE-SESSION-46: a refusal before an answer says nothing about a quit after it.
    #[test]
    fn an_answer_ends_what_an_earlier_refusal_said() {
        let found = SocketAddr::from(([127, 0, 0, 1], 1));
        let endpoint = Endpoint::parse("tcp://127.0.0.1:1").unwrap();
        let waker: Waker = std::sync::Arc::new(|| {});
        let mut link = Link::new(Dial { context: None, endpoint, found, heartbeat: Duration::ZERO, waker });
        link.refused = true;
        link.worked();
        assert!(!link.is_refused());
    }
}
