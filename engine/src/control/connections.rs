//! Connections of a server: a thread each, so many at most, and all of them end.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustix::event::{poll, PollFd, PollFlags, Timespec};

use crate::wake::Waker;

/// How long a server waits when the system has no descriptor for another connection.
const NO_DESCRIPTORS_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A connection that another thread can end.
pub(super) trait Stream: Sized + Send + 'static {
    fn another(&self) -> io::Result<Self>;
    fn end(&self, how: Shutdown);
}

impl Stream for UnixStream {
    fn another(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
}

impl Stream for TcpStream {
    fn another(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
}

/// Those that are there.
pub(super) struct Connections<S> {
    inner: Mutex<Inner<S>>,
    changed: Condvar,
    max: usize,
}

struct Inner<S> {
    open: BTreeMap<u64, S>,
    next: u64,
}

impl<S: Stream> Connections<S> {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let inner = Inner { open: BTreeMap::new(), next: 0 };
        Arc::new(Connections { inner: Mutex::new(inner), changed: Condvar::new(), max })
    }

    /// Serves a connection on a thread of its own; gives it back when there are too many.
    ///
    /// # Errors
    /// The system has no thread or descriptor for it.
    pub(super) fn serve(
        self: &Arc<Self>,
        stream: S,
        name: &str,
        work: impl FnOnce(S) + Send + 'static,
    ) -> io::Result<Option<S>> {
        let id = {
            let mut inner = self.inner.lock();
            if inner.open.len() >= self.max {
                return Ok(Some(stream));
            }
            let id = inner.next;
            inner.next += 1;
            inner.open.insert(id, stream.another()?);
            id
        };
        // However the thread ends, and if there is none.
        let leave = Leave { connections: Arc::clone(self), id };
        thread::Builder::new().name(name.to_string()).spawn(move || {
            let _leave = leave;
            work(stream);
        })?;
        Ok(None)
    }

    /// Nothing more is read; what is being answered gets `within`, then everything is cut. Returns when all threads have
    /// left, or are about to.
    pub(super) fn finish(&self, within: Duration) {
        for (how, within) in [(Shutdown::Read, within), (Shutdown::Both, within)] {
            let deadline = Instant::now() + within;
            let mut inner = self.inner.lock();
            inner.open.values().for_each(|stream| stream.end(how));
            while !inner.open.is_empty() {
                if self.changed.wait_until(&mut inner, deadline).timed_out() {
                    break;
                }
            }
        }
    }
}

struct Leave<S: Stream> {
    connections: Arc<Connections<S>>,
    id: u64,
}

impl<S: Stream> Drop for Leave<S> {
    fn drop(&mut self) {
        let left = self.connections.inner.lock().open.remove(&self.id);
        drop(left);
        self.connections.changed.notify_all();
    }
}

/// Calls `accept` whenever somebody connects to `listener`, which does not block, until `waker` is called.
pub(super) fn accept_until(
    listener: BorrowedFd<'_>,
    waker: &Waker,
    mut accept: impl FnMut() -> io::Result<()>,
) {
    loop {
        let mut ready =
            [PollFd::from_borrowed_fd(listener, PollFlags::IN), PollFd::new(waker, PollFlags::IN)];
        let polled = poll(&mut ready, None);
        let [_, wakened] = &ready;
        if !wakened.revents().is_empty() {
            return;
        }
        let result = match polled {
            Ok(_) => accept(),
            Err(error) => Err(error.into()),
        };
        let Err(error) = result else { continue };
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
            _ => {
                // The connection stays in line, so the listener stays readable.
                tracing::warn!("a connection could not be taken: {error}");
                let mut only_waker = [PollFd::new(waker, PollFlags::IN)];
                let _ = poll(&mut only_waker, Some(&NO_DESCRIPTORS_PAUSE));
            }
        }
    }
}

/// Sleeps until `waker` is called; false: the peer of `stream` is gone.
pub(super) fn sleep_unless_gone(stream: impl AsFd, waker: &Waker) -> bool {
    loop {
        // Without a wish for input only the end of the connection is told of.
        let mut ready = [PollFd::new(&stream, PollFlags::empty()), PollFd::new(waker, PollFlags::IN)];
        if poll(&mut ready, None).is_err() {
            // Interrupted by a signal.
            continue;
        }
        let [peer, wakened] = &ready;
        if !peer.revents().is_empty() {
            return false;
        }
        if !wakened.revents().is_empty() {
            waker.clear();
            return true;
        }
    }
}
