//! The engine's side: the sessions at one plugin's port, without I/O and clock.
//!
//! The edge tells [`Sessions`] what came ([`Sessions::receive`], [`Sessions::gone`]) and what time it is, does what [`Heard`]
//! says, gives events to whoever [`Sessions::wish`]es for some, and sends what [`Sessions::outgoing`] returns. Times are
//! durations since any fixed moment.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use super::message::{ErrorCode, SessionId, ToClient, ToEngine, Welcome};
use crate::constants::{PUBLISH_WINDOW, PUBLISH_WINDOW_BYTES, SESSIONS_MAX, SESSION_VERSION};

mod one;

pub use one::InFlight;
use one::Session;

/// What one plugin's port tells its sessions.
#[derive(Clone, Debug)]
pub struct Config {
    /// The plugin's name.
    pub plugin: String,
    /// Name and version of the engine.
    pub engine: String,
    /// The largest event, in bytes.
    pub max_event_bytes: usize,
    /// So many clients share the plugin's queue.
    pub replicas: usize,
    /// After such a silence, at least 1 ms, a connection gets a `ping`.
    pub ping: Duration,
    /// So long a session without a connection is kept.
    pub grace: Duration,
}

/// The second frame of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<E> {
    /// There is none.
    None,
    /// A packed batch, or a text.
    Bytes(Vec<u8>),
    /// One event, untouched.
    Event(E),
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<P, E> {
    /// The connection.
    pub to: P,
    /// The first frame.
    pub header: Vec<u8>,
    /// The second frame.
    pub body: Body<E>,
}

/// What a message asks of the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing more.
    Nothing,
    /// The plugin's process is ready.
    Ready,
    /// So many events, with so many bytes together, were handled.
    Settled {
        /// Events.
        events: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The message was answered by an error; that ended its session, if it had one.
    Refused {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        text: String,
    },
    /// The payload's events, without the first `skip`, are to be published; then [`Sessions::offered`] is due.
    Publish {
        /// Whose they are.
        session: Life,
        /// So many were taken before.
        skip: usize,
        /// Whether the payload is a packed batch, of so many events.
        count: Option<u64>,
    },
}

/// Events that a session had and will not acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned<E> {
    /// In their order.
    pub events: Vec<InFlight<E>>,
    /// Whether the session may have seen them: it ended otherwise than by `quit`.
    pub attempted: bool,
}

/// A session between its beginning and its end: another one that a client gives the same id is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Life {
    id: SessionId,
    number: u64,
}

/// Who would take events, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Who.
    pub session: SessionId,
    /// At most so many events.
    pub max_events: usize,
    /// At most so many bytes.
    pub max_bytes: usize,
    /// Nothing is in its hands: it takes a redelivered event, or one of any size.
    pub empty_handed: bool,
}

/// Why a message is answered by an error.
struct Refused {
    code: ErrorCode,
    id: Option<u64>,
    text: String,
}

impl Refused {
    fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Refused { code, id: None, text: text.into() }
    }

    fn publish(code: ErrorCode, id: u64, text: impl Into<String>) -> Self {
        Refused { code, id: Some(id), text: text.into() }
    }
}

/// All sessions at a port. `P` names a connection, `E` is an event's bytes.
pub struct Sessions<P, E> {
    config: Config,
    sessions: HashMap<SessionId, Session<P, E>>,
    /// How many sessions have begun.
    lives: u64,
    /// Whom each connection speaks for.
    peers: HashMap<P, SessionId>,
    /// Sessions in the order of their turns.
    turns: VecDeque<SessionId>,
    /// Sessions that have quit.
    quits: Vec<SessionId>,
    /// The start barrier is open.
    open: bool,
    out: VecDeque<Outgoing<P, E>>,
    returned: Vec<Returned<E>>,
    /// Sessions that owe their client a `published`, or a `bye`.
    due: Vec<SessionId>,
}

impl<P: Clone + Eq + Hash, E: AsRef<[u8]> + Clone> Sessions<P, E> {
    /// A port without sessions.
    pub fn new(mut config: Config) -> Self {
        // Or it would be time for the next one at once.
        config.ping = config.ping.max(Duration::from_millis(1));
        Sessions {
            config,
            sessions: HashMap::new(),
            lives: 0,
            peers: HashMap::new(),
            turns: VecDeque::new(),
            quits: Vec::new(),
            open: false,
            out: VecDeque::new(),
            returned: Vec::new(),
            due: Vec::new(),
        }
    }

