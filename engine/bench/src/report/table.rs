//! A case's table, and what each system is.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::measurement::{Spread, Summary};
use crate::plan::Case;

/// The case's table: min / median / max of the runs.
pub(crate) fn of(case: &Case, results: &[Summary]) -> String {
    let header = ["system", "per second", "p50 µs", "p99 µs", "delivered ÷ sent", "RSS MB"].map(String::from);
    let mut rows = vec![header];
    for result in results.iter().filter(|result| result.case == case.name) {
        rows.push([
            result.system.name().to_string(),
            spread(result.per_second, rate),
            spread(result.p50_us, microseconds),
            spread(result.p99_us, microseconds),
            result.delivered_ratio().map_or_else(String::new, delivered),
            result.rss_bytes.map_or_else(String::new, |bytes| (bytes >> 20).to_string()),
        ]);
    }
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = format!("\n{} ({} events)\n", case.name, case.load.events);
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
    }
    text
}

/// One line for each system that took part.
pub(crate) fn legend(results: &[Summary]) -> String {
    let systems: BTreeSet<_> = results.iter().map(|result| result.system).collect();
    let mut text = String::from(
        "\nper second: events that one reader received ÷ (first send to its last receipt), mean of the readers; \
         external: round trips; publish-cost: publishes\nsession-receive: the source publishes one by one, or 32 at a time (-batch); session-publish: 10,000 events a call, made \
         before, ÷ (first call to the last return); Python checks every 64th event's number, the others check all; RSS: of the engine's process\n",
    );
    for system in systems {
        let _ = writeln!(text, "  {}: {}", system.name(), system.description());
    }
    text
}

fn spread(value: Option<Spread>, show: fn(f64) -> String) -> String {
    value.map_or_else(String::new, |value| {
        format!("{} / {} / {}", show(value.min), show(value.median), show(value.max))
    })
}

fn rate(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.0}k", value / 1e3),
        1e3.. => format!("{:.1}k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

fn microseconds(value: f64) -> String {
    if value < 1000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Never rounds up to 1.
fn delivered(ratio: f64) -> String {
    if ratio == 1.0 {
        "1".to_string()
    } else {
        format!("{:.4}", (ratio * 1e4).floor() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_event_shows() {
        assert_eq!(delivered(1.0), "1");
        assert_eq!(delivered(0.999_999_9), "0.9999");
    }

    #[test]
    fn rates_are_short() {
        assert_eq!([2.345e6, 45_600.0, 4_560.0, 12.3].map(rate), ["2.35M", "46k", "4.6k", "12"]);
    }
}
