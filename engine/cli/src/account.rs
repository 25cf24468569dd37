//! The account of every event as JSON, of a running application and of one that has ended.

use event_engine::{Ledger, PluginLedger};
use serde::Serialize;

/// A ledger.
#[derive(Serialize)]
pub(crate) struct Account<'a> {
    accepted: u64,
    unmatched: u64,
    parked: u64,
    balances: bool,
    plugins: Vec<Entry<'a>>,
}

/// A plugin's part of it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    name: &'a str,
    published: u64,
    matched: u64,
    delivered: u64,
    handed_over: u64,
    queued: u64,
    in_flight: u64,
    shed: u64,
    discarded: u64,
    dead_lettered: u64,
    redelivered: u64,
    refused: u64,
}

impl<'a> Account<'a> {
    /// The account that `ledger` gives.
    pub(crate) fn of(ledger: &'a Ledger) -> Self {
        Account {
            accepted: ledger.accepted,
            unmatched: ledger.unmatched,
            parked: ledger.parked,
            balances: ledger.balances(),
            plugins: ledger.plugins.iter().map(entry).collect(),
        }
    }
}

fn entry(plugin: &PluginLedger) -> Entry<'_> {
    Entry {
        name: &plugin.name,
        published: plugin.published,
        matched: plugin.matched,
        delivered: plugin.delivered,
        handed_over: plugin.handed_over,
        queued: plugin.queued,
        in_flight: plugin.in_flight,
        shed: plugin.shed,
        discarded: plugin.discarded,
        dead_lettered: plugin.dead_lettered,
        redelivered: plugin.redelivered,
        refused: plugin.refused,
    }
}
