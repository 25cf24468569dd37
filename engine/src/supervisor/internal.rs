//! Internal plugins of the engine's own API: one run, or as many as their policy allows.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::restart::{Decision, RestartHistory};
use super::{panic_text, BoxError, Outcome, RestartPolicy};
use crate::builder::{Factory, InternalPlugin};
use crate::context::{Context, Error, Publisher};
use crate::edges::{EdgeOf, Letters};
use crate::lifecycle::LifecycleEvent;

/// How one run ended.
enum End {
    Well(Outcome),
    Failed(BoxError),
    Panicked(String),
    /// It showed no sign of life for so long; its thread is left behind.
    Hung(Duration),
}

impl End {
    /// As the plugin's, if it was the last run.
    fn outcome(self) -> Result<Outcome, BoxError> {
        match self {
            End::Well(outcome) => Ok(outcome),
            End::Failed(error) => Err(error),
            End::Panicked(text) => Ok(Outcome::Panicked(text)),
            End::Hung(limit) => Err(hung(limit)),
        }
    }
}

/// A plugin that can run once, and may be watched for a hang.
pub(crate) fn once(
    of: &EdgeOf,
    plugin: Box<dyn InternalPlugin>,
    hang_after: Option<Duration>,
    letters: &Letters,
) -> Result<Outcome, BoxError> {
    match hang_after {
        None => run(of, plugin, None),
        Some(limit) => run_watched(of, plugin, limit, letters),
    }
    .outcome()
}

/// A plugin that can be started again.
pub(crate) struct Restartable {
    pub(crate) of: EdgeOf,
    pub(crate) factory: Factory,
    pub(crate) policy: RestartPolicy,
    pub(crate) hang_after: Option<Duration>,
    /// How often an event goes back, and what then becomes of it.
    pub(crate) letters: Letters,
}

impl Restartable {
    /// Runs it until it ends well, or is not started any more.
    pub(crate) fn run(self) -> Result<Outcome, BoxError> {
        let EdgeOf { router, plugin, name, .. } = &self.of;
        let since = Instant::now();
        let mut history = RestartHistory::default();
        loop {
            history.started(since.elapsed());
            let end = match (make(&self.factory), self.hang_after) {
                (Ok(made), None) => run(&self.of, made, Some(&self.letters)),
                (Ok(made), Some(limit)) => run_watched(&self.of, made, limit, &self.letters),
                (Err(end), _) => end,
            };
            let text = match &end {
                End::Well(outcome) => return Ok(outcome.clone()),
                End::Failed(error) => super::text_of(error),
                End::Panicked(text) => format!("panicked: {text}"),
                End::Hung(limit) => hung(*limit).to_string(),
            };
            let decision = history.ended(&self.policy, since.elapsed(), true);
            match decision {
                Decision::RestartAfter(pause) if !router.is_told(*plugin) => {
                    tracing::warn!("plugin {name} failed: {text}; it is started again in {pause:?}");
                    router.count_restart(*plugin);
                    router.set_away(*plugin, true);
                    router.lifecycles().tell(&LifecycleEvent::Restarting {
                        plugin: Arc::clone(name),
                        replica: 1,
                        after: pause,
                        because: text,
                    });
                    let told = router.wait_until_told(*plugin, pause);
                    router.set_away(*plugin, false);
                    if told {
                        return end.outcome();
                    }
                    let_go(end);
                }
                Decision::GiveUp => {
                    return Ok(Outcome::GaveUp(self.policy.gave_up(&text)));
                }
                Decision::RestartAfter(_) | Decision::Stay => return end.outcome(),
            }
        }
    }
}

/// Runs a plugin on a thread of its own, which is left behind when it hangs.
fn run_watched(of: &EdgeOf, made: Box<dyn InternalPlugin>, limit: Duration, letters: &Letters) -> End {
    let EdgeOf { router, plugin, name, .. } = of;
    router.watch_signs(*plugin);
    let (done, result) = channel();
    let (of_run, letters_of_run) = (of.clone(), letters.clone());
    let run_number = router.run_of(*plugin);
    let spawned = thread::Builder::new().name(name.replace('\0', " ")).spawn(move || {
        // Nobody may listen any more.
        let _ = done.send(run(&of_run, made, Some(&letters_of_run)));
    });
    if let Err(error) = spawned {
        return End::Failed(error.into());
    }
    loop {
        let silence = router.silence(*plugin).unwrap_or_default();
        let revoked = if silence >= limit {
            router.revoke(*plugin, run_number, letters.redelivery_limit)
        } else {
            None
        };
        if let Some(dead) = revoked {
            dead.iter().for_each(|event| of.dead_letter(event, letters));
            tracing::error!(
                "plugin {name} hangs: it has held an event for {limit:?} without a sign of life; its thread is left behind"
            );
            router.lifecycles().tell(&LifecycleEvent::Hung { plugin: Arc::clone(name) });
            return End::Hung(limit);
        }
        match result.recv_timeout(limit.saturating_sub(silence).max(Duration::from_millis(1))) {
            Ok(end) => return end,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return End::Panicked("with no message".into()),
        }
    }
}

/// Dropping an error is its author's code, too, and may panic.
fn let_go(end: End) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(end))) {
        let text = panic_text(payload);
        tracing::warn!("an error panicked when it was dropped: {text}");
    }
}

fn hung(limit: Duration) -> BoxError {
    format!("it hung: for {limit:?} it held an event and showed no sign of life").into()
}

/// The plugin for the next run.
fn make(factory: &Factory) -> Result<Box<dyn InternalPlugin>, End> {
    panic::catch_unwind(AssertUnwindSafe(factory)).map_err(|payload| End::Panicked(panic_text(payload)))
}

/// One run. What it had in its hands when it failed goes back to its queue, if there may be another run.
fn run(of: &EdgeOf, plugin: Box<dyn InternalPlugin>, letters: Option<&Letters>) -> End {
    let publisher = Publisher::new(Arc::clone(&of.router), of.plugin, of.max_event_bytes);
    let mut context = Context::new(Arc::clone(&of.name), publisher, letters.is_some());
    let abandon = |context: Context| {
        let limit = letters.map_or(0, |letters| letters.redelivery_limit);
        for dead in context.abandon(limit) {
            if let Some(letters) = letters {
                of.dead_letter(&dead, letters);
            }
        }
    };
    let result = panic::catch_unwind(AssertUnwindSafe(|| plugin.run(&mut context)));
    match result {
        Ok(Ok(())) => End::Well(Outcome::Completed),
        Ok(Err(error)) if of.router.is_stopping() && error.downcast_ref() == Some(&Error::Closed) => {
            End::Well(Outcome::Stopped)
        }
        Ok(Err(error)) => {
            abandon(context);
            End::Failed(error)
        }
        Err(payload) => {
            abandon(context);
            End::Panicked(panic_text(payload))
        }
    }
}
