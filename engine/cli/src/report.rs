//! The report of an application's end as JSON.

use event_engine::Report;
use serde::Serialize;

use crate::account::Account;

/// A report.
#[derive(Serialize)]
pub(crate) struct Ending<'a> {
    success: bool,
    failure: Option<&'a str>,
    plugins: Vec<Plugin<'a>>,
    ledger: Account<'a>,
}

/// How one plugin ended.
#[derive(Serialize)]
struct Plugin<'a> {
    name: &'a str,
    outcome: &'static str,
    text: String,
}

impl<'a> Ending<'a> {
    /// What `report` says.
    pub(crate) fn of(report: &'a Report) -> Self {
        let plugin = |plugin: &'a event_engine::PluginReport| Plugin {
            name: &plugin.name,
            outcome: plugin.outcome.name(),
            text: plugin.outcome.to_string(),
        };
        Ending {
            success: report.is_success(),
            failure: report.failure.as_deref(),
            plugins: report.plugins.iter().map(plugin).collect(),
            ledger: Account::of(&report.ledger),
        }
    }
}
