//! The internal plugin that publishes what it is told to.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::lines::{answer, error};
use crate::numbers;

/// What to publish.
pub(crate) enum Job {
    /// So many numbered events of this size, so many per second (as fast as they are taken if `None`).
    Numbered { count: u64, size: usize, per_second: Option<u64> },
    /// The same by `publish_batch`.
    Batch { count: u64, size: usize },
    /// One event, as it is.
    Literal(Vec<u8>),
    /// The sink's mark; then the plugin finishes.
    Finish,
}

/// What the application does with events.
pub(crate) trait Publish {
    /// Publishes one event.
    fn publish(&mut self, event: Vec<u8>) -> Result<(), String>;

    /// Publishes several.
    fn publish_batch(&mut self, events: &mut dyn Iterator<Item = Vec<u8>>) -> Result<(), String> {
        for event in events {
            self.publish(event)?;
        }
        Ok(())
    }

    /// Whether there is no point in going on.
    fn stopping(&self) -> bool {
        false
    }
}

/// The mark that ends the sink. Nobody else publishes it.
pub(crate) const FINISH: &[u8] = b"event-engine-peers: finish";
/// Between two looks at whether the application is ending.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does the jobs, each answered by one line; returns when it is told to, or when the application is ending.
pub(crate) fn work(jobs: &Receiver<Job>, publish: &mut impl Publish) {
    let mut next = 0;
    loop {
        match jobs.recv_timeout(LOOK_EVERY) {
            Ok(Job::Finish) => {
                // Where the application is ending the sink ends without it.
                let _ = publish.publish(FINISH.to_vec());
                return;
            }
            Ok(Job::Literal(event)) => answer(&match publish.publish(event) {
                Ok(()) => "published 1".to_string(),
                Err(why) => error(why),
            }),
            Ok(Job::Numbered { count, size, per_second }) => {
                let done = numbered(&mut next, count, size, per_second, publish);
                answer(&done.unwrap_or_else(error));
            }
            Ok(Job::Batch { count, size }) => {
                let mut numbers = next..next.saturating_add(count);
                let mut events = numbers.by_ref().map(|number| numbers::down(number, size));
                let done = publish.publish_batch(&mut events);
                next = numbers.start;
                answer(&done.map_or_else(error, |()| format!("published {count}")));
            }
            Err(RecvTimeoutError::Timeout) if !publish.stopping() => {}
            Err(_) => return,
        }
    }
}

fn numbered(
    next: &mut u64,
    count: u64,
    size: usize,
    per_second: Option<u64>,
    publish: &mut impl Publish,
) -> Result<String, String> {
    let start = Instant::now();
    for done in 0..count {
        if let Some(rate) = per_second {
            let due = start + Duration::from_secs(1).mul_f64(done as f64 / rate as f64);
            if !sleep_until(due, publish) {
                return Err(format!("the application is ending; {done} of {count} events were published"));
            }
        }
        publish
            .publish(numbers::down(*next, size))
            .map_err(|why| format!("{why}; {done} of {count} events were published"))?;
        *next += 1;
    }
    Ok(format!("published {count}"))
}

/// Whether the time came before the application's end.
fn sleep_until(due: Instant, publish: &impl Publish) -> bool {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        if publish.stopping() {
            return false;
        }
        std::thread::park_timeout(left.min(LOOK_EVERY));
    }
}
