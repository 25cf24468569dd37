//! What one measurement yields, and what several add up to.

use serde::Serialize;

use super::plan::{Measure, Plan, Row};

/// One run's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measurement {
    pub(crate) per_second: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    /// What was strange besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remark: Option<String>,
}

impl Measurement {
    /// So many in so many microseconds.
    pub(crate) fn of_rate(count: u64, us: u64, sent: u64, delivered: u64) -> Self {
        let per_second = (us > 0).then(|| count as f64 * 1e6 / us as f64);
        Self { per_second, p50_us: None, p99_us: None, sent, delivered, remark: None }
    }

    /// One time for each round trip, in microseconds.
    pub(crate) fn of_round_trips(mut us: Vec<u64>, sent: u64) -> Self {
        us.sort_unstable();
        let count = us.len() as u64;
        let percentiles = [0.5, 0.99].map(|share| percentile(&us, share));
        let [p50_us, p99_us] = percentiles.map(|us| us.map(|us| us as f64));
        Self { p50_us, p99_us, ..Self::of_rate(count, us.iter().sum(), sent, count) }
    }
}

/// Smallest, median and largest of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { min, median: (low + high) / 2.0, max })
    }
}

/// All runs of a row in a measure.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) measure: Measure,
    pub(crate) row: Row,
    /// Events of a run.
    pub(crate) events: u64,
    pub(crate) per_second: Option<Spread>,
    pub(crate) p50_us: Option<Spread>,
    pub(crate) p99_us: Option<Spread>,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) runs: Vec<Measurement>,
}

impl Summary {
    pub(crate) fn of(measure: Measure, row: &Row, plan: &Plan, runs: &[Measurement]) -> Self {
        Self {
            measure,
            row: row.clone(),
            events: plan.events(measure, row),
            per_second: Spread::of(runs.iter().filter_map(|run| run.per_second)),
            p50_us: Spread::of(runs.iter().filter_map(|run| run.p50_us)),
            p99_us: Spread::of(runs.iter().filter_map(|run| run.p99_us)),
            sent: runs.iter().map(|run| run.sent).sum(),
            delivered: runs.iter().map(|run| run.delivered).sum(),
            runs: runs.to_vec(),
        }
    }

    pub(crate) fn delivered_ratio(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.delivered as f64 / self.sent as f64)
    }

    /// Whether exactly what was sent arrived, in each run: one run's loss must not hide behind another's surplus.
    pub(crate) fn is_whole(&self) -> bool {
        self.runs.iter().all(|run| run.delivered == run.sent && run.remark.is_none())
    }
}

/// The value below which `share` of the sorted ones lie.
fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_percentiles() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of([]), None);
        let round_trips = Measurement::of_round_trips((0..=100).rev().collect(), 101);
        assert_eq!((round_trips.p50_us, round_trips.p99_us), (Some(50.0), Some(99.0)));
        assert_eq!(round_trips.per_second, Some(101.0 * 1e6 / 5050.0));
        assert_eq!(Measurement::of_round_trips(Vec::new(), 1).p50_us, None);
    }

    #[test]
    fn a_clock_that_stood_still_yields_no_rate() {
        assert_eq!(Measurement::of_rate(2, 500_000, 2, 2).per_second, Some(4.0));
        assert_eq!(Measurement::of_rate(1, 0, 1, 1).per_second, None);
    }

    #[test]
    fn one_runs_loss_shows_even_where_the_sum_is_right() {
        let row = Row { sdk: "x".into(), profile: "session".into(), may_force: true };
        let plan = Plan { rows: vec![row.clone()], runs: 2, events: 10, size: 100 };
        let whole = |delivered: [u64; 2]| {
            let runs = delivered.map(|delivered| Measurement::of_rate(10, 1, 10, delivered));
            Summary::of(Measure::Publish, &row, &plan, &runs).is_whole()
        };
        assert!(whole([10, 10]));
        assert!(!whole([9, 11]));
    }
}
