//! The engine's ledger and report as JSON.

use event_engine::{Ledger, Outcome, PluginLedger, Report};
use serde_json::{json, Map, Value};

/// One plugin's account.
fn plugin(account: &PluginLedger) -> Value {
    json!({
        "published": account.published,
        "matched": account.matched,
        "delivered": account.delivered,
        "handed_over": account.handed_over,
        "queued": account.queued,
        "in_flight": account.in_flight,
        "shed": account.shed,
        "discarded": account.discarded,
        "dead_lettered": account.dead_lettered,
        "redelivered": account.redelivered,
        "refused": account.refused,
        "balances": account.balances(),
    })
}

/// The account of the plugin called `name`; null if there is none.
pub(crate) fn of(ledger: &Ledger, name: &str) -> Value {
    ledger.plugin(name).map_or(Value::Null, plugin)
}

/// How every plugin ended, and every account.
pub(crate) fn report(report: &Report) -> Value {
    let outcomes: Map<String, Value> = report
        .plugins
        .iter()
        .map(|plugin| (plugin.name.to_string(), json!(plugin.outcome.to_string())))
        .collect();
    let accounts: Map<String, Value> =
        report.ledger.plugins.iter().map(|account| (account.name.to_string(), plugin(account))).collect();
    json!({
        "success": report.is_success(),
        "failure": report.failure,
        "outcomes": outcomes,
        "ledger": accounts,
        "accepted": report.ledger.accepted,
        "unmatched": report.ledger.unmatched,
        "parked": report.ledger.parked,
        "balances": report.ledger.balances(),
    })
}

/// An outcome in one word.
pub(crate) fn word(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Completed) => "COMPLETED",
        Some(Outcome::Stopped) => "STOPPED",
        Some(Outcome::Failed(_)) => "FAILED",
        Some(Outcome::Panicked(_)) => "PANICKED",
        _ => "UNFINISHED",
    }
}
