//! Waking those who wait: one at a time, each wakes the next.
//!
//! A publish with sixteen sleeping readers that woke all of them would spend its time in the kernel
//! (spec/decisions/0007). So the publisher notes who has something to do and wakes one; whoever wakes up takes the
//! router's lock, wakes the next, and only then drains its queue.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use parking_lot::Condvar;

use crate::filters::PluginId;

/// Wakes an edge thread that sleeps in `zmq_poll`.
pub(crate) struct Waker {
    reader: UnixStream,
    writer: UnixStream,
    signalled: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Arc::new(Waker { reader, writer, signalled: AtomicBool::new(false) }))
    }

    /// Makes the descriptor readable until [`Waker::clear`]. Any number of calls are one.
    pub(crate) fn wake(&self) {
        if !self.signalled.swap(true, Ordering::SeqCst) {
            // One byte at a time, a second one in a race: the pair is never full.
            let _ = (&self.writer).write(&[1]);
        }
    }

    /// Takes the signal back; to be called when the descriptor was readable, before looking for work.
    ///
    /// Reading before the flag is cleared loses nothing: who calls `wake` in between made its work visible first,
    /// and the caller looks for work next. A byte that arrives late makes one empty round.
    pub(crate) fn clear(&self) {
        let mut bytes = [0u8; 16];
        let _ = (&self.reader).read(&mut bytes);
        self.signalled.store(false, Ordering::SeqCst);
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// How the reader of a queue waits.
#[derive(Clone)]
pub(crate) enum Sleeper {
    /// A thread on the router's own lock.
    Thread(Arc<Condvar>),
    /// An edge thread in `zmq_poll`.
    Edge(Arc<Waker>),
}

impl Sleeper {
    pub(crate) fn wake(&self) {
        match self {
            Sleeper::Thread(condvar) => {
                condvar.notify_one();
            }
            Sleeper::Edge(waker) => waker.wake(),
        }
    }
}

/// Where a reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    Awake,
    /// It found nothing and waits.
    Sleeping,
    /// It has something to do and is in line to be woken.
    Chosen,
    /// It was woken and will wake the next in line.
    Woken,
}

/// Those in line, and whether somebody is on the way to wake the next.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) chosen: VecDeque<PluginId>,
    pub(crate) under_way: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wakes_are_one_and_none_is_lost() {
        let waker = Waker::new().unwrap();
        let readable = |waker: &Waker| {
            let mut items = [zmq::PollItem::from_fd(waker.fd(), zmq::POLLIN)];
            zmq::poll(&mut items, 0).unwrap() == 1
        };
        assert!(!readable(&waker));
        for _ in 0..100_000 {
            waker.wake();
        }
        assert!(readable(&waker));
        waker.clear();
        assert!(!readable(&waker));
        waker.wake();
        assert!(readable(&waker));
    }
}
