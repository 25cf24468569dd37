//! The `basic` profile: request and reply on a plugin's port.
//!
//! An engine takes the frames of one message, without the routing id, finds the body with [`body_start`], keeps
//! the frames before it for the reply, and asks [`parse_request`] what the body means.
//!
//! ```
//! use event_engine_protocol::basic::{body_start, parse_request, Request};
//!
//! let frames: [&[u8]; 2] = [b"", b"plugin_command: next_msg"];
//! let start = body_start(&frames).unwrap();
//! assert_eq!(parse_request(&frames[start..], 1024), Request::NextMsg);
//! ```

use crate::constants::{BAD_MSG, COMMAND_PREFIX, ENVELOPE_MAX_FRAMES, MSG_PUBLISHED, NEXT_MSG, QUIT};
use thiserror::Error;

/// What the body of a request asks for (EE-BASIC-5 to EE-BASIC-10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The client wants the next matching event and waits for it.
    NextMsg,
    /// The client has finished; no reply is sent.
    Quit,
    /// The body's one frame is an event to publish.
    Publish,
    /// The request is refused: reply [`BAD_MSG`], publish nothing.
    Bad(BadRequest),
}

/// Why a request is refused; the fault is the client's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRequest {
    /// The body begins with [`COMMAND_PREFIX`] but is no command.
    #[error(
        "unknown command: bodies that begin with `plugin_command: ` are reserved; \
         send `plugin_command: next_msg`, `plugin_command: quit`, or an event that begins otherwise"
    )]
    Reserved,
    /// The body is not exactly one frame.
    #[error("the body has {frames} frames: send an event as one frame")]
    MultiFrame {
        /// Frames after the envelope.
        frames: usize,
    },
    /// The event is longer than the engine takes.
    #[error(
        "the event has {bytes} bytes and at most {max_bytes} are allowed: split it, or raise the engine's event limit"
    )]
    TooLarge {
        /// Length of the event in bytes.
        bytes: usize,
        /// The engine's event limit in bytes.
        max_bytes: usize,
    },
}

/// What the reply to a publish means to a client (EE-CLIENT-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The engine has accepted the event.
    Published,
    /// The engine refused the request and published nothing.
    BadMsg,
    /// No reply of this protocol: perhaps the event of an earlier `next_msg`, perhaps a foreign peer.
    Other,
}

/// Returns the index of the first body frame, or `None` if the message has no envelope (EE-BASIC-1).
///
/// `frames` is one message without the routing id. The envelope ends with the first empty frame that is not the
/// last frame, which must be among the first [`ENVELOPE_MAX_FRAMES`]. The frames before the returned index are
/// the envelope, to be sent back unchanged before the reply. The index is always less than `frames.len()`.
pub fn body_start<F: AsRef<[u8]>>(frames: &[F]) -> Option<usize> {
    let candidates = frames.len().saturating_sub(1).min(ENVELOPE_MAX_FRAMES);
    frames.iter().take(candidates).position(|frame| frame.as_ref().is_empty()).map(|delimiter| delimiter + 1)
}

/// Says what a request's body means; `body` holds the frames after the envelope.
///
/// `max_event_bytes` limits events only: a command is one however small the limit.
pub fn parse_request<F: AsRef<[u8]>>(body: &[F], max_event_bytes: usize) -> Request {
    let [frame] = body else {
        return Request::Bad(BadRequest::MultiFrame { frames: body.len() });
    };
    let bytes = frame.as_ref();
    if bytes == NEXT_MSG {
        Request::NextMsg
    } else if bytes == QUIT {
        Request::Quit
    } else if is_reserved(bytes) {
        Request::Bad(BadRequest::Reserved)
    } else if bytes.len() > max_event_bytes {
        Request::Bad(BadRequest::TooLarge { bytes: bytes.len(), max_bytes: max_event_bytes })
    } else {
        Request::Publish
    }
}

