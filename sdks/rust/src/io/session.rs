//! The session profile over a [`Link`].

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use event_engine_protocol::constants::LINGER_MS;
use event_engine_protocol::session::client::{ClientSession, Failure, State};
use event_engine_protocol::session::message::SessionId;

use super::link::{Change, Dial, Link};
use crate::error::Unsettled;
use crate::options::Options;
use crate::{Error, Event};

pub(crate) struct Session {
    core: ClientSession,
    link: Link,
    /// Since when there is no session on a connection.
    broken_since: Option<Instant>,
    /// A message was taken in since [`Session::take_progress`].
    progress: bool,
    /// The failure that ended the session was told to somebody.
    told: bool,
}

impl Session {
    pub(crate) fn new(dial: Dial, options: &Options) -> Result<Self, Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(Error::transport)?;
        let core =
            ClientSession::new(SessionId(u128::from_ne_bytes(id)), &options.name, options.receive_window);
        Ok(Session { core, link: Link::new(dial), broken_since: None, progress: false, told: false })
    }

    pub(crate) fn step(&mut self, now: Instant) -> bool {
        if self.is_ended() {
            return false;
        }
        if self.receive() {
            self.flush();
            return true;
        }
        match self.link.step(now) {
            Some(Change::Opened) => self.core.connected(),
            Some(Change::Ending) => {}
            Some(Change::Broken) => {
                self.core.disconnected();
                self.broken_since.get_or_insert(now);
            }
            None => {
                return self.flush() || self.give_up(now);
            }
        }
        self.flush();
        true
    }

    /// Takes one message in.
    fn receive(&mut self) -> bool {
        let Some(frames) = self.link.receive() else { return false };
        let greeting = self.core.state() == State::Greeting || self.broken_since.is_some();
        self.core.received(&frames);
        self.progress = true;
        if greeting && !matches!(self.core.state(), State::Connecting | State::Greeting) {
            self.link.worked();
            self.broken_since = None;
        }
        if self.is_ended() {
            self.link.close(Duration::ZERO);
        }
        true
    }

    fn flush(&mut self) -> bool {
        let mut sent = false;
        while let Some(output) = self.core.output() {
            self.link.send(&output.header, output.payload.as_deref());
            sent = true;
        }
        sent
    }

    /// Ends the session if the engine was not found again for as long as it keeps one (EE-SDK-15).
    fn give_up(&mut self, now: Instant) -> bool {
        if self.gives_up_at().is_none_or(|at| at > now) {
            return false;
        }
        self.core.lost(
            "the connection is gone, and the engine was not found again for as long as it keeps a session",
        );
        self.link.close(Duration::ZERO);
        true
    }

    fn gives_up_at(&self) -> Option<Instant> {
        let since = self.broken_since.filter(|_| self.core.welcomed())?;
        since.checked_add(Duration::from_millis(self.core.grace_ms()))
    }

    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    pub(crate) fn timer(&self) -> Option<Instant> {
        [self.link.timer(), self.gives_up_at()].into_iter().flatten().min()
    }

    pub(crate) fn fds(&self, fds: &mut Vec<RawFd>) {
        self.link.fds(fds);
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn connections(&self) -> u64 {
        self.link.changes()
    }

    pub(crate) fn has_input(&self) -> bool {
        self.link.has_input()
    }

    /// The handshake: `ok` has come.
    pub(crate) fn started(&mut self, alive: bool) -> Option<Result<(), Error>> {
        match self.core.state() {
            State::Running | State::Stopping => Some(Ok(())),
            State::Ended => Some(Err(self.end(alive))),
            _ => None,
        }
    }

    pub(crate) fn next(&mut self, alive: bool) -> Option<Result<Event, Error>> {
        if self.core.is_drained() {
            self.receive();
        }
        let next = self.core.next();
        self.flush();
        match next {
            Ok(event) => event.map(|event| Ok(Event::new(event.data, event.sequence, event.redelivered))),
            Err(failure) if self.is_ended() => Some(Err(self.failed(failure, alive))),
            Err(failure) => Some(Err(self.error(failure))),
        }
    }

    /// Queues all events and sends what the window allows; the id of the last one.
    pub(crate) fn publish<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<u64, Error> {
        // Sent early, so that the engine works while the rest is packed.
        const EARLY_BYTES: usize = 64 * 1024;
        for event in events {
            if let Err(failure) = self.core.may_publish(event.as_ref().len()) {
                return Err(if self.is_ended() { self.failed(failure, false) } else { self.error(failure) });
            }
        }
        let mut last = self.core.last_id();
        let mut bytes = 0;
        for event in events {
            let event = event.as_ref();
            last = self.core.queue(event);
            bytes += event.len();
            if bytes >= EARLY_BYTES {
                bytes = 0;
                self.core.emit();
                self.flush();
                self.receive();
            }
        }
        self.core.emit();
        self.flush();
        Ok(last)
    }

    pub(crate) fn settled(&mut self, last: u64, alive: bool) -> Option<Result<(), Error>> {
        if self.core.settled() >= last {
            Some(Ok(()))
        } else if self.is_ended() {
            Some(Err(self.end(alive)))
        } else {
            None
        }
    }

    pub(crate) fn quit(&mut self) -> Result<(), Error> {
        let quit = self.core.quit();
        self.flush();
        quit.map_err(|failure| self.failed(failure, false))
    }

    /// `bye` has come, or the session has ended otherwise.
    pub(crate) fn has_quit(&mut self, alive: bool) -> Option<Result<(), Error>> {
        if !self.is_ended() {
            // The port is closed behind a quit: the plugin has finished (EE-SESSION-46).
            let finished = self.core.has_said_quit() && self.link.is_refused();
            return finished.then(|| self.quit_expired());
        }
        Some(if self.core.failure().is_none() { Ok(()) } else { Err(self.end(alive)) })
    }

    /// No `bye` came in time (EE-SDK-23).
    pub(crate) fn quit_expired(&self) -> Result<(), Error> {
        match unsettled(&self.core) {
            None if self.link.is_refused() => Ok(()), // the port is closed: the plugin has ended
            None => Err(Error::Timeout { waited_for: "the engine has not answered quit".into() }),
            unsettled => Err(Error::Closed { reason: "the engine has not answered quit".into(), unsettled }),
        }
    }

    pub(crate) fn close(&mut self) {
        self.core.close();
        while let Some(output) = self.core.output() {
            self.link.send(&output.header, output.payload.as_deref());
        }
        self.link.close(Duration::from_millis(LINGER_MS));
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.core.state() == State::Ended
    }

    pub(crate) fn is_over(&self) -> bool {
        self.core.failure().is_none() && (self.core.stopping().is_some() || self.is_ended())
            || self.core.state() == State::Quitting
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.core.stopping().is_some() || matches!(self.core.state(), State::Quitting | State::Ended)
    }

    /// What the handshake waits for.
    pub(crate) fn waits_for(&self) -> String {
        match self.core.state() {
            State::Connecting | State::Greeting => {
                "connected, but the engine does not welcome this client".into()
            }
            _ => "connected, but the application waits for other plugins".into(),
        }
    }

    /// The error of a call that finds the session ended; `alive`: the call began before.
    fn end(&mut self, alive: bool) -> Error {
        let failure = self.core.failure().cloned();
        self.failed(failure.unwrap_or(Failure::Closed { reason: "the client was closed".into() }), alive)
    }

    /// The failure itself for those who were there and for the first who hears of it, `Closed` for all others (EE-SDK-20).
    fn failed(&mut self, closed: Failure, alive: bool) -> Error {
        let first = !std::mem::replace(&mut self.told, true);
        match self.core.failure().cloned() {
            Some(failure) if first || alive => self.error(failure),
            Some(failure) => self.error(Failure::Closed { reason: failure.to_string() }),
            None => self.error(closed),
        }
    }

    fn error(&self, failure: Failure) -> Error {
        let local = matches!(&failure, Failure::Rejected { .. }) && !self.is_ended();
        let unsettled = if local { None } else { unsettled(&self.core) };
        match failure {
            Failure::Closed { reason } => Error::Closed { reason, unsettled },
            Failure::Rejected { code, text } => Error::Rejected { code, text, unsettled },
            Failure::Protocol { what } => Error::Protocol { what, unsettled },
        }
    }
}

fn unsettled(core: &ClientSession) -> Unsettled {
    core.unsettled().map(|(first, last)| first..=last)
}
