//! What happened between two looks at an application.

use event_engine::control::messages::{Plugin, Status};
use serde::Serialize;

/// An application over one interval. This is also what `top --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Sample {
    /// The application's name.
    pub(crate) application: String,
    /// Version of the engine.
    pub(crate) engine: String,
    /// The engine's process.
    pub(crate) pid: u32,
    /// `starting`, `running`, `draining`, `stopping` or `ended`.
    pub(crate) phase: String,
    /// Since its start, in milliseconds.
    pub(crate) uptime_ms: u64,
    /// Events accepted so far.
    pub(crate) accepted: u64,
    /// Events accepted in a second; none in the first look.
    pub(crate) accepted_per_s: Option<f64>,
    /// Accepted events that nobody had subscribed to.
    pub(crate) unmatched: u64,
    /// Publishes that wait for room.
    pub(crate) parked: u64,
    /// Whether the ledger balances.
    pub(crate) balances: bool,
    /// Every plugin, in the order of registration.
    pub(crate) plugins: Vec<Row>,
}

/// A plugin over one interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// `internal`, `external`, `bus` or `control`.
    pub(crate) kind: String,
    /// What it does.
    pub(crate) state: String,
    /// More about the state.
    pub(crate) detail: String,
    /// Its TCP port.
    pub(crate) port: Option<u16>,
    /// Its processes.
    pub(crate) pids: Vec<u32>,
    /// Events that it handled in a second.
    pub(crate) in_per_s: Option<f64>,
    /// Events that it published in a second.
    pub(crate) out_per_s: Option<f64>,
    /// Events that wait for it.
    pub(crate) queued: u64,
    /// By so many there are more than at the last look.
    pub(crate) queued_change: i64,
    /// Their bytes.
    pub(crate) queued_bytes: u64,
    /// Events taken and not settled.
    pub(crate) in_flight: u64,
    /// Events that it has still to handle: those that wait and those taken.
    pub(crate) lag: u64,
    /// Age of the event that waits longest, in milliseconds.
    pub(crate) oldest_ms: Option<u64>,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// Processor time in percent of one processor.
    pub(crate) cpu_percent: Option<f64>,
    /// Memory in bytes.
    pub(crate) rss_bytes: Option<u64>,
}

impl Sample {
    /// What happened from `before`, if there was a look before, to `now`.
    pub(crate) fn between(before: Option<&Status>, now: &Status) -> Sample {
        // The engine's own clock: how long its answers travelled does not matter. One that went back is another process's.
        let before = before.filter(|before| before.pid == now.pid && before.uptime_ms < now.uptime_ms);
        let ms = before.map_or(0, |before| now.uptime_ms.saturating_sub(before.uptime_ms));
        let row = |plugin: &Plugin| {
            let earlier =
                before.and_then(|before| before.plugins.iter().find(|other| other.name == plugin.name));
            Row::between(earlier, plugin, ms)
        };
        Sample {
            application: now.application.clone(),
            engine: now.engine.clone(),
            pid: now.pid,
            phase: now.phase.clone(),
            uptime_ms: now.uptime_ms,
            accepted: now.accepted,
            accepted_per_s: before.map(|before| per_second(before.accepted, now.accepted, ms)),
            unmatched: now.unmatched,
            parked: now.parked,
            balances: now.balances,
            plugins: now.plugins.iter().map(row).collect(),
        }
    }
}

impl Row {
    fn between(before: Option<&Plugin>, now: &Plugin, ms: u64) -> Row {
        let handled = |plugin: &Plugin| plugin.delivered.saturating_add(plugin.handed_over);
        let cpu = |before: &Plugin| {
            // The processes of a plugin that was restarted begin at 0.
            let (earlier, later) = (before.cpu_ms?, now.cpu_ms?);
            Some(per_second(earlier.min(later), later, ms) / 10.0)
        };
        Row {
            name: now.name.clone(),
            kind: now.kind.clone(),
            state: now.state.clone(),
            detail: now.detail.clone(),
            port: now.port,
            pids: now.pids.clone(),
            in_per_s: before.map(|before| per_second(handled(before), handled(now), ms)),
            out_per_s: before.map(|before| per_second(before.published, now.published, ms)),
            queued: now.queued,
            queued_change: before.map_or(0, |before| change(before.queued, now.queued)),
            queued_bytes: now.queued_bytes,
            in_flight: now.in_flight,
            lag: now.queued.saturating_add(now.in_flight),
            oldest_ms: now.oldest_ms,
            restarts: now.restarts,
            cpu_percent: before.and_then(cpu),
            rss_bytes: now.rss_bytes,
        }
    }
}

/// By how much a number that only grows grew in a second, to a hundredth.
#[allow(clippy::cast_precision_loss)] // shown with three digits
fn per_second(before: u64, now: u64, ms: u64) -> f64 {
    let rate = now.saturating_sub(before) as f64 * 1000.0 / ms.max(1) as f64;
    (rate * 100.0).round() / 100.0
}

fn change(before: u64, now: u64) -> i64 {
    let by = i64::try_from(before.abs_diff(now)).unwrap_or(i64::MAX);
    if now < before {
        -by
    } else {
        by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(uptime_ms: u64, plugin: Plugin) -> Status {
        Status { pid: 1, uptime_ms, accepted: plugin.published, plugins: vec![plugin], ..Status::default() }
    }

    #[test]
    fn rates_are_what_changed_by_the_engines_clock() {
        let before =
            Plugin { published: 10, delivered: 5, queued: 9, cpu_ms: Some(100), ..Plugin::default() };
        let now = Plugin {
            published: 20,
            delivered: 6,
            handed_over: 1,
            queued: 4,
            in_flight: 3,
            cpu_ms: Some(600),
            ..Plugin::default()
        };
        let sample = Sample::between(Some(&look(1000, before)), &look(3000, now));
        let row = &sample.plugins[0];
        assert_eq!((sample.accepted_per_s, row.out_per_s, row.in_per_s), (Some(5.0), Some(5.0), Some(1.0)));
        assert_eq!((row.queued_change, row.lag, row.cpu_percent), (-5, 7, Some(25.0)));
    }

    #[test]
    fn there_are_no_rates_without_two_looks_at_the_same_process() {
        let now = look(2000, Plugin { cpu_ms: Some(5), ..Plugin::default() });
        let other = Status { pid: 2, ..look(1000, Plugin::default()) };
        for before in [None, Some(&other), Some(&now)] {
            let sample = Sample::between(before, &now);
            assert_eq!((sample.accepted_per_s, sample.plugins[0].in_per_s), (None, None));
        }
    }

    #[test]
    fn a_process_that_began_anew_has_used_no_time_rather_than_less() {
        let cpu = |cpu_ms| Plugin { cpu_ms: Some(cpu_ms), ..Plugin::default() };
        let sample = Sample::between(Some(&look(1000, cpu(900))), &look(2000, cpu(40)));
        assert_eq!(sample.plugins[0].cpu_percent, Some(0.0));
    }
}
