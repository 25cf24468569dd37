//! The way between a client and an engine: every connection goes through it, so that what is said is on record, can be broken, and,
//! by a mutant, falsified.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::decode;
use super::listener::own_port;
use super::transcript::Transcript;
use crate::mutant::{Direction, Mutation, Out};
use crate::zmtp::{self, Reader, Unit};

/// Read at most so much at a time.
const PIECE: usize = 64 << 10;
/// How long connecting to the engine may take.
const REACH: Duration = Duration::from_secs(5);

/// What a link does at the moment.
#[derive(Default)]
struct State {
    refusing: bool,
    listening: bool,
    paused: bool,
    over: bool,
    open: Vec<(TcpStream, TcpStream)>,
    /// Bytes after which the next connection is cut.
    cut_after: Option<u64>,
}

struct Shared {
    target: SocketAddr,
    names: (String, String),
    transcript: Transcript,
    mutation: Option<Arc<Mutation>>,
    state: Mutex<State>,
    changed: Condvar,
}

/// A way to one port.
pub(crate) struct Link {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Link {
    /// Opens a port that leads to `target`; `names`: who comes, and who is there.
    pub(crate) fn open(
        target: SocketAddr,
        names: (&str, &str),
        transcript: &Transcript,
        mutation: Option<&Arc<Mutation>>,
    ) -> Result<Self, String> {
        let listener = own_port()?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared {
            target,
            names: (names.0.to_owned(), names.1.to_owned()),
            transcript: transcript.clone(),
            mutation: mutation.filter(|mutation| mutation.is_on_the_wire()).cloned(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let link = Self { shared, address };
        link.listen(listener);
        Ok(link)
    }

    fn listen(&self, listener: TcpListener) {
        self.shared.lock().listening = true;
        let accepting = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            accept(&listener, &accepting);
            drop(listener);
            accepting.lock().listening = false;
            accepting.changed.notify_all();
        });
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks all connections; by RST if asked.
    pub(crate) fn cut(&self, reset: bool) {
        let mut state = self.shared.lock();
        for (one, other) in state.open.drain(..) {
            for stream in [one, other] {
                if reset {
                    let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
                }
                let _ = stream.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
            }
        }
        self.shared.note("all connections are cut");
    }

    /// Closes the port, so that new connections are refused; what is open stays. Returns when the port is closed.
    pub(crate) fn refuse(&self) {
        let mut state = self.shared.lock();
        state.refusing = true;
        while state.listening {
            drop(state);
            // Wakes the accepting thread.
            let _ = TcpStream::connect_timeout(&self.address, REACH);
            state = self.shared.lock();
            if state.listening {
                let wait = self.shared.changed.wait_timeout(state, Duration::from_millis(20));
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        drop(state);
        self.shared.note("the port is closed");
    }

    /// Opens the port again if it is closed.
    pub(crate) fn accept(&self) -> Result<(), String> {
        {
            let mut state = self.shared.lock();
            state.refusing = false;
            if state.listening {
                return Ok(());
            }
        }
        let listener =
            TcpListener::bind(self.address).map_err(|error| format!("cannot listen again: {error}"))?;
        self.listen(listener);
        self.shared.note("the port is open");
        Ok(())
    }

    /// Forwards nothing, or goes on.
    pub(crate) fn pause(&self, paused: bool) {
        self.shared.lock().paused = paused;
        self.shared.changed.notify_all();
        self.shared.note(if paused { "nothing is forwarded" } else { "all is forwarded" });
    }

    /// Cuts the next connection, or that which is there, after so many more bytes from the engine.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.shared.lock().cut_after = Some(bytes);
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().open.len()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.over = true;
            state.paused = false;
        }
        self.shared.changed.notify_all();
        self.cut(false);
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect_timeout(&self.address, REACH);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: &str) {
        self.transcript.add("harness", "link", "link", text.to_owned());
    }

    /// Waits while the link is paused.
    fn pass(&self) {
        let mut state = self.lock();
        while state.paused && !state.over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let Ok(client) = stream else { continue };
        let (over, refusing) = {
            let state = shared.lock();
            (state.over, state.refusing)
        };
        if over || refusing {
            return;
        }
        let Ok(engine) = TcpStream::connect_timeout(&shared.target, REACH) else {
            // The port behind is closed, so this one closes, too.
            let _ = rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO));
            return;
        };
        let _ = (client.set_nodelay(true), engine.set_nodelay(true));
        let (Ok(one), Ok(other)) = (client.try_clone(), engine.try_clone()) else { continue };
        shared.lock().open.push((one, other));
        for direction in [Direction::Up, Direction::Down] {
            let (Ok(from), Ok(back)) = (match direction {
                Direction::Up => (client.try_clone(), client.try_clone()),
                Direction::Down => (engine.try_clone(), engine.try_clone()),
            }) else {
                continue;
            };
            let Ok(to) = (match direction {
                Direction::Up => engine.try_clone(),
                Direction::Down => client.try_clone(),
            }) else {
                continue;
            };
            let way = Way { from, to, back, direction, shared: Arc::clone(shared), held: Vec::new() };
            std::thread::spawn(move || way.forward());
        }
    }
}

