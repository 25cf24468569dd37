//! One run's source and readers: who sent when, who got what until when. The same for every system.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::measurement::Measurement;
use crate::payload::{self, Template, END, PROBE};
use crate::plan::{Kind, Load};
use crate::system::System;
use crate::Failure;

/// Between two end marks; a mark can be lost like any event of a lossy system.
const MARK_EVERY: Duration = Duration::from_millis(1);
/// The source of a lossless system needs no marks; this bounds its wait.
const LOSSLESS_WITHIN: Duration = Duration::from_secs(15);
/// Between two events of a latency run.
const PACE: Duration = Duration::from_millis(1);
/// Readers of small events look at the clock at every so many of them, so that the clock is not what is measured.
const SMALL_EVENTS_PER_CLOCK: u64 = 64;
const SMALL_EVENT_BYTES: usize = 16 * 1024;

/// What the threads of a run share.
pub(crate) struct Run {
    pub(crate) load: Load,
    paced: bool,
    lossless: bool,
    epoch: Instant,
    first_send: OnceLock<Instant>,
    readers: Mutex<Readers>,
    changed: Condvar,
}

#[derive(Default)]
struct Readers {
    subscribed: usize,
    finished: Vec<Received>,
}

/// What one reader got.
#[derive(Default)]
struct Received {
    events: u64,
    /// How many had been received at which time, the last time that the clock was read.
    last: Option<(u64, Instant)>,
    latencies_ns: Vec<u64>,
}

