//! What is known of each plugin beside its queue.

use super::Shared;
use crate::filters::PluginId;
use crate::supervisor::children::Processes;
use crate::supervisor::Outcome;

/// What never changes about a plugin.
pub(crate) struct Member {
    pub(crate) plugin: PluginId,
    /// `internal`, `external` or `bus`.
    pub(crate) kind: &'static str,
    pub(crate) port: Option<u16>,
    pub(crate) source: bool,
    /// Names of the types that it says it publishes.
    pub(crate) publishes: Vec<String>,
}

/// What is known of a plugin at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PluginFacts {
    /// As in [`super::messages::Plugin::state`]; none for one that is alive: its queue says whether it waits.
    pub(crate) state: Option<&'static str>,
    /// More about the state.
    pub(crate) detail: String,
    /// Leaders of the process groups that the engine started for it.
    pub(crate) pids: Vec<u32>,
    pub(crate) restarts: u64,
    pub(crate) publishes: Vec<String>,
}

impl Shared {
    /// The facts of every member, in the members' order.
    pub(super) fn facts(&self) -> Vec<PluginFacts> {
        let ends = self.supervisor.ends();
        let missing = self.barrier.missing();
        let facts = |member: &Member| {
            let end = ends.iter().find(|(plugin, _)| *plugin == member.plugin);
            let (state, detail) = match end.and_then(|(_, outcome)| outcome.as_ref()) {
                Some(outcome) => ended(outcome),
                None if missing.contains(&member.plugin) => (Some("starting"), String::new()),
                None => (None, String::new()),
            };
            let mut facts = PluginFacts {
                state,
                detail,
                restarts: self.router.restarts(member.plugin),
                publishes: member.publishes.clone(),
                ..PluginFacts::default()
            };
            if let Some(processes) = self.children.get().and_then(|children| children.of(member.plugin)) {
                facts.add(processes);
            } else if facts.state.is_none() && self.router.is_away(member.plugin) {
                facts.state = Some("restarting");
            }
            facts
        };
        self.described.iter().map(facts).collect()
    }
}

impl PluginFacts {
    /// The plugin has processes.
    fn add(&mut self, processes: Processes) {
        self.pids = processes.pids;
        self.restarts += processes.restarts;
        if self.state.is_none_or(|state| state == "starting") {
            if processes.restarting {
                self.state = Some("restarting");
            } else if processes.starting {
                self.state = Some("starting");
            }
        }
        if self.detail.is_empty() && self.restarts > 0 {
            self.detail = processes.detail;
        }
    }
}

fn ended(outcome: &Outcome) -> (Option<&'static str>, String) {
    match outcome {
        Outcome::Completed => (Some("completed"), String::new()),
        Outcome::Failed(text) => (Some("failed"), text.clone()),
        Outcome::Panicked(text) => (Some("panicked"), text.clone()),
        Outcome::Stopped => (Some("stopped"), String::new()),
        Outcome::GaveUp(text) => (Some("given-up"), text.clone()),
        Outcome::Terminated => (Some("terminated"), String::new()),
        Outcome::Unfinished => (Some("unfinished"), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_a_state_in_the_specification() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/control.md")).unwrap();
        let states = text.lines().find(|line| line.starts_with("| `state`, `detail` |")).unwrap();
        for outcome in [
            Outcome::Completed,
            Outcome::Failed(String::new()),
            Outcome::Panicked(String::new()),
            Outcome::Stopped,
            Outcome::GaveUp(String::new()),
            Outcome::Terminated,
            Outcome::Unfinished,
        ] {
            let (state, _) = ended(&outcome);
            assert!(states.contains(&format!("`{}`", state.unwrap())), "{outcome:?}");
        }
    }
}
