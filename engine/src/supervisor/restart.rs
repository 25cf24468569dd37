//! When a plugin that ended is started again.

use std::collections::VecDeque;
use std::time::Duration;

/// After which ends a plugin is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// After none.
    Never,
    /// After a failure: an error, a panic, an exit status other than 0, a signal, a hang.
    #[default]
    OnFailure,
    /// After every end but a `quit`.
    Always,
}

/// When a plugin is started again, after which pause, and when that is given up. What waits in its queue, and what it had not
/// acknowledged, waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// After which ends.
    pub when: Restart,
    /// The pause before the first restart; each further one doubles it. A plugin that has run for `give_up_within` begins anew.
    pub first_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
    /// After so many restarts within `give_up_within` the plugin is given up: it has failed for good.
    pub give_up_after: u32,
    /// See `give_up_after`.
    pub give_up_within: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy {
            when: Restart::OnFailure,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            give_up_after: 5,
            give_up_within: Duration::from_secs(60),
        }
    }
}

impl RestartPolicy {
    /// Why a plugin is given up whose last failure was this one.
    pub(crate) fn gave_up(&self, failure: &str) -> String {
        format!("{failure}; started again {} times within {:?}", self.give_up_after, self.give_up_within)
    }

    /// A plugin that is never started again.
    pub fn never() -> Self {
        RestartPolicy { when: Restart::Never, ..RestartPolicy::default() }
    }
}

/// What follows from a plugin's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Its policy does not start it again.
    Stay,
    /// It is started again after this pause.
    RestartAfter(Duration),
    /// Its policy would, but it was started too often.
    GiveUp,
}

/// How often and when a plugin was started again. Times are durations since any fixed moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RestartHistory {
    started: Duration,
    /// Restarts within the window.
    restarts: VecDeque<Duration>,
    /// Restarts since it last ran for long.
    in_a_row: u32,
}

impl RestartHistory {
    /// It runs since `now`.
    pub(crate) fn started(&mut self, now: Duration) {
        self.started = now;
    }

    /// It has ended at `now`, by a failure or not.
    pub(crate) fn ended(&mut self, policy: &RestartPolicy, now: Duration, failed: bool) -> Decision {
        match policy.when {
            Restart::Never => return Decision::Stay,
            Restart::OnFailure if !failed => return Decision::Stay,
            Restart::OnFailure | Restart::Always => {}
        }
        let window = policy.give_up_within;
        if now.saturating_sub(self.started) >= window {
            self.restarts.clear();
            self.in_a_row = 0;
        }
        while self.restarts.front().is_some_and(|at| now.saturating_sub(*at) >= window) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= policy.give_up_after as usize {
            return Decision::GiveUp;
        }
        let factor = 1u32.checked_shl(self.in_a_row).unwrap_or(u32::MAX);
        let pause = policy.first_delay.saturating_mul(factor).min(policy.max_delay);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.restarts.push_back(now);
        Decision::RestartAfter(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_longest_until_it_is_given_up() {
        let policy = RestartPolicy { give_up_after: 8, max_delay: SECOND, ..RestartPolicy::default() };
        let mut history = RestartHistory::default();
        let pauses: Vec<_> = (0..9).map(|_| history.ended(&policy, Duration::ZERO, true)).collect();
        let after = |ms| Decision::RestartAfter(Duration::from_millis(ms));
        let expected = [100, 200, 400, 800, 1000, 1000, 1000, 1000].map(after);
        assert_eq!(pauses[..8], expected);
        assert_eq!(pauses[8], Decision::GiveUp);
    }

    #[test]
    fn who_has_run_for_long_begins_anew() {
        let policy = RestartPolicy { give_up_after: 1, ..RestartPolicy::default() };
        let mut history = RestartHistory::default();
        let first = history.ended(&policy, SECOND, true);
        history.started(2 * SECOND);
        let window = policy.give_up_within;
        assert_eq!(history.ended(&policy, 2 * SECOND + window, true), first);
        history.started(3 * SECOND + window);
        assert_eq!(history.ended(&policy, 4 * SECOND + window, true), Decision::GiveUp);
    }

    #[test]
    fn policies() {
        let with = |when| RestartPolicy { when, ..RestartPolicy::default() };
        let decide = |when, failed| RestartHistory::default().ended(&with(when), SECOND, failed);
        assert_eq!(decide(Restart::Never, true), Decision::Stay);
        assert_eq!(decide(Restart::OnFailure, false), Decision::Stay);
        assert_ne!(decide(Restart::OnFailure, true), Decision::Stay);
        assert_ne!(decide(Restart::Always, false), Decision::Stay);
    }

    proptest! {
        /// Whatever it does, no window sees more restarts than allowed, and no pause is too long.
        #[test]
        fn never_more_than_allowed(
            give_up_after in 0u32..6,
            window in 1u64..50,
            steps in prop::collection::vec((0u64..20, 0u64..80), 0..60),
        ) {
            let policy = RestartPolicy {
                when: Restart::Always,
                give_up_after,
                give_up_within: Duration::from_secs(window),
                ..RestartPolicy::default()
            };
            let mut history = RestartHistory::default();
            let mut now = Duration::ZERO;
            let mut restarts: Vec<Duration> = Vec::new();
            for (pause, ran) in steps {
                now += Duration::from_secs(pause);
                history.started(now);
                now += Duration::from_secs(ran);
                match history.ended(&policy, now, true) {
                    Decision::RestartAfter(pause) => {
                        prop_assert!(pause <= policy.max_delay);
                        restarts.push(now);
                        let since = |at: &&Duration| now - **at < policy.give_up_within;
                        prop_assert!(restarts.iter().filter(since).count() <= give_up_after as usize);
                    }
                    Decision::GiveUp => {}
                    Decision::Stay => prop_assert!(false, "always is always"),
                }
            }
        }
    }
}
