//! How an application ended.

use std::fmt;
use std::sync::Arc;

use crate::filters::PluginId;
use crate::ledger::Ledger;
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
    /// Every plugin, in the order of registration.
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plugin in &self.plugins {
            writeln!(f, "{}: {}", plugin.name, plugin.outcome)?;
        }
        if let Some(failure) = &self.failure {
            writeln!(f, "the application failed: {failure}")?;
        }
        write!(f, "{}", self.ledger)
    }
}
