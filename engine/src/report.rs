//! How an application ended.

use std::fmt;
use std::sync::Arc;

use crate::filters::PluginId;
use crate::ledger::{Ledger, PluginLedger};
use crate::supervisor::{BoxError, Outcome};

/// How one plugin ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PluginReport {
    /// The plugin's name.
    pub name: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an application ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Every plugin, in the order of registration, which is that of the ledger.
    pub plugins: Vec<PluginReport>,
    /// The account at the end.
    pub ledger: Ledger,
    /// Why the application failed as a whole, if it did.
    pub failure: Option<String>,
    pub(crate) errors: Vec<(PluginId, BoxError)>,
}

impl Report {
    /// Whether the application and every plugin ended as they should.
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
            && self
                .plugins
                .iter()
                .all(|plugin| matches!(plugin.outcome, Outcome::Completed | Outcome::Stopped))
    }

    /// How the plugin called `name` ended.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.plugins.iter().find(|plugin| &*plugin.name == name).map(|plugin| &plugin.outcome)
    }
}

/// What a plugin did not get of what was accepted for it.
struct Left<'a>(&'a PluginLedger);

impl Left<'_> {
    fn parts(&self) -> [(u64, &'static str); 5] {
        let account = self.0;
        [
            (account.queued, "still queued"),
            (account.in_flight, "in flight"),
            (account.discarded, "discarded"),
            (account.shed, "shed"),
            (account.dead_lettered, "dead-lettered"),
        ]
    }

    fn count(&self) -> u64 {
        self.parts().iter().map(|(events, _)| events).sum()
    }
}

impl fmt::Display for Left<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count() == 0 {
            return Ok(());
        }
        let named: Vec<String> = self
            .parts()
            .iter()
            .filter(|(events, _)| *events > 0)
            .map(|(events, what)| format!("{events} {what}"))
            .collect();
        write!(f, "; not delivered: {}", named.join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (plugin, account) in self.plugins.iter().zip(&self.ledger.plugins) {
            writeln!(f, "{}: {}{}", plugin.name, plugin.outcome, Left(account))?;
        }
        // The ports of the bus have an account and are no plugin.
        for account in self.ledger.plugins.iter().skip(self.plugins.len()) {
            if Left(account).count() > 0 {
                writeln!(f, "{}{}", account.name, Left(account))?;
            }
        }
        if let Some(failure) = &self.failure {
            writeln!(f, "the application failed: {failure}")?;
        }
        write!(f, "{}", self.ledger)
    }
}
