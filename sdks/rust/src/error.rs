//! The five kinds of errors, the same in every language.

use std::ops::RangeInclusive;

use thiserror::Error;

/// Ids of publishes whose fate the caller has to decide: first to last.
pub type Unsettled = Option<RangeInclusive<u64>>;

/// Why a call did not do what it was asked for.
///
/// | kind | meaning | what to do |
/// |---|---|---|
/// | `Timeout` | it takes longer than the caller wanted to wait; nothing is lost | call again; do not publish again |
/// | `Closed` | this client is finished: `quit` or `close` was called, the application ended, or the session is lost | connect a new client |
/// | `Rejected` | the engine refused, or a local limit did before anything was sent | mend what `code` says |
/// | `Protocol` | the peer is no engine or breaks the protocol | see what listens at that port |
/// | `Transport` | the engine cannot be reached, or (basic profile) a connection broke while a publish was unanswered | decide whether to publish again |
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The time is up. Nothing is lost: events stay for the next call, a publish stays in flight.
    #[error("timed out: {waited_for}")]
    Timeout {
        /// What did not happen in time.
        waited_for: String,
    },
    /// This client is finished.
    #[error("closed: {reason}{}", listed(.unsettled))]
    Closed {
        /// Why.
        reason: String,
        /// Publishes that the engine may or may not have accepted.
        unsettled: Unsettled,
    },
    /// Something is refused, by the engine or by a local limit.
    #[error("rejected ({code}): {text}{}", listed(.unsettled))]
    Rejected {
        /// A code of the protocol, as `too-large`.
        code: String,
        /// The reason for people.
        text: String,
        /// Publishes that the engine may or may not have accepted.
        unsettled: Unsettled,
    },
    /// The peer is at fault.
    #[error("protocol: {what}{}", listed(.unsettled))]
    Protocol {
        /// What came and what was expected.
        what: String,
        /// Publishes that the engine may or may not have accepted.
        unsettled: Unsettled,
    },
    /// The network or this machine is at fault.
    #[error("transport: {what}{}", listed(.unsettled))]
    Transport {
        /// What failed.
        what: String,
        /// Publishes that the engine may or may not have accepted.
        unsettled: Unsettled,
    },
}

impl Error {
    /// First to last publish id whose fate is unknown, if there are any. They are never published again by the client.
    pub fn unsettled(&self) -> Unsettled {
        match self {
            Error::Timeout { .. } => None,
            Error::Closed { unsettled, .. }
            | Error::Rejected { unsettled, .. }
            | Error::Protocol { unsettled, .. }
            | Error::Transport { unsettled, .. } => unsettled.clone(),
        }
    }

    /// True for [`Error::Timeout`].
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Timeout { .. })
    }

    /// True for [`Error::Closed`].
    pub fn is_closed(&self) -> bool {
        matches!(self, Error::Closed { .. })
    }

    pub(crate) fn bad_param(text: impl Into<String>) -> Self {
        Error::Rejected { code: "bad-param".into(), text: text.into(), unsettled: None }
    }

    pub(crate) fn transport(what: impl ToString) -> Self {
        Error::Transport { what: what.to_string(), unsettled: None }
    }
}

fn listed(unsettled: &Unsettled) -> String {
    match unsettled {
        None => String::new(),
        Some(ids) if ids.start() == ids.end() => format!("; the fate of publish {} is unknown", ids.start()),
        Some(ids) => format!("; the fate of publishes {} to {} is unknown", ids.start(), ids.end()),
    }
}
