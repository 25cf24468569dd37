//! What one run yields, and what several runs of a system in a case add up to.

use serde::{Deserialize, Serialize};

use crate::system::System;

/// One run's figures, as the child process prints them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Events per second of one reader (mean of the readers), or operations per second.
    pub(crate) per_second: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// Events sent, once for each reader.
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    /// The process's largest resident set, where the system tells.
    pub(crate) rss_bytes: Option<u64>,
}

impl Measurement {
    /// Round trips or latencies, in nanoseconds.
    pub(crate) fn of_times(mut times_ns: Vec<u64>, sent: u64, delivered: u64) -> Self {
        times_ns.sort_unstable();
        let percentile_us = |share| percentile(&times_ns, share).map(|ns| ns as f64 / 1e3);
        Measurement {
            per_second: None,
            p50_us: percentile_us(0.5),
            p99_us: percentile_us(0.99),
            sent,
            delivered,
            rss_bytes: None,
        }
    }

    /// So many events in so many seconds.
    pub(crate) fn of_rate(seconds: f64, sent: u64, delivered: u64) -> Self {
        let per_second = Some(delivered as f64 / seconds);
        Measurement { per_second, ..Self::of_times(Vec::new(), sent, delivered) }
    }

    /// A closed loop's round trips: the rate is how many of them fit into a second.
    pub(crate) fn of_round_trips(times_ns: Vec<u64>, sent: u64, delivered: u64) -> Self {
        let (count, total_ns) = (times_ns.len() as f64, times_ns.iter().sum::<u64>() as f64);
        Measurement { per_second: Some(count * 1e9 / total_ns), ..Self::of_times(times_ns, sent, delivered) }
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
        Some(Spread { min, median: (low + high) / 2.0, max })
    }
}

/// All runs of a system in a case.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) case: String,
    pub(crate) system: System,
    pub(crate) bytes: usize,
    pub(crate) readers: usize,
    pub(crate) per_second: Option<Spread>,
    pub(crate) p50_us: Option<Spread>,
    pub(crate) p99_us: Option<Spread>,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) rss_bytes: Option<u64>,
}

impl Summary {
    pub(crate) fn delivered_ratio(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.delivered as f64 / self.sent as f64)
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
        let sorted: Vec<u64> = (0..=100).collect();
        assert_eq!((percentile(&sorted, 0.5), percentile(&sorted, 0.99)), (Some(50), Some(99)));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
