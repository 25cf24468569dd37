//! Helpers that every module may use. No helper sleeps, and each one that waits has a bound.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use event_engine::{Builder, Handle, PluginSpec, Publisher, Report};

pub(crate) mod child;
pub(crate) mod client;
#[cfg(feature = "application")]
pub(crate) mod control;
pub(crate) mod listener;
pub(crate) mod logs;
pub(crate) mod ports;
pub(crate) mod raw;
pub(crate) mod seed;
pub(crate) mod session;

/// The bound of every wait for something that should happen at once; long, for machines that are busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Runs `work`, and fails the test instead of hanging when that takes longer than `limit`.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, ended) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _ = done.send(work());
    });
    match ended.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{what}: no end within {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a worker that returns has sent its result"),
        },
    }
}

/// Waits until `condition` holds; fails the test after [`SOON`].
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(SOON, what, condition);
}

/// Waits until `condition` holds; fails the test after `limit`.
pub(crate) fn eventually_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Waits for the end of an application that is about to end.
pub(crate) fn end(handle: Handle) -> Report {
    within(SOON, "the application's end", move || handle.wait())
}

/// Publishes for the internal plugin `source`, which ends when this is dropped.
pub(crate) struct Source {
    publisher: Publisher,
    _alive: Sender<()>,
}

impl Source {
    /// Publishes an event and returns its order.
    pub(crate) fn publish(&self, event: impl AsRef<[u8]>) -> u64 {
        self.publisher.publish(event.as_ref()).unwrap()
    }
}

/// Starts an application that has another internal plugin, `source`, in the hands of the test.
pub(crate) fn start(builder: Builder) -> (Handle, Source) {
    let (tell, told) = mpsc::channel();
    let (alive, ended) = mpsc::channel::<()>();
    let handle = builder
        .plugin(PluginSpec::new("source"), move |context| {
            let _ = tell.send(context.publisher());
            let _ = ended.recv();
            Ok(())
        })
        .start()
        .unwrap();
    let publisher = told.recv_timeout(SOON).unwrap();
    (handle, Source { publisher, _alive: alive })
}

/// A plugin that passes its events on to the test until the application ends or the test lets go.
pub(crate) fn observer() -> (
    mpsc::Receiver<Vec<u8>>,
    impl FnOnce(&mut event_engine::Context) -> Result<(), event_engine::BoxError> + Send + 'static,
) {
    let (tell, told) = mpsc::channel();
    let run = move |context: &mut event_engine::Context| {
        for event in context.events() {
            if tell.send(event.to_vec()).is_err() {
                break;
            }
        }
        Ok(())
    };
    (told, run)
}

/// The next thing that another thread tells the test.
pub(crate) fn told<T>(from: &mpsc::Receiver<T>) -> T {
    from.recv_timeout(SOON).expect("nothing was told in time")
}
