//! One TCP connection that speaks ZMTP, or whatever a case wants it to say. A thread reads; the stage takes from its channel.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{command, Reader, Unit};
use crate::interrupt;

/// Read at most so much at a time.
const PIECE: usize = 64 << 10;

/// So much that came and that nobody has taken yet is kept; until somebody does, nothing more is read.
const HELD_MAX_BYTES: usize = 256 << 20;

/// What comes from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A unit of ZMTP.
    Unit(Unit),
    /// Bytes, on a connection that does not read units.
    Bytes(Vec<u8>),
    /// The connection is over.
    Closed,
}

/// How a connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Units; PINGs are answered.
    Units,
    /// Units; PINGs are not answered.
    UnitsWithoutPong,
    /// Bytes as they come.
    Bytes,
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    heard: Receiver<Heard>,
    state: Arc<State>,
    reader: Option<JoinHandle<()>>,
}

/// What both sides of the channel know.
#[derive(Default)]
struct State {
    paused: AtomicBool,
    over: AtomicBool,
    /// Bytes in the channel.
    held: AtomicUsize,
}

impl State {
    fn may_read(&self) -> bool {
        let goes_on =
            !self.paused.load(Ordering::SeqCst) && self.held.load(Ordering::SeqCst) <= HELD_MAX_BYTES;
        goes_on || self.over.load(Ordering::SeqCst)
    }
}

impl Heard {
    /// About what it takes to keep it.
    fn size(&self) -> usize {
        const BESIDES: usize = 128;
        BESIDES
            + match self {
                Self::Unit(Unit::Message(frames)) => frames.iter().map(|frame| frame.len() + BESIDES).sum(),
                Self::Unit(Unit::Command(_, bytes) | Unit::Greeting(bytes)) | Self::Bytes(bytes) => {
                    bytes.len()
                }
                Self::Unit(Unit::Nonsense(_)) | Self::Closed => 0,
            }
    }
}

impl Connection {
    /// Connects within a time.
    pub(crate) fn dial(address: SocketAddr, limit: Duration, reading: Reading) -> std::io::Result<Self> {
        Self::new(TcpStream::connect_timeout(&address, limit)?, reading)
    }

    /// Takes an accepted connection.
    pub(crate) fn new(stream: TcpStream, reading: Reading) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let (sender, heard) = mpsc::channel();
        let state = Arc::<State>::default();
        let (input, shared) = (stream.try_clone()?, Arc::clone(&state));
        let reader = std::thread::spawn(move || read(input, &sender, &shared, reading));
        Ok(Self { stream, heard, state, reader: Some(reader) })
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// What comes next, or nothing until `deadline`.
    pub(crate) fn hear(&mut self, deadline: Instant) -> Option<Heard> {
        match interrupt::receive(&self.heard, deadline) {
            Ok(heard) => {
                let size = heard.size();
                if self.state.held.fetch_sub(size, Ordering::SeqCst) > HELD_MAX_BYTES {
                    self.wake();
                }
                Some(heard)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Heard::Closed),
        }
    }

    /// Stops reading, or goes on.
    pub(crate) fn pause(&self, paused: bool) {
        self.state.paused.store(paused, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if let Some(reader) = &self.reader {
            reader.thread().unpark();
        }
    }

    /// Ends the connection by FIN.
    pub(crate) fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the connection by RST.
    pub(crate) fn reset(&self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
        // The last descriptor sends it; the reader's ends with the shutdown of its reading half.
        let _ = self.stream.shutdown(Shutdown::Read);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.wake();
        let lingers = rustix::net::sockopt::socket_linger(&self.stream).ok().flatten();
        let how = if lingers == Some(Duration::ZERO) { Shutdown::Read } else { Shutdown::Both };
        let _ = self.stream.shutdown(how);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read(mut stream: TcpStream, heard: &Sender<Heard>, state: &State, reading: Reading) {
    let send = |what: Heard| {
        state.held.fetch_add(what.size(), Ordering::SeqCst);
        heard.send(what).is_ok()
    };
    let mut piece = vec![0; PIECE];
    let mut reader = Reader::default();
    loop {
        while !state.may_read() {
            std::thread::park();
        }
        if state.over.load(Ordering::SeqCst) {
            return;
        }
        let count = match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let bytes = piece.get(..count).unwrap_or_default();
        if reading == Reading::Bytes {
            if !send(Heard::Bytes(bytes.to_vec())) {
                return;
            }
            continue;
        }
        reader.feed(bytes);
        while let Some(unit) = reader.next() {
            match &unit {
                Unit::Command(name, data) if name == "PING" && reading == Reading::Units => {
                    // Behind the time to live stands the context that PONG repeats.
                    let _ = stream.write_all(&command("PONG", data.get(2..).unwrap_or_default()));
                }
                _ => {}
            }
            let over = matches!(unit, Unit::Nonsense(_));
            if !send(Heard::Unit(unit)) || over {
                return;
            }
        }
    }
    send(Heard::Closed);
}
