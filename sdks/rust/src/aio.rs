//! The client of tasks: the same vocabulary as [`crate::Client`], with the feature `tokio`.
//!
//! All futures are cancel-safe: dropping one (`tokio::time::timeout`, `select!`) loses no event. What a dropped `publish`
//! or `publish_batch` had begun, with its first poll, stays in flight and will be accepted: do not publish it again.
//!
//! ```no_run
//! use std::time::Duration;
//! use event_engine_client::tokio::Client;
//!
//! # async fn example() -> Result<(), event_engine_client::Error> {
//! let client = Client::connect("tcp://127.0.0.1:6000").await?;
//! match tokio::time::timeout(Duration::from_secs(1), client.next_event()).await {
//!     Ok(event) => println!("{} bytes", event?.len()),
//!     Err(_elapsed) => println!("nothing yet, and nothing is lost"),
//! }
//! client.publish("text: hello").await?;
//! client.quit().await
//! # }
//! ```
//!
//! There is no task of its own: whoever awaits does the work, without blocking, behind a lock that is never held while
//! waiting. All waiting tasks watch the sockets' descriptors.

use std::future::Future;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use event_engine_protocol::constants::{LINGER_MS, RECONNECT_MAX_MS, RECONNECT_MIN_MS};
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::sync::Notify;

use crate::io::probe::{probe, Found, Miss};
use crate::io::{Driver, Ids};
use crate::options::{endpoint_from_env, Endpoint, Options};
use crate::{Error, Event, Profile};

/// A plugin's connection to its engine, for tasks of a tokio runtime (with `enable_all`).
///
/// All methods take `&self`; tasks may share a client by `Arc`. Asking for the next event acknowledges all events
/// returned before. Dropping a client closes it without [`quit`](Client::quit).
pub struct Client {
    state: Mutex<State>,
    /// Tells waiting tasks to look again.
    changed: Arc<Notify>,
    quit_timeout: Duration,
}

struct State {
    driver: Driver,
    waiting: usize,
    /// The watched descriptors, under the numbers that the driver knows them by.
    watched: Vec<(RawFd, Arc<AsyncFd<OwnedFd>>)>,
    /// [`Driver::connections`] when they were registered.
    connections: u64,
}

impl Client {
    /// Connects to a plugin's port; see [`crate::Client::connect`].
    ///
    /// # Errors
    /// As there.
    pub async fn connect(endpoint: &str) -> Result<Self, Error> {
        Client::connect_with(&Options::default(), endpoint).await
    }

    /// Connects to the endpoint in the environment variable `EVENT_ENGINE_ENDPOINT`.
    ///
    /// # Errors
    /// As [`crate::Client::from_env`].
    pub async fn from_env() -> Result<Self, Error> {
        Client::connect(&endpoint_from_env()?).await
    }

