//! The two profiles behind one face, without waiting: whoever waits does so on [`Driver::fds`] until [`Driver::timer`].
//!
//! Every question (`next`, `settled`, …) is asked again until it has an answer; [`Driver::step`] brings answers closer.

pub(crate) mod basic;
pub(crate) mod link;
pub(crate) mod probe;
pub(crate) mod resolve;
pub(crate) mod session;

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

use self::basic::Basic;
use self::link::Dial;
use self::probe::Found;
use self::session::Session;
use crate::options::{Endpoint, Options};
use crate::{Error, Event, Profile};

/// Wakes whoever waits.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// Publishes of one call: first and last id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    first: u64,
    pub(crate) last: u64,
}

pub(crate) struct Driver {
    profile: Speaks,
    context: Option<zmq::Context>,
}

enum Speaks {
    Session(Box<Session>),
    Basic(Box<Basic>),
}

impl Driver {
    pub(crate) fn new(
        endpoint: Endpoint,
        options: &Options,
        found: Found,
        waker: Waker,
    ) -> Result<Self, Error> {
        let profile = found.profile(options.profile)?;
        let context = zmq::Context::new();
        let dial = Dial {
            context: Some(context.clone()),
            endpoint,
            found: found.address,
            heartbeat: options.heartbeat,
            waker,
        };
        let profile = match profile {
            Profile::Basic => Speaks::Basic(Box::new(Basic::new(dial, options, found.peer))),
            _ => Speaks::Session(Box::new(Session::new(dial, options)?)),
        };
        Ok(Driver { profile, context: Some(context) })
    }

    /// The profile that is spoken.
    pub(crate) fn profile(&self) -> Profile {
        match &self.profile {
            Speaks::Session(_) => Profile::Session,
            Speaks::Basic(_) => Profile::Basic,
        }
    }

    /// Does one thing that is due; `false` if nothing is until a descriptor or the timer says so.
    pub(crate) fn step(&mut self, now: Instant) -> bool {
        match &mut self.profile {
            Speaks::Session(session) => session.step(now),
            Speaks::Basic(basic) => basic.step(now),
        }
    }

    /// An answer has brought something else forward by the way, which others may wait for.
    pub(crate) fn take_progress(&mut self) -> bool {
        match &mut self.profile {
            Speaks::Session(session) => session.take_progress(),
            Speaks::Basic(basic) => basic.take_progress(),
        }
    }

    /// When to step although no descriptor is readable.
    pub(crate) fn timer(&self) -> Option<Instant> {
        match &self.profile {
            Speaks::Session(session) => session.timer(),
            Speaks::Basic(basic) => basic.timer(),
        }
    }

    /// The descriptors to watch until the next step.
    pub(crate) fn fds(&self) -> Vec<RawFd> {
        let mut fds = Vec::with_capacity(4);
        match &self.profile {
            Speaks::Session(session) => session.fds(&mut fds),
            Speaks::Basic(basic) => basic.fds(&mut fds),
        }
        fds
    }

    /// How many connections there were: when it changes, so do the descriptors.
    #[cfg(feature = "tokio")]
    pub(crate) fn connections(&self) -> u64 {
        match &self.profile {
            Speaks::Session(session) => session.connections(),
            Speaks::Basic(basic) => basic.connections(),
        }
    }

    /// Something came that a descriptor may not tell any more.
    pub(crate) fn has_input(&self) -> bool {
        match &self.profile {
            Speaks::Session(session) => session.has_input(),
            Speaks::Basic(basic) => basic.has_input(),
        }
    }

    /// Calls have a point; those that began while this held hear the true reason of an end.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.profile {
            Speaks::Session(session) => !session.is_ended(),
            Speaks::Basic(basic) => !basic.is_ended(),
        }
    }

    /// No event comes any more, and that is no failure.
    pub(crate) fn is_over(&self) -> bool {
        match &self.profile {
            Speaks::Session(session) => session.is_over(),
            Speaks::Basic(basic) => basic.is_over(),
        }
    }

    /// The application is ending, or this client is at its end.
    pub(crate) fn is_stopping(&self) -> bool {
        match &self.profile {
            Speaks::Session(session) => session.is_stopping(),
            Speaks::Basic(basic) => basic.is_ended(),
        }
    }

    /// Whether connecting is finished.
    pub(crate) fn started(&mut self, alive: bool) -> Option<Result<(), Error>> {
        match &mut self.profile {
            Speaks::Session(session) => session.started(alive),
            Speaks::Basic(_) => Some(Ok(())), // the probe has seen the handshake
        }
    }

    /// What connecting waits for.
    pub(crate) fn waits_for(&self) -> String {
        match &self.profile {
            Speaks::Session(session) => session.waits_for(),
            Speaks::Basic(_) => String::new(),
        }
    }

    /// The next event.
    pub(crate) fn next(&mut self, alive: bool) -> Option<Result<Event, Error>> {
        match &mut self.profile {
            Speaks::Session(session) => session.next(alive),
            Speaks::Basic(basic) => basic.next(alive),
        }
    }

    /// Begins to publish.
    pub(crate) fn publish<E: AsRef<[u8]>>(&mut self, events: &[E]) -> Result<Ids, Error> {
        match &mut self.profile {
            Speaks::Session(session) => session.publish(events).map(|last| Ids { first: last, last }),
            Speaks::Basic(basic) => basic.publish(events).map(|(first, last)| Ids { first, last }),
        }
    }

    /// Whether these publishes are accepted.
    pub(crate) fn settled(&mut self, ids: Ids, alive: bool) -> Option<Result<u64, Error>> {
        let settled = match &mut self.profile {
            Speaks::Session(session) => session.settled(ids.last, alive),
            Speaks::Basic(basic) => basic.settled(ids.first, ids.last, alive),
        };
        settled.map(|result| result.map(|()| ids.last))
    }

    /// Begins to quit.
    pub(crate) fn quit(&mut self) -> Result<(), Error> {
        match &mut self.profile {
            Speaks::Session(session) => session.quit(),
            Speaks::Basic(_) => Ok(()),
        }
    }

    /// Whether quitting is finished; in the basic profile there is no answer, only publishes to wait for.
    pub(crate) fn has_quit(&mut self, alive: bool) -> Option<Result<(), Error>> {
        match &mut self.profile {
            Speaks::Session(session) => session.has_quit(alive),
            Speaks::Basic(basic) => basic.settled_all().then(|| basic.quit()),
        }
    }

    /// The time for quitting is up.
    pub(crate) fn quit_expired(&mut self) -> Result<(), Error> {
        match &mut self.profile {
            Speaks::Session(session) => session.quit_expired(),
            Speaks::Basic(basic) => basic.quit(),
        }
    }

    /// Closes all sockets. What is unsent goes out while the returned context is dropped, which takes up to a second.
    pub(crate) fn close(&mut self) -> Option<zmq::Context> {
        match &mut self.profile {
            Speaks::Session(session) => session.close(),
            Speaks::Basic(basic) => basic.close(),
        }
        self.context.take()
    }
}
