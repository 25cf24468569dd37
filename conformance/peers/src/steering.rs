//! The commands that both engines understand.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use crate::lines::{error, from_hex, Command};
use crate::sink::Sink;
use crate::source::Job;

/// Steers the source, and asks the sink.
pub(crate) struct Steering {
    jobs: Sender<Job>,
    pub(crate) sink: Arc<Sink>,
}

impl Steering {
    /// With the source's end.
    pub(crate) fn new() -> (Self, Receiver<Job>) {
        let (jobs, work) = mpsc::channel();
        (Steering { jobs, sink: Arc::default() }, work)
    }

    /// Does a command of those that both engines have; `None` for another.
    pub(crate) fn command(&self, command: &Command<'_>) -> Option<Result<Option<String>, String>> {
        Some(match command.name {
            "publish" => command.numbers(1).and_then(|[count, size]| self.numbered(count, None, size)),
            "publish-slowly" => command.numbers(2).and_then(|[count, per_second, size]| {
                self.numbered(count, per_second.map(|rate| rate.max(1)), size)
            }),
            "text" => self.literal(command.rest.to_vec()),
            "hex" => match from_hex(command.rest) {
                Some(event) => self.literal(event),
                None => Err("hexadecimal digits, please, two for each byte".to_string()),
            },
            "collected" => Ok(Some(self.sink.collected())),
            "collected-wait" => command
                .numbers(2)
                .map(|[distinct, ms]| Some(self.sink.collected_by(distinct.unwrap_or(0), in_ms(ms)))),
            "other" => Ok(Some(self.sink.other())),
            "other-wait" => {
                command.numbers(2).map(|[count, ms]| Some(self.sink.other_by(count.unwrap_or(0), in_ms(ms))))
            }
            _ => return None,
        })
    }

    /// Gives the source a job; it answers.
    pub(crate) fn give(&self, job: Job) -> Result<Option<String>, String> {
        self.jobs.send(job).map(|()| None).map_err(|_| "the application has ended".to_string())
    }

    /// Tells source and sink to finish once everything is handled.
    pub(crate) fn finish(&self) {
        // They have finished where the channel is closed.
        let _ = self.jobs.send(Job::Finish);
    }

    fn numbered(
        &self,
        count: Option<u64>,
        per_second: Option<u64>,
        size: Option<u64>,
    ) -> Result<Option<String>, String> {
        self.give(Job::Numbered { count: count.unwrap_or(0), size: bytes(size)?, per_second })
    }

    fn literal(&self, event: Vec<u8>) -> Result<Option<String>, String> {
        self.sink.expect_own(&event);
        self.give(Job::Literal(event))
    }
}

/// The time in so many milliseconds, at most in a day.
pub(crate) fn in_ms(ms: Option<u64>) -> Instant {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    Instant::now() + Duration::from_millis(ms.unwrap_or(0).min(DAY_MS))
}

/// A size in bytes that a machine can have.
pub(crate) fn bytes(size: Option<u64>) -> Result<usize, String> {
    const MAX: u64 = 1 << 30;
    match size.unwrap_or(0) {
        size @ 0..=MAX => Ok(usize::try_from(size).unwrap_or(0)),
        size => Err(format!("{size} bytes are too many")),
    }
}

/// What is written for a command: nothing yet, an answer, or why not.
pub(crate) fn answered(result: Result<Option<String>, String>) -> Option<String> {
    result.unwrap_or_else(|why| Some(error(why)))
}
