//! The verbs of the session profile as types: what each side says, with its keys checked.
//!
//! ```
//! use event_engine_protocol::session::message::ToEngine;
//!
//! let frames: [&[u8]; 1] = [b"plugin_command: ack seq=3 upto=8195"];
//! assert_eq!(ToEngine::parse(&frames).unwrap(), ToEngine::Ack { seq: 3, upto: 8195 });
//! ```

use std::borrow::Cow;
use std::fmt;

use super::header::{Header, HeaderError, Value, Writer};
use crate::constants::{self, COMMAND_PREFIX, REPLY_PREFIX};

/// The 128 random bits by which a client names its session; 32 lower-case hex digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl SessionId {
    /// Reads exactly 32 lower-case hex digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let legal = text.len() == 32 && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let text = legal.then(|| std::str::from_utf8(text).ok()).flatten()?;
        u128::from_str_radix(text, 16).ok().map(SessionId)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Codes of the verb `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the text of each says it
pub enum ErrorCode {
    BadCommand,
    BadParam,
    UnsupportedVersion,
    NoSession,
    Superseded,
    TooLarge,
    Window,
    NotAllowed,
    Stopping,
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [ErrorCode; 10] = [
        ErrorCode::BadCommand,
        ErrorCode::BadParam,
        ErrorCode::UnsupportedVersion,
        ErrorCode::NoSession,
        ErrorCode::Superseded,
        ErrorCode::TooLarge,
        ErrorCode::Window,
        ErrorCode::NotAllowed,
        ErrorCode::Stopping,
        ErrorCode::Internal,
    ];

    /// The code as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadCommand => constants::CODE_BAD_COMMAND,
            ErrorCode::BadParam => constants::CODE_BAD_PARAM,
            ErrorCode::UnsupportedVersion => constants::CODE_UNSUPPORTED_VERSION,
            ErrorCode::NoSession => constants::CODE_NO_SESSION,
            ErrorCode::Superseded => constants::CODE_SUPERSEDED,
            ErrorCode::TooLarge => constants::CODE_TOO_LARGE,
            ErrorCode::Window => constants::CODE_WINDOW,
            ErrorCode::NotAllowed => constants::CODE_NOT_ALLOWED,
            ErrorCode::Stopping => constants::CODE_STOPPING,
            ErrorCode::Internal => constants::CODE_INTERNAL,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl HeaderError {
    /// The code with which an engine refuses it.
    pub fn code(&self) -> ErrorCode {
        if self.is_param() {
            ErrorCode::BadParam
        } else {
            ErrorCode::BadCommand
        }
    }
}

impl super::batch::BatchError {
    /// The code with which an engine refuses it.
    pub fn code(&self) -> ErrorCode {
        match self {
            super::batch::BatchError::TooLarge { .. } => ErrorCode::TooLarge,
            super::batch::BatchError::Malformed { .. } => ErrorCode::BadParam,
        }
    }
}

/// What a client says to the engine. `Publish` has a second frame, its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToEngine<'a> {
    /// Opens or resumes a session; the first message of a connection.
    Hello {
        /// Highest version that the client speaks.
        version: u64,
        /// Which session.
        session: SessionId,
        /// Name and version of the client, for the engine's log.
        client: Cow<'a, str>,
    },
    /// The plugin's process is ready.
    Ready,
    /// Everything to `seq` is handled; the engine may send up to `upto`.
    Ack {
        /// Last event that is handled.
        seq: u64,
        /// Last event that may be sent.
        upto: u64,
    },
    /// Publishes one event, or `count` packed ones.
    Publish {
        /// Id of the first event, at least 1.
        id: u64,
        /// Number of packed events, at least 1; without it the payload is one event.
        count: Option<u64>,
    },
    /// Answers `ping`.
    Pong,
    /// The client has finished.
    Quit,
}

impl<'a> ToEngine<'a> {
    /// Reads a message; for `Publish` the payload is `frames[1]`.
    ///
    /// # Errors
    /// [`HeaderError`], whose [`code`](HeaderError::code) is the one to answer with.
    pub fn parse<F: AsRef<[u8]>>(frames: &'a [F]) -> Result<Self, HeaderError> {
        let header = parse_header(COMMAND_PREFIX, frames)?;
        let frames = frames.len();
        Ok(match header.verb() {
            constants::VERB_HELLO => {
                expect_frames(frames, 1)?;
                let key = "session";
                ToEngine::Hello {
                    version: header.integer("version")?,
                    session: SessionId::parse(&header.value(key)?.bytes())
                        .ok_or(HeaderError::BadValue { key })?,
                    client: header.value("client")?.text(),
                }
            }
            constants::VERB_READY => {
                expect_frames(frames, 1)?;
                ToEngine::Ready
            }
            constants::VERB_ACK => {
                expect_frames(frames, 1)?;
                ToEngine::Ack { seq: header.integer("seq")?, upto: header.integer("upto")? }
            }
            constants::VERB_PUBLISH => {
                expect_frames(frames, 2)?;
                ToEngine::Publish {
                    id: position(&header, "id")?,
                    count: optional_position(&header, "count")?,
                }
            }
            constants::VERB_PONG => {
                expect_frames(frames, 1)?;
                ToEngine::Pong
            }
            constants::VERB_QUIT => {
                expect_frames(frames, 1)?;
                ToEngine::Quit
            }
            _ => return Err(HeaderError::UnknownVerb),
        })
    }

    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let header = Writer::new(out, COMMAND_PREFIX);
        match self {
            ToEngine::Hello { version, session, client } => header
                .verb(constants::VERB_HELLO)
                .integer("version", *version)
                .text("session", &session.to_string())
                .text("client", client),
            ToEngine::Ready => header.verb(constants::VERB_READY),
            ToEngine::Ack { seq, upto } => {
                header.verb(constants::VERB_ACK).integer("seq", *seq).integer("upto", *upto)
            }
            ToEngine::Publish { id, count } => {
                header.verb(constants::VERB_PUBLISH).integer("id", *id).optional_integer("count", *count)
            }
            ToEngine::Pong => header.verb(constants::VERB_PONG),
            ToEngine::Quit => header.verb(constants::VERB_QUIT),
        };
    }
}

/// What the engine says to a client. `Events` and `Error` have a second frame: the payload, a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// The session is open.
    Welcome(Welcome<'a>),
    /// Answers `ready` once the application's start barrier is open.
    Ok,
    /// One event, or `count` packed ones.
    Events {
        /// Sequence number of the first one, at least 1.
        seq: u64,
        /// Number of packed events, at least 1; without it the payload is one event.
        count: Option<u64>,
        /// The events were sent in an earlier session.
        redelivered: bool,
        /// Position of the first one in the application's order.
        order: Option<u64>,
    },
    /// All publishes up to `id` are accepted.
    Published {
        /// Last id.
        id: u64,
    },
    /// Asks for `pong`.
    Ping,
    /// The application is ending.
    Stop {
        /// Why.
        reason: Cow<'a, str>,
    },
    /// Answers `quit`.
    Bye,
    /// Ends the session, or says that there is none.
    Error {
        /// One of [`ErrorCode`], unless the engine is newer.
        code: Cow<'a, str>,
        /// The publish that is refused.
        id: Option<u64>,
        /// The versions that the engine speaks, separated by commas.
        versions: Option<Cow<'a, str>>,
    },
}

/// What an engine says of itself and of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// Version to use.
    pub version: u64,
    /// Name and version of the engine.
    pub engine: Cow<'a, str>,
    /// Name of the plugin.
    pub plugin: Cow<'a, str>,
    /// The session was known.
    pub resumed: bool,
    /// Last publish id that the engine has taken.
    pub received: u64,
    /// Largest event.
    pub max_event_bytes: u64,
    /// Events that may be unanswered.
    pub publish_window: u64,
    /// Bytes that may be unanswered; one event always may.
    pub publish_window_bytes: u64,
    /// Silence after which the engine asks for a `pong`.
    pub ping_ms: u64,
    /// Time that a session without a connection lives.
    pub grace_ms: u64,
}

impl<'a> ToClient<'a> {
    /// Reads a message; for `Events` and `Error` the payload is `frames[1]`.
    ///
    /// # Errors
    /// [`HeaderError`]: the engine has broken the protocol.
    pub fn parse<F: AsRef<[u8]>>(frames: &'a [F]) -> Result<Self, HeaderError> {
        let header = parse_header(REPLY_PREFIX, frames)?;
        let frames = frames.len();
        Ok(match header.verb() {
            constants::VERB_EVENTS => {
                expect_frames(frames, 2)?;
                ToClient::Events {
                    seq: position(&header, "seq")?,
                    count: optional_position(&header, "count")?,
                    redelivered: optional_flag(&header, "redelivered")?,
                    order: optional_position(&header, "order")?,
                }
            }
            constants::VERB_PUBLISHED => {
                expect_frames(frames, 1)?;
                ToClient::Published { id: header.integer("id")? }
            }
            constants::VERB_OK => {
                expect_frames(frames, 1)?;
                ToClient::Ok
            }
            constants::VERB_PING => {
                expect_frames(frames, 1)?;
                ToClient::Ping
            }
            constants::VERB_STOP => {
                expect_frames(frames, 1)?;
                ToClient::Stop { reason: header.value("reason")?.text() }
            }
            constants::VERB_BYE => {
                expect_frames(frames, 1)?;
                ToClient::Bye
            }
            constants::VERB_WELCOME => {
                expect_frames(frames, 1)?;
                ToClient::Welcome(Welcome::read(&header)?)
            }
            constants::VERB_ERROR => {
                expect_frames(frames, 2)?;
                ToClient::Error {
                    code: header.value("code")?.text(),
                    id: header.optional_integer("id")?,
                    versions: header.get("versions").map(|value| value.text()),
                }
            }
            _ => return Err(HeaderError::UnknownVerb),
        })
    }

    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let header = Writer::new(out, REPLY_PREFIX);
        match self {
            ToClient::Welcome(welcome) => welcome.write(header.verb(constants::VERB_WELCOME)),
            ToClient::Ok => header.verb(constants::VERB_OK),
            ToClient::Events { seq, count, redelivered, order } => header
                .verb(constants::VERB_EVENTS)
                .integer("seq", *seq)
                .optional_integer("count", *count)
                .optional_integer("redelivered", redelivered.then_some(1))
                .optional_integer("order", *order),
            ToClient::Published { id } => header.verb(constants::VERB_PUBLISHED).integer("id", *id),
            ToClient::Ping => header.verb(constants::VERB_PING),
            ToClient::Stop { reason } => header.verb(constants::VERB_STOP).text("reason", reason),
            ToClient::Bye => header.verb(constants::VERB_BYE),
            ToClient::Error { code, id, versions } => {
                let header =
                    header.verb(constants::VERB_ERROR).text("code", code).optional_integer("id", *id);
                match versions {
                    Some(versions) => header.text("versions", versions),
                    None => header,
                }
            }
        };
    }
}

impl<'a> Welcome<'a> {
    fn read(header: &Header<'a>) -> Result<Self, HeaderError> {
        Ok(Welcome {
            version: header.integer("version")?,
            engine: header.value("engine")?.text(),
            plugin: header.value("plugin")?.text(),
            resumed: flag(header.value("resumed")?, "resumed")?,
            received: header.integer("received")?,
            max_event_bytes: header.integer("max-event-bytes")?,
            publish_window: header.integer("publish-window")?,
            publish_window_bytes: header.integer("publish-window-bytes")?,
            ping_ms: header.integer("ping-ms")?,
            grace_ms: header.integer("grace-ms")?,
        })
    }

    fn write<'b>(&self, header: Writer<'b>) -> Writer<'b> {
        header
            .integer("version", self.version)
            .text("engine", &self.engine)
            .text("plugin", &self.plugin)
            .integer("resumed", u64::from(self.resumed))
            .integer("received", self.received)
            .integer("max-event-bytes", self.max_event_bytes)
            .integer("publish-window", self.publish_window)
            .integer("publish-window-bytes", self.publish_window_bytes)
            .integer("ping-ms", self.ping_ms)
            .integer("grace-ms", self.grace_ms)
    }
}

/// The header of a message of at most two frames.
fn parse_header<'a, F: AsRef<[u8]>>(prefix: &[u8], frames: &'a [F]) -> Result<Header<'a>, HeaderError> {
    match frames {
        [header] | [header, _] => Header::parse(prefix, header.as_ref()),
        _ => Err(HeaderError::Frames { frames: frames.len(), expected: 2 }),
    }
}

fn expect_frames(frames: usize, expected: usize) -> Result<(), HeaderError> {
    if frames == expected {
        Ok(())
    } else {
        Err(HeaderError::Frames { frames, expected })
    }
}

/// An integer of at least 1.
fn position(header: &Header<'_>, key: &'static str) -> Result<u64, HeaderError> {
    match header.integer(key)? {
        0 => Err(HeaderError::BadValue { key }),
        position => Ok(position),
    }
}

fn optional_position(header: &Header<'_>, key: &'static str) -> Result<Option<u64>, HeaderError> {
    header.get(key).map(|_| position(header, key)).transpose()
}

fn flag(value: Value<'_>, key: &'static str) -> Result<bool, HeaderError> {
    match value.integer() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(HeaderError::BadValue { key }),
    }
}

fn optional_flag(header: &Header<'_>, key: &'static str) -> Result<bool, HeaderError> {
    header.get(key).map_or(Ok(false), |value| flag(value, key))
}