impl Run {
    pub(crate) fn new(kind: Kind, load: Load, system: System) -> Arc<Run> {
        Arc::new(Run {
            load,
            paced: kind == Kind::Latency,
            lossless: system.is_lossless(),
            epoch: Instant::now(),
            first_send: OnceLock::new(),
            readers: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Sends the run's events, then waits until every reader has finished.
    ///
    /// Where events can be lost, probes come first, until every subscription works: what is lost before is no matter of
    /// rates. At the end come end marks, until every reader has seen one.
    pub(crate) fn produce<E>(&self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut template = self.template();
        while !self.lossless && !self.wait(MARK_EVERY, |readers| readers.subscribed) {
            send(template.stamp(PROBE, 0))?;
        }
        self.started();
        for sequence in 0..self.load.events {
            let sent_at_ns = if self.paced { self.wait_for_turn(sequence) } else { 0 };
            send(template.stamp(sequence, sent_at_ns))?;
        }
        self.end(|| send(template.stamp(END, 0)))
    }

    /// The same for a system that loses nothing, `size` events at a time.
    pub(crate) fn produce_batches<E, T>(
        &self,
        size: u64,
        make: impl Fn(&[u8]) -> T,
        mut send: impl FnMut(&mut dyn Iterator<Item = T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut template = self.template();
        self.started();
        for first in (0..self.load.events).step_by(size as usize) {
            let last = self.load.events.min(first + size);
            send(&mut (first..last).map(|sequence| make(template.stamp(sequence, 0))))?;
        }
        self.end(|| send(&mut std::iter::once(make(template.stamp(END, 0)))))
    }

    /// The events' bytes.
    pub(crate) fn template(&self) -> Template {
        Template::new(payload::FILTER, self.load.bytes)
    }

    /// A new reader's account.
    pub(crate) fn reader(self: &Arc<Self>) -> Reader {
        let clock_every = if self.load.bytes < SMALL_EVENT_BYTES { SMALL_EVENTS_PER_CLOCK } else { 1 };
        Reader {
            run: Arc::clone(self),
            clock_every,
            next: 0,
            subscribed: false,
            received: Received::default(),
        }
    }

    fn update(&self, change: impl FnOnce(&mut Readers)) {
        change(&mut self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn started(&self) {
        self.first_send.get_or_init(Instant::now);
    }

    fn end<E>(&self, mut mark: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        let patience = if self.lossless { LOSSLESS_WITHIN } else { MARK_EVERY };
        while !self.wait(patience, |readers| readers.finished.len()) {
            mark()?;
        }
        Ok(())
    }

    /// Whether `count` reaches the number of readers within `patience`.
    fn wait(&self, patience: Duration, count: impl Fn(&Readers) -> usize) -> bool {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let (readers, _) = self
            .changed
            .wait_timeout_while(readers, patience, |readers| count(readers) < self.load.readers)
            .unwrap_or_else(PoisonError::into_inner);
        count(&readers) >= self.load.readers
    }

    /// Parks until the event is due; returns the time of the run in nanoseconds.
    fn wait_for_turn(&self, sequence: u64) -> u64 {
        let start = self.first_send.get().copied().unwrap_or(self.epoch);
        let due = start + PACE.mul_f64(sequence as f64);
        loop {
            let now = Instant::now();
            let left = due.saturating_duration_since(now);
            if left.is_zero() {
                return nanoseconds(now - self.epoch);
            }
            thread::park_timeout(left);
        }
    }

    /// The run's figures, once every reader has finished.
    pub(crate) fn measurement(&self) -> Result<Measurement, Failure> {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.finished.len() != self.load.readers {
            return Err(
                format!("{} of {} readers finished", readers.finished.len(), self.load.readers).into()
            );
        }
        let start = self.first_send.get().ok_or("nothing was sent")?;
        let sent = self.load.events * self.load.readers as u64;
        let delivered = readers.finished.iter().map(|reader| reader.events).sum();
        if self.paced {
            let latencies =
                readers.finished.iter().flat_map(|reader| &reader.latencies_ns).copied().collect();
            return Ok(Measurement::of_times(latencies, sent, delivered));
        }
        // A reader that got nothing has no rate; the share of delivered events tells of it.
        let rates: Vec<f64> =
            readers.finished.iter().filter_map(|reader| reader.per_second(*start)).collect();
        let per_second = (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64);
        Ok(Measurement { per_second, p50_us: None, p99_us: None, sent, delivered, rss_bytes: None })
    }
}

impl Received {
    fn per_second(&self, start: Instant) -> Option<f64> {
        let (events, at) = self.last.filter(|(events, _)| *events > 0)?;
        Some(events as f64 / (at - start).as_secs_f64())
    }
}

/// Checks and counts what one reader gets.
pub(crate) struct Reader {
    run: Arc<Run>,
    clock_every: u64,
    /// The lowest sequence number that may still come.
    next: u64,
    subscribed: bool,
    received: Received,
}

impl Reader {
    /// Counts an event; true when it was the reader's last.
    ///
    /// # Errors
    /// An event of another size, or out of sequence: a gap too, where nothing may be lost.
    pub(crate) fn take(&mut self, event: &[u8]) -> Result<bool, Failure> {
        let Load { events, bytes, .. } = self.run.load;
        let sequence = payload::sequence(event).ok_or("an event without a number")?;
        if event.len() != bytes {
            return Err(format!("event {sequence} has {} bytes instead of {bytes}", event.len()).into());
        }
        match sequence {
            PROBE => {
                if !self.subscribed {
                    self.subscribed = true;
                    self.run.update(|readers| readers.subscribed += 1);
                }
                return Ok(false);
            }
            END => {
                let received = self.received.events;
                self.received.last.get_or_insert_with(|| (received, Instant::now()));
                self.finish();
                return Ok(true);
            }
            _ => {}
        }
        if sequence < self.next || (self.run.lossless && sequence > self.next) {
            return Err(format!("event {sequence} came where {} was next", self.next).into());
        }
        self.received.events += 1;
        self.next = sequence + 1;
        if self.run.paced {
            let sent = payload::sent_at_ns(event).ok_or("an event without a time")?;
            self.received.latencies_ns.push(nanoseconds(self.run.epoch.elapsed()).saturating_sub(sent));
        }
        let is_last = self.next == events;
        if is_last || self.received.events.is_multiple_of(self.clock_every) {
            self.received.last = Some((self.received.events, Instant::now()));
        }
        if is_last {
            self.finish();
        }
        Ok(is_last)
    }

    fn finish(&mut self) {
        let received = std::mem::take(&mut self.received);
        self.run.update(|readers| readers.finished.push(received));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load { events: 3, bytes: 100, readers: 1 };

    fn take(system: System, sequences: &[u64]) -> Result<bool, String> {
        let run = Run::new(Kind::Throughput, LOAD, system);
        let (mut reader, mut template) = (run.reader(), run.template());
        let mut last = false;
        for sequence in sequences {
            last = reader.take(template.stamp(*sequence, 0)).map_err(|error| error.to_string())?;
        }
        Ok(last)
    }

    #[test]
    fn a_gap_is_an_error_only_where_nothing_may_be_lost() {
        assert_eq!(take(System::Own, &[0, 1, 2]), Ok(true));
        assert_eq!(take(System::Own, &[0, 1]), Ok(false));
        assert!(take(System::Own, &[0, 2]).is_err());
        assert_eq!(take(System::Ancestor, &[PROBE, 1, END]), Ok(true));
        assert!(take(System::Ancestor, &[1, 1]).is_err());
    }

    #[test]
    fn a_run_counts_what_each_reader_got() {
        let run = Run::new(Kind::Throughput, LOAD, System::Ancestor);
        let mut reader = run.reader();
        let sent = run.produce(|event| {
            // The second event is lost.
            if payload::sequence(event) != Some(1) {
                reader.take(event)?;
            }
            Ok::<(), Failure>(())
        });
        assert!(sent.is_ok());
        let measured = run.measurement().unwrap();
        assert_eq!((measured.sent, measured.delivered), (3, 2));
    }
}
