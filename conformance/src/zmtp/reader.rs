//! Bytes in, units out.

use super::{COMMAND, GREETING_BYTES, LONG, MORE};

/// Frames and messages longer than this are not read: the harness has no such case.
const FRAME_MAX_BYTES: u64 = 512 << 20;

/// What a peer of ZMTP says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The 64 bytes in the beginning.
    Greeting(Vec<u8>),
    /// A command: its name and its data.
    Command(String, Vec<u8>),
    /// All frames of a message.
    Message(Vec<Vec<u8>>),
    /// What is no ZMTP 3; nothing is read behind it.
    Nonsense(String),
}

/// Takes bytes as they come, gives units.
#[derive(Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    start: usize,
    greeted: bool,
    /// Of the message that has not ended, and what they take.
    frames: Vec<Vec<u8>>,
    size: u64,
}

impl Reader {
    /// Takes more bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What is there and not yet a whole unit.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The next whole unit.
    pub(crate) fn next(&mut self) -> Option<Unit> {
        if !self.greeted {
            return self.greeting();
        }
        loop {
            let (flags, body) = match self.frame()? {
                Ok(frame) => frame,
                Err(why) => return Some(Unit::Nonsense(why)),
            };
            if flags & COMMAND != 0 {
                let name =
                    body.split_first().and_then(|(&length, rest)| rest.split_at_checked(usize::from(length)));
                return Some(match name {
                    Some((name, data)) => {
                        Unit::Command(String::from_utf8_lossy(name).into_owned(), data.to_vec())
                    }
                    None => Unit::Nonsense("a command without a name".to_owned()),
                });
            }
            self.frames.push(body);
            // An empty frame takes room, too.
            self.size += self.frames.last().map_or(0, |frame| frame.len() as u64 + 32);
            if self.size > 2 * FRAME_MAX_BYTES {
                return Some(Unit::Nonsense("a message without an end".to_owned()));
            }
            if flags & MORE == 0 {
                self.size = 0;
                return Some(Unit::Message(std::mem::take(&mut self.frames)));
            }
        }
    }

    fn greeting(&mut self) -> Option<Unit> {
        let rest = self.rest();
        if rest.first().is_some_and(|&first| first != 0xff) {
            return Some(Unit::Nonsense("a greeting that does not begin with ff".to_owned()));
        }
        let greeting = rest.get(..GREETING_BYTES)?.to_vec();
        self.greeted = true;
        self.start += GREETING_BYTES;
        Some(Unit::Greeting(greeting))
    }

    fn frame(&mut self) -> Option<Result<(u8, Vec<u8>), String>> {
        let rest = self.rest();
        let (&flags, after) = rest.split_first()?;
        if flags & !(MORE | LONG | COMMAND) != 0 {
            return Some(Err(format!("a frame with the flags {flags:#04x}")));
        }
        let (length, head) = if flags & LONG == 0 {
            (u64::from(*after.first()?), 2)
        } else {
            (u64::from_be_bytes(*after.first_chunk::<8>()?), 9)
        };
        if length > FRAME_MAX_BYTES {
            return Some(Err(format!("a frame of {length} bytes")));
        }
        let end = head + usize::try_from(length).unwrap_or(usize::MAX);
        let body = rest.get(head..end)?.to_vec();
        self.start += end;
        Some(Ok((flags, body)))
    }
}