/// One direction of one connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    back: TcpStream,
    direction: Direction,
    shared: Arc<Shared>,
    held: Vec<Vec<Vec<u8>>>,
}

impl Way {
    fn forward(mut self) {
        let (mut piece, mut reader) = (vec![0; PIECE], Reader::default());
        let mut readable = true;
        while let Ok(count @ 1..) = self.from.read(&mut piece) {
            let bytes = piece.get(..count).unwrap_or_default();
            self.shared.pass();
            if readable {
                reader.feed(bytes);
            }
            if self.shared.mutation.is_none() || !readable {
                let part = self.until_cut(bytes);
                if self.to.write_all(part.unwrap_or(bytes)).is_err() || part.is_some() {
                    break;
                }
                self.count_down(count);
            }
            while let Some(unit) = reader.next().filter(|_| readable) {
                if !self.unit(unit, &mut readable, reader.rest()) {
                    return self.end();
                }
            }
        }
        self.end();
    }

    /// Records a unit and, with a mutant, forwards what it makes of it. Whether to go on.
    fn unit(&mut self, unit: Unit, readable: &mut bool, rest: &[u8]) -> bool {
        let (kind, text) = decode::unit(&unit);
        let (from, to) = match self.direction {
            Direction::Up => (&self.shared.names.0, &self.shared.names.1),
            Direction::Down => (&self.shared.names.1, &self.shared.names.0),
        };
        self.shared.transcript.add(from, to, kind, text);
        let Some(mutation) = self.shared.mutation.clone() else {
            *readable &= !matches!(unit, Unit::Nonsense(_));
            return true;
        };
        match unit {
            Unit::Greeting(bytes) => self.to.write_all(&bytes).is_ok(),
            Unit::Command(name, data) if name == "READY" => {
                self.to.write_all(&mutation.ready(self.direction, &data)).is_ok()
            }
            Unit::Command(name, data) => {
                !mutation.lets_through(self.direction, &name)
                    || self.to.write_all(&zmtp::command(&name, &data)).is_ok()
            }
            Unit::Nonsense(_) => {
                *readable = false;
                self.to.write_all(rest).is_ok()
            }
            Unit::Message(frames) => {
                let whole = frames.clone();
                let outs = mutation.message(self.direction, frames);
                if outs != [Out::Forward(whole)] {
                    self.shared.note("the mutant changes this");
                }
                outs.into_iter().all(|out| self.out(out))
            }
        }
    }

    fn out(&mut self, out: Out) -> bool {
        match out {
            Out::Forward(frames) => {
                let sent = self.to.write_all(&zmtp::message(&frames)).is_ok();
                let held = std::mem::take(&mut self.held);
                sent && held.iter().all(|frames| self.to.write_all(&zmtp::message(frames)).is_ok())
            }
            Out::Back(frames) => self.back.write_all(&zmtp::message(&frames)).is_ok(),
            Out::Hold(frames) => {
                self.held.push(frames);
                true
            }
            Out::Pause(ms) => {
                std::thread::park_timeout(Duration::from_millis(ms));
                true
            }
            Out::Close => false,
        }
    }

    /// The part of these bytes that passes before the cut, if that is due now.
    fn until_cut<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.direction == Direction::Up {
            return None;
        }
        let mut state = self.shared.lock();
        let left = usize::try_from(state.cut_after?).unwrap_or(usize::MAX);
        let part = bytes.get(..left).filter(|_| left < bytes.len());
        if part.is_some() {
            state.cut_after = None;
        }
        part
    }

    fn count_down(&self, count: usize) {
        if self.direction == Direction::Down {
            if let Some(left) = &mut self.shared.lock().cut_after {
                *left = left.saturating_sub(count as u64);
            }
        }
    }

    fn end(&self) {
        let mutation = self.shared.mutation.as_ref();
        if mutation.is_some_and(|mutation| !mutation.ends(self.direction)) {
            self.shared.note("the mutant does not pass on the end of a connection");
            return;
        }
        let _ = self.to.shutdown(Shutdown::Both);
        let _ = self.from.shutdown(Shutdown::Both);
        let (from, to) = match self.direction {
            Direction::Up => (&self.shared.names.0, &self.shared.names.1),
            Direction::Down => (&self.shared.names.1, &self.shared.names.0),
        };
        self.shared.transcript.add(from, to, "link", "closed".to_owned());
        let mut state = self.shared.lock();
        state.open.retain(|(one, other)| one.peer_addr().is_ok() && other.peer_addr().is_ok());
    }
}