    // ---- what comes ----------------------------------------------------------------------------------------

    /// A message came on `peer`.
    pub fn receive<F: AsRef<[u8]>>(&mut self, peer: &P, frames: &[F], now: Duration) -> Heard {
        let id = self.peers.get(peer).copied();
        if let Some(session) = id.and_then(|id| self.sessions.get_mut(&id)) {
            session.last_heard = now;
            if std::mem::take(&mut session.blocked) {
                session.send_again(&mut self.out);
                session.told = None;
                self.due.push(session.life.id);
            }
        }
        let heard = match ToEngine::parse(frames) {
            Ok(message) => self.dispatch(peer, id, message, frames, now),
            Err(error) => Err(Refused::new(error.code(), error.to_string())),
        };
        heard.unwrap_or_else(|refused| {
            self.say_error(peer, &refused);
            if let Some(id) = id {
                self.end(id);
            }
            Heard::Refused { code: refused.code, text: refused.text }
        })
    }

    fn dispatch<F: AsRef<[u8]>>(
        &mut self,
        peer: &P,
        id: Option<SessionId>,
        message: ToEngine<'_>,
        frames: &[F],
        now: Duration,
    ) -> Result<Heard, Refused> {
        if let ToEngine::Hello { version, session, .. } = message {
            self.hello(peer, id, version, session, now)?;
            return Ok(Heard::Nothing);
        }
        let session = id.and_then(|id| self.sessions.get_mut(&id)).ok_or_else(|| {
            Refused::new(
                ErrorCode::NoSession,
                "this connection has no session; say hello on a new connection",
            )
        })?;
        match message {
            ToEngine::Ready => {
                session.ready = true;
                session.start(&mut self.out, self.open);
                Ok(Heard::Ready)
            }
            ToEngine::Ack { seq, upto } => {
                let (events, bytes) = session.acknowledge(seq, upto)?;
                session.start(&mut self.out, self.open);
                Ok(if events > 0 { Heard::Settled { events, bytes } } else { Heard::Nothing })
            }
            ToEngine::Publish { id, count } => {
                let payload = frames.get(1).map(AsRef::as_ref).unwrap_or_default();
                session.take(id, count, payload, self.config.max_event_bytes)
            }
            ToEngine::Quit => {
                session.quitting = true;
                self.due.push(session.life.id);
                let events = session.take_in_flight();
                if !events.is_empty() {
                    self.returned.push(Returned { events, attempted: false });
                }
                Ok(Heard::Nothing)
            }
            ToEngine::Pong | ToEngine::Hello { .. } => Ok(Heard::Nothing),
        }
    }

