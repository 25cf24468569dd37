//! The client of threads.
//!
//! There is no thread of its own: whoever calls does the work. All state is behind one lock that is never held while
//! waiting. Of several waiting callers one, the *leader*, sleeps on the sockets' descriptors, the others on a condition;
//! whoever brings something forward wakes them.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_engine_protocol::constants::{RECONNECT_MAX_MS, RECONNECT_MIN_MS};

use crate::io::probe::{probe, Found, Miss};
use crate::io::{Driver, Ids};
use crate::options::{Endpoint, Options};
use crate::{Error, Event, Profile};

/// A plugin's connection to its engine.
///
/// All methods take `&self`, and threads may share a client (`Arc` or scoped threads): one may wait for events while
/// another publishes. Asking for the next event acknowledges all events returned before, to whichever thread.
///
/// Dropping a client closes it without [`quit`](Client::quit): the engine waits for the plugin to come back.
pub struct Client {
    state: Mutex<State>,
    /// Tells followers to look again.
    changed: Condvar,
    wake: Arc<Wake>,
    quit_timeout: Duration,
}

struct State {
    driver: Driver,
    /// A leader sleeps on the descriptors.
    led: bool,
    followers: usize,
}

impl Client {
    /// Connects to a plugin's port, `tcp://host:port`, and returns when the application has started.
    ///
    /// Nobody has to be there yet: it is tried again until the time is up, 10 s unless
    /// [`options`](Options::timeout) say otherwise.
    ///
    /// # Errors
    /// `Rejected` (`bad-param`) at once for anything but `tcp://host:port`; `Timeout` says what did not happen;
    /// `Transport` if the host's name stays unknown; `Protocol` if what listens there is no engine.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), event_engine_client::Error> {
    /// let client = event_engine_client::Client::connect("tcp://127.0.0.1:6000")?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(endpoint: &str) -> Result<Self, Error> {
        Options::default().connect(endpoint)
    }

    /// Connects to the endpoint in the environment variable `EVENT_ENGINE_ENDPOINT`.
    ///
    /// # Errors
    /// As [`connect`](Client::connect); `Rejected` (`bad-param`) if the variable is not set.
    pub fn from_env() -> Result<Self, Error> {
        Options::default().from_env()
    }

    /// Options to connect with.
    pub fn options() -> Options {
        Options::default()
    }

    /// The profile that is spoken with this engine: [`Profile::Session`] or [`Profile::Basic`].
    pub fn profile(&self) -> Profile {
        self.lock().driver.profile()
    }

    pub(crate) fn connect_with(options: &Options, endpoint: &str) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(endpoint)?;
        let deadline = options.deadline();
        let found = find(&endpoint, deadline)?;
        let wake = Arc::new(Wake::new().map_err(Error::transport)?);
        let waker = wake.clone();
        let driver = Driver::new(endpoint, options, found, Arc::new(move || waker.wake()))?;
        let client = Client {
            state: Mutex::new(State { driver, led: false, followers: 0 }),
            changed: Condvar::new(),
            wake,
            quit_timeout: options.quit_timeout,
        };
        client.wait(Some(deadline), Driver::waits_for, Driver::started)?;
        Ok(client)
    }

    /// The next event, however long it takes. All events returned before are handled by this, and acknowledged.
    ///
    /// # Errors
    /// `Closed` when no event will come any more: the application has stopped, or this client is finished.
    pub fn next_event(&self) -> Result<Event, Error> {
        self.wait(None, no_event, Driver::next)
    }

    /// The next event, if one comes within that time.
    ///
    /// # Errors
    /// `Timeout`, and nothing is lost; else as [`next_event`](Client::next_event).
    pub fn next_event_timeout(&self, timeout: Duration) -> Result<Event, Error> {
        self.wait(Instant::now().checked_add(timeout), no_event, Driver::next)
    }

    /// The next event, if one has come already.
    ///
    /// # Errors
    /// As [`next_event`](Client::next_event).
    pub fn try_next_event(&self) -> Result<Option<Event>, Error> {
        match self.next_event_timeout(Duration::ZERO) {
            Ok(event) => Ok(Some(event)),
            Err(Error::Timeout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All events until the application stops or this client has quit or is closed; any other end is an `Err` and the last
    /// item.
    pub fn events(&self) -> Events<'_> {
        Events { client: self, ended: false }
    }

    /// Publishes an event and returns its id when the engine has accepted it for every plugin that wants it.
    ///
    /// Ids count from 1 in one client. A full queue of a receiver makes this wait.
    ///
    /// # Errors
    /// `Rejected` (`too-large`) before anything is sent; else [`Error::unsettled`] says which publishes the engine may or
    /// may not have accepted.
    pub fn publish(&self, event: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.settle(&[event], None)
    }

    /// As [`publish`](Client::publish), within that time.
    ///
    /// # Errors
    /// `Timeout`: the event is on its way and must not be published again; the id is not told. Else as
    /// [`publish`](Client::publish).
    pub fn publish_timeout(&self, event: impl AsRef<[u8]>, timeout: Duration) -> Result<u64, Error> {
        self.settle(&[event], Instant::now().checked_add(timeout))
    }

    /// Publishes many events, in order, and returns the last one's id when the engine has accepted all of them.
    ///
    /// Much faster than one call for each: small events travel packed, and the engine does not wait for answers to reach
    /// this side. The iterator is read to its end first. Without events it returns the last id so far.
    ///
    /// # Errors
    /// As [`publish`](Client::publish); if one event is too large none is published.
    pub fn publish_batch<I>(&self, events: I) -> Result<u64, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.settle(&Vec::from_iter(events), None)
    }

    /// As [`publish_batch`](Client::publish_batch), within that time.
    ///
    /// # Errors
    /// `Timeout`: all events are on their way and must not be published again. Else as
    /// [`publish_batch`](Client::publish_batch).
    pub fn publish_batch_timeout<I>(&self, events: I, timeout: Duration) -> Result<u64, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.settle(&Vec::from_iter(events), Instant::now().checked_add(timeout))
    }

    fn settle<E: AsRef<[u8]>>(&self, events: &[E], deadline: Option<Instant>) -> Result<u64, Error> {
        let mut ids: Option<Ids> = None;
        let late = |_: &Driver| {
            "the engine has not accepted it yet; it is on its way, do not publish it again".to_owned()
        };
        self.wait(deadline, late, |driver, alive| {
            let ids = match ids {
                Some(ids) => ids,
                None => match driver.publish(events) {
                    Ok(begun) => *ids.insert(begun),
                    Err(error) => return Some(Err(error)),
                },
            };
            driver.settled(ids, alive)
        })
    }

    /// Whether the application is ending, as far as has come; it does not wait, and once true it stays so. For programs
    /// that only publish: `while !client.stopping() { … }`, then [`quit`](Client::quit). Publishing goes on working until
    /// then (EE-SDK-27).
    ///
    /// Also true once this client has quit, was closed or has lost its session. In the basic profile nobody says that the
    /// application is ending: there it is true only then.
    pub fn stopping(&self) -> bool {
        // Within no time: what has come is taken in, and nothing is waited for.
        let look = |driver: &mut Driver, _| driver.is_stopping().then_some(Ok(()));
        self.wait(Some(Instant::now()), |_| String::new(), look).is_ok()
    }

    /// Finishes: every event that was returned is handled, every publish is accepted, and the engine does not wait for this
    /// client any more. Then closes. Quitting again does nothing.
    ///
    /// # Errors
    /// `Timeout` if the engine does not answer within 10 s (see [`Options::quit_timeout`]), `Closed` with the publishes
    /// whose fate is unknown, or if the session was lost before.
    pub fn quit(&self) -> Result<(), Error> {
        let deadline = Instant::now().checked_add(self.quit_timeout);
        let begun = self.lock().driver.quit();
        let quit = begun.and_then(|()| match self.wait(deadline, |_| String::new(), Driver::has_quit) {
            Err(Error::Timeout { .. }) => self.lock().driver.quit_expired(),
            result => result,
        });
        self.close();
        quit
    }

    /// Closes without quitting: the engine keeps the plugin's events for its next process. Closing again does nothing.
    ///
    /// Every event but the one returned last counts as handled. Takes a second at most. Other threads' calls end with
    /// `Closed`.
    pub fn close(&self) {
        let context = {
            let mut state = self.lock();
            let context = state.driver.close();
            self.stir(&state);
            context
        };
        drop(context);
    }

    /// True when no event comes any more although nothing failed.
    fn is_over(&self) -> bool {
        self.lock().driver.is_over()
    }

    /// Asks until there is an answer or the time is up.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        waited_for: impl Fn(&Driver) -> String,
        mut answer: impl FnMut(&mut Driver, bool) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        let alive = state.driver.is_alive();
        loop {
            let result = answer(&mut state.driver, alive);
            if state.driver.take_progress() {
                self.stir(&state);
            }
            if let Some(result) = result {
                self.leave(&state);
                return result;
            }
            let now = Instant::now();
            if state.driver.step(now) {
                self.stir(&state);
                continue;
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.leave(&state);
                return Err(Error::Timeout { waited_for: waited_for(&state.driver) });
            }
            state = if state.led {
                self.follow(state, deadline.map(|deadline| deadline - now))
            } else {
                let until = [deadline, state.driver.timer()].into_iter().flatten().min();
                self.lead(state, until.map(|until| until.saturating_duration_since(now)))
            };
        }
    }

    /// Sleeps until a leader or a passer-by has changed something.
    fn follow<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.followers += 1;
        let mut state = match time {
            Some(time) => self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.followers -= 1;
        state
    }

    /// Sleeps on the descriptors. They may change meanwhile: whoever changes them wakes the leader.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>, time: Option<Duration>) -> MutexGuard<'a, State> {
        let mut fds = state.driver.fds();
        fds.push(self.wake.reader.as_raw_fd());
        state.led = true;
        drop(state);
        let mut items: Vec<_> = fds.iter().map(|fd| zmq::PollItem::from_fd(*fd, zmq::POLLIN)).collect();
        // Rounded up, so that the time is over afterwards.
        let time_ms =
            time.map_or(-1, |time| i64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i64::MAX));
        let polled = zmq::poll(&mut items, time_ms.min(i64::from(i32::MAX)));
        if polled.is_ok() && items.last().is_some_and(zmq::PollItem::is_readable) {
            self.wake.clear();
        }
        let mut state = self.lock();
        state.led = false;
        state
    }

    /// Something has changed: whoever waits looks again.
    fn stir(&self, state: &State) {
        if state.led {
            self.wake.wake();
        }
        if state.followers > 0 {
            self.changed.notify_all();
        }
    }

    /// A caller has its answer and goes. Somebody has to lead those who stay, and what this caller's last look at the
    /// sockets has woken no descriptor for is for the leader to see.
    fn leave(&self, state: &State) {
        if state.led {
            if state.driver.has_input() {
                self.wake.wake();
            }
        } else if state.followers > 0 {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The events of a client; see [`Client::events`].
#[derive(Debug)]
pub struct Events<'a> {
    client: &'a Client,
    ended: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.client.next_event() {
            Ok(event) => Some(Ok(event)),
            Err(error) => {
                self.ended = true;
                (!self.client.is_over()).then_some(Err(error))
            }
        }
    }
}

fn no_event(_: &Driver) -> String {
    "no event came".to_owned()
}

/// Looks for an engine until the deadline.
fn find(endpoint: &Endpoint, deadline: Instant) -> Result<Found, Error> {
    let mut pause = Duration::from_millis(RECONNECT_MIN_MS);
    loop {
        let miss = match probe(endpoint, deadline) {
            Ok(found) => return Ok(found),
            Err(wrong @ Miss::Wrong(_)) => return Err(wrong.error(endpoint)),
            Err(miss) => miss,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(miss.error(endpoint));
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(RECONNECT_MAX_MS));
    }
}

/// A descriptor that can be made readable from anywhere.
struct Wake {
    reader: UnixStream,
    writer: UnixStream,
}

impl Wake {
    fn new() -> std::io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Wake { reader, writer })
    }

    fn wake(&self) {
        // A full buffer is readable already.
        let _ = (&self.writer).write(&[1]);
    }

    fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(64)) {}
    }
}
