//! The start barrier: `start` runs once everybody is ready, and then every event reaches every subscription.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::filters::PluginId;

/// How long one waits before those who are late are named.
const LATE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Cancelled,
}

/// Everybody who has to be ready.
pub(crate) struct Barrier {
    inner: Mutex<(State, BTreeMap<PluginId, String>)>,
    changed: Condvar,
}

impl Barrier {
    pub(crate) fn new(plugins: BTreeMap<PluginId, String>) -> Self {
        let state = if plugins.is_empty() { State::Open } else { State::Waiting };
        Barrier { inner: Mutex::new((state, plugins)), changed: Condvar::new() }
    }

    /// Reports `plugin` ready and waits for `ok`. `false`: the application does not start.
    pub(crate) fn ready(&self, plugin: PluginId) -> bool {
        let mut inner = self.inner.lock();
        inner.1.remove(&plugin);
        if inner.1.is_empty() && inner.0 == State::Waiting {
            inner.0 = State::Open;
            self.changed.notify_all();
        }
        let mut late = LATE;
        while inner.0 == State::Waiting {
            if self.changed.wait_for(&mut inner, late).timed_out() && inner.0 == State::Waiting {
                late *= 2;
                let names: Vec<&str> = inner.1.values().map(String::as_str).collect();
                tracing::warn!("the application waits for {} to be ready", names.join(", "));
            }
        }
        inner.0 == State::Open
    }

    /// Nobody is to start.
    pub(crate) fn cancel(&self) {
        let mut inner = self.inner.lock();
        if inner.0 == State::Waiting {
            inner.0 = State::Cancelled;
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    fn barrier(plugins: usize) -> Arc<Barrier> {
        Arc::new(Barrier::new((0..plugins).map(|plugin| (plugin, plugin.to_string())).collect()))
    }

    /// EE-SYNC-1
    #[test]
    fn nobody_passes_before_everybody_is_ready() {
        let barrier = barrier(8);
        let ready = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|plugin| {
                let (barrier, ready) = (Arc::clone(&barrier), Arc::clone(&ready));
                std::thread::spawn(move || {
                    ready.fetch_add(1, Ordering::SeqCst);
                    assert!(barrier.ready(plugin));
                    assert_eq!(ready.load(Ordering::SeqCst), 8);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_cancelled_barrier_lets_nobody_start() {
        let barrier = barrier(2);
        let other = Arc::clone(&barrier);
        let waiting = std::thread::spawn(move || other.ready(0));
        barrier.cancel();
        assert!(!waiting.join().unwrap());
        assert!(!barrier.ready(1));
    }
}
