//! What a [`ClientSession`](super::ClientSession) says of itself, returns, and wants to send.

use bytes::Bytes;
use thiserror::Error;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no connection.
    Connecting,
    /// `hello` is sent, `welcome` is awaited.
    Greeting,
    /// `ready` is sent, `ok` is awaited: the application waits for other plugins.
    Syncing,
    /// Events flow.
    Running,
    /// The engine has said `stop`: no events come any more, publishing works.
    Stopping,
    /// `quit` was called, `bye` is awaited.
    Quitting,
    /// Nothing more will happen; [`ClientSession::failure`](super::ClientSession::failure) says whether something went wrong.
    Ended,
}

impl State {
    /// The state's name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            State::Connecting => "connecting",
            State::Greeting => "greeting",
            State::Syncing => "syncing",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Quitting => "quitting",
            State::Ended => "ended",
        }
    }
}

/// Why a session has ended other than by `quit` or `close`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The session is over: the engine has forgotten it, or another connection has taken it.
    #[error("{reason}")]
    Closed {
        /// What happened and what to do.
        reason: String,
    },
    /// The engine has refused something; the fault is this side's.
    #[error("the engine refused: {text} ({code})")]
    Rejected {
        /// The code of the engine's `error`.
        code: String,
        /// Its text for people.
        text: String,
    },
    /// The engine has broken the protocol.
    #[error("the engine broke the protocol: {what}")]
    Protocol {
        /// What came.
        what: String,
    },
}

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its bytes, a slice of the frame it came in.
    pub data: Bytes,
    /// Its number in this session, from 1.
    pub sequence: u64,
    /// It was sent to an earlier session, which may have handled it.
    pub redelivered: bool,
}

/// A message to be sent: one frame, or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// First frame.
    pub header: Vec<u8>,
    /// Second frame.
    pub payload: Option<Bytes>,
}
