//! The start barrier: `start` runs once everybody is ready, and then every event reaches every subscription.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::filters::PluginId;
use crate::wake::Waker;

/// How long one waits before those who are late are named.
const LATE: Duration = Duration::from_secs(5);

/// What happens when external plugins are not ready by the deadline (EE-SYNC-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Laggards {
    /// They are named in the log, again and again, and waited for.
    #[default]
    KeepWaiting,
    /// They are named in the log, and the application starts; their events wait for them in their queues.
    StartWithout,
    /// The application fails, naming them.
    Fail,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Cancelled,
}

/// Everybody who has to be ready.
pub(crate) struct Barrier {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    state: State,
    /// Everybody who is expected is in `missing`, or has been.
    armed: bool,
    /// Names, and whether their processes are external.
    missing: BTreeMap<PluginId, (String, bool)>,
    /// Edges to call when it opens.
    wakers: Vec<Arc<Waker>>,
}

impl Barrier {
    /// A barrier that stays closed until [`Barrier::arm`].
    pub(crate) fn new() -> Self {
        Barrier {
            inner: Mutex::new(Inner {
                state: State::Waiting,
                armed: false,
                missing: BTreeMap::new(),
                wakers: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Nobody starts before `plugin` is ready.
    pub(crate) fn expect(&self, plugin: PluginId, name: &str, external: bool) {
        self.inner.lock().missing.insert(plugin, (name.to_string(), external));
    }

    /// Everybody who is expected is known.
    pub(crate) fn arm(&self) {
        let mut inner = self.inner.lock();
        inner.armed = true;
        self.open_if_complete(&mut inner);
    }

    /// Reports `plugin` ready and waits for `ok`. `false`: the application does not start.
    pub(crate) fn ready(&self, plugin: PluginId) -> bool {
        self.arrive(plugin);
        let mut inner = self.inner.lock();
        let mut late = LATE;
        while inner.state == State::Waiting {
            if self.changed.wait_for(&mut inner, late).timed_out() && inner.state == State::Waiting {
                late *= 2;
                tracing::warn!("the application waits for {} to be ready", inner.names(false));
            }
        }
        inner.state == State::Open
    }

    /// Reports `plugin` ready; further calls change nothing.
    pub(crate) fn arrive(&self, plugin: PluginId) {
        let mut inner = self.inner.lock();
        inner.missing.remove(&plugin);
        self.open_if_complete(&mut inner);
    }

    /// Whether nobody has to wait: the application has started, or will not.
    pub(crate) fn is_decided(&self) -> bool {
        self.inner.lock().state != State::Waiting
    }

    /// Who is not ready.
    #[cfg(feature = "application")]
    pub(crate) fn missing(&self) -> Vec<PluginId> {
        self.inner.lock().missing.keys().copied().collect()
    }

    /// Calls `waker` when the barrier opens.
    pub(crate) fn tell(&self, waker: Arc<Waker>) {
        self.inner.lock().wakers.push(waker);
    }

    /// Waits until the barrier is open, or until `deadline` and then does as `laggards` says. Returns who made it fail.
    pub(crate) fn guard(&self, deadline: Option<Instant>, laggards: Laggards) -> Option<String> {
        let mut inner = self.inner.lock();
        while inner.state == State::Waiting {
            // A deadline beyond what the clock knows is none.
            let Some(deadline) = deadline else {
                self.changed.wait(&mut inner);
                continue;
            };
            if !self.changed.wait_until(&mut inner, deadline).timed_out() || inner.state != State::Waiting {
                continue;
            }
            let names = inner.names(true);
            if names.is_empty() {
                // Internal ones are always waited for.
                return None;
            }
            match laggards {
                Laggards::KeepWaiting => {
                    let mut late = LATE;
                    while inner.state == State::Waiting {
                        tracing::warn!(
                            "past its deadline the application still waits for {}",
                            inner.names(false)
                        );
                        self.changed.wait_for(&mut inner, late);
                        late *= 2;
                    }
                }
                Laggards::StartWithout => {
                    tracing::warn!("the application starts without {names}: not ready by the deadline");
                    inner.missing.retain(|_, (_, external)| !*external);
                    self.open_if_complete(&mut inner);
                    return None;
                }
                Laggards::Fail => {
                    inner.state = State::Cancelled;
                    self.changed.notify_all();
                    return Some(names);
                }
            }
        }
        None
    }

    /// Nobody is to start.
    pub(crate) fn cancel(&self) {
        let mut inner = self.inner.lock();
        if inner.state == State::Waiting {
            inner.state = State::Cancelled;
            inner.wakers.iter().for_each(|waker| waker.wake());
        }
        self.changed.notify_all();
    }

    fn open_if_complete(&self, inner: &mut Inner) {
        if inner.armed && inner.missing.is_empty() {
            self.open(inner);
        }
    }

    fn open(&self, inner: &mut Inner) {
        if inner.state == State::Waiting {
            inner.state = State::Open;
            self.changed.notify_all();
            inner.wakers.iter().for_each(|waker| waker.wake());
        }
    }
}

impl Inner {
    fn names(&self, only_external: bool) -> String {
        let named = |(name, external): &(String, bool)| (*external || !only_external).then(|| name.clone());
        self.missing.values().filter_map(named).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    fn barrier(plugins: usize) -> Arc<Barrier> {
        let barrier = Barrier::new();
        (0..plugins).for_each(|plugin| barrier.expect(plugin, &plugin.to_string(), false));
        barrier.arm();
        Arc::new(barrier)
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
