//! The report of an application's end as JSON.

use event_engine::{Ledger, PluginLedger, Report};
use serde_json::{json, Value};

/// One object on one line: `success`, `failure` (or null), `plugins` (name, outcome, its text) and `ledger`.
pub(crate) fn json(report: &Report) -> String {
    let plugins: Vec<Value> = report
        .plugins
        .iter()
        .map(|plugin| {
            json!({
                "name": &*plugin.name,
                "outcome": plugin.outcome.name(),
                "text": plugin.outcome.to_string(),
            })
        })
        .collect();
    let object = json!({
        "success": report.is_success(),
        "failure": report.failure,
        "plugins": plugins,
        "ledger": ledger(&report.ledger),
    });
    format!("{object}\n")
}

fn ledger(ledger: &Ledger) -> Value {
    json!({
        "accepted": ledger.accepted,
        "unmatched": ledger.unmatched,
        "parked": ledger.parked,
        "balances": ledger.balances(),
        "plugins": ledger.plugins.iter().map(plugin).collect::<Vec<_>>(),
    })
}

fn plugin(plugin: &PluginLedger) -> Value {
    json!({
        "name": &*plugin.name,
        "published": plugin.published,
        "matched": plugin.matched,
        "delivered": plugin.delivered,
        "handed-over": plugin.handed_over,
        "queued": plugin.queued,
        "in-flight": plugin.in_flight,
        "shed": plugin.shed,
        "discarded": plugin.discarded,
        "dead-lettered": plugin.dead_lettered,
        "redelivered": plugin.redelivered,
        "refused": plugin.refused,
    })
}
