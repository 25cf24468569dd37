//! When a plugin that ended is started again.

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
    /// A plugin that is never started again.
    pub fn never() -> Self {
        RestartPolicy { when: Restart::Never, ..RestartPolicy::default() }
    }
}
