//! What a client of the session profile owes and is owed: no I/O, no clock, no panics.
//!
//! Whoever does the I/O tells the [`ClientSession`] what happened and sends what [`ClientSession::output`] gives,
//! in that order. One `connected` stands for one connection, on which nothing else has been sent.
//!
//! ```
//! use bytes::Bytes;
//! use event_engine_protocol::session::client::{ClientSession, State};
//! use event_engine_protocol::session::message::SessionId;
//!
//! let mut session = ClientSession::new(SessionId(7), "example/1", 8192);
//! session.connected();
//! let hello = session.output().unwrap();
//! assert!(hello.header.starts_with(b"plugin_command: hello version=1 session=0000"));
//!
//! let welcome = "event-engine: welcome version=1 engine=e/1 plugin=P resumed=0 received=0 max-event-bytes=1000 \
//!                publish-window=10 publish-window-bytes=1000 ping-ms=30000 grace-ms=60000";
//! session.received(&[Bytes::from(welcome)]);
//! session.received(&[Bytes::from("event-engine: ok")]);
//! assert_eq!(session.state(), State::Running);
//! session.received(&[Bytes::from("event-engine: events seq=1"), Bytes::from("hello")]);
//! assert_eq!(session.next().unwrap().unwrap().data, "hello");
//! ```
//!
//! ```text
//! connecting --connected--> greeting --welcome--> syncing --ok--> running --stop--> stopping
//!      ^                                                             |                 |
//!      +------------------ disconnected, from any of them <----------+-----------------+
//!                                                          quit: quitting --bye--> ended
//!                                     any error, a lost session, close: ended
//! ```

use std::collections::VecDeque;

use bytes::Bytes;

use self::inbox::Inbox;
use self::outbox::Outbox;
use super::message::{SessionId, ToClient, ToEngine, Welcome};
use crate::constants::{self, ACK_BYTES, CODE_NO_SESSION, CODE_SUPERSEDED, CODE_TOO_LARGE, SESSION_VERSION};

mod inbox;
mod outbox;
mod types;

