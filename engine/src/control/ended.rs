//! The end of an application, as those learn of it who do not hold its handle.

#[cfg(feature = "application")]
use std::sync::Arc;
use std::sync::Weak;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::wake::Waker;

/// How an application ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Whether the application and every plugin ended as they should.
    pub success: bool,
    /// The report, for people.
    pub report: String,
}

/// Set once, when everything has ended.
#[derive(Default)]
pub(crate) struct End {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    ended: Option<Ended>,
    wakers: Vec<Weak<Waker>>,
}

impl End {
    pub(crate) fn set(&self, success: bool, report: String) {
        let mut inner = self.inner.lock();
        inner.ended.get_or_insert(Ended { success, report });
        for waker in std::mem::take(&mut inner.wakers) {
            if let Some(waker) = waker.upgrade() {
                waker.wake();
            }
        }
        self.changed.notify_all();
    }

    pub(crate) fn get(&self) -> Option<Ended> {
        self.inner.lock().ended.clone()
    }

    /// Calls `waker` at the end, or at once if that has come.
    #[cfg(feature = "application")]
    pub(crate) fn tell(&self, waker: &Arc<Waker>) {
        let mut inner = self.inner.lock();
        if inner.ended.is_some() {
            waker.wake();
        } else {
            // Those who went away leave nothing behind.
            inner.wakers.retain(|waker| waker.strong_count() > 0);
            inner.wakers.push(Arc::downgrade(waker));
        }
    }

    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        // A time-out too long for the clock is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut inner = self.inner.lock();
        while inner.ended.is_none() {
            match deadline {
                None => self.changed.wait(&mut inner),
                Some(deadline) => {
                    if self.changed.wait_until(&mut inner, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        inner.ended.is_some()
    }
}
