//! An application at one moment, for people and programs (EE-CONTROL-9).

use base64::prelude::{Engine, BASE64_STANDARD};

use super::facts::{Member, PluginFacts};
use super::messages::{Plugin, Status, Type};
use super::processes::{self, Usage};
use super::{Control, Shared, CONTROL};
use crate::router::{QueueSnapshot, Snapshot};

impl Control {
    /// Everything about the application at this moment. The queues' numbers are of one instant; what is read about processes is not
    /// older than the call.
    pub fn status(&self) -> Status {
        self.shared.status()
    }
}

impl Shared {
    fn status(&self) -> Status {
        // Before the numbers, so that a plugin said to have ended has its last ones.
        let facts = self.facts();
        let snapshot = self.router.snapshot();
        let pids: Vec<u32> = facts.iter().flat_map(|facts| facts.pids.iter().copied()).collect();
        let usage = processes::usage(&pids);
        let members = self.members.iter().zip(facts).filter_map(|(member, facts)| {
            let queue = snapshot.queues.get(member.plugin)?;
            let usage = processes::sum(facts.pids.iter().filter_map(|pid| usage.get(pid)));
            Some(plugin(member, facts, queue, usage))
        });
        let control = self.publishes_as.get().and_then(|plugin| snapshot.queues.get(*plugin));
        let plugins: Vec<Plugin> = members.chain(control.map(from_outside)).collect();
        Status {
            application: self.name.clone(),
            engine: env!("CARGO_PKG_VERSION").to_string(),
            pid: std::process::id(),
            phase: self.phase(&snapshot).to_string(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            accepted: snapshot.accepted,
            unmatched: snapshot.unmatched,
            parked: snapshot.parked,
            balances: balances(&snapshot),
            types: self
                .types
                .iter()
                .map(|(name, prefix)| Type { name: name.clone(), prefix: BASE64_STANDARD.encode(prefix) })
                .collect(),
            plugins,
        }
    }

    fn phase(&self, snapshot: &Snapshot) -> &'static str {
        if snapshot.aborted {
            "stopping"
        } else if snapshot.draining {
            "draining"
        } else if self.barrier.is_decided() {
            "running"
        } else {
            "starting"
        }
    }
}

fn balances(snapshot: &Snapshot) -> bool {
    let ledgers = || snapshot.queues.iter().map(|queue| &queue.ledger);
    ledgers().all(|ledger| ledger.balances())
        && snapshot.accepted == ledgers().map(|ledger| ledger.published).sum::<u64>()
}

fn plugin(member: &Member, facts: PluginFacts, queue: &QueueSnapshot, usage: Option<Usage>) -> Plugin {
    let state = facts.state.unwrap_or(if queue.waits { "waiting" } else { "running" });
    Plugin {
        kind: member.kind.to_string(),
        state: state.to_string(),
        detail: facts.detail,
        source: facts.source.unwrap_or(queue.filters.is_empty() && member.kind != "bus"),
        port: member.port,
        pids: facts.pids,
        restarts: facts.restarts,
        publishes: facts.publishes,
        cpu_ms: usage.map(|usage| usage.cpu_ms),
        rss_bytes: usage.map(|usage| usage.rss_bytes),
        ..numbers(queue)
    }
}

/// The plugin `control`.
fn from_outside(queue: &QueueSnapshot) -> Plugin {
    Plugin { kind: CONTROL.to_string(), state: "running".to_string(), ..numbers(queue) }
}

fn numbers(queue: &QueueSnapshot) -> Plugin {
    let ledger = &queue.ledger;
    Plugin {
        name: ledger.name.to_string(),
        subscribes: queue.filters.iter().map(|filter| BASE64_STANDARD.encode(filter)).collect(),
        published: ledger.published,
        matched: ledger.matched,
        delivered: ledger.delivered,
        handed_over: ledger.handed_over,
        queued: ledger.queued,
        queued_bytes: queue.queued_bytes,
        in_flight: ledger.in_flight,
        shed: ledger.shed,
        discarded: ledger.discarded,
        dead_lettered: ledger.dead_lettered,
        redelivered: ledger.redelivered,
        refused: ledger.refused,
        oldest_ms: queue.oldest_ms,
        ..Plugin::default()
    }
}
