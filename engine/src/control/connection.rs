//! One connection of a control socket: requests are answered in their order, until a tap takes it over.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use event_engine_protocol::constants;
use rustix::net::{send, SendFlags};
use serde::Deserialize;

use super::connections::sleep_unless_gone;
use super::lines::{Line, Lines};
use super::messages::{Answer, Body, Op, Reply, Request, Tapped};
use super::tap::Tap;
use super::Control;
use crate::context::Error;
use crate::wake::Waker;

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    TooLarge,
    NoRoom,
    Stopping,
    NotAllowed,
    Busy,
    Internal,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Code::BadRequest => "bad-request",
            Code::TooLarge => "too-large",
            Code::NoRoom => "no-room",
            Code::Stopping => "stopping",
            Code::NotAllowed => "not-allowed",
            Code::Busy => "busy",
            Code::Internal => "internal",
        }
    }
}

type Refused = (Code, String);

/// What comes after an answer.
enum Then {
    GoOn,
    Tap(Tap, Arc<Waker>),
}

/// Answers until the peer is gone or the application has ended.
pub(super) fn serve(stream: &UnixStream, control: &Control) {
    // The peer is gone, or too slow for the end of the application: there is nobody to tell.
    let _ = Connection { stream, control }.serve();
}

/// Tells a peer that it is not served. It is not waited for.
pub(super) fn refuse(stream: &UnixStream, code: Code, text: &str) {
    let answer = Answer { id: 0, body: error((code, text.to_string())) };
    let _ = stream.set_nonblocking(true).and_then(|()| send_line(stream, &answer));
}

struct Connection<'a> {
    stream: &'a UnixStream,
    control: &'a Control,
}

impl Connection<'_> {
    fn serve(&self) -> io::Result<()> {
        let publish_max = publish_line_max_bytes(self.control.shared.max_event_bytes);
        let limit = |begun: &[u8]| match begun.get(..constants::CONTROL_LINE_MAX_BYTES) {
            Some(head) if is_publish(head) => publish_max,
            _ => constants::CONTROL_LINE_MAX_BYTES,
        };
        let mut lines = Lines::new(self.stream);
        loop {
            let line = match lines.next(limit)? {
                Line::Some(line) if line.iter().all(u8::is_ascii_whitespace) => continue,
                Line::Some(line) => line,
                Line::TooLong => {
                    let text =
                        "the line is longer than the limit; an event may have the application's event limit";
                    return self.answer(0, error((Code::TooLarge, text.into())));
                }
                Line::End => return Ok(()),
            };
            let (id, result) = match parse(&line) {
                Ok(request) => {
                    // It may be large, and is not needed any more.
                    drop(line);
                    (request.id, self.run(request.op)?)
                }
                Err((id, text)) => (id, Err((Code::BadRequest, text))),
            };
            match result {
                Ok((reply, Then::GoOn)) => self.answer(id, Body::Ok(reply))?,
                Ok((reply, Then::Tap(tap, waker))) => {
                    self.answer(id, Body::Ok(reply))?;
                    return self.stream_events(id, tap, &waker);
                }
                Err(refused) => self.answer(id, error(refused))?,
            }
        }
    }

    /// Does what is asked; fails when the peer is gone meanwhile.
    fn run(&self, op: Op) -> io::Result<Result<(Reply, Then), Refused>> {
        let reply = match op {
            Op::Status => Reply::Status(Box::new(self.control.status())),
            Op::Publish { event } => match self.publish(&event) {
                Ok(order) => Reply::Published { order },
                Err(refused) => return Ok(Err(refused)),
            },
            Op::Stop { now } => {
                if now {
                    self.control.stop_now();
                } else {
                    self.control.stop();
                }
                Reply::Done {}
            }
            Op::Wait => self.wait()?,
            Op::Tap { filters } => {
                let filters: Result<Vec<Vec<u8>>, Refused> =
                    filters.iter().map(|filter| decode("a filter", filter)).collect();
                let filters = match filters {
                    Ok(filters) => filters,
                    Err(refused) => return Ok(Err(refused)),
                };
                let waker = Waker::new()?;
                let tap = Tap::open(Arc::clone(&self.control.shared.router), filters, Some(&waker));
                return Ok(Ok((Reply::Done {}, Then::Tap(tap, waker))));
            }
        };
        Ok(Ok((reply, Then::GoOn)))
    }

    fn publish(&self, event: &str) -> Result<u64, Refused> {
        let event = decode("the event", event)?;
        let timeout = Duration::from_millis(constants::CONTROL_PUBLISH_MS);
        self.control.publish_timeout(event, timeout).map_err(|error| {
            let code = match error {
                Error::TooLarge { .. } => Code::TooLarge,
                Error::NoRoom => Code::NoRoom,
                Error::Closed => Code::Stopping,
                Error::Timeout => Code::Internal,
            };
            (code, error.to_string())
        })
    }

    fn wait(&self) -> io::Result<Reply> {
        let waker = Waker::new()?;
        self.control.shared.end.tell(&waker);
        loop {
            if let Some(ended) = self.control.ended() {
                return Ok(Reply::Ended { success: ended.success, report: ended.report });
            }
            if !sleep_unless_gone(self.stream, &waker) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    fn stream_events(&self, id: u64, mut tap: Tap, waker: &Waker) -> io::Result<()> {
        loop {
            match tap.next_now() {
                Ok(Some(event)) => {
                    let tapped = Tapped {
                        order: event.order(),
                        from: event.from().to_string(),
                        bytes: BASE64_STANDARD.encode(&**event.event()),
                        missed: event.missed(),
                    };
                    drop(event);
                    self.answer(id, Body::Event(tapped))?;
                }
                Ok(None) => {
                    if !sleep_unless_gone(self.stream, waker) {
                        return Ok(());
                    }
                }
                Err(_) => return Ok(()),
            }
        }
    }

    fn answer(&self, id: u64, body: Body) -> io::Result<()> {
        send_line(self.stream, &Answer { id, body })
    }
}

/// The longest line of a publish, 1.4 times the event limit: its event in base64, and some more.
pub(super) fn publish_line_max_bytes(max_event_bytes: usize) -> usize {
    let (fives, rest) = (max_event_bytes / 5, max_event_bytes % 5);
    fives.saturating_mul(7).saturating_add(rest * 7 / 5).max(constants::CONTROL_LINE_MAX_BYTES)
}

/// Whether a request that begins so is a publish.
fn is_publish(head: &[u8]) -> bool {
    let key = b"\"op\"";
    let Some(at) = head.windows(key.len()).position(|window| window == key) else { return false };
    let rest = head.get(at + key.len()..).unwrap_or_default().trim_ascii_start();
    rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\"publish\""))
}

