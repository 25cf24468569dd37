//! What whoever starts a plugin's processes has to know of the clients at its port, and can tell about them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Router, State};
use crate::filters::PluginId;
use crate::payload::Payload;
use crate::queue::{Queue, Unacknowledged};
use crate::wake::Waker;

/// The clients at one plugin's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clients {
    /// How many have said that they are ready, or sent their first request.
    pub(crate) heard: u64,
    /// How many have quit.
    pub(crate) quits: usize,
    /// Connections to the port of which not everything is read.
    pub(crate) connections: usize,
    /// The plugin has ended, or is about to.
    pub(crate) closed: bool,
    /// It was told to stop.
    pub(crate) told: bool,
    /// It was told to stop, and nobody there can hear it on the wire.
    pub(crate) deaf: bool,
    /// The application is ending at once.
    pub(crate) aborted: bool,
}

/// When a plugin that holds something was last alive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signs {
    /// Somebody asks.
    watched: bool,
    last: Option<Instant>,
    /// Something was handed over and not answered, beside what is in flight.
    works: bool,
}

impl Router {
    /// From now on `waker` is called whenever [`Router::clients`] changes.
    pub(crate) fn follow(&self, plugin: PluginId, waker: &Arc<Waker>) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.followers.push(Arc::clone(waker));
        }
    }

    /// Whether somebody looks after the plugin's processes.
    pub(crate) fn is_followed(&self, plugin: PluginId) -> bool {
        self.state.lock().queues.get(plugin).is_some_and(|queue| !queue.followers.is_empty())
    }

    /// The clients at the plugin's port.
    pub(crate) fn clients(&self, plugin: PluginId) -> Clients {
        let state = self.state.lock();
        let aborted = state.aborted;
        state.queues.get(plugin).map_or(Clients { closed: true, aborted, ..Clients::default() }, |queue| {
            Clients { closed: queue.closed, told: queue.told, aborted, ..queue.clients }
        })
    }

    /// A client has said that it is there; so many connections there are.
    pub(crate) fn client_came(&self, plugin: PluginId, connections: usize) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.clients.heard += 1;
            queue.clients.connections = connections;
            queue.away = false;
            queue.tell_followers();
        }
    }

    /// So many clients have quit.
    pub(crate) fn clients_quit(&self, plugin: PluginId, quits: usize) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.clients.quits = quits;
            queue.tell_followers();
        }
    }

    /// So many connections to the plugin's port are left, of which not everything is read.
    pub(crate) fn connections_left(&self, plugin: PluginId, connections: usize) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.clients.connections = connections;
            queue.tell_followers();
        }
    }

    /// The plugin is to stop, and nobody at its port could hear that in a session; a stop event says it, if there is one.
    pub(crate) fn nobody_hears_stop(&self, plugin: PluginId) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            if !queue.has_stop_event && !std::mem::replace(&mut queue.clients.deaf, true) {
                queue.tell_followers();
            }
        }
    }

    /// A process of the plugin has died: its session, which nobody else knows, ends as soon as its connection does.
    pub(crate) fn client_died(&self, plugin: PluginId) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.deaths += 1;
            queue.wake_reader();
        }
    }

    /// The plugin's signs of life are noted from now on.
    pub(crate) fn watch_signs(&self, plugin: PluginId) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.signs = Signs { watched: true, ..Signs::default() };
            queue.wake_reader();
        }
    }

    /// An edge is about to sleep: whether something came or went since the last time, and whether somebody works on what was
    /// handed over.
    pub(crate) fn sign_of_life(&self, plugin: PluginId, moved: bool, works: bool) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.signs.works = works;
            if moved {
                queue.signs.last = Some(Instant::now());
            }
        }
    }

    /// Waits for `pause`, but not longer than until the plugin is told to stop; whether it is.
    pub(crate) fn wait_until_told(&self, plugin: PluginId, pause: Duration) -> bool {
        let until = Instant::now().checked_add(pause);
        let mut state = self.state.lock();
        loop {
            if state.is_told(plugin) {
                return true;
            }
            match until {
                Some(until) => {
                    if self.stage_changed.wait_until(&mut state, until).timed_out() {
                        return state.is_told(plugin);
                    }
                }
                None => self.stage_changed.wait(&mut state),
            }
        }
    }

    /// Whether the plugin was told to stop, or everybody.
    pub(crate) fn is_told(&self, plugin: PluginId) -> bool {
        self.state.lock().is_told(plugin)
    }

    /// An internal plugin is started again.
    pub(crate) fn count_restart(&self, plugin: PluginId) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.restarts += 1;
        }
    }

    /// How often an internal plugin was started again.
    #[cfg(feature = "application")]
    pub(crate) fn restarts(&self, plugin: PluginId) -> u64 {
        self.state.lock().queues.get(plugin).map_or(0, |queue| queue.restarts)
    }

    /// Whether the plugin is between two runs.
    #[cfg(feature = "application")]
    pub(crate) fn is_away(&self, plugin: PluginId) -> bool {
        self.state.lock().queues.get(plugin).is_some_and(|queue| queue.away)
    }

    /// Which run of an internal plugin this is.
    pub(crate) fn run_of(&self, plugin: PluginId) -> u32 {
        self.state.lock().queues.get(plugin).map_or(0, |queue| queue.run)
    }

    /// Takes the queue away from a run that hangs: whatever it still says is not heard. What it had in its hands goes back; what
    /// was tried more than `limit` times is returned instead. None: the run has ended by itself.
    pub(crate) fn revoke(&self, plugin: PluginId, run: u32, limit: u32) -> Option<Vec<Payload>> {
        let mut state = self.state.lock();
        let queue = state.queues.get_mut(plugin).filter(|queue| queue.run == run)?;
        queue.run += 1;
        queue.signs = Signs { watched: true, ..Signs::default() };
        let held = queue.in_hand.take().map(Unacknowledged::tried_again);
        let dead = queue.give_back_unacknowledged(held, limit);
        state.resume_waiters(vec![plugin]);
        self.unlock_and_wake(state);
        Some(dead)
    }

    /// An event is lost with the plugin that had it in its hands.
    pub(crate) fn lose(&self, plugin: PluginId, bytes: usize) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.lose(bytes);
        }
        state.resume_waiters(vec![plugin]);
        self.unlock_and_wake(state);
    }

    /// For how long the plugin has had something in its hands and shown no sign of life; none if its hands are empty.
    pub(crate) fn silence(&self, plugin: PluginId) -> Option<Duration> {
        let state = self.state.lock();
        let queue = state.queues.get(plugin)?;
        let holds = queue.ledger.in_flight > 0 || queue.signs.works;
        // Who waits for room waits for others.
        let holds = holds && !state.parked.values().any(|parked| parked.source == plugin);
        queue.signs.last.filter(|_| holds).map(|last| last.elapsed())
    }
}

impl State {
    fn is_told(&self, plugin: PluginId) -> bool {
        self.aborted || self.queues.get(plugin).is_none_or(|queue| queue.told || queue.closed)
    }

    /// A plugin's own thread has called: it lives.
    pub(super) fn sign(&mut self, plugin: PluginId) {
        if let Some(queue) = self.queues.get_mut(plugin) {
            if queue.signs.watched {
                queue.signs.last = Some(Instant::now());
            }
        }
    }
}

impl Queue {
    /// Whoever follows the plugin has something to look at.
    pub(super) fn tell_followers(&self) {
        self.followers.iter().for_each(|waker| waker.wake());
    }
}

impl Signs {
    /// Whether somebody asks.
    pub(crate) fn are_watched(&self) -> bool {
        self.watched
    }
}
