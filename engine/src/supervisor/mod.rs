//! Who runs, who has ended and how. A plugin that fails or panics ends alone.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::filters::PluginId;
use crate::lifecycle::LifecycleEvent;
use crate::router::Router;

mod child;
pub(crate) mod children;
mod group;
mod guardian;
pub(crate) mod internal;
mod output;
mod pipes;
mod process;
mod program;
mod restart;

pub use output::{Output, Stream};
pub use process::ProcessSpec;
pub use program::CommandProblem;
pub use restart::{Restart, RestartPolicy};

/// What a plugin may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a plugin ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned, or its clients quit.
    Completed,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// The application ended before it did, and it gave way.
    Stopped,
    /// It was started again too often and is given up: why it ended last.
    GaveUp(String),
    /// Its process was still running when the deadline of `stop` passed, and was killed.
    Terminated,
    /// It was still running when the deadline of `stop` passed; its thread was left behind.
    Unfinished,
}

impl Outcome {
    /// Whether the plugin failed, panicked or was given up.
    pub fn is_failure(&self) -> bool {
        matches!(self, Outcome::Failed(_) | Outcome::Panicked(_) | Outcome::GaveUp(_))
    }

    /// The outcome as one word: `completed`, `failed`, `panicked`, `stopped`, `given-up`, `terminated` or `unfinished`.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed(_) => "failed",
            Outcome::Panicked(_) => "panicked",
            Outcome::Stopped => "stopped",
            Outcome::GaveUp(_) => "given-up",
            Outcome::Terminated => "terminated",
            Outcome::Unfinished => "unfinished",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Completed => f.write_str("completed"),
            Outcome::Failed(text) => write!(f, "failed: {text}"),
            Outcome::Panicked(text) => write!(f, "panicked: {text}"),
            Outcome::Stopped => f.write_str("stopped"),
            Outcome::GaveUp(text) => write!(f, "given up: {text}"),
            Outcome::Terminated => {
                f.write_str("killed, as it was still running when the time to stop was over")
            }
            Outcome::Unfinished => f.write_str("still running when the application ended"),
        }
    }
}

struct Entry {
    name: Arc<str>,
    outcome: Option<Outcome>,
    /// How it ended, for whoever closed its port.
    decided: Option<Outcome>,
    /// Processes of it that are looked after.
    processes: usize,
    /// When it fails for good, the application does.
    critical: bool,
}

#[derive(Default)]
struct State {
    plugins: Vec<(PluginId, Entry)>,
    /// The errors of those that failed, in the order of their ends.
    errors: Vec<(PluginId, BoxError)>,
    /// Ends that are being told.
    telling: usize,
    /// Who has not ended is waited for no longer.
    given_up: bool,
}

impl State {
    fn is_over(&self) -> bool {
        let is_over = |entry: &Entry| entry.outcome.is_some() && entry.processes == 0;
        self.given_up || (self.telling == 0 && self.plugins.iter().all(|(_, entry)| is_over(entry)))
    }
}

/// Everybody's state.
pub(crate) struct Supervisor {
    state: Mutex<State>,
    changed: Condvar,
    router: Arc<Router>,
}

impl Supervisor {
    /// Nobody yet.
    pub(crate) fn new(router: Arc<Router>) -> Self {
        Supervisor { state: Mutex::default(), changed: Condvar::new(), router }
    }

    pub(crate) fn watch(&self, plugin: PluginId, name: &str, critical: bool) {
        let entry = Entry { name: Arc::from(name), outcome: None, decided: None, processes: 0, critical };
        self.state.lock().plugins.push((plugin, entry));
    }

    /// A process of the plugin is looked after from now on.
    pub(crate) fn process_came(&self, plugin: PluginId) {
        self.with(plugin, |entry| entry.processes += 1);
    }

    /// It is not any more.
    pub(crate) fn process_left(&self, plugin: PluginId) {
        self.with(plugin, |entry| entry.processes = entry.processes.saturating_sub(1));
        self.changed.notify_all();
    }

    /// How a plugin has ended whose port is about to be closed.
    pub(crate) fn decide(&self, plugin: PluginId, outcome: Outcome) {
        self.with(plugin, |entry| entry.decided = Some(outcome));
    }

    /// A plugin that had ended well has failed after all, or is about to.
    pub(crate) fn amend(&self, plugin: PluginId, outcome: Outcome) {
        if matches!(outcome, Outcome::Completed | Outcome::Stopped) {
            return;
        }
        let has_ended = self.with(plugin, |entry| {
            entry.decided = Some(outcome.clone());
            entry.outcome.is_some()
        });
        if has_ended == Some(true) {
            self.ended(plugin, outcome, None);
        }
    }

