//! `event-engine ledger`: the account of every event.

use event_engine::control::messages::{Plugin, Status};
use event_engine::{Ledger, PluginLedger};
use serde::Serialize;

use crate::exit::{self, Exit, Problem};
use crate::live::Choice;
use crate::output;

const JSON: &str = "With --json: {\"application\", \"accepted\", \"unmatched\", \"parked\", \"balances\", \"plugins\": [{\"name\", \"published\",
\"matched\", \"delivered\", \"handed-over\", \"queued\", \"in-flight\", \"shed\", \"discarded\", \"dead-lettered\", \"redelivered\", \"refused\"}]}.
For every plugin: matched = delivered + handed-over + queued + in-flight + shed + discarded + dead-lettered";

/// Of which, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{JSON}\n\n{}", exit::HELP))]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Account<'a> {
    application: &'a str,
    accepted: u64,
    unmatched: u64,
    parked: u64,
    balances: bool,
    plugins: Vec<Entry<'a>>,
}

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

/// Prints it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut live = arguments.choice.connect()?;
    let status = live.status().map_err(|error| live.problem(error))?;
    if arguments.json {
        output::write_json(&json(&status))?;
    } else {
        output::write(&format!("{}\n", ledger(&status)))?;
    }
    Ok(Exit::Done)
}

fn json<'a>(status: &'a Status) -> Account<'a> {
    let entry = |plugin: &'a Plugin| Entry {
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
    };
    Account {
        application: &status.application,
        accepted: status.accepted,
        unmatched: status.unmatched,
        parked: status.parked,
        balances: status.balances,
        plugins: status.plugins.iter().map(entry).collect(),
    }
}

/// The engine's own form of it, so that it looks as in the report.
fn ledger(status: &Status) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.accepted = status.accepted;
    ledger.unmatched = status.unmatched;
    ledger.parked = status.parked;
    ledger.plugins = status
        .plugins
        .iter()
        .map(|plugin| {
            let mut account = PluginLedger::default();
            account.name = plugin.name.as_str().into();
            account.published = plugin.published;
            account.matched = plugin.matched;
            account.delivered = plugin.delivered;
            account.handed_over = plugin.handed_over;
            account.queued = plugin.queued;
            account.in_flight = plugin.in_flight;
            account.shed = plugin.shed;
            account.discarded = plugin.discarded;
            account.dead_lettered = plugin.dead_lettered;
            account.redelivered = plugin.redelivered;
            account.refused = plugin.refused;
            account
        })
        .collect();
    ledger
}
