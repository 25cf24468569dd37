//! The account of every event: nothing is lost silently, and this is the proof (EE-DELIVERY-2).

use std::fmt;
use std::sync::Arc;

/// The account of one plugin's queue.
///
/// `matched = delivered + handed_over + queued + in_flight + shed + discarded + dead_lettered` holds at any moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginLedger {
    /// The plugin's name.
    pub name: Arc<str>,
    /// Events of this plugin that were accepted.
    pub published: u64,
    /// Events for which this plugin had a subscription.
    pub matched: u64,
    /// Events that the plugin has handled: it asked for the next one.
    pub delivered: u64,
    /// Events that were given to a transport that acknowledges nothing.
    pub handed_over: u64,
    /// Events that wait.
    pub queued: u64,
    /// Events that were taken out of the queue and are not settled yet.
    pub in_flight: u64,
    /// Events dropped by the overflow policy that was chosen for this plugin.
    pub shed: u64,
    /// Events that were left when the plugin finished.
    pub discarded: u64,
    /// Events that were given up, because sessions ended with them in their hands too often.
    pub dead_lettered: u64,
    /// Times that an event went back to the queue because its session ended. Not part of the equation.
    pub redelivered: u64,
    /// Messages of this plugin that were no event and were refused.
    pub refused: u64,
}

impl PluginLedger {
    /// Whether the equation holds.
    pub fn balances(&self) -> bool {
        self.matched
            == self.delivered
                + self.handed_over
                + self.queued
                + self.in_flight
                + self.shed
                + self.discarded
                + self.dead_lettered
    }
}

/// The account of the whole application at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Events accepted so far, which is also the order of the newest.
    pub accepted: u64,
    /// Accepted events that nobody had subscribed to.
    pub unmatched: u64,
    /// Publishes that wait for room.
    pub parked: u64,
    /// One entry for each plugin, in the order of registration; the bus ports are the last, if they are open.
    pub plugins: Vec<PluginLedger>,
}

impl Ledger {
    /// The account of the plugin called `name`.
    pub fn plugin(&self, name: &str) -> Option<&PluginLedger> {
        self.plugins.iter().find(|plugin| &*plugin.name == name)
    }

    /// Whether every plugin's equation holds and every accepted event has a publisher.
    pub fn balances(&self) -> bool {
        self.plugins.iter().all(PluginLedger::balances)
            && self.accepted == self.plugins.iter().map(|plugin| plugin.published).sum::<u64>()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            self.plugins.iter().map(|plugin| plugin.name.chars().count()).max().unwrap_or(0).clamp(6, 60);
        writeln!(
            f,
            "{:width$}  {:>9}  {:>9}  {:>9}  {:>11}  {:>7}  {:>9}  {:>5}  {:>9}  {:>13}",
            "plugin",
            "published",
            "matched",
            "delivered",
            "handed over",
            "queued",
            "in flight",
            "shed",
            "discarded",
            "dead-lettered"
        )?;
        for plugin in &self.plugins {
            writeln!(
                f,
                "{:width$}  {:>9}  {:>9}  {:>9}  {:>11}  {:>7}  {:>9}  {:>5}  {:>9}  {:>13}",
                plugin.name,
                plugin.published,
                plugin.matched,
                plugin.delivered,
                plugin.handed_over,
                plugin.queued,
                plugin.in_flight,
                plugin.shed,
                plugin.discarded,
                plugin.dead_lettered
            )?;
        }
        write!(
            f,
            "{} events accepted, {} of them for nobody; the ledger {}",
            self.accepted,
            self.unmatched,
            if self.balances() { "balances" } else { "DOES NOT BALANCE" }
        )
    }
}
