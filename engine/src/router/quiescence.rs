//! The stages of a stop, and when an application is quiescent.
//!
//! Quiescent is an application in which nothing will happen any more of its own accord: every queue is empty, nothing is in
//! flight, no publish is parked, every source has ended, and everybody else waits for the next event. Whoever goes to sleep
//! while this matters looks at it under the router's lock, and the same lock tells the rest to stop, so that nothing comes
//! between.

use std::time::Instant;

use parking_lot::MutexGuard;

use super::{Router, State};
use crate::filters::PluginId;
use crate::lifecycle::LifecycleEvent;
use crate::payload::Payload;
use crate::queue::Queue;
use crate::wake::{Sleep, Sleeper};

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Nobody has asked for the end.
    Running,
    /// Sources are told to stop; everything that is in flight drains.
    Sources,
    /// Everybody is told to stop.
    Rest,
}

/// How the router knows that a plugin waits for its next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Its thread sleeps in [`Router::take`].
    Thread,
    /// Its edge says so.
    Edge(AtPort),
    /// Nothing more is known than what its queue says.
    Unseen,
    /// These are the ports of the bus: no plugin, but a queue.
    Bus,
}

/// What an edge says of the clients at its port, when it has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtPort {
    /// Nobody is there.
    Nobody,
    /// Somebody works, or is about to come or to go, or the edge has not looked yet.
    Busy,
    /// Everybody waits for an event.
    Rests,
}

/// Where the application stands between its start and its end.
pub(super) struct Stages {
    pub(super) stage: Stage,
    /// The start barrier is open.
    pub(super) opened: bool,
    /// The application ends by itself.
    pub(super) until_done: bool,
    /// Sources that have not ended hold the drain up no longer.
    pub(super) sources_late: bool,
    /// When the stop began.
    pub(super) since: Option<Instant>,
    /// Whoever held the application up when it was last looked at; most often it still does.
    holds_up: PluginId,
}

impl Default for Stages {
    fn default() -> Self {
        Stages {
            stage: Stage::Running,
            opened: false,
            until_done: false,
            sources_late: false,
            since: None,
            holds_up: 0,
        }
    }
}

impl Stages {
    /// Whether anybody wants to know when the application is quiescent.
    pub(super) fn is_armed(&self) -> bool {
        match self.stage {
            Stage::Running => self.until_done,
            Stage::Sources => true,
            Stage::Rest => false,
        }
    }

    /// Whether the application is not quiescent because of this plugin.
    fn are_held_up_by(&self, queue: &Queue) -> bool {
        if queue.ended {
            return false;
        }
        if queue.source {
            return !self.sources_late;
        }
        if queue.closed || queue.waiting() > 0 || queue.ledger.in_flight > 0 {
            return true;
        }
        // With nothing to do, who is not there is not waited for once the application is stopped.
        let absent = self.stage == Stage::Running;
        match queue.rest {
            _ if queue.away => absent,
            Rest::Thread => queue.sleep != Sleep::Sleeping,
            Rest::Edge(_) if !queue.completed.is_empty() => true,
            Rest::Edge(AtPort::Nobody) => absent,
            Rest::Edge(at_port) => at_port != AtPort::Rests,
            Rest::Unseen | Rest::Bus => false,
        }
    }
}

impl Router {
    /// The application is to end by itself when it is quiescent.
    pub(crate) fn until_done(&self) {
        self.state.lock().stages.until_done = true;
    }

    /// What a registered plugin is, beside its queue.
    pub(crate) fn describe(&self, plugin: PluginId, source: bool, stop_event: Option<Payload>, rest: Rest) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.source = source;
            queue.has_stop_event = stop_event.is_some();
            queue.stop_event = stop_event;
            queue.rest = rest;
        }
    }

    /// From now on this is how the router knows that the plugin waits.
    pub(crate) fn rests_as(&self, plugin: PluginId, rest: Rest) {
        if let Some(queue) = self.state.lock().queues.get_mut(plugin) {
            queue.rest = rest;
        }
    }

    /// An edge has nothing to do and is about to sleep; this is how it left its clients. It counts as busy again from its next
    /// [`Router::come_back`] on.
    pub(crate) fn rest(&self, plugin: PluginId, at_port: AtPort) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.rest = Rest::Edge(at_port);
        }
        self.look(state);
    }

    /// The start barrier is open. That is told before anybody who calls this goes on.
    pub(crate) fn opened(&self) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.stages.opened, true) {
            self.lifecycles.tell(&LifecycleEvent::Running);
            self.stage_changed.notify_all();
            self.look(state);
        }
    }

    /// A plugin that is between two runs waits for nothing, whatever its queue says.
    pub(crate) fn set_away(&self, plugin: PluginId, away: bool) {
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.away = away;
        }
        self.look(state);
    }

    /// The plugin has ended: nothing of it comes any more, not even from its sockets.
    pub(crate) fn ended(&self, plugin: PluginId) {
        self.close(plugin);
        let mut state = self.state.lock();
        if let Some(queue) = state.queues.get_mut(plugin) {
            queue.ended = true;
        }
        self.stage_changed.notify_all();
        self.look(state);
    }

    /// Begins the stop at `stage`: sources first, or everybody at once. Whether this was the first call.
    pub(crate) fn stop(&self, stage: Stage) -> bool {
        let mut state = self.state.lock();
        let first = state.stages.stage == Stage::Running;
        if first {
            self.enter(&mut state, stage);
            // Edges say how they are from now on.
            state.wake_all_readers();
        }
        self.look(state);
        first
    }

    /// The application has failed: it ends as by a stop, and its report says why.
    pub(crate) fn fail(&self, failure: String) {
        tracing::error!("the application fails: {failure}");
        self.state.lock().failure.get_or_insert(failure);
        self.stop(Stage::Sources);
    }

    /// Where the stop stands, and whether the start barrier has opened.
    pub(crate) fn stage(&self) -> (Stage, bool) {
        let state = self.state.lock();
        let stage = if state.aborted { Stage::Rest } else { state.stages.stage };
        (stage, state.stages.opened)
    }

    /// Whether the application is ending.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stage().0 != Stage::Running
    }

    /// Ends the drain if the application is quiescent.
    pub(super) fn look(&self, mut state: MutexGuard<'_, State>) {
        if state.is_done() {
            self.enter(&mut state, Stage::Rest);
        }
        self.unlock_and_wake(state);
    }

    /// Begins a stage. It is told under the lock, before anybody can end because of it.
    pub(super) fn enter(&self, state: &mut State, stage: Stage) {
        self.lifecycles.tell(match stage {
            Stage::Running => return,
            Stage::Sources => &LifecycleEvent::Draining,
            Stage::Rest => &LifecycleEvent::Stopping,
        });
        state.enter(stage);
        self.stage_changed.notify_all();
    }
}

