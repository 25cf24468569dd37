//! The tables: one a measure.

use std::fmt::Write;

use super::figures::{Spread, Summary};
use super::plan::Measure;

/// The names of the columns.
const HEADER: [&str; 7] = ["client", "events", "per second", "ratio", "p50 µs", "p99 µs", "delivered ÷ sent"];

/// All tables: min / median / max of the runs.
pub(crate) fn text(results: &[Summary]) -> String {
    Measure::ALL.into_iter().filter_map(|measure| of(measure, results)).collect()
}

fn of(measure: Measure, results: &[Summary]) -> Option<String> {
    let results: Vec<&Summary> = results.iter().filter(|result| result.measure == measure).collect();
    let first = results.first()?;
    let base = results.iter().find_map(|result| result.per_second).map(|spread| spread.median);
    let mut rows = vec![HEADER.map(str::to_owned)];
    for result in &results {
        let share = result.per_second.zip(base).map(|(spread, base)| ratio(spread.median / base));
        rows.push([
            result.row.name(),
            result.events.to_string(),
            spread(result.per_second, rate),
            share.unwrap_or_default(),
            spread(result.p50_us, microseconds),
            spread(result.p99_us, microseconds),
            result.delivered_ratio().map_or_else(String::new, delivered),
        ]);
    }
    let width = |column: usize| {
        let cells = rows.iter().skip(1).filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let widest = cells.max().unwrap_or(0);
        let title = HEADER.get(column).map_or(0, |title| title.chars().count());
        // A column without a figure is left out.
        (widest > 0).then_some(widest.max(title))
    };
    let widths: Vec<Option<usize>> = (0..HEADER.len()).map(width).collect();
    let mut text = format!("\n{} (ratio to {})\n", measure.name(), first.row.name());
    for row in &rows {
        let cells =
            row.iter().zip(&widths).filter_map(|(cell, width)| width.map(|width| format!("{cell:<width$}")));
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    let _ = writeln!(text, "  per second: {}", measure.description());
    Some(text)
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

/// Two digits at least that say something.
fn ratio(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        0.1.. => format!("{value:.2}"),
        0.01.. => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

fn microseconds(value: f64) -> String {
    format!("{value:.0}")
}

/// Never rounds up to 1.
fn delivered(ratio: f64) -> String {
    if ratio == 1.0 {
        "1".to_owned()
    } else {
        format!("{:.4}", (ratio * 1e4).floor() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Measurement;
    use super::super::plan::{Plan, Row};
    use super::*;

    #[test]
    fn a_lost_event_shows() {
        assert_eq!(delivered(1.0), "1");
        assert_eq!(delivered(0.999_999_9), "0.9999");
    }

    #[test]
    fn rates_are_short() {
        assert_eq!([2.345e6, 45_600.0, 4_560.0, 12.3].map(rate), ["2.35M", "46k", "4.6k", "12"]);
        assert_eq!([12.3, 1.0, 0.0456, 0.001_23].map(ratio), ["12", "1.00", "0.046", "0.0012"]);
    }

    #[test]
    fn a_table_has_a_row_for_each_client_and_only_columns_with_figures() {
        let row = |sdk: &str| Row { sdk: sdk.into(), profile: "session".into(), may_force: true };
        let plan = Plan { rows: vec![row("rust"), row("c")], runs: 1, events: 4000, size: 100 };
        let rate = |sdk, us| {
            Summary::of(Measure::Publish, &row(sdk), &plan, &[Measurement::of_rate(4000, us, 4000, 4000)])
        };
        let trips = Summary::of(
            Measure::RoundTrips,
            &row("c"),
            &plan,
            &[Measurement::of_round_trips(vec![40, 50, 60], 4)],
        );
        let text = text(&[rate("rust", 2000), rate("c", 4000), trips]);
        let lines: Vec<&str> = text.lines().collect();
        let wanted = [
            "",
            "publish (ratio to rust/session)",
            "  client        events  per second             ratio  delivered ÷ sent",
            "  rust/session  4000    2.00M / 2.00M / 2.00M  1.00   1",
            "  c/session     4000    1.00M / 1.00M / 1.00M  0.50   1",
        ];
        assert_eq!(lines.get(..5), Some(&wanted[..]));
        let trips = lines.get(7..).unwrap();
        let columns =
            "  client     events  per second       ratio  p50 µs        p99 µs        delivered ÷ sent";
        assert_eq!(trips.first().copied(), Some("round trips (ratio to c/session)"));
        assert_eq!(trips.get(1).copied(), Some(columns));
        // One of four did not come back.
        assert!(
            trips.get(2).is_some_and(|row| row.ends_with("50 / 50 / 50  60 / 60 / 60  0.7500")),
            "{text}"
        );
    }
}
