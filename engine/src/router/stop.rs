//! Sees a stop through to its end: who is late is named, and nothing waits longer than its share of the deadline.

use std::time::{Duration, Instant};

use super::quiescence::Stage;
use super::{Router, State};
use crate::filters::PluginId;

/// How long the drain may take before those are named who hold it up, and at least so long between two such lines.
const FIRST_LOG: Duration = Duration::from_secs(2);
/// At most so long between two of them.
const LAST_LOG: Duration = Duration::from_secs(60);

/// What the driver does next.
enum Next {
    Wait(Option<Instant>),
    /// These sources have not ended within their half of the deadline; nobody waits for them any more.
    SourcesLate(Vec<PluginId>),
    /// The rest is told, though the application has not run dry.
    Rest,
    Abort,
    Over,
}

/// What the driver has said.
#[derive(Default)]
struct Said {
    /// In this stage.
    stage: Option<Stage>,
    logged: Option<(Instant, Duration)>,
}

impl Router {
    /// Runs until every plugin has ended or the router is aborted, at the latest `within` after the stop began; sleeps while
    /// nothing is to be done. `late` hears of sources that are waited for no longer. Whether every plugin has ended.
    pub(crate) fn see_to_the_end(&self, within: Duration, late: &dyn Fn(&[PluginId])) -> bool {
        let mut said = Said::default();
        loop {
            let mut state = self.state.lock();
            match state.next_step(within, &mut said) {
                Next::Wait(None) => self.stage_changed.wait(&mut state),
                Next::Wait(Some(until)) => {
                    self.stage_changed.wait_until(&mut state, until);
                }
                Next::SourcesLate(sources) => {
                    // They may have been the last to wait for.
                    self.look(state);
                    late(&sources);
                    continue;
                }
                Next::Rest => self.enter(&mut state, Stage::Rest),
                Next::Abort => {
                    drop(state);
                    self.abort(None);
                    continue;
                }
                Next::Over => return state.have_all_ended(),
            }
            self.unlock_and_wake(state);
        }
    }
}

impl State {
    fn next_step(&mut self, within: Duration, said: &mut Said) -> Next {
        if self.aborted || self.have_all_ended() {
            return Next::Over;
        }
        let (stage, now) = (self.stages.stage, Instant::now());
        let since = self.stages.since.unwrap_or(now);
        if said.stage.replace(stage) != Some(stage) {
            said.logged = None;
        }
        // A moment beyond what the clock knows never comes.
        let half = since.checked_add(within / 2);
        let three_quarters = since.checked_add(within / 4 * 3);
        let all = since.checked_add(within);
        let has_come = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        match stage {
            Stage::Running => {
                let waits_for_the_rest =
                    self.stages.until_done && self.stages.opened && self.open_sources().is_empty();
                Next::Wait(if waits_for_the_rest { self.log_holdup(now, said, "is done") } else { None })
            }
            Stage::Sources if has_come(three_quarters) => {
                self.warnings.push(format!(
                    "the stop does not wait any longer for the application to run dry: {}",
                    self.held_up_by()
                ));
                Next::Rest
            }
            Stage::Sources if has_come(half) && !self.stages.sources_late => {
                self.stages.sources_late = true;
                let late = self.open_sources();
                if late.is_empty() {
                    return Next::Wait(Some(now));
                }
                let names: Vec<String> = late
                    .iter()
                    .filter_map(|plugin| self.queues.get(*plugin))
                    .map(|queue| queue.name().to_string())
                    .collect();
                self.warnings.push(format!(
                    "sources that were told to stop have not ended: {}; they are waited for no longer",
                    names.join(", ")
                ));
                Next::SourcesLate(late)
            }
            Stage::Sources => {
                let next_log = self.log_holdup(now, said, "has run dry");
                let next = if self.stages.sources_late { three_quarters } else { half };
                Next::Wait(next.into_iter().chain(next_log).min())
            }
            Stage::Rest if has_come(all) => Next::Abort,
            Stage::Rest => Next::Wait(all),
        }
    }

    /// Names those whom the end waits for, again and again; when that is due next.
    fn log_holdup(&mut self, now: Instant, said: &mut Said, end: &str) -> Option<Instant> {
        let (due, pause) = *said.logged.get_or_insert((now + FIRST_LOG, FIRST_LOG));
        if now < due {
            return Some(due);
        }
        self.warnings.push(format!("before the application {end} it waits for {}", self.held_up_by()));
        let pause = (pause * 2).min(LAST_LOG);
        said.logged = Some((now + pause, pause));
        Some(now + pause)
    }
}