impl State {
    /// Whether the application is quiescent, and somebody wants to know: then the rest is told to stop.
    pub(super) fn is_done(&mut self) -> bool {
        self.stages.is_armed() && !self.aborted && self.is_quiescent()
    }

    fn is_quiescent(&mut self) -> bool {
        if !self.stages.opened || !self.parked.is_empty() {
            return false;
        }
        let stages = &self.stages;
        if self.queues.get(stages.holds_up).is_some_and(|queue| stages.are_held_up_by(queue)) {
            return false;
        }
        match self.queues.iter().position(|queue| stages.are_held_up_by(queue)) {
            Some(plugin) => {
                self.stages.holds_up = plugin;
                false
            }
            None => true,
        }
    }

    /// Begins a stage: tells those whom it concerns, and wakes them.
    fn enter(&mut self, stage: Stage) {
        self.stages.stage = stage;
        self.stages.since.get_or_insert_with(Instant::now);
        let order = self.accepted;
        for queue in &mut self.queues {
            if queue.told || queue.closed || (stage == Stage::Sources && !queue.source) {
                continue;
            }
            queue.told = true;
            queue.tell_followers();
            if let Some(event) = queue.stop_event.take() {
                queue.push_last(order, event);
            }
            queue.wake_reader();
        }
    }

    /// Whether every plugin has ended.
    pub(super) fn have_all_ended(&self) -> bool {
        self.queues.iter().all(|queue| queue.ended || queue.rest == Rest::Bus)
    }

    /// Sources that have not ended.
    pub(super) fn open_sources(&self) -> Vec<PluginId> {
        let open = |(plugin, queue): (PluginId, &Queue)| (queue.source && !queue.ended).then_some(plugin);
        self.queues.iter().enumerate().filter_map(open).collect()
    }

    /// Who keeps the application from being quiescent, and why.
    pub(super) fn held_up_by(&self) -> String {
        let mut named: Vec<String> = self
            .queues
            .iter()
            .filter(|queue| self.stages.are_held_up_by(queue))
            .map(|queue| format!("{} ({})", queue.name(), why(queue)))
            .collect();
        let parked: usize = self.parked.values().map(|parked| parked.events.len()).sum();
        if parked > 0 {
            named.push(format!("{parked} events that wait for room"));
        }
        if !self.stages.opened {
            named.push("the start barrier".to_string());
        }
        named.join(", ")
    }
}

fn why(queue: &Queue) -> String {
    if queue.source {
        return "a source that has not ended".to_string();
    }
    if queue.away {
        return "it is between two runs".to_string();
    }
    if queue.closed {
        return "it is ending".to_string();
    }
    let (waiting, in_flight) = (queue.waiting(), queue.ledger.in_flight);
    let mut reasons = Vec::new();
    if waiting > 0 {
        reasons.push(format!("{waiting} events queued"));
    }
    if in_flight > 0 {
        reasons.push(format!("{in_flight} events in its hands"));
    }
    match queue.rest {
        Rest::Edge(AtPort::Nobody) => reasons.push("nobody is connected".to_string()),
        _ if reasons.is_empty() => reasons.push("it does not wait for an event".to_string()),
        _ => {}
    }
    reasons.join(", ")
}

impl Queue {
    /// Wakes the reader past the line of those to be woken, unless it is a thread that is awake.
    pub(super) fn wake_reader(&self) {
        match (&self.sleeper, self.sleep) {
            (Sleeper::Thread(_), Sleep::Awake) => {}
            (sleeper, _) => sleeper.wake(),
        }
    }
}
