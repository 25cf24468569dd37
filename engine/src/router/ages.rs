//! How old an event is, without a clock for each event: now and then it is noted which event is the newest at which moment.
//!
//! A sample is due when [`PERIOD_MS`] have passed. Looking at the clock is cheap, but not free beside a publish: as long as the
//! clock stands still, events are looked at in growing strides. Samples thin out with their age, so that few of them reach back for months, each
//! to within a hundredth of its age.

use std::collections::VecDeque;

use rustix::time::{clock_gettime, ClockId};

/// How finely recent events are told apart.
const PERIOD_MS: u64 = 10;
/// The longest stride, once as many events came within one tick of the clock.
const MAX_STRIDE: u64 = 64;
/// So many samples are kept of each spacing; the next spacing is twice as wide.
const LEVEL_SAMPLES: usize = 256;
/// The widest spacing is 2^40 times the period: more than any application lives.
const LEVELS: usize = 40;

/// At `at_ms` the event `order` was the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    order: u64,
    at_ms: u64,
}

/// When events were accepted.
pub(super) struct Ages {
    /// The newest samples first level by level, within a level the oldest first.
    levels: Vec<VecDeque<Sample>>,
    noted_ms: u64,
    looked_ms: u64,
    stride: u64,
    /// The next event whose time is looked at.
    pub(super) due: u64,
}

impl Ages {
    pub(super) fn new() -> Self {
        Ages { levels: vec![VecDeque::new()], noted_ms: 0, looked_ms: 0, stride: 1, due: 0 }
    }

    /// The event `order` was accepted, and is due.
    pub(super) fn look(&mut self, order: u64) {
        let now = now_ms();
        self.stride = if now == self.looked_ms { (self.stride * 2).min(MAX_STRIDE) } else { 1 };
        self.looked_ms = now;
        self.due = order + self.stride;
        if now.saturating_sub(self.noted_ms) >= PERIOD_MS {
            self.note(Sample { order, at_ms: now });
        }
    }

    /// How long ago the event `order` was accepted, in milliseconds, to within the period; never more than it is.
    pub(super) fn of(&mut self, order: u64, newest: u64) -> u64 {
        let now_ms = now_ms();
        if self.latest().is_none_or(|latest| latest.order < newest) {
            self.note(Sample { order: newest, at_ms: now_ms });
        }
        // The first sample that knows the event; older levels come later.
        let level =
            self.levels.iter().rev().find(|level| level.back().is_some_and(|last| last.order >= order));
        let sample = level.and_then(|level| level.get(level.partition_point(|sample| sample.order < order)));
        sample.map_or(0, |sample| now_ms.saturating_sub(sample.at_ms))
    }

    fn latest(&self) -> Option<&Sample> {
        self.levels.first().and_then(VecDeque::back)
    }

    fn note(&mut self, sample: Sample) {
        self.noted_ms = sample.at_ms;
        let mut carried = sample;
        for index in 0..LEVELS {
            if index == self.levels.len() {
                self.levels.push(VecDeque::new());
            }
            let Some(level) = self.levels.get_mut(index) else { return };
            level.push_back(carried);
            if level.len() <= LEVEL_SAMPLES {
                return;
            }
            // Of two samples the later one stays: an age is never made larger.
            level.pop_front();
            let Some(later) = level.pop_front() else { return };
            carried = later;
        }
    }
}

/// Milliseconds of a clock that costs no more than reading memory, and moves every few milliseconds.
fn now_ms() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::MonotonicCoarse;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let now = clock_gettime(CLOCK);
    // Both are positive and small.
    now.tv_sec.unsigned_abs() * 1_000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_samples_reach_far_back() {
        let mut ages = Ages::new();
        // Ten events in each period, for a day, up to this moment.
        const PERIODS: u64 = 24 * 360_000;
        let end_ms = now_ms() + PERIODS * PERIOD_MS;
        let start_ms = end_ms - PERIODS * PERIOD_MS;
        for period in 0..PERIODS {
            ages.note(Sample { order: period * 10 + 10, at_ms: start_ms + period * PERIOD_MS });
        }
        let kept: usize = ages.levels.iter().map(VecDeque::len).sum();
        assert!(kept <= 20 * LEVEL_SAMPLES, "{kept}");
        let at = |order: u64| {
            let level = ages.levels.iter().rev().find(|level| level.back().unwrap().order >= order).unwrap();
            level[level.partition_point(|sample| sample.order < order)].at_ms
        };
        let mut age_periods = 1;
        while age_periods < PERIODS {
            let real_ms = start_ms + (PERIODS - age_periods) * PERIOD_MS;
            let told_ms = at((PERIODS - age_periods) * 10 + 5);
            assert!(told_ms >= real_ms, "an age is never more than it is");
            let error = told_ms - real_ms;
            let age = age_periods * PERIOD_MS;
            assert!(error <= PERIOD_MS.max(age / 64), "{error} ms at an age of {age} ms");
            age_periods = age_periods * 5 / 4 + 1;
        }
    }

    #[test]
    fn every_event_has_an_age() {
        let mut ages = Ages::new();
        for order in 1..=1_000 {
            if order >= ages.due {
                ages.look(order);
            }
        }
        for order in 1..=1_000 {
            assert!(ages.of(order, 1_000) < 60_000);
        }
        assert_eq!(ages.of(1_001, 1_000), 0, "one that is not there yet");
    }
}