    fn hello(
        &mut self,
        peer: &P,
        current: Option<SessionId>,
        version: u64,
        id: SessionId,
        now: Duration,
    ) -> Result<(), Refused> {
        if version < SESSION_VERSION {
            let text = format!("this engine speaks version {SESSION_VERSION} of the session profile");
            return Err(Refused::new(ErrorCode::UnsupportedVersion, text));
        }
        if current.is_some_and(|current| current != id) {
            let text = "this connection has another session; open a new connection";
            return Err(Refused::new(ErrorCode::BadParam, text));
        }
        if self.quits.contains(&id) {
            self.say(peer, &ToClient::Bye);
            return Ok(());
        }
        let resumed = match self.sessions.get_mut(&id) {
            Some(session) => {
                if let Some(old) = session.attach(peer.clone(), now).filter(|old| old != peer) {
                    self.peers.remove(&old);
                    let text = "another connection has taken over this session";
                    self.say_error(&old, &Refused::new(ErrorCode::Superseded, text));
                }
                true
            }
            None => {
                self.make_room()?;
                self.lives += 1;
                let life = Life { id, number: self.lives };
                self.sessions.insert(id, Session::new(life, peer.clone(), now));
                self.turns.push_back(id);
                false
            }
        };
        self.peers.insert(peer.clone(), id);
        let taken = self.sessions.get(&id).map_or(0, |session| session.taken);
        let header = one::header(&ToClient::Welcome(Welcome {
            version: SESSION_VERSION,
            engine: Cow::Borrowed(&self.config.engine),
            plugin: Cow::Borrowed(shortened(&self.config.plugin)),
            resumed,
            received: taken,
            max_event_bytes: self.config.max_event_bytes as u64,
            publish_window: PUBLISH_WINDOW as u64,
            publish_window_bytes: PUBLISH_WINDOW_BYTES as u64,
            ping_ms: millis(self.config.ping),
            grace_ms: millis(self.config.grace),
        }));
        self.out.push_back(Outgoing { to: peer.clone(), header, body: Body::None });
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| resumed) {
            // Directly behind `welcome`: a `ready` of the same round must not be answered in between.
            session.told = Some(session.accepted);
            session.say(&mut self.out, &ToClient::Published { id: session.accepted });
            self.due.push(id);
        }
        Ok(())
    }

    /// Sessions without a connection end now, the longest detached first, while there are more than the plugin has replicas.
    fn make_room_for(&mut self, new: usize) {
        while self.sessions.len() + new > self.config.replicas {
            let detached =
                self.sessions.values().filter_map(|session| Some((session.detached?, session.life.id)));
            let Some((_, id)) = detached.min() else { break };
            self.end(id);
        }
    }

    /// At most so many sessions without a connection end now, the longest detached first; how many did.
    pub fn end_detached(&mut self, at_most: usize) -> usize {
        for ended in 0..at_most {
            let detached =
                self.sessions.values().filter_map(|session| Some((session.detached?, session.life.id)));
            let Some((_, id)) = detached.min() else { return ended };
            self.end(id);
        }
        at_most
    }

    /// A new session comes.
    fn make_room(&mut self) -> Result<(), Refused> {
        self.make_room_for(1);
        if self.sessions.len() >= SESSIONS_MAX {
            let text = format!("this port has {SESSIONS_MAX} sessions already; that is the limit");
            return Err(Refused::new(ErrorCode::NotAllowed, text));
        }
        Ok(())
    }

    /// The connection has ended: its session waits for another one.
    pub fn gone(&mut self, peer: &P, now: Duration) {
        if let Some(session) = self.peers.remove(peer).and_then(|id| self.sessions.get_mut(&id)) {
            session.peer = None;
            session.detached = Some(now);
        }
        self.make_room_for(0);
    }

    // ---- what goes -----------------------------------------------------------------------------------------

    /// What became of a [`Heard::Publish`]: so many events were accepted at once, the others (their sizes in bytes) wait.
    pub fn offered(&mut self, life: Life, accepted: usize, waiting: impl IntoIterator<Item = usize>) {
        if let Some(session) = self.sessions.get_mut(&life.id).filter(|session| session.life == life) {
            session.accepted += accepted as u64;
            session.unanswered.extend(waiting);
            session.unanswered_bytes = session.unanswered.iter().sum();
            self.due.push(life.id);
        }
    }

    /// The first waiting publish of a session was accepted.
    pub fn accepted(&mut self, life: Life) {
        if let Some(session) = self.sessions.get_mut(&life.id).filter(|session| session.life == life) {
            session.accepted += 1;
            session.unanswered_bytes -= session.unanswered.pop_front().unwrap_or_default();
            self.due.push(life.id);
        }
    }

    /// The start barrier is open: who is ready gets `ok`, and events.
    pub fn open(&mut self) {
        if !std::mem::replace(&mut self.open, true) {
            for session in self.sessions.values_mut() {
                session.start(&mut self.out, self.open);
            }
        }
    }

    /// The plugin is to stop, and nothing is queued for it: says so to those who were not told on their connection. Whether there
    /// was one.
    pub fn stop(&mut self, reason: &str) -> bool {
        let before = self.out.len();
        for session in self.sessions.values_mut() {
            session.stop(&mut self.out, reason);
        }
        self.out.len() > before
    }

    /// The next session that would take events, in turns.
    pub fn wish(&mut self) -> Option<Wish> {
        for _ in 0..self.turns.len() {
            self.turns.rotate_left(1);
            let session = self.turns.back().and_then(|id| self.sessions.get(id));
            if let Some(wish) = session.and_then(Session::wish) {
                return Some(wish);
            }
        }
        None
    }

    /// Gives events to a session, as many as it wished for.
    pub fn deliver(&mut self, id: SessionId, events: impl IntoIterator<Item = InFlight<E>>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.deliver(events, &mut self.out);
        }
    }

    /// Says `published` and `bye` to whom they are due; after each round of messages.
    pub fn flush(&mut self) {
        for id in std::mem::take(&mut self.due) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.told.replace(session.accepted) != Some(session.accepted) {
                session.say(&mut self.out, &ToClient::Published { id: session.accepted });
            }
            if session.quitting && session.accepted == session.taken {
                session.say(&mut self.out, &ToClient::Bye);
                self.quits.push(id);
                self.forget(id);
            }
        }
    }

    /// Does what time asks for: pings, and the end of sessions that nobody resumed.
    pub fn tick(&mut self, now: Duration) {
        let mut over = Vec::new();
        for session in self.sessions.values_mut() {
            match session.detached {
                Some(since) if now.saturating_sub(since) >= self.config.grace => over.push(session.life.id),
                None if now.saturating_sub(session.quiet_since()) >= self.config.ping => {
                    session.last_ping = now;
                    session.say(&mut self.out, &ToClient::Ping);
                }
                _ => {}
            }
        }
        over.sort_unstable();
        for id in over {
            self.end(id);
        }
    }

    /// When [`Sessions::tick`] is due next.
    pub fn due(&self) -> Option<Duration> {
        let due = |session: &Session<P, E>| match session.detached {
            Some(since) => since.saturating_add(self.config.grace),
            None => session.quiet_since().saturating_add(self.config.ping),
        };
        self.sessions.values().map(due).min()
    }

    /// The next message to send.
    pub fn outgoing(&mut self) -> Option<Outgoing<P, E>> {
        self.out.pop_front()
    }

    /// A message could not be sent because its client does not read; what it said is said again once the client speaks.
    pub fn unsent(&mut self, peer: &P) {
        if let Some(session) = self.peers.get(peer).and_then(|id| self.sessions.get_mut(id)) {
            session.blocked = true;
        }
    }

    /// What ended sessions left.
    pub fn take_returned(&mut self) -> Vec<Returned<E>> {
        std::mem::take(&mut self.returned)
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether every session waits for events: it has been given `ok` and has granted a window on its connection, has nothing in its
    /// hands, and every publish of it is accepted. One without a connection may come back with more.
    pub fn all_wait(&self) -> bool {
        self.sessions.values().all(Session::waits)
    }

    /// How many sessions have quit.
    pub fn quits(&self) -> usize {
        self.quits.len()
    }

    /// Everything that is unacknowledged comes back: the port closes.
    pub fn close(&mut self) {
        for session in self.sessions.values_mut() {
            let events = session.take_in_flight();
            self.returned.push(Returned { events, attempted: false });
        }
        self.sessions.clear();
        self.peers.clear();
        self.turns.clear();
    }

    // ---- ends ----------------------------------------------------------------------------------------------

    /// A session ends otherwise than by `bye`.
    fn end(&mut self, id: SessionId) {
        let Some(mut session) = self.forget(id) else { return };
        if session.quitting {
            // It has said so; only the answer is missing.
            self.quits.push(id);
        }
        let events = session.take_in_flight();
        if !events.is_empty() {
            self.returned.push(Returned { events, attempted: true });
        }
    }

    fn forget(&mut self, id: SessionId) -> Option<Session<P, E>> {
        let session = self.sessions.remove(&id)?;
        self.turns.retain(|turn| *turn != id);
        if let Some(peer) = &session.peer {
            self.peers.remove(peer);
        }
        Some(session)
    }

    fn say(&mut self, to: &P, message: &ToClient<'_>) {
        self.out.push_back(Outgoing { to: to.clone(), header: one::header(message), body: Body::None });
    }

    fn say_error(&mut self, to: &P, refused: &Refused) {
        let versions = (refused.code == ErrorCode::UnsupportedVersion).then(|| SESSION_VERSION.to_string());
        let header = one::header(&ToClient::Error {
            code: Cow::Borrowed(refused.code.as_str()),
            id: refused.id,
            versions: versions.map(Cow::Owned),
        });
        self.out.push_back(Outgoing {
            to: to.clone(),
            header,
            body: Body::Bytes(refused.text.clone().into()),
        });
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(i64::MAX as u64)
}

/// A plugin's name that leaves room for the rest of the header when every byte of it is percent-encoded.
fn shortened(name: &str) -> &str {
    const MAX_BYTES: usize = 192;
    let mut end = name.len().min(MAX_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}
