//! An internal plugin that the harness steers: what it is told, and how it does so in whatever API its engine has.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, Value};

use super::adapter::{base64, Answer, Base64, Failure};

/// Between two looks at whether the application is ending: no API tells a plugin that waits for something else.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the plugin's own thread does.
pub(super) enum Job {
    Next(Duration),
    Return,
    Fail(String),
    Panic(String),
}

/// What the plugin publishes on its other thread.
pub(super) enum Publish {
    These(Vec<Base64>),
    Flood(Numbered),
}

/// The events of a flood: the prefix, the number, then dots up to the size.
#[derive(Deserialize)]
pub(super) struct Numbered {
    prefix: Base64,
    first: u64,
    count: u64,
    size: usize,
}

impl Numbered {
    fn events(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        const DIGITS: usize = 8;
        (self.first..self.first.saturating_add(self.count)).map(|number| {
            let Base64(prefix) = &self.prefix;
            let mut event = Vec::with_capacity(self.size.max(prefix.len() + DIGITS));
            event.extend_from_slice(prefix);
            event.extend_from_slice(format!("{number:0DIGITS$}").as_bytes());
            event.resize(self.size.max(event.len()), b'.');
            event
        })
    }
}

/// A received event, and its position where the engine tells it.
pub(super) type Event = (Vec<u8>, Option<u64>);

/// How the plugin gets its events.
pub(super) trait Inbox {
    fn next(&mut self, timeout: Duration) -> Result<Event, Failure>;

    fn is_ending(&self) -> bool;
}

/// How the plugin has ended; one that panics has not returned.
pub(super) enum End {
    Returned,
    /// It gave way, as the application is ending.
    Closed,
    Failed(String),
}

/// What both sides know.
#[derive(Default)]
pub(super) struct State {
    started: AtomicBool,
    /// Publishes that are not answered yet.
    publishing: AtomicUsize,
    /// None once the plugin has ended, or is to end at once.
    senders: Mutex<Option<Senders>>,
}

struct Senders {
    jobs: Sender<(Job, Answer)>,
    publishes: Sender<(Publish, Answer)>,
}

impl State {
    fn senders(&self) -> MutexGuard<'_, Option<Senders>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.senders().is_none()
    }
}

/// The harness's side of the plugin. Dropping it ends the plugin.
pub(super) struct Control(Arc<State>);

impl Control {
    pub(super) fn new() -> (Control, Steered) {
        let (send_job, jobs) = mpsc::channel();
        let (send_publish, publishes) = mpsc::channel();
        let state = Arc::new(State {
            senders: Mutex::new(Some(Senders { jobs: send_job, publishes: send_publish })),
            ..State::default()
        });
        (Control(Arc::clone(&state)), Steered { jobs, publishes, state: EndOnDrop(state) })
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.0)
    }

    pub(super) fn started(&self) -> bool {
        self.0.started.load(Ordering::SeqCst)
    }

    /// Has the plugin's thread do something; a plugin that has ended answers `closed`.
    pub(super) fn job(&self, job: Job, answer: Answer) {
        if let Some(senders) = &*self.0.senders() {
            let _ = senders.jobs.send((job, answer));
        }
    }

    pub(super) fn publish(&self, events: Publish, answer: Answer) {
        if let Some(senders) = &*self.0.senders() {
            self.0.publishing.fetch_add(1, Ordering::SeqCst);
            let _ = senders.publishes.send((events, answer));
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        *self.0.senders() = None;
    }
}

/// Says that the plugin has ended, also where it panics or never runs.
struct EndOnDrop(Arc<State>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        *self.0.senders() = None;
    }
}

/// The plugin's side.
pub(super) struct Steered {
    jobs: Receiver<(Job, Answer)>,
    publishes: Receiver<(Publish, Answer)>,
    state: EndOnDrop,
}

impl Steered {
    /// The plugin's work. Events are published on a thread of their own, so that one that waits for room
    /// keeps nothing else waiting.
    pub(super) fn run(
        self,
        mut publish: impl FnMut(Vec<u8>) -> Result<Option<u64>, Failure> + Send + 'static,
        inbox: &mut impl Inbox,
    ) -> End {
        let Steered { jobs, publishes, state: EndOnDrop(ref state) } = self;
        state.started.store(true, Ordering::SeqCst);
        let publisher = Arc::clone(state);
        thread::spawn(move || {
            for (events, answer) in publishes {
                // Dropping the answer says that the plugin has ended.
                if !publisher.has_ended() {
                    answer.give(match events {
                        Publish::These(events) => publish_all(events, &mut publish),
                        Publish::Flood(events) => flood(&events, &mut publish),
                    });
                }
                publisher.publishing.fetch_sub(1, Ordering::SeqCst);
            }
        });
        work(&jobs, state, inbox)
    }
}

fn publish_all(
    events: Vec<Base64>,
    publish: &mut impl FnMut(Vec<u8>) -> Result<Option<u64>, Failure>,
) -> Result<Value, Failure> {
    let positions = events.into_iter().map(|Base64(event)| publish(event)).collect::<Result<Vec<_>, _>>()?;
    Ok(match positions.into_iter().collect::<Option<Vec<u64>>>() {
        Some(positions) => json!({ "positions": positions }),
        None => json!({}),
    })
}

fn flood(
    events: &Numbered,
    publish: &mut impl FnMut(Vec<u8>) -> Result<Option<u64>, Failure>,
) -> Result<Value, Failure> {
    let last = events.events().try_fold(None, |_, event| publish(event))?;
    Ok(last.map_or_else(|| json!({}), |position| json!({ "position": position })))
}

/// Does the jobs until one ends the plugin, or the application is ending and nothing is left for the plugin.
fn work(jobs: &Receiver<(Job, Answer)>, state: &State, inbox: &mut impl Inbox) -> End {
    // Taken to see whether something is left.
    let mut taken = None;
    loop {
        let (job, answer) = match jobs.recv_timeout(LOOK_EVERY) {
            Ok(told) => told,
            Err(RecvTimeoutError::Disconnected) => return End::Returned,
            Err(RecvTimeoutError::Timeout) => {
                let idle = taken.is_none() && state.publishing.load(Ordering::SeqCst) == 0;
                if idle && inbox.is_ending() {
                    match inbox.next(Duration::ZERO) {
                        Ok(event) => taken = Some(event),
                        Err(failure) if failure.is_closed() => return End::Closed,
                        Err(_) => {}
                    }
                }
                continue;
            }
        };
        let end = match job {
            Job::Next(timeout) => {
                let event = taken.take().map_or_else(|| inbox.next(timeout), Ok);
                answer.give(event.map(|(data, position)| match position {
                    Some(position) => json!({ "data": base64(&data), "position": position }),
                    None => json!({ "data": base64(&data) }),
                }));
                continue;
            }
            Job::Return => Ok(End::Returned),
            Job::Fail(text) => Ok(End::Failed(text)),
            Job::Panic(text) => Err(text),
        };
        // Whatever comes after the answer finds the plugin ended.
        *state.senders() = None;
        answer.ok(json!({}));
        match end {
            Ok(end) => return end,
            // A panic like any other, but that nothing is printed.
            Err(text) => panic::resume_unwind(Box::new(text)),
        }
    }
}
