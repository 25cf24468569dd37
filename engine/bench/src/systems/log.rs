//! A shared log: what a lock and a vector can do. Lossless, and without any bound.

use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;

use crate::measurement::Measurement;
use crate::plan::{Kind, Load};
use crate::run::Run;
use crate::system::System;
use crate::Failure;

/// What a reader clones at most under one lock.
const BATCH: usize = 256;

struct Log {
    state: Mutex<State>,
    grown: Condvar,
}

struct State {
    events: Vec<Bytes>,
    sleepers: usize,
}

impl Log {
    /// Appends events under one lock.
    fn append(&self, events: impl IntoIterator<Item = Bytes>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.events.extend(events);
        let wake = state.sleepers > 0;
        drop(state);
        if wake {
            self.grown.notify_all();
        }
    }

    /// Waits for events from `position` on and clones some.
    fn pull(&self, position: usize, batch: &mut Vec<Bytes>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.events.len() <= position {
            state.sleepers += 1;
            state = self.grown.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleepers -= 1;
        }
        batch.extend(state.events.iter().skip(position).take(BATCH).cloned());
    }
}

/// One source that appends `batch` events per lock, many readers.
pub(crate) fn internal(load: Load, batch: u64) -> Result<Measurement, Failure> {
    let run = Run::new(Kind::Throughput, load, System::Log);
    let state = State { events: Vec::with_capacity(usize::try_from(load.events)?), sleepers: 0 };
    let log = Arc::new(Log { state: Mutex::new(state), grown: Condvar::new() });
    let ready = Arc::new(Barrier::new(load.readers + 1));
    let readers: Vec<_> = (0..load.readers)
        .map(|_| {
            let (run, log, ready) = (Arc::clone(&run), Arc::clone(&log), Arc::clone(&ready));
            thread::spawn(move || {
                ready.wait();
                read(&run, &log)
            })
        })
        .collect();
    ready.wait();
    if batch == 1 {
        run.produce(|event| {
            // Copied before the lock is taken, as in the engine.
            let event = Bytes::copy_from_slice(event);
            log.append([event]);
            Ok::<(), Failure>(())
        })?;
    } else {
        run.produce_batches(batch, Bytes::copy_from_slice, |events| {
            let events: Vec<Bytes> = events.collect();
            log.append(events);
            Ok::<(), Failure>(())
        })?;
    }
    for reader in readers {
        reader.join().map_err(|_| "a reader panicked")??;
    }
    run.measurement()
}

fn read(run: &Arc<Run>, log: &Log) -> Result<(), Failure> {
    let mut reader = run.reader();
    let mut batch = Vec::with_capacity(BATCH);
    let mut position = 0;
    loop {
        log.pull(position, &mut batch);
        position += batch.len();
        for event in batch.drain(..) {
            if reader.take(&event)? {
                return Ok(());
            }
        }
    }
}
