//! The other end of a control socket: what the command line and other processes use.

use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::prelude::{Engine, BASE64_STANDARD};
use event_engine_protocol::constants;

use super::connection::send_bytes;
use super::lines::{Line, Lines};
use super::messages::{Answer, Body, Op, Reply, Request, Status, Tapped};
use super::Ended;

/// How long an answer may take that the engine gives at once.
const ANSWER: Duration = Duration::from_millis(constants::CONTROL_ANSWER_MS);
/// The same for a publish, which may wait for room.
const PUBLISHED: Duration =
    Duration::from_millis(constants::CONTROL_PUBLISH_MS + constants::CONTROL_ANSWER_MS);

/// Why a call of a [`Client`] did not do what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody listens at the path.
    #[error("no application runs with the control socket {}; start it, or say which socket is meant", path.display())]
    NotRunning {
        /// The path.
        path: PathBuf,
    },
    /// The socket is another user's.
    #[error("the control socket {} belongs to another user: only who started the application may use it", path.display())]
    NotYours {
        /// The path.
        path: PathBuf,
    },
    /// What answers there is no engine.
    #[error("what answers at {} is no event engine: {what}", path.display())]
    NotAnEngine {
        /// The path.
        path: PathBuf,
        /// What is wrong with its answer.
        what: String,
    },
    /// The engine did not do it.
    #[error("{text}")]
    Refused {
        /// `bad-request`, `too-large`, `no-room`, `stopping`, `busy` or `internal`.
        code: String,
        /// What to do about it.
        text: String,
    },
    /// No answer came in time.
    #[error("the application did not answer within {0:?}")]
    Timeout(Duration),
    /// The connection has ended.
    #[error("the application closed the connection: it has ended")]
    Closed,
    /// The system failed.
    #[error("control socket {}: {source}", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// A connection to a running application's control socket. Every call ends by a deadline.
///
/// ```no_run
/// use event_engine::control::{default_path, Client};
///
/// let mut client = Client::connect(default_path("trail-camera")?)?;
/// for plugin in client.status()?.plugins {
///     println!("{} is {}: {} events wait", plugin.name, plugin.state, plugin.queued);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client {
    path: PathBuf,
    stream: UnixStream,
    lines: Lines<UnixStream>,
    next_id: u64,
}

