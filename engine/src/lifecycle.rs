//! What happens to an application and its plugins, as it happens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TrySendError};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::supervisor::Outcome;

/// So many events are kept for those who ask later, and so many wait for a receiver that does not read. What is more is missed,
/// and counted.
const BACKLOG: usize = 4096;

/// Something that happened to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifecycleEvent {
    /// The start barrier has opened: every plugin runs.
    Running,
    /// The application was stopped: sources were told, and everything in flight drains. Not where nothing is to drain: when the
    /// application is done ([`crate::Builder::until_done`]) or was stopped at once ([`crate::Handle::stop_now`]).
    Draining,
    /// Everybody was told to stop. Not in an application whose plugins have all ended of their own accord.
    Stopping,
    /// Every plugin has ended, or was left behind.
    Ended,
    /// A process of a plugin was started.
    ProcessStarted {
        /// The plugin's name.
        plugin: Arc<str>,
        /// The process's number among the plugin's replicas.
        replica: usize,
        /// Its id.
        pid: u32,
    },
    /// Its client has said that it is ready, or sent its first request.
    ProcessReady {
        /// The plugin's name.
        plugin: Arc<str>,
        /// The process's number among the plugin's replicas.
        replica: usize,
    },
    /// It has exited, or could not be started.
    ProcessExited {
        /// The plugin's name.
        plugin: Arc<str>,
        /// The process's number among the plugin's replicas.
        replica: usize,
        /// Its exit status or signal in words, or why it was ended.
        text: String,
    },
    /// A plugin, or one of its processes, is started again after a pause.
    Restarting {
        /// The plugin's name.
        plugin: Arc<str>,
        /// The process's number among the plugin's replicas; 1 for a thread.
        replica: usize,
        /// The pause.
        after: Duration,
        /// Why it has ended.
        because: String,
    },
    /// A plugin holds an event and shows no sign of life.
    Hung {
        /// The plugin's name.
        plugin: Arc<str>,
    },
    /// A plugin has ended for good.
    PluginEnded {
        /// The plugin's name.
        plugin: Arc<str>,
        /// How.
        outcome: Outcome,
    },
}

/// Receives what happens to an application; see [`crate::Handle::lifecycle`]. As an iterator it ends with the application.
#[derive(Debug)]
pub struct Lifecycle {
    events: Receiver<LifecycleEvent>,
    missed: Arc<AtomicU64>,
}

impl Lifecycle {
    /// Waits for the next event, but not longer than `timeout`. None: nothing happened, or nothing will.
    pub fn next_timeout(&self, timeout: Duration) -> Option<LifecycleEvent> {
        self.events.recv_timeout(timeout).ok()
    }

    /// How many events were missed so far: because 4,096 were waiting already, or were kept of the time before.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Iterator for Lifecycle {
    type Item = LifecycleEvent;

    fn next(&mut self) -> Option<LifecycleEvent> {
        self.events.recv().ok()
    }
}

/// Tells everybody who listens, and those who come later.
#[derive(Default)]
pub(crate) struct Lifecycles {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    past: VecDeque<LifecycleEvent>,
    /// How many of the past are not kept.
    forgotten: u64,
    listeners: Vec<Listener>,
    over: bool,
}

struct Listener {
    events: SyncSender<LifecycleEvent>,
    missed: Arc<AtomicU64>,
}

impl Lifecycles {
    /// A new listener hears what has happened, and then what happens.
    pub(crate) fn listen(&self) -> Lifecycle {
        let mut told = self.told.lock();
        let (sender, events) = sync_channel(told.past.len() + BACKLOG);
        let missed = Arc::new(AtomicU64::new(told.forgotten));
        let listener = Listener { events: sender, missed: Arc::clone(&missed) };
        told.past.iter().for_each(|event| {
            listener.tell(event);
        });
        if !told.over {
            told.listeners.push(listener);
        }
        Lifecycle { events, missed }
    }

    /// Never waits for a listener.
    pub(crate) fn tell(&self, event: &LifecycleEvent) {
        let mut told = self.told.lock();
        if told.over {
            return;
        }
        told.listeners.retain(|listener| listener.tell(event));
        if told.past.len() == BACKLOG {
            told.past.pop_front();
            told.forgotten += 1;
        }
        told.past.push_back(event.clone());
    }

    /// Nothing happens any more.
    pub(crate) fn end(&self) {
        self.tell(&LifecycleEvent::Ended);
        let mut told = self.told.lock();
        told.over = true;
        told.listeners.clear();
    }
}

impl Listener {
    /// Whether it still listens.
    fn tell(&self, event: &LifecycleEvent) -> bool {
        match self.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_read_misses_and_holds_nobody_up() {
        let lifecycles = Lifecycles::default();
        let lazy = lifecycles.listen();
        drop(lifecycles.listen());
        for _ in 0..BACKLOG + 2 {
            lifecycles.tell(&LifecycleEvent::Running);
        }
        lifecycles.end();
        assert_eq!(lazy.missed(), 3);
        assert_eq!(lazy.count(), BACKLOG);
    }

    #[test]
    fn who_comes_late_hears_what_has_happened() {
        let lifecycles = Lifecycles::default();
        for _ in 0..BACKLOG {
            lifecycles.tell(&LifecycleEvent::Running);
        }
        lifecycles.tell(&LifecycleEvent::Draining);
        let late = lifecycles.listen();
        lifecycles.tell(&LifecycleEvent::Stopping);
        lifecycles.end();
        assert_eq!(late.missed(), 1);
        let heard: Vec<_> = late.collect();
        assert_eq!(heard.len(), BACKLOG + 2);
        assert_eq!(
            heard[BACKLOG - 1..],
            [LifecycleEvent::Draining, LifecycleEvent::Stopping, LifecycleEvent::Ended]
        );
        let after = lifecycles.listen();
        assert_eq!((after.missed(), after.last()), (3, Some(LifecycleEvent::Ended)));
    }
}
