//! What happens to an application and its plugins, as it happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TrySendError};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::supervisor::Outcome;

/// So many events wait for a receiver that does not read; later ones are missed, and counted.
const BACKLOG: usize = 4096;

/// Something that happened to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifecycleEvent {
    /// The start barrier has opened: every plugin runs.
    Running,
    /// The application was stopped, or is done: sources were told.
    Draining,
    /// Everybody was told to stop.
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

    /// How many events were missed so far, because 4,096 were waiting already.
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

/// Tells everybody who listens.
#[derive(Default)]
pub(crate) struct Lifecycles {
    listeners: Mutex<Option<Vec<Listener>>>,
}

struct Listener {
    events: SyncSender<LifecycleEvent>,
    missed: Arc<AtomicU64>,
}

impl Lifecycles {
    pub(crate) fn new() -> Self {
        Lifecycles { listeners: Mutex::new(Some(Vec::new())) }
    }

    /// A new listener hears what happens from now on.
    pub(crate) fn listen(&self) -> Lifecycle {
        let (sender, events) = sync_channel(BACKLOG);
        let missed = Arc::new(AtomicU64::new(0));
        if let Some(listeners) = self.listeners.lock().as_mut() {
            listeners.push(Listener { events: sender, missed: Arc::clone(&missed) });
        }
        Lifecycle { events, missed }
    }

    /// Never waits for a listener.
    pub(crate) fn tell(&self, event: &LifecycleEvent) {
        let mut listeners = self.listeners.lock();
        let Some(listeners) = listeners.as_mut() else { return };
        listeners.retain(|listener| match listener.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                listener.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }

    /// Nothing happens any more.
    pub(crate) fn end(&self) {
        self.tell(&LifecycleEvent::Ended);
        self.listeners.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_read_misses_and_holds_nobody_up() {
        let lifecycles = Lifecycles::new();
        let lazy = lifecycles.listen();
        drop(lifecycles.listen());
        for _ in 0..BACKLOG + 2 {
            lifecycles.tell(&LifecycleEvent::Running);
        }
        lifecycles.end();
        assert_eq!(lazy.missed(), 3);
        assert_eq!(lazy.count(), BACKLOG);
        assert_eq!(lifecycles.listen().next(), None);
    }
}
