//! A port where the harness plays the engine, in raw ZMTP.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::decode;
use super::transcript::Transcript;
use crate::interrupt;
use crate::testees::ports;
use crate::zmtp::connection::{Connection, Heard, Reading};
use crate::zmtp::{greeting, property, ready, Unit};

/// How long a connection that says nothing is watched.
const LOOKS: Duration = Duration::from_secs(60);

/// How the port behaves.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// The socket type that READY announces.
    pub(crate) socket: String,
    /// Connections are handed out before any handshake, byte by byte.
    pub(crate) raw: bool,
    /// PINGs are not answered.
    pub(crate) mute: bool,
    /// What every connection is told at once, raw, before it is closed; nothing: no such thing is done.
    pub(crate) tells: Vec<u8>,
}

/// A client's connection after its handshake and its first message: clients may open others, say nothing, and close them, to learn
/// our socket type.
pub(crate) struct Accepted {
    pub(crate) connection: Connection,
    /// What it said first.
    pub(crate) first: Option<Unit>,
    /// What the client announced itself as.
    pub(crate) socket: String,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Accepted>,
    /// What came on connections that are only there to look.
    faults: Vec<String>,
    over: bool,
    seen: usize,
}

struct Shared {
    manner: Manner,
    transcript: Transcript,
    limit: Duration,
    state: Mutex<State>,
    news: Condvar,
}

/// An open port that nobody else takes while it is closed.
pub(super) fn own_port() -> Result<TcpListener, String> {
    const TRIES: usize = 5;
    let mut problem = "there is none that is free".to_owned();
    for port in (0..TRIES).filter_map(|_| ports::of_stage()) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(format!("no port: {problem}"))
}

/// The port.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    /// Opens it, at a port that was open before if `at` says one.
    pub(crate) fn open(
        at: Option<SocketAddr>,
        manner: Manner,
        transcript: &Transcript,
        limit: Duration,
    ) -> Result<Self, String> {
        let listener = match at {
            Some(at) => TcpListener::bind(at).map_err(|error| format!("cannot listen at {at}: {error}"))?,
            None => own_port()?,
        };
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared {
            manner,
            transcript: transcript.clone(),
            limit,
            state: Mutex::default(),
            news: Condvar::new(),
        });
        let port = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if port.lock().over {
                    return;
                }
                if let Ok(stream) = stream {
                    let greeting = Arc::clone(&port);
                    std::thread::spawn(move || greet(stream, &greeting));
                }
            }
        });
        Ok(Self { shared, address, accepting: Some(accepting) })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client's connection.
    pub(crate) fn accept(&self, deadline: Instant) -> Option<Accepted> {
        let mut state = self.shared.lock();
        loop {
            if let Some(accepted) = state.waiting.pop_front() {
                return Some(accepted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || interrupt::came().is_some() {
                return None;
            }
            let left = left.min(interrupt::LOOK_EVERY);
            state = self.shared.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many connections came, those that only look included.
    pub(crate) fn seen(&self) -> usize {
        self.shared.lock().seen
    }

    /// What clients did on connections that are only there to look.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.shared.lock().faults.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        // Wakes the accepting thread, which then lets go of the port.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        // Behind this the port is closed, and may be opened again.
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, accepted: Accepted) {
        self.lock().waiting.push_back(accepted);
        self.news.notify_all();
    }
}

/// The handshake of one connection.
fn greet(stream: TcpStream, shared: &Shared) {
    shared.lock().seen += 1;
    let reading = match (shared.manner.raw, shared.manner.mute) {
        (true, _) => Reading::Bytes,
        (false, true) => Reading::UnitsWithoutPong,
        (false, false) => Reading::Units,
    };
    if !shared.manner.tells.is_empty() {
        tell(stream, shared);
        return;
    }
    let Ok(mut connection) = Connection::new(stream, reading) else { return };
    if shared.manner.raw {
        shared.transcript.add("client", "harness", "link", "connected".to_owned());
        shared.push(Accepted { connection, first: None, socket: String::new() });
        return;
    }
    if connection.write(&greeting()).is_err() {
        return;
    }
    let deadline = Instant::now() + shared.limit;
    loop {
        match connection.hear(deadline) {
            Some(Heard::Unit(Unit::Greeting(_))) => {
                // libzmq loses what comes in one packet with the greeting: READY waits for the other side's.
                let properties = [("Socket-Type", shared.manner.socket.as_bytes()), ("Identity", b"")];
                if connection.write(&ready(&properties)).is_err() {
                    return;
                }
            }
            Some(Heard::Unit(Unit::Command(name, data))) if name == "READY" => {
                let socket = property(&data, "Socket-Type").unwrap_or_default();
                let socket = String::from_utf8_lossy(socket).into_owned();
                shared.transcript.add("client", "harness", "link", format!("connected as {socket}"));
                if socket == "REQ" || socket == "DEALER" {
                    if let Some(first) = first(&mut connection) {
                        shared.push(Accepted { connection, first: Some(first), socket });
                    }
                } else {
                    look(&mut connection, &socket, shared);
                }
                return;
            }
            Some(Heard::Unit(unit @ (Unit::Message(_) | Unit::Nonsense(_)))) => {
                let (kind, text) = decode::unit(&unit);
                shared.transcript.add("client", "harness", kind, text);
                shared.lock().faults.push("the client spoke before its READY, or no ZMTP".to_owned());
                return;
            }
            Some(Heard::Unit(Unit::Command(..)) | Heard::Bytes(_)) => {}
            Some(Heard::Closed) | None => return,
        }
    }
}

/// As somebody who is no engine: says what there is to say, and ends when the client does.
fn tell(mut stream: TcpStream, shared: &Shared) {
    shared.transcript.add("client", "harness", "link", "connected".to_owned());
    let _ = stream.set_read_timeout(Some(shared.limit));
    let _ = stream.write_all(&shared.manner.tells).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut rest = [0; 256];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}

/// The first message of a connection, or nothing if it only looks.
fn first(connection: &mut Connection) -> Option<Unit> {
    let deadline = Instant::now() + LOOKS;
    loop {
        match connection.hear(deadline)? {
            Heard::Unit(unit @ (Unit::Message(_) | Unit::Nonsense(_))) => return Some(unit),
            Heard::Unit(_) => {}
            Heard::Closed | Heard::Bytes(_) => return None,
        }
    }
}

/// A connection of another socket type is there to learn ours; it must say nothing.
fn look(connection: &mut Connection, socket: &str, shared: &Shared) {
    let deadline = Instant::now() + LOOKS;
    while let Some(heard) = connection.hear(deadline) {
        match heard {
            Heard::Unit(Unit::Message(frames)) => {
                let text = decode::message(&frames);
                shared.transcript.add("client", "harness", "message", text.clone());
                shared.lock().faults.push(format!("a {socket} socket of the client sent a message: {text}"));
                return;
            }
            Heard::Closed => return,
            _ => {}
        }
    }
}
