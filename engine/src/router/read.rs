//! The readers' side of the router: taking events, settling them, giving them back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::quiescence::{AtPort, Rest, Stage};
use super::{Refusal, Router, State};
use event_engine_protocol::session::engine::Wish;

use crate::filters::PluginId;
use crate::payload::Payload;
use crate::queue::{Item, SessionTaken, Settled, Ticket, Unacknowledged};
use crate::wake::{Sleep, Sleeper};

/// What a reader got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    Some,
    /// Nothing there: the deadline passed, or (edges) the reader is asleep now.
    Nothing,
    /// Nothing there and nothing will come.
    Closed,
}

/// What an edge hears when it comes back.
#[derive(Default)]
pub(crate) struct News {
    /// Its publishes that were accepted after waiting; a ticket for each event.
    pub(crate) completed: Vec<Ticket>,
    /// The plugin was told to stop.
    pub(crate) told: bool,
    /// So was everybody.
    pub(crate) all_told: bool,
    /// Somebody wants to know when the application is quiescent: [`Router::rest`] is due before the edge sleeps.
    pub(crate) watched: bool,
    /// The plugin was given up: nobody comes any more.
    pub(crate) closed: bool,
    /// So many processes of the plugin have died.
    pub(crate) deaths: usize,
    /// Somebody wants to know whether the plugin lives: [`Router::sign_of_life`] is due before the edge sleeps.
    pub(crate) signs: bool,
}

impl Router {
    /// Takes events of a plugin's own thread, and waits until there are some, until the deadline, or until nothing can come.
    ///
    /// An event that an earlier run had in its hands comes alone; `attempts` says how often that was, and is 0 for others.
    pub(crate) fn take(
        &self,
        plugin: PluginId,
        settled: Settled,
        max: (usize, usize),
        batch: &mut VecDeque<Item>,
        attempts: &mut u32,
        deadline: Option<Instant>,
    ) -> Taken {
        let run = settled.run;
        let mut state = self.state.lock();
        state.settle(plugin, settled);
        loop {
            match state.take_for_run(plugin, run, max, batch, attempts) {
                Taken::Nothing => {}
                taken => {
                    self.unlock_and_wake(state);
                    return taken;
                }
            }
            let Some(queue) = state.queues.get_mut(plugin) else { return Taken::Closed };
            let Sleeper::Thread(condvar) = &queue.sleeper else { return Taken::Closed };
            let condvar = Arc::clone(condvar);
            queue.sleep = Sleep::Sleeping;
            if state.is_done() {
                // This was the last one to wait for; it is told to stop, too.
                self.enter(&mut state, Stage::Rest);
                state.awake(plugin);
                continue;
            }
            // Those whom this thread's acknowledgement or waking has chosen must not wait for its return.
            if let Some(next) = state.next_in_line() {
                next.wake();
            }
            let timed_out = match deadline {
                None => {
                    condvar.wait(&mut state);
                    false
                }
                Some(deadline) => condvar.wait_until(&mut state, deadline).timed_out(),
            };
            state.awake(plugin);
            if timed_out {
                let taken = state.take_for_run(plugin, run, max, batch, attempts);
                self.unlock_and_wake(state);
                return taken;
            }
        }
    }

    /// Takes events for an edge, if there are any.
    pub(crate) fn take_now(
        &self,
        plugin: PluginId,
        settled: Settled,
        max: (usize, usize),
        batch: &mut VecDeque<Item>,
    ) -> Taken {
        self.take_for_edge(plugin, settled, max, batch, Sleep::Awake)
    }

    /// Takes events for an edge. When there are none the edge counts as asleep: its waker tells when to come again.
    pub(crate) fn take_or_sleep(
        &self,
        plugin: PluginId,
        settled: Settled,
        max: (usize, usize),
        batch: &mut VecDeque<Item>,
    ) -> Taken {
        self.take_for_edge(plugin, settled, max, batch, Sleep::Sleeping)
    }

    fn take_for_edge(
        &self,
        plugin: PluginId,
        settled: Settled,
        max: (usize, usize),
        batch: &mut VecDeque<Item>,
        without_events: Sleep,
    ) -> Taken {
        let mut state = self.state.lock();
        state.awake(plugin);
        state.settle(plugin, settled);
        let taken = state.try_take(plugin, max, batch);
        if taken == Taken::Nothing {
            if let Some(queue) = state.queues.get_mut(plugin) {
                queue.sleep = without_events;
            }
            if without_events == Sleep::Sleeping && state.is_done() {
                self.enter(&mut state, Stage::Rest);
            }
        }
        self.unlock_and_wake(state);
        taken
    }

    /// Takes one batch for a session (EE-SESSION-21), but a redelivered event alone (EE-SESSION-41).
    pub(crate) fn take_for_session(
        &self,
        plugin: PluginId,
        settled: Settled,
        wish: &Wish,
        batch: &mut VecDeque<Item>,
    ) -> SessionTaken {
        let mut state = self.state.lock();
        state.awake(plugin);
        state.settle(plugin, settled);
        let aborted = state.aborted;
        let Some(queue) = state.queues.get_mut(plugin) else { return SessionTaken::Closed };
        let taken =
            if aborted || queue.closed { SessionTaken::Closed } else { queue.take_for_session(wish, batch) };
        if matches!(taken, SessionTaken::Nothing) {
            state.observers.reader_is_idle();
        }
        self.unlock_and_wake(state);
        taken
    }