impl Client {
    /// Connects, and makes sure that an engine answers.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ClientError::NotYours`], [`ClientError::NotAnEngine`], or the engine's refusal.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let mut client = Client::open(path.as_ref())?;
        client.status()?;
        Ok(client)
    }

    fn open(path: &Path) -> Result<Self, ClientError> {
        let path = path.to_path_buf();
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => ClientError::NotRunning { path },
                    ErrorKind::PermissionDenied => ClientError::NotYours { path },
                    _ => ClientError::System { path, source: error },
                })
            }
        };
        if !is_mine(&stream) {
            return Err(ClientError::NotYours { path });
        }
        let lines = stream.try_clone().map(Lines::new);
        match lines {
            Ok(lines) => Ok(Client { path, stream, lines, next_id: 0 }),
            Err(source) => Err(ClientError::System { path, source }),
        }
    }

    /// Everything about the application at this moment.
    ///
    /// # Errors
    /// [`ClientError::Timeout`], [`ClientError::Closed`].
    pub fn status(&mut self) -> Result<Status, ClientError> {
        match self.ask(Op::Status, ANSWER)? {
            Reply::Status(status) => Ok(*status),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Publishes one event in the name of `control`, and returns its order once the engine has accepted it.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `too-large`, `no-room` or `stopping`: the event went to nobody. After [`ClientError::Timeout`]
    /// and [`ClientError::Closed`] that is not known.
    pub fn publish(&mut self, event: &[u8]) -> Result<u64, ClientError> {
        match self.ask(Op::Publish { event: BASE64_STANDARD.encode(event) }, PUBLISHED)? {
            Reply::Published { order } => Ok(order),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Shows the events that pass from now on and begin with one of `filters` (all, if there are none); nothing is taken from
    /// anybody. Ends with the application.
    ///
    /// # Errors
    /// [`ClientError::Timeout`], [`ClientError::Closed`].
    pub fn tap<F: AsRef<[u8]>>(
        mut self,
        filters: impl IntoIterator<Item = F>,
    ) -> Result<Tapping, ClientError> {
        let filters = filters.into_iter().map(|filter| BASE64_STANDARD.encode(filter)).collect();
        match self.ask(Op::Tap { filters }, ANSWER)? {
            Reply::Done {} => Ok(Tapping { client: self }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Stops the application; with `now` without letting anything drain. Returns at once, [`Client::wait`] waits for the end.
    ///
    /// # Errors
    /// [`ClientError::Timeout`], [`ClientError::Closed`].
    pub fn stop(&mut self, now: bool) -> Result<(), ClientError> {
        match self.ask(Op::Stop { now }, ANSWER)? {
            Reply::Done {} => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Waits until the application has ended, at most so long: how it ended, or none if it has not.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the engine's process ended without a word.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Ended>, ClientError> {
        let end = self.ask(Op::Wait, timeout);
        self.ended(end)
    }

    /// Does both: [`Client::stop`], then [`Client::wait`]. They are asked in one go, so an application that ends at once tells how, too.
    ///
    /// # Errors
    /// Those of both.
    pub fn stop_and_wait(&mut self, now: bool, timeout: Duration) -> Result<Option<Ended>, ClientError> {
        let [stop, wait] = self.send([Op::Stop { now }, Op::Wait], ANSWER)?;
        match self.reply(stop, ANSWER)? {
            Reply::Done {} => {}
            other => return Err(self.unexpected(&other)),
        }
        let end = self.reply(wait, timeout);
        self.ended(end)
    }

    /// The answer to a wait.
    fn ended(&mut self, end: Result<Reply, ClientError>) -> Result<Option<Ended>, ClientError> {
        match end {
            Ok(Reply::Ended { success, report }) => Ok(Some(Ended { success, report })),
            Ok(other) => Err(self.unexpected(&other)),
            Err(ClientError::Timeout(_)) => {
                // The engine answers in order, so this connection answers nothing else before the end.
                *self = Client::open(&self.path)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn ask(&mut self, op: Op, within: Duration) -> Result<Reply, ClientError> {
        // A time-out too long for the clock is none.
        let deadline = Instant::now().checked_add(within);
        let [id] = self.send([op], within)?;
        self.reply_by(id, deadline, within)
    }

    /// Sends requests in one go and returns their ids.
    fn send<const N: usize>(&mut self, ops: [Op; N], within: Duration) -> Result<[u64; N], ClientError> {
        let mut lines = Vec::new();
        let ids = ops.map(|op| {
            self.next_id += 1;
            let request = Request { id: self.next_id, op };
            // Nothing in it can fail to be JSON.
            lines.extend(serde_json::to_vec(&request).unwrap_or_default());
            lines.push(b'\n');
            self.next_id
        });
        let sent = self
            .stream
            .set_write_timeout(Some(within.max(Duration::from_millis(1))))
            .and_then(|()| send_bytes(&self.stream, &lines));
        match sent {
            Ok(()) => Ok(ids),
            // It closed before it had read everything: its last word is still to be read.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Ok(ids)
            }
            Err(error) => Err(self.failed(error, within)),
        }
    }

    fn reply(&mut self, id: u64, within: Duration) -> Result<Reply, ClientError> {
        // A time-out too long for the clock is none.
        self.reply_by(id, Instant::now().checked_add(within), within)
    }

    fn reply_by(
        &mut self,
        id: u64,
        deadline: Option<Instant>,
        within: Duration,
    ) -> Result<Reply, ClientError> {
        loop {
            let answer = self.answer(deadline, within)?;
            match answer.body {
                // Late ones of requests that were given up are nobody's any more.
                _ if answer.id != id && answer.id != 0 => {}
                Body::Ok(reply) => return Ok(reply),
                Body::Error { code, .. } if code == "not-allowed" => {
                    return Err(ClientError::NotYours { path: self.path.clone() })
                }
                Body::Error { code, text } => return Err(ClientError::Refused { code, text }),
                Body::Event(_) => {}
            }
        }
    }

    fn answer(&mut self, deadline: Option<Instant>, within: Duration) -> Result<Answer, ClientError> {
        let rest = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(rest) if rest.is_zero() => return Err(ClientError::Timeout(within)),
            rest => rest,
        };
        self.stream.set_read_timeout(rest).map_err(|error| self.failed(error, within))?;
        // The engine is trusted with the size of its answers: it is this user's own.
        match self.lines.next(|_| usize::MAX) {
            Ok(Line::Some(line)) => serde_json::from_slice(&line).map_err(|error| ClientError::NotAnEngine {
                path: self.path.clone(),
                what: error.to_string(),
            }),
            Ok(Line::End | Line::TooLong) => Err(ClientError::Closed),
            Err(error) => Err(self.failed(error, within)),
        }
    }

    fn failed(&self, error: io::Error, within: Duration) -> ClientError {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::Timeout(within),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ClientError::Closed,
            _ => ClientError::System { path: self.path.clone(), source: error },
        }
    }

    fn unexpected(&self, reply: &Reply) -> ClientError {
        ClientError::NotAnEngine {
            path: self.path.clone(),
            what: format!("an answer to another question: {reply:?}"),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Whoever listens there is this user or root. Root itself may talk to everybody.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_mine(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    own.is_root()
        || rustix::net::sockopt::socket_peercred(stream)
            .is_ok_and(|peer| peer.uid.is_root() || peer.uid == own)
}

/// Where the system does not tell, the socket's folder vouches for it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_mine(_: &UnixStream) -> bool {
    true
}

/// An event that passed; derefs to its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// Its order in the application.
    pub order: u64,
    /// The plugin that published it.
    pub from: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// So many events before it were not shown, because this reader was too slow.
    pub missed: u64,
}

impl Deref for Passed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The events that pass, as an iterator that waits for the next one and ends with the application.
#[derive(Debug)]
pub struct Tapping {
    client: Client,
}

impl Tapping {
    /// Waits for the next event at most so long; none when the application has ended.
    ///
    /// # Errors
    /// [`ClientError::Timeout`]: nothing is lost, the next call goes on.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Passed>, ClientError> {
        self.next_by(Instant::now().checked_add(timeout), timeout)
    }

    fn next_by(
        &mut self,
        deadline: Option<Instant>,
        within: Duration,
    ) -> Result<Option<Passed>, ClientError> {
        loop {
            let body = match self.client.answer(deadline, within) {
                Ok(answer) => answer.body,
                Err(ClientError::Closed) => return Ok(None),
                Err(error) => return Err(error),
            };
            match body {
                Body::Event(Tapped { order, from, bytes, missed }) => {
                    let bytes = BASE64_STANDARD.decode(bytes).map_err(|error| ClientError::NotAnEngine {
                        path: self.client.path.clone(),
                        what: error.to_string(),
                    })?;
                    return Ok(Some(Passed { order, from, bytes, missed }));
                }
                Body::Error { code, text } => return Err(ClientError::Refused { code, text }),
                Body::Ok(_) => {}
            }
        }
    }
}

impl Iterator for Tapping {
    type Item = Result<Passed, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_by(None, Duration::MAX).transpose()
    }
}