/// Reads a request; else the id to answer to, and what is wrong.
fn parse(line: &[u8]) -> Result<Request, (u64, String)> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: u64,
    }
    serde_json::from_slice(line).map_err(|error| {
        // The fields of a list have no names, so that none of them is an id.
        let is_object = line.trim_ascii_start().starts_with(b"{");
        let id = serde_json::from_slice(line).map_or(0, |OnlyId { id }| if is_object { id } else { 0 });
        (id, format!("the line is no request: {error}"))
    })
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, Refused> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| (Code::BadRequest, format!("{what} is not base64, with padding: {error}")))
}

fn error((code, text): Refused) -> Body {
    Body::Error { code: code.as_str().to_string(), text }
}

pub(super) fn send_line(stream: &UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    send_bytes(stream, &line)
}

pub(super) fn send_bytes(stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // No signal when the peer is gone, whatever the process does with SIGPIPE.
        match send(stream, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_known_by_its_head() {
        for head in [
            "{\"id\":1,\"op\":\"publish\",\"event\":\"",
            "{ \"op\" :  \"publish\" ,",
            "{\"op\":\t\"publish\"",
        ] {
            assert!(is_publish(head.as_bytes()), "{head}");
        }
        for head in [
            "",
            "{\"id\":1,\"op\":\"status\"",
            "{\"op\":\"publisher\"",
            "\"op\"",
            "\"op\":",
            "{\"event\":\"publish\"",
        ] {
            assert!(!is_publish(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn every_event_fits_a_line() {
        for bytes in [0usize, 1, 1_000, 46_000, 65_536, 1 << 20, 128 << 20] {
            let line =
                bytes.div_ceil(3) * 4 + r#"{"id":18446744073709551615,"op":"publish","event":""}"#.len();
            assert!(publish_line_max_bytes(bytes) >= line, "{bytes}");
        }
        assert!(publish_line_max_bytes(usize::MAX) > usize::MAX / 2, "no limit is none");
    }

    /// EE-CONTROL-7
    #[test]
    fn the_longest_publish_is_exact() {
        for bytes in 100_000..100_010 {
            assert_eq!(publish_line_max_bytes(bytes), bytes * 7 / 5);
        }
        for bytes in [usize::MAX / 7 * 5, usize::MAX / 7 * 5 + 6, usize::MAX] {
            let exact = (bytes as u128 * 7 / 5).min(usize::MAX as u128);
            assert_eq!(publish_line_max_bytes(bytes) as u128, exact, "{bytes}");
        }
    }

    #[test]
    fn what_is_wrong_is_answered_to_the_request() {
        assert_eq!(parse(br#"{"id": 7, "op": "dance"}"#).unwrap_err().0, 7);
        assert_eq!(parse(br#"{"id": 7}"#).unwrap_err().0, 7);
        for line in
            ["", "garbage", "{}", "[]", r#"{"id": -1, "op": "status"}"#, r#"{"op": "status"}"#, "\u{fffd}"]
        {
            assert_eq!(parse(line.as_bytes()).unwrap_err().0, 0, "{line}");
        }
        // What a later version adds is no fault.
        assert_eq!(
            parse(br#"{"id": 7, "op": "status", "more": [1]}"#).unwrap(),
            Request { id: 7, op: Op::Status }
        );
    }
}