pub use types::{Failure, Output, Received, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Greeting,
    Syncing,
    Open,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quit {
    No,
    /// It follows when all publishes are sent.
    Asked,
    /// It is sent on this connection.
    Sent,
}

/// The client's side of one session, over any number of connections.
#[derive(Debug)]
pub struct ClientSession {
    id: SessionId,
    client: String,
    receive_window: u64,
    phase: Phase,
    /// There was a `welcome` once.
    welcomed: bool,
    stopping: Option<String>,
    /// Whether `quit` was asked for and sent.
    quit: Quit,
    /// `quit` was sent on some connection, so that `bye` may answer `hello`.
    quit_said: bool,
    failure: Option<Failure>,
    inbox: Inbox,
    outbox: Outbox,
    /// The event that was returned last, until the next is asked for: its bytes, and whether it was redelivered.
    returned: Option<(u64, bool)>,
    handled: u64,
    /// Bytes handled since the last `ack`.
    handled_bytes: u64,
    /// Last `ack` on this connection.
    acked: u64,
    /// Largest `upto` that was ever sent.
    granted: u64,
    max_event_bytes: u64,
    grace_ms: u64,
    output: VecDeque<Output>,
}

impl ClientSession {
    /// A session that was never connected. `client` is this client's name and version; `receive_window` is how many
    /// events may be sent to it ahead of those handled.
    pub fn new(id: SessionId, client: &str, receive_window: u64) -> Self {
        ClientSession {
            id,
            client: client.to_owned(),
            receive_window: receive_window.max(1),
            phase: Phase::Connecting,
            welcomed: false,
            stopping: None,
            quit: Quit::No,
            quit_said: false,
            failure: None,
            inbox: Inbox::default(),
            outbox: Outbox::new(),
            returned: None,
            handled: 0,
            handled_bytes: 0,
            acked: 0,
            granted: 0,
            max_event_bytes: u64::MAX,
            grace_ms: 0,
            output: VecDeque::new(),
        }
    }

    /// A connection has begun. Without effect unless the session waits for one.
    pub fn connected(&mut self) {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Greeting;
            let hello = ToEngine::Hello {
                version: SESSION_VERSION,
                session: self.id,
                client: self.client.as_str().into(),
            };
            let mut header = Vec::new();
            hello.write(&mut header);
            self.output.push_back(Output { header, payload: None });
        }
    }

    /// The connection is gone. What it had not sent is forgotten; the next one begins with what the engine misses.
    pub fn disconnected(&mut self) {
        self.output.clear();
        if self.phase != Phase::Ended {
            self.phase = Phase::Connecting;
            if self.quit == Quit::Sent {
                self.quit = Quit::Asked;
            }
        }
    }

    /// A message has come. What is wrong with it ends the session (EE-SESSION-51): see [`ClientSession::failure`].
    pub fn received(&mut self, frames: &[Bytes]) {
        if matches!(self.phase, Phase::Connecting | Phase::Ended) {
            return;
        }
        let message = match ToClient::parse(frames) {
            Ok(message) => message,
            Err(error) => return self.protocol(error.to_string()),
        };
        let payload = frames.get(1).cloned().unwrap_or_default();
        match message {
            ToClient::Events { seq, count, redelivered, .. } if self.phase == Phase::Open => {
                self.on_events(seq, count, redelivered, payload);
            }
            ToClient::Published { id } if self.phase != Phase::Greeting => self.on_published(id),
            ToClient::Ping if self.phase != Phase::Greeting => self.send(&ToEngine::Pong, None),
            ToClient::Stop { reason } if self.phase != Phase::Greeting => {
                self.stopping = Some(reason.into_owned());
            }
            ToClient::Welcome(welcome) if self.phase == Phase::Greeting => self.on_welcome(&welcome),
            ToClient::Ok if self.phase == Phase::Syncing => self.phase = Phase::Open,
            ToClient::Bye if self.quit == Quit::Sent || (self.quit_said && self.phase == Phase::Greeting) => {
                self.outbox.settle(self.outbox.sent());
                self.end(None);
            }
            ToClient::Error { code, .. } => self.on_error(&code, &payload),
            message => self.protocol(format!("{} came while {}", verb(&message), self.state().name())),
        }
    }

    /// EE-SESSION-18, EE-SESSION-50.
    fn on_welcome(&mut self, welcome: &Welcome<'_>) {
        if self.welcomed && !welcome.resumed {
            return self.closed(
                "the engine does not know this session any more: it was restarted, or the client was away for too long",
            );
        }
        if welcome.version != SESSION_VERSION {
            return self.protocol(format!("welcome has version {}", welcome.version));
        }
        let received = welcome.received;
        if received > self.outbox.sent() || received < self.outbox.settled() {
            return self.protocol(format!(
                "welcome has received={received} after {} were sent and {} accepted",
                self.outbox.sent(),
                self.outbox.settled()
            ));
        }
        self.welcomed = true;
        self.phase = Phase::Syncing;
        self.max_event_bytes = welcome.max_event_bytes;
        self.grace_ms = welcome.grace_ms;
        self.outbox.resume(received, welcome.publish_window, welcome.publish_window_bytes);
        self.send(&ToEngine::Ready, None);
        self.ack();
        self.emit();
    }

    /// EE-SESSION-24.
    fn on_events(&mut self, seq: u64, count: Option<u64>, redelivered: bool, payload: Bytes) {
        if self.quit != Quit::No {
            return; // sent before the engine saw the quit, which gives them back
        }
        let last = self.inbox.last();
        if seq > last + 1 {
            return self.protocol(format!("events seq={seq} came after {last}"));
        }
        let end = seq.saturating_add(count.unwrap_or(1) - 1);
        if end > self.granted {
            return self.protocol(format!("events to {end} came, and only {} were asked for", self.granted));
        }
        if let Err(error) = self.inbox.push(seq, count, redelivered, payload) {
            self.protocol(error.to_string());
        }
    }

    fn on_published(&mut self, id: u64) {
        if id > self.outbox.sent() {
            return self
                .protocol(format!("published id={id} came, and only {} were sent", self.outbox.sent()));
        }
        self.outbox.settle(id);
        self.emit();
    }

    /// EE-SESSION-49, EE-SESSION-50.
    fn on_error(&mut self, code: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        match code {
            CODE_SUPERSEDED => self.closed("another connection has taken this session"),
            CODE_NO_SESSION => self.closed(format!("the engine does not know this session: {text}")),
            _ => self.end(Some(Failure::Rejected { code: code.to_owned(), text })),
        }
    }

    /// Queues an event to be published and returns its id; [`ClientSession::emit`] sends it, packed with others.
    ///
    /// The caller has asked [`ClientSession::may_publish`].
    pub fn queue(&mut self, event: &[u8]) -> u64 {
        self.outbox.push(event)
    }

    /// Sends what is queued, as far as the window allows.
    pub fn emit(&mut self) {
        if !self.is_greeted() || self.quit == Quit::Sent {
            return;
        }
        while let Some(publish) = self.outbox.next() {
            self.send(&ToEngine::Publish { id: publish.id, count: publish.count }, Some(publish.payload));
        }
        if self.quit == Quit::Asked && self.outbox.is_sent() {
            self.send(&ToEngine::Quit, None);
            self.quit = Quit::Sent;
            self.quit_said = true;
        }
    }

    /// Whether an event of that size can be published.
    ///
    /// # Errors
    /// `Rejected` with `too-large`, `Closed` after [`quit`](Self::quit), [`close`](Self::close) or the end.
    pub fn may_publish(&self, event_bytes: usize) -> Result<(), Failure> {
        self.open()?;
        if event_bytes as u64 > self.max_event_bytes {
            let text =
                format!("the event has {event_bytes} bytes and the engine takes {}", self.max_event_bytes);
            return Err(Failure::Rejected { code: CODE_TOO_LARGE.to_owned(), text });
        }
        Ok(())
    }

    /// The next event, or `None` if none has come yet. Those returned before are handled now, and acknowledged when it is
    /// time to (EE-SESSION-25 to EE-SESSION-27). After `stop`, what has come is still returned (EE-SESSION-48).
    ///
    /// # Errors
    /// `Closed` when no event will come any more.
    #[allow(clippy::should_implement_trait)] // `None` is not the end
    pub fn next(&mut self) -> Result<Option<Received>, Failure> {
        self.open()?;
        let redelivered = self.handle_returned();
        let event = self.inbox.pop();
        let unacknowledged = self.handled - self.acked;
        let due = redelivered
            || event.is_none()
            || unacknowledged >= self.receive_window.div_ceil(4)
            || self.handled_bytes >= ACK_BYTES as u64;
        if due && unacknowledged > 0 && self.is_greeted() {
            self.ack();
        }
        match (&event, &self.stopping) {
            (Some(event), _) => self.returned = Some((event.data.len() as u64, event.redelivered)),
            (None, Some(reason)) => {
                return Err(Failure::Closed { reason: format!("the application is stopping: {reason}") })
            }
            (None, None) => {}
        }
        Ok(event)
    }

    /// Whether calls have a point.
    fn open(&self) -> Result<(), Failure> {
        let reason = match (&self.failure, self.phase, self.quit) {
            (Some(failure), _, _) => failure.to_string(),
            (None, _, Quit::Asked | Quit::Sent) => "the client has quit".to_owned(),
            (None, Phase::Ended, Quit::No) => "the client was closed".to_owned(),
            (None, _, Quit::No) => return Ok(()),
        };
        Err(Failure::Closed { reason })
    }

    /// `welcome` has come on this connection.
    fn is_greeted(&self) -> bool {
        matches!(self.phase, Phase::Syncing | Phase::Open)
    }

    /// Counts the event that was returned last as handled; says whether it was redelivered.
    fn handle_returned(&mut self) -> bool {
        let Some((bytes, redelivered)) = self.returned.take() else { return false };
        self.handled += 1;
        self.handled_bytes += bytes;
        redelivered
    }

    /// Finishes: everything that was returned is handled; `quit` is sent behind all publishes, on each connection again
    /// (EE-SESSION-46).
    /// Without effect when it was called before.
    ///
    /// # Errors
    /// `Closed` if the session has ended otherwise.
    pub fn quit(&mut self) -> Result<(), Failure> {
        if self.quit != Quit::No && self.failure.is_none() {
            return Ok(());
        }
        self.open()?;
        self.handle_returned();
        self.inbox.clear();
        self.quit = Quit::Asked;
        if self.is_greeted() {
            self.ack();
        }
        self.emit();
        Ok(())
    }

    /// Ends without `quit`: acknowledges what was handled, which the event returned last was not.
    pub fn close(&mut self) {
        if self.phase == Phase::Ended {
            return;
        }
        if self.acked < self.handled && self.is_greeted() {
            self.ack();
        }
        let output = std::mem::take(&mut self.output);
        self.end(None);
        self.output = output;
    }

    /// The next message to be sent.
    pub fn output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// There is something to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Ended => State::Ended,
            _ if self.quit != Quit::No => State::Quitting,
            Phase::Connecting => State::Connecting,
            Phase::Greeting => State::Greeting,
            Phase::Syncing => State::Syncing,
            Phase::Open if self.stopping.is_some() => State::Stopping,
            Phase::Open => State::Running,
        }
    }

    /// The session was open once: its engine is to be found again, and no other profile is to be tried.
    pub fn welcomed(&self) -> bool {
        self.welcomed
    }

    /// The engine's reason to stop, once it has said so.
    pub fn stopping(&self) -> Option<&str> {
        self.stopping.as_deref()
    }

    /// No event waits to be returned.
    pub fn is_drained(&self) -> bool {
        self.inbox.is_empty()
    }

    /// `quit` was sent, on this connection or on an earlier one.
    pub fn has_said_quit(&self) -> bool {
        self.quit_said
    }

    /// What went wrong, if something did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Last publish that is accepted, 0 before the first.
    pub fn settled(&self) -> u64 {
        self.outbox.settled()
    }

    /// Last publish that was queued, 0 before the first.
    pub fn last_id(&self) -> u64 {
        self.outbox.last()
    }

    /// First and last publish that are not accepted, if there are any.
    pub fn unsettled(&self) -> Option<(u64, u64)> {
        let (settled, last) = (self.outbox.settled(), self.outbox.last());
        (settled < last).then(|| (settled + 1, last))
    }

    /// Largest event that the engine takes, in bytes.
    pub fn max_event_bytes(&self) -> u64 {
        self.max_event_bytes
    }

    /// How long the engine keeps the session without a connection, in milliseconds; 0 before the first `welcome`.
    pub fn grace_ms(&self) -> u64 {
        self.grace_ms
    }

    /// Ends the session because its engine is not found again.
    pub fn lost(&mut self, reason: &str) {
        self.closed(reason);
    }

    fn ack(&mut self) {
        self.acked = self.handled;
        self.handled_bytes = 0;
        self.granted = self.handled + self.receive_window;
        self.send(&ToEngine::Ack { seq: self.handled, upto: self.granted }, None);
    }

    fn send(&mut self, message: &ToEngine<'_>, payload: Option<Bytes>) {
        let mut header = Vec::with_capacity(64);
        message.write(&mut header);
        self.output.push_back(Output { header, payload });
    }

    fn closed(&mut self, reason: impl Into<String>) {
        self.end(Some(Failure::Closed { reason: reason.into() }));
    }

    fn protocol(&mut self, what: String) {
        self.end(Some(Failure::Protocol { what }));
    }

    fn end(&mut self, failure: Option<Failure>) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            self.failure = failure;
            self.inbox.clear();
            self.output.clear();
        }
    }
}

/// The verb of a message, for an error text.
fn verb(message: &ToClient<'_>) -> &'static str {
    match message {
        ToClient::Welcome(_) => constants::VERB_WELCOME,
        ToClient::Ok => constants::VERB_OK,
        ToClient::Events { .. } => constants::VERB_EVENTS,
        ToClient::Published { .. } => constants::VERB_PUBLISHED,
        ToClient::Ping => constants::VERB_PING,
        ToClient::Stop { .. } => constants::VERB_STOP,
        ToClient::Bye => constants::VERB_BYE,
        ToClient::Error { .. } => constants::VERB_ERROR,
    }
}
