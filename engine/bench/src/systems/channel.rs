//! Bounded channels of the standard library, one per reader.

use std::sync::{mpsc, Arc};
use std::thread;

use bytes::Bytes;

use crate::measurement::Measurement;
use crate::plan::{Kind, Load};
use crate::run::Run;
use crate::system::System;
use crate::Failure;

/// How many events a channel holds.
const CAPACITY: usize = 8192;

/// One source that sends a clone of each event to every reader's channel.
pub(crate) fn internal(load: Load) -> Result<Measurement, Failure> {
    let run = Run::new(Kind::Throughput, load, System::Channel);
    let (mut channels, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..load.readers {
        let (sender, receiver) = mpsc::sync_channel::<Bytes>(CAPACITY);
        channels.push(sender);
        let run = Arc::clone(&run);
        readers.push(thread::spawn(move || -> Result<(), Failure> {
            let mut reader = run.reader();
            while !reader.take(&receiver.recv()?)? {}
            Ok(())
        }));
    }
    run.produce(|event| {
        let event = Bytes::copy_from_slice(event);
        channels.iter().try_for_each(|channel| channel.send(event.clone()))
    })?;
    for reader in readers {
        reader.join().map_err(|_| "a reader panicked")??;
    }
    run.measurement()
}
