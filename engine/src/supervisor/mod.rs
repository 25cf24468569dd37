//! Who runs, who has ended and how. A plugin that fails or panics ends alone.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::filters::PluginId;

mod process;
mod restart;

pub use process::ProcessSpec;
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
    /// It was still running when the deadline of `stop` passed; its thread was left behind.
    Unfinished,
}

impl Outcome {
    /// Whether the plugin failed or panicked.
    pub fn is_failure(&self) -> bool {
        matches!(self, Outcome::Failed(_) | Outcome::Panicked(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Completed => f.write_str("completed"),
            Outcome::Failed(text) => write!(f, "failed: {text}"),
            Outcome::Panicked(text) => write!(f, "panicked: {text}"),
            Outcome::Stopped => f.write_str("stopped"),
            Outcome::Unfinished => f.write_str("still running when the application ended"),
        }
    }
}

struct Entry {
    name: Arc<str>,
    outcome: Option<Outcome>,
}

#[derive(Default)]
struct State {
    plugins: Vec<(PluginId, Entry)>,
    /// The errors of those that failed, in the order of their ends.
    errors: Vec<(PluginId, BoxError)>,
    deadline: Option<Instant>,
    failed: bool,
}

/// Everybody's state.
#[derive(Default)]
pub(crate) struct Supervisor {
    state: Mutex<State>,
    changed: Condvar,
}

impl Supervisor {
    pub(crate) fn watch(&self, plugin: PluginId, name: &str) {
        self.state.lock().plugins.push((plugin, Entry { name: Arc::from(name), outcome: None }));
    }

    /// Starts a plugin's thread. `work` returns how it ended; a panic in it is the plugin's end and nobody else's.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        plugin: PluginId,
        name: &str,
        work: impl FnOnce() -> Result<Outcome, BoxError> + Send + 'static,
    ) -> io::Result<()> {
        let supervisor = Arc::clone(self);
        let plugin_name = name.to_string();
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
            if outcome.is_failure() {
                tracing::error!("plugin {plugin_name} {outcome}");
            } else {
                tracing::info!("plugin {plugin_name} {outcome}");
            }
            supervisor.ended(plugin, outcome, error);
        })?;
        Ok(())
    }

    fn ended(&self, plugin: PluginId, outcome: Outcome, error: Option<BoxError>) {
        let mut state = self.state.lock();
        if outcome.is_failure() {
            let error = error.unwrap_or_else(|| outcome.to_string().into());
            state.errors.push((plugin, error));
        }
        if let Some((_, entry)) = state.plugins.iter_mut().find(|(id, _)| *id == plugin) {
            entry.outcome = Some(outcome);
        }
        self.changed.notify_all();
    }

    /// The application is to end by `deadline`.
    pub(crate) fn end_by(&self, deadline: Instant) {
        let mut state = self.state.lock();
        if state.deadline.is_none_or(|earlier| deadline < earlier) {
            state.deadline = Some(deadline);
        }
        self.changed.notify_all();
    }

    /// The application has failed as a whole.
    pub(crate) fn fail(&self) {
        self.state.lock().failed = true;
        self.changed.notify_all();
    }

    /// Waits until everybody has ended, the deadline has passed or the application has failed.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.plugins.iter().all(|(_, entry)| entry.outcome.is_some()) {
                return true;
            }
            if state.failed {
                return false;
            }
            match state.deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        return state.plugins.iter().all(|(_, entry)| entry.outcome.is_some());
                    }
                }
            }
        }
    }

    /// Waits once more, until everybody has ended or `deadline` has passed.
    pub(crate) fn wait_until(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.plugins.iter().any(|(_, entry)| entry.outcome.is_none()) {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
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