    /// Connects with options: `Client::connect_with(&Options::default().name("x"), endpoint)`.
    ///
    /// # Errors
    /// As [`crate::Client::connect`].
    pub async fn connect_with(options: &Options, endpoint: &str) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(endpoint)?;
        let deadline = options.deadline();
        let found = find(&endpoint, deadline).await?;
        let changed = Arc::new(Notify::new());
        let waker = changed.clone();
        let driver = Driver::new(endpoint, options, found, Arc::new(move || waker.notify_waiters()))?;
        let state = State { driver, waiting: 0, watched: Vec::new(), connections: 0 };
        let client = Client { state: Mutex::new(state), changed, quit_timeout: options.quit_timeout };
        client.wait(Some(deadline), Driver::waits_for, Driver::started).await?;
        Ok(client)
    }

    /// The profile that is spoken with this engine: [`Profile::Session`] or [`Profile::Basic`].
    pub fn profile(&self) -> Profile {
        self.lock().driver.profile()
    }

    /// The next event, however long it takes. Cancel-safe.
    ///
    /// # Errors
    /// As [`crate::Client::next_event`].
    pub async fn next_event(&self) -> Result<Event, Error> {
        self.wait(None, |_| String::new(), Driver::next).await
    }

    /// The next event, if one comes within that time. Cancel-safe.
    ///
    /// # Errors
    /// As [`crate::Client::next_event_timeout`].
    pub async fn next_event_timeout(&self, timeout: Duration) -> Result<Event, Error> {
        let no_event = |_: &Driver| "no event came".to_owned();
        self.wait(Instant::now().checked_add(timeout), no_event, Driver::next).await
    }

    /// The next event, if one has come already.
    ///
    /// # Errors
    /// As [`crate::Client::next_event`].
    pub async fn try_next_event(&self) -> Result<Option<Event>, Error> {
        match self.next_event_timeout(Duration::ZERO).await {
            Ok(event) => Ok(Some(event)),
            Err(Error::Timeout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next event as an iteration has it: `None` after the last one, when the application has stopped or this client
    /// is finished. Cancel-safe.
    ///
    /// ```no_run
    /// # async fn example(client: event_engine_client::tokio::Client) -> Result<(), event_engine_client::Error> {
    /// while let Some(event) = client.next().await? {
    ///     println!("{} bytes", event.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`crate::Client::next_event`], but for the normal ends.
    pub async fn next(&self) -> Result<Option<Event>, Error> {
        match self.next_event().await {
            Ok(event) => Ok(Some(event)),
            Err(_) if self.lock().driver.is_over() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Publishes an event and returns its id when the engine has accepted it.
    ///
    /// # Errors
    /// As [`crate::Client::publish`].
    pub async fn publish(&self, event: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.settle(&[event]).await
    }

    /// Publishes many events, in order, and returns the last one's id when the engine has accepted all of them.
    ///
    /// # Errors
    /// As [`crate::Client::publish_batch`].
    pub async fn publish_batch<I>(&self, events: I) -> Result<u64, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let events = Vec::from_iter(events);
        self.settle(&events).await
    }

    async fn settle<E: AsRef<[u8]>>(&self, events: &[E]) -> Result<u64, Error> {
        let mut ids: Option<Ids> = None;
        self.wait(
            None,
            |_| String::new(),
            |driver, alive| {
                let ids = match ids {
                    Some(ids) => ids,
                    None => match driver.publish(events) {
                        Ok(begun) => *ids.insert(begun),
                        Err(error) => return Some(Err(error)),
                    },
                };
                driver.settled(ids, alive)
            },
        )
        .await
    }

    /// Whether the application is ending, as far as has come; see [`crate::Client::stopping`]. There is nothing to await.
    pub fn stopping(&self) -> bool {
        let mut state = self.lock();
        let mut news = false;
        while !state.driver.is_stopping() && state.driver.step(Instant::now()) {
            news = true;
        }
        // Others may wait for what was taken in, or have to watch a new connection.
        if state.waiting > 0 && (news || state.driver.has_input()) {
            self.changed.notify_waiters();
        }
        state.driver.is_stopping()
    }

    /// Finishes and closes; see [`crate::Client::quit`]. If the future is dropped the quit is on its way, and quitting again
    /// waits for its answer.
    ///
    /// # Errors
    /// As there.
    pub async fn quit(&self) -> Result<(), Error> {
        let deadline = Instant::now().checked_add(self.quit_timeout);
        let begun = self.lock().driver.quit();
        let quit = match begun {
            Ok(()) => match self.wait(deadline, |_| String::new(), Driver::has_quit).await {
                Err(Error::Timeout { .. }) => self.lock().driver.quit_expired(),
                result => result,
            },
            error => error,
        };
        self.close().await;
        quit
    }

    /// Closes without quitting; see [`crate::Client::close`].
    pub async fn close(&self) {
        if let Some(context) = self.close_sockets() {
            let closing = tokio::task::spawn_blocking(move || drop(context));
            // What cannot be sent is given up by then.
            let _ = tokio::time::timeout(Duration::from_millis(2 * LINGER_MS), closing).await;
        }
    }

    fn close_sockets(&self) -> Option<zmq::Context> {
        let mut state = self.lock();
        state.watched.clear();
        let context = state.driver.close();
        self.changed.notify_waiters();
        context
    }

    /// Asks until there is an answer or the time is up.
    async fn wait<T>(
        &self,
        deadline: Option<Instant>,
        waited_for: impl Fn(&Driver) -> String,
        mut answer: impl FnMut(&mut Driver, bool) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        let alive = self.lock().driver.is_alive();
        loop {
            // Before looking, so that no change is missed between looking and waiting.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (watched, timer, _waiting) = {
                let mut state = self.lock();
                loop {
                    let result = answer(&mut state.driver, alive);
                    if state.driver.take_progress() && state.waiting > 0 {
                        self.changed.notify_waiters();
                    }
                    if let Some(result) = result {
                        if state.waiting > 0 && state.driver.has_input() {
                            self.changed.notify_waiters();
                        }
                        return result;
                    }
                    let now = Instant::now();
                    if state.driver.step(now) {
                        if state.waiting > 0 {
                            self.changed.notify_waiters();
                        }
                        continue;
                    }
                    if deadline.is_some_and(|deadline| deadline <= now) {
                        return Err(Error::Timeout { waited_for: waited_for(&state.driver) });
                    }
                    break;
                }
                state.watch()?;
                state.waiting += 1;
                (state.watched.clone(), state.driver.timer(), Waiting(self))
            };
            let until = [deadline, timer].into_iter().flatten().min();
            tokio::select! {
                () = changed => {}
                () = readable(&watched) => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dropping a context may take a second, which a task's thread must not.
        if let Some(context) = self.close_sockets() {
            let closing = std::thread::Builder::new().name("event-engine-close".into());
            let _ = closing.spawn(move || drop(context));
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("tokio::Client").finish_non_exhaustive()
    }
}

impl State {
    /// Watches the descriptors of the present connections.
    fn watch(&mut self) -> Result<(), Error> {
        let connections = self.driver.connections();
        if self.connections != connections {
            self.watched.clear();
            for fd in self.driver.fds() {
                // Of our own, so that it is deregistered before it is closed and its number is somebody else's.
                let own = crate::ffi::own(fd).map_err(Error::transport)?;
                // Deprecated for types that may close their descriptor early, which `OwnedFd` cannot; its successor is
                // unsafe to call, and no older tokio has it.
                #[allow(deprecated)]
                let watched = AsyncFd::with_interest(own, Interest::READABLE).map_err(Error::transport)?;
                self.watched.push((fd, Arc::new(watched)));
            }
            self.connections = connections;
        }
        Ok(())
    }
}

/// Counts a task that waits, until it is dropped.
struct Waiting<'a>(&'a Client);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Until one of the descriptors is readable. Readiness is an edge: after it everything there is is taken, whoever does it.
async fn readable(watched: &[(RawFd, Arc<AsyncFd<OwnedFd>>)]) {
    let mut futures: Vec<_> = watched.iter().map(|(_, fd)| Box::pin(fd.readable())).collect();
    std::future::poll_fn(|context| {
        let mut ready = Poll::Pending;
        for future in &mut futures {
            match future.as_mut().poll(context) {
                Poll::Ready(Ok(mut guard)) => {
                    guard.clear_ready();
                    return Poll::Ready(());
                }
                Poll::Ready(Err(_)) => ready = Poll::Ready(()), // the runtime shuts down
                Poll::Pending => {}
            }
        }
        ready
    })
    .await;
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Looks for an engine until the deadline; each try is made by a thread that may block.
async fn find(endpoint: &Endpoint, deadline: Instant) -> Result<Found, Error> {
    let mut pause = Duration::from_millis(RECONNECT_MIN_MS);
    loop {
        let wanted = endpoint.clone();
        let miss = match tokio::task::spawn_blocking(move || probe(&wanted, deadline)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(wrong @ Miss::Wrong(_))) => return Err(wrong.error(endpoint)),
            Ok(Err(miss)) => miss,
            Err(error) => return Err(Error::transport(error)),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(miss.error(endpoint));
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(RECONNECT_MAX_MS));
    }
}
