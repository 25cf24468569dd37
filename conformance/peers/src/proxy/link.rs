//! One connection through the proxy: two streams, and what is on its way in either direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::sockopt::set_socket_linger;

use super::faults::{Cut, Faults, PIECE_MAX_BYTES};

/// What became of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// Both sides have ended it, or one has broken it.
    Over,
    /// The proxy has cut it.
    Cut,
}

/// A client's stream and the one to the target.
pub(crate) struct Link {
    client: TcpStream,
    target: TcpStream,
    up: Flow,
    down: Flow,
    /// It is cut after so many more bytes.
    left_bytes: Option<u64>,
}

/// One direction.
#[derive(Default)]
struct Flow {
    piece: Vec<u8>,
    sent: usize,
    held_until: Option<Instant>,
    /// The sender has ended its stream; so has the proxy, towards the receiver.
    ended: bool,
    passed_on: bool,
    bytes: u64,
}

/// What poll has to look for.
pub(crate) struct Interest {
    pub(crate) client: PollFlags,
    pub(crate) target: PollFlags,
    pub(crate) wake_at: Option<Instant>,
}

impl Link {
    pub(crate) fn new(client: TcpStream, target: TcpStream, left_bytes: Option<u64>) -> io::Result<Self> {
        for stream in [&client, &target] {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
        }
        Ok(Link { client, target, up: Flow::default(), down: Flow::default(), left_bytes })
    }

    pub(crate) fn streams(&self) -> (&TcpStream, &TcpStream) {
        (&self.client, &self.target)
    }

    /// Bytes towards the target, and back.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.up.bytes, self.down.bytes)
    }

    pub(crate) fn interest(&self, now: Instant) -> Interest {
        let mut interest = Interest { client: PollFlags::empty(), target: PollFlags::empty(), wake_at: None };
        self.up.interest(now, &mut interest.client, &mut interest.target, &mut interest.wake_at);
        self.down.interest(now, &mut interest.target, &mut interest.client, &mut interest.wake_at);
        interest
    }

    /// Forwards what can be forwarded now.
    pub(crate) fn forward(&mut self, faults: &mut Faults) -> State {
        let left = if faults.on { self.left_bytes.as_mut() } else { None };
        let mut left = left;
        for (flow, from, to) in
            [(&mut self.up, &self.client, &self.target), (&mut self.down, &self.target, &self.client)]
        {
            if flow.step(from, to, faults, left.as_deref_mut()).is_err() {
                // One side has broken it; so the other shall see it.
                reset(&self.client);
                reset(&self.target);
                return State::Over;
            }
        }
        if left.is_some_and(|left| *left == 0) {
            self.cut(faults.cut());
            return State::Cut;
        }
        if self.up.passed_on && self.down.passed_on {
            return State::Over;
        }
        State::Open
    }

    /// Ends both streams; the link is to be dropped then.
    pub(crate) fn cut(&self, cut: Cut) {
        for stream in [&self.client, &self.target] {
            match cut {
                Cut::Reset => reset(stream),
                // Where the peer was faster there is nothing to end.
                Cut::Fin => drop(stream.shutdown(Shutdown::Both)),
            }
        }
    }
}

/// The system sends RST when a stream without linger is closed.
pub(crate) fn reset(stream: &TcpStream) {
    // If it fails the stream is over already.
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
}

impl Flow {
    fn waits(&self) -> bool {
        self.sent < self.piece.len()
    }

    fn interest(
        &self,
        now: Instant,
        from: &mut PollFlags,
        to: &mut PollFlags,
        wake_at: &mut Option<Instant>,
    ) {
        match self.held_until {
            Some(until) if self.waits() && until > now => {
                *wake_at = Some(wake_at.map_or(until, |earlier| earlier.min(until)));
            }
            _ if self.waits() => *to |= PollFlags::OUT,
            _ if !self.ended => *from |= PollFlags::IN,
            _ => {}
        }
    }

    /// Reads one piece if there is none, and writes what there is.
    fn step(
        &mut self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        faults: &mut Faults,
        left_bytes: Option<&mut u64>,
    ) -> io::Result<()> {
        if !self.waits() && !self.ended {
            let size = faults.piece_bytes().min(PIECE_MAX_BYTES);
            self.piece.resize(size, 0);
            self.sent = 0;
            let read = would_block(from.read(&mut self.piece))?;
            self.piece.truncate(read.unwrap_or(0));
            self.ended = read == Some(0);
            if read.is_some_and(|bytes| bytes > 0) {
                self.held_until = faults.delay().map(|delay| Instant::now() + delay);
            }
        }
        if self.waits() && self.held_until.is_none_or(|until| until <= Instant::now()) {
            let mut rest = self.piece.get(self.sent..).unwrap_or_default();
            if let Some(left) = &left_bytes {
                let limit = usize::try_from(**left).unwrap_or(usize::MAX);
                rest = rest.get(..limit).unwrap_or(rest);
            }
            if !rest.is_empty() {
                let written = would_block(to.write(rest))?.unwrap_or(0);
                self.sent += written;
                self.bytes += written as u64;
                if let Some(left) = left_bytes {
                    *left -= written as u64;
                }
            }
        }
        if self.ended && !self.waits() && !self.passed_on {
            self.passed_on = true;
            match to.shutdown(Shutdown::Write) {
                Err(error) if error.kind() != ErrorKind::NotConnected => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// `None` where nothing could be read or written now.
fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