    fn with<T>(&self, plugin: PluginId, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.state.lock().plugins.iter_mut().find(|(id, _)| *id == plugin).map(|(_, entry)| act(entry))
    }

    /// Starts a plugin's thread. `work` returns how it ended; a panic in it is the plugin's end and nobody else's.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        plugin: PluginId,
        name: &str,
        work: impl FnOnce() -> Result<Outcome, BoxError> + Send + 'static,
    ) -> io::Result<()> {
        let supervisor = Arc::clone(self);
        thread::Builder::new().name(name.replace('\0', " ")).spawn(move || {
            // What an error says is the plugin's code too.
            let work = || {
                work().map_err(|error| {
                    let text = error.to_string();
                    (text, error)
                })
            };
            let (outcome, error) = match panic::catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(outcome)) => (outcome, None),
                Ok(Err((text, error))) => (Outcome::Failed(text), Some(error)),
                Err(payload) => (Outcome::Panicked(panic_text(payload)), None),
            };
            supervisor.ended(plugin, outcome, error);
        })?;
        Ok(())
    }

    fn ended(&self, plugin: PluginId, outcome: Outcome, error: Option<BoxError>) {
        let mut state = self.state.lock();
        let State { plugins, errors, .. } = &mut *state;
        let Some((_, entry)) = plugins.iter_mut().find(|(id, _)| *id == plugin) else { return };
        // Whoever has closed the port knows better than the port.
        let outcome = entry.decided.take().unwrap_or(outcome);
        if outcome.is_failure() {
            let error = error.unwrap_or_else(|| outcome.to_string().into());
            errors.push((plugin, error));
        }
        let name = Arc::clone(&entry.name);
        let fatal = entry.critical && outcome.is_failure();
        entry.outcome = Some(outcome.clone());
        // Nobody takes it for the last word before it is told, and before the application has failed if it does.
        state.telling += 1;
        drop(state);
        if outcome.is_failure() {
            tracing::error!("plugin {name} {outcome}");
        } else {
            tracing::info!("plugin {name} {outcome}");
        }
        if fatal {
            self.router.fail(format!("plugin {name}, without which it cannot go on, {outcome}"));
        }
        self.router.lifecycles().tell(&LifecycleEvent::PluginEnded { plugin: name, outcome });
        self.state.lock().telling -= 1;
        self.changed.notify_all();
    }

    /// Nobody waits any longer for those who have not ended.
    pub(crate) fn give_up(&self) {
        self.state.lock().given_up = true;
        self.changed.notify_all();
    }

    /// Whether everybody has ended or was given up.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().is_over()
    }

    /// Waits until everybody has ended or was given up.
    pub(crate) fn wait(&self) {
        let mut state = self.state.lock();
        while !state.is_over() {
            self.changed.wait(&mut state);
        }
    }

    /// As [`Supervisor::wait`], but not longer than `timeout`; whether it came to that.
    pub(crate) fn wait_for(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        // A deadline beyond what the clock knows is none.
        let deadline = Instant::now().checked_add(timeout);
        while !state.is_over() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        return state.is_over();
                    }
                }
            }
        }
        true
    }

    pub(crate) fn outcomes(&self) -> Vec<(PluginId, Arc<str>, Outcome)> {
        let state = self.state.lock();
        let outcome = |entry: &Entry| entry.outcome.clone().unwrap_or(Outcome::Unfinished);
        state.plugins.iter().map(|(id, entry)| (*id, Arc::clone(&entry.name), outcome(entry))).collect()
    }

    /// Who has ended, and how.
    #[cfg(feature = "application")]
    pub(crate) fn ends(&self) -> Vec<(PluginId, Option<Outcome>)> {
        self.state.lock().plugins.iter().map(|(id, entry)| (*id, entry.outcome.clone())).collect()
    }

    /// The errors of failed plugins, the first failure first.
    pub(crate) fn take_errors(&self) -> Vec<(PluginId, BoxError)> {
        std::mem::take(&mut self.state.lock().errors)
    }
}

/// What an error says. That is its author's code, too, and may panic.
fn text_of(error: &BoxError) -> String {
    panic::catch_unwind(AssertUnwindSafe(|| error.to_string()))
        .unwrap_or_else(|payload| format!("an error whose text panicked: {}", panic_text(payload)))
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "with no message".to_string()
    };
    // Dropping it may panic again.
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    text
}
