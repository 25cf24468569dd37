//! What is known of each plugin beside its queue.

use super::Shared;
use crate::filters::PluginId;
use crate::supervisor::Outcome;

/// What never changes about a plugin.
pub(crate) struct Member {
    pub(crate) plugin: PluginId,
    /// `internal`, `external` or `bus`.
    pub(crate) kind: &'static str,
    pub(crate) port: Option<u16>,
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
    /// Whether it is a source; none: one that subscribes to nothing is.
    pub(crate) source: Option<bool>,
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
            PluginFacts { state, detail, publishes: member.publishes.clone(), ..PluginFacts::default() }
        };
        self.members.iter().map(facts).collect()
    }
}

fn ended(outcome: &Outcome) -> (Option<&'static str>, String) {
    match outcome {
        Outcome::Completed => (Some("completed"), String::new()),
        Outcome::Failed(text) => (Some("failed"), text.clone()),
        Outcome::Panicked(text) => (Some("panicked"), text.clone()),
        Outcome::Stopped => (Some("stopped"), String::new()),
        Outcome::Unfinished => (Some("unfinished"), String::new()),
    }
}