    /// An edge is about to wait for events: from now on it counts as asleep, unless there are some.
    pub(crate) fn sleep(&self, plugin: PluginId) -> bool {
        let mut state = self.state.lock();
        state.awake(plugin);
        let asleep = match state.queues.get_mut(plugin) {
            Some(queue) if queue.waiting() == 0 => {
                queue.sleep = Sleep::Sleeping;
                true
            }
            _ => false,
        };
        self.unlock_and_wake(state);
        asleep
    }

    /// An edge has come back from its poll: it wakes the next in line, and hears what happened.
    ///
    /// # Errors
    /// The application has ended.
    pub(crate) fn come_back(&self, plugin: PluginId) -> Result<News, Refusal> {
        let mut state = self.state.lock();
        if state.aborted {
            return Err(Refusal::Closed);
        }
        state.awake(plugin);
        let watched = state.stages.is_armed();
        let all_told = state.stages.stage == Stage::Rest;
        let news = state.queues.get_mut(plugin).map(|queue| {
            if let Rest::Edge(at_port) = &mut queue.rest {
                *at_port = AtPort::Busy;
            }
            News {
                completed: std::mem::take(&mut queue.completed),
                told: queue.told,
                all_told,
                watched,
                closed: queue.closed,
                deaths: std::mem::take(&mut queue.deaths),
                signs: queue.signs.are_watched(),
            }
        });
        self.unlock_and_wake(state);
        Ok(news.unwrap_or_default())
    }

    /// Whether nothing waits for a plugin, or for room in its queue.
    pub(crate) fn is_empty(&self, plugin: PluginId) -> bool {
        self.state
            .lock()
            .queues
            .get(plugin)
            .is_none_or(|queue| queue.waiting() == 0 && queue.waiters.is_empty())
    }

    /// As [`Router::come_back`], for an edge that only asks for its accepted publishes.
    ///
    /// # Errors
    /// The application has ended.
    pub(crate) fn take_completed(&self, plugin: PluginId) -> Result<Vec<Ticket>, Refusal> {
        self.come_back(plugin).map(|news| news.completed)
    }

    pub(crate) fn settle(&self, plugin: PluginId, settled: Settled) {
        let mut state = self.state.lock();
        state.settle(plugin, settled);
        self.unlock_and_wake(state);
    }

    /// Puts back what an ended session did not acknowledge; those tried more than `limit` times are returned instead.
    pub(crate) fn give_back_unacknowledged(
        &self,
        plugin: PluginId,
        unacknowledged: impl IntoIterator<Item = Unacknowledged>,
        limit: u32,
    ) -> Vec<Payload> {
        let mut state = self.state.lock();
        let Some(queue) = state.queues.get_mut(plugin) else { return Vec::new() };
        let dead = queue.give_back_unacknowledged(unacknowledged, limit);
        if !dead.is_empty() {
            state.resume_waiters(vec![plugin]);
        }
        self.unlock_and_wake(state);
        dead
    }

    pub(crate) fn give_back(&self, plugin: PluginId, batch: &mut VecDeque<Item>) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.give_back(batch);
        }
    }
}

impl State {
    /// As [`State::try_take`], for a run of an internal plugin: an empty queue ends it when it was told to stop, and one that was
    /// revoked gets nothing. Of a run that is watched the router keeps what it has in its hands, one event at a time.
    fn take_for_run(
        &mut self,
        plugin: PluginId,
        run: u32,
        max: (usize, usize),
        batch: &mut VecDeque<Item>,
        attempts: &mut u32,
    ) -> Taken {
        let aborted = self.aborted;
        let Some(queue) = self.queues.get_mut(plugin) else { return Taken::Closed };
        if aborted || queue.closed || queue.run != run {
            return Taken::Closed;
        }
        let watched = queue.signs.are_watched();
        *attempts = 0;
        let taken = if let Some(event) = queue.take_redelivered() {
            *attempts = event.attempts;
            batch.push_back(event.item);
            Taken::Some
        } else if queue.take(if watched { 1 } else { max.0 }, max.1, batch) > 0 {
            Taken::Some
        } else if queue.told {
            Taken::Closed
        } else {
            Taken::Nothing
        };
        if watched && taken == Taken::Some {
            queue.in_hand = batch.front().cloned().map(|item| Unacknowledged { item, attempts: *attempts });
            self.sign(plugin);
        }
        taken
    }

    fn try_take(&mut self, plugin: PluginId, max: (usize, usize), batch: &mut VecDeque<Item>) -> Taken {
        let Some(queue) = self.queues.get_mut(plugin) else { return Taken::Closed };
        if self.aborted || queue.closed {
            return Taken::Closed;
        }
        if queue.take(max.0, max.1, batch) > 0 {
            Taken::Some
        } else {
            self.observers.reader_is_idle();
            Taken::Nothing
        }
    }
}