/// Says what the body of the reply to a publish means.
pub fn parse_publish_reply(bytes: &[u8]) -> Reply {
    if bytes == MSG_PUBLISHED {
        Reply::Published
    } else if bytes == BAD_MSG {
        Reply::BadMsg
    } else {
        Reply::Other
    }
}

/// True if `event` begins with [`COMMAND_PREFIX`] and therefore cannot be published in this profile (EE-BASIC-8).
pub fn is_reserved(event: &[u8]) -> bool {
    event.starts_with(COMMAND_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> Request {
        parse_request(&[body], 1024)
    }

    #[test]
    fn envelope_ends_at_first_empty_frame_that_is_not_last() {
        let cases: [(&[&[u8]], Option<usize>); 8] = [
            (&[], None),
            (&[b""], None),
            (&[b"a"], None),
            (&[b"a", b""], None),
            (&[b"", b""], Some(1)),
            (&[b"", b"a"], Some(1)),
            (&[b"id", b"", b"a"], Some(2)),
            (&[b"", b"", b"a"], Some(1)),
        ];
        for (frames, expected) in cases {
            assert_eq!(body_start(frames), expected, "{frames:?}");
        }
    }

    #[test]
    fn delimiter_is_looked_for_in_eight_frames() {
        let with_delimiter_at = |index: usize| {
            let mut frames = vec![&b"x"[..]; 12];
            frames[index] = b"";
            body_start(&frames)
        };
        assert_eq!(with_delimiter_at(7), Some(8));
        assert_eq!(with_delimiter_at(8), None);
    }

    #[test]
    fn commands_are_exact() {
        assert_eq!(parse(NEXT_MSG), Request::NextMsg);
        assert_eq!(parse(QUIT), Request::Quit);
        for body in ["", "foo", "quit ", "next_msg\n", "QUIT", "next_msg next_msg"] {
            let body = [COMMAND_PREFIX, body.as_bytes()].concat();
            assert_eq!(parse(&body), Request::Bad(BadRequest::Reserved));
        }
    }

    #[test]
    fn near_misses_of_the_prefix_are_events() {
        for body in
            ["plugin_command:", "plugin_command:quit", "Plugin_command: quit", " plugin_command: quit", ""]
        {
            assert_eq!(parse(body.as_bytes()), Request::Publish, "{body:?}");
            assert!(!is_reserved(body.as_bytes()));
        }
    }

    #[test]
    fn limit_counts_event_bytes_and_spares_commands() {
        assert_eq!(parse_request(&[b"abcd"], 4), Request::Publish);
        let too_large = BadRequest::TooLarge { bytes: 5, max_bytes: 4 };
        assert_eq!(parse_request(&[b"abcde"], 4), Request::Bad(too_large));
        assert_eq!(parse_request(&[NEXT_MSG], 0), Request::NextMsg);
        assert_eq!(parse_request(&[b""], 0), Request::Publish);
    }

    #[test]
    fn body_is_one_frame() {
        let none: [&[u8]; 0] = [];
        assert_eq!(parse_request(&none, 9), Request::Bad(BadRequest::MultiFrame { frames: 0 }));
        assert_eq!(parse_request(&[NEXT_MSG, b""], 9), Request::Bad(BadRequest::MultiFrame { frames: 2 }));
    }

    #[test]
    fn refusals_say_what_to_do() {
        assert!(BadRequest::Reserved.to_string().contains("plugin_command: next_msg"));
        assert!(BadRequest::MultiFrame { frames: 3 }.to_string().contains("one frame"));
        let text = BadRequest::TooLarge { bytes: 7, max_bytes: 5 }.to_string();
        assert!(text.contains('7') && text.contains('5') && text.contains("raise"), "{text}");
    }

    #[test]
    fn replies_are_exact() {
        assert_eq!(parse_publish_reply(MSG_PUBLISHED), Reply::Published);
        assert_eq!(parse_publish_reply(BAD_MSG), Reply::BadMsg);
        assert_eq!(parse_publish_reply(b"event-engine: msg published\n"), Reply::Other);
        assert_eq!(parse_publish_reply(b""), Reply::Other);
    }
}
