//! `event-engine ledger`: the account of every event.

use event_engine::control::messages::Status;
use event_engine::{Ledger, PluginLedger};
use serde::Serialize;

use crate::account::Account;
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
struct OfApplication<'a> {
    application: &'a str,
    #[serde(flatten)]
    account: Account<'a>,
}

/// Prints it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let mut live = arguments.choice.connect()?;
    let status = live.status().map_err(|error| live.problem(error))?;
    let ledger = ledger(&status);
    if arguments.json {
        let account = Account::of(&ledger);
        output::write_json(&OfApplication { application: &status.application, account })?;
    } else {
        output::write(&format!("{ledger}\n"))?;
    }
    Ok(Exit::Done)
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
