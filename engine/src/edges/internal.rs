//! The sockets of a plugin that was written for the ancestor's API.
//!
//! It publishes on a PUSH that the ingest thread reads, and it is given events on a SUB that the pump thread feeds
//! from the plugin's queue through an XPUB that never drops (spec/decisions/0004).

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::{poll, rest_of_message, uninterrupted, EdgeOf};
use crate::filters::PluginId;
use crate::payload::Payload;
use crate::queue::{Item, Settled};
use crate::router::{Router, Taken};
use crate::wake::Waker;
use crate::zmq_ffi::{self, Outstanding, ZmqContext};

/// Events that may be on the way in a plugin's publish socket, on each of its two sides. As many as the ancestor held: more is hardly
/// faster, and large events cost memory.
const PUBLISH_HWM: i32 = 1000;
/// The same for its subscribe socket.
const SUBSCRIBE_HWM: i32 = 1000;
/// Events so large that they are shared with the socket may take up so many bytes in it.
const SUBSCRIBE_MAX_BYTES: usize = 64 << 20;
/// A pump whose plugin does not read looks up this often (ms) whether it is still there.
const PUMP_LOOKS_UP_MS: i32 = 1000;
/// How long the subscriptions of a new socket may take to arrive (ms).
const SUBSCRIBE_MS: i32 = 5000;
const INGEST_BATCH: usize = 256;
/// How often an edge thread looks for more before it sleeps, giving way to others each time: being woken takes longer
/// than a look, and the next hop of an event waits meanwhile.
const LOOKS: usize = 50;
const PUMP_BATCH: (usize, usize) = (1024, 1 << 20);

/// The two sockets that a plugin's `start` is called with.
pub(crate) struct PluginSockets {
    pub(crate) publish: zmq::Socket,
    pub(crate) subscribe: zmq::Socket,
}

/// The engine's side of them.
pub(crate) struct InternalEdge {
    of: EdgeOf,
    pull: zmq::Socket,
    xpub: zmq::Socket,
    ingest_waker: Arc<Waker>,
    pump_waker: Arc<Waker>,
}

/// The running edge.
pub(crate) struct RunningEdge {
    finished: Arc<AtomicBool>,
    take_back: Arc<AtomicBool>,
    ingest_waker: Arc<Waker>,
    pump_waker: Arc<Waker>,
    ingest: JoinHandle<()>,
    pump: JoinHandle<()>,
}

impl InternalEdge {
    /// Makes both ends, and returns once the engine's end knows every subscription: an event published from now on
    /// reaches the plugin (EE-SYNC-2).
    pub(crate) fn open(
        context: &ZmqContext,
        of: EdgeOf,
        filters: &[Vec<u8>],
        pump_waker: Arc<Waker>,
    ) -> Result<(Self, PluginSockets), zmq::Error> {
        let publish_url = format!("inproc://event-engine-publish-{}", of.plugin);
        let subscribe_url = format!("inproc://event-engine-subscribe-{}", of.plugin);

        let pull = context.socket(zmq::PULL)?;
        pull.set_rcvhwm(PUBLISH_HWM)?;
        uninterrupted(|| pull.bind(&publish_url))?;
        let publish = context.socket(zmq::PUSH)?;
        publish.set_sndhwm(PUBLISH_HWM)?;
        // What the plugin sent is still read after it has dropped its socket.
        publish.set_linger(-1)?;
        uninterrupted(|| publish.connect(&publish_url))?;

        let mut xpub = context.socket(zmq::XPUB)?;
        zmq_ffi::set_int_option(&mut xpub, zmq_sys::ZMQ_XPUB_NODROP, 1)?;
        xpub.set_sndhwm(SUBSCRIBE_HWM)?;
        xpub.set_sndtimeo(PUMP_LOOKS_UP_MS)?;
        xpub.set_rcvtimeo(SUBSCRIBE_MS)?;
        uninterrupted(|| xpub.bind(&subscribe_url))?;
        let subscribe = context.socket(zmq::SUB)?;
        subscribe.set_rcvhwm(SUBSCRIBE_HWM)?;
        uninterrupted(|| subscribe.connect(&subscribe_url))?;

        let mut expected: BTreeSet<&[u8]> = filters.iter().map(Vec::as_slice).collect();
        for filter in &expected {
            uninterrupted(|| subscribe.set_subscribe(filter))?;
        }
        while !expected.is_empty() {
            let message = uninterrupted(|| xpub.recv_msg(0))?;
            if let Some((1, filter)) = message.split_first() {
                expected.remove(filter);
                of.router.subscribe(of.plugin, filter);
            }
        }
        let edge = InternalEdge {
            of,
            pull,
            xpub,
            ingest_waker: Waker::new().map_err(|_| zmq::Error::EMFILE)?,
            pump_waker,
        };
        Ok((edge, PluginSockets { publish, subscribe }))
    }

    /// Starts both threads.
    pub(crate) fn start(self) -> std::io::Result<RunningEdge> {
        self.start_threads(None)
    }

    /// Starts both threads; what is handed over can be taken back until the plugin has certainly read something.
    pub(crate) fn start_on_suspicion(self) -> std::io::Result<RunningEdge> {
        self.of.router.set_waker(self.of.plugin, &self.pump_waker);
        self.start_threads(Some(VecDeque::new()))
    }

    fn start_threads(self, kept: Option<VecDeque<Item>>) -> std::io::Result<RunningEdge> {
        let finished = Arc::new(AtomicBool::new(false));
        let take_back = Arc::new(AtomicBool::new(false));
        let ingest = {
            let (of, pull, waker, finished) =
                (self.of.clone(), self.pull, Arc::clone(&self.ingest_waker), Arc::clone(&finished));
            thread::Builder::new()
                .name("ee-ingest".into())
                .spawn(move || ingest(&of, &pull, &waker, &finished))?
        };
        let pump = {
            let mut pump = Pump {
                of: self.of,
                xpub: self.xpub,
                outstanding: Outstanding::new(SUBSCRIBE_MAX_BYTES, Arc::clone(&self.pump_waker)),
                waker: Arc::clone(&self.pump_waker),
                finished: Arc::clone(&finished),
                take_back: Arc::clone(&take_back),
                kept,
                batch: VecDeque::new(),
                settled: Settled::default(),
            };
            thread::Builder::new().name("ee-pump".into()).spawn(move || pump.run())?
        };
        Ok(RunningEdge {
            finished,
            take_back,
            ingest_waker: self.ingest_waker,
            pump_waker: self.pump_waker,
            ingest,
            pump,
        })
    }
}

impl RunningEdge {
    /// To be called when the plugin has dropped its sockets and its queue is closed: publishes what it sent last.
    pub(crate) fn finish(self) {
        self.finished.store(true, Ordering::SeqCst);
        self.ingest_waker.wake();
        self.pump_waker.wake();
        let _ = self.pump.join();
        let _ = self.ingest.join();
    }
}

impl RunningEdge {
    /// Nobody reads the sockets after all: what was handed over goes back into the queue.
    pub(crate) fn take_back(self) {
        self.take_back.store(true, Ordering::SeqCst);
        self.finish();
    }
}

/// Publishes what the plugin sends; waits for room, and so makes the plugin wait.
fn ingest(of: &EdgeOf, pull: &zmq::Socket, waker: &Waker, finished: &AtomicBool) {
    let mut events = VecDeque::with_capacity(INGEST_BATCH);
    let mut idle_rounds = 0;
    loop {
        // Looked at first: everything was sent before it was set.
        let last_round = finished.load(Ordering::SeqCst);
        while events.len() < INGEST_BATCH {
            match uninterrupted(|| pull.recv_msg(zmq::DONTWAIT)) {
                Ok(message) if message.get_more() => {
                    let frames = rest_of_message(pull, message).map_or(0, |frames| frames.len());
                    of.refuse(&format!(
                        "an event is one frame, and this message has {frames}; send one frame per event"
                    ));
                }
                Ok(message) if of.accepts(message.len()) => events.push_back(Payload::from(message)),
                Ok(_) => {}
                Err(zmq::Error::EAGAIN) => break,
                Err(_) => return,
            }
        }
        if !events.is_empty() {
            idle_rounds = 0;
            if of.router.publish_batch(of.plugin, &mut events, Settled::default()).is_err() {
                return;
            }
        } else if last_round {
            return;
        } else if idle_rounds < LOOKS {
            idle_rounds += 1;
            thread::yield_now();
            continue;
        } else {
            let mut items = [pull.as_poll_item(zmq::POLLIN), zmq::PollItem::from_fd(waker.fd(), zmq::POLLIN)];
            if poll(&mut items).is_err() {
                return;
            }
            if items[1].is_readable() {
                waker.clear();
            }
        }
    }
}

/// Hands a plugin's events to its socket.
struct Pump {
    of: EdgeOf,
    xpub: zmq::Socket,
    outstanding: Arc<Outstanding>,
    waker: Arc<Waker>,
    finished: Arc<AtomicBool>,
    take_back: Arc<AtomicBool>,
    /// What the plugin may not have read, while it is not certain that it reads at all.
    kept: Option<VecDeque<Item>>,
    batch: VecDeque<Item>,
    settled: Settled,
}

impl Pump {
    fn run(&mut self) {
        let EdgeOf { router, plugin, .. } = self.of.clone();
        while self.read_subscriptions() {
            match self.take(&router, plugin) {
                Taken::Some => {
                    if !self.hand_over() {
                        break;
                    }
                }
                Taken::Nothing => {
                    if !self.sleep() || self.finished.load(Ordering::SeqCst) {
                        break;
                    }
                }
                Taken::Closed => break,
            }
        }
        if let Some(mut kept) = self.kept.take() {
            if self.take_back.load(Ordering::SeqCst) {
                kept.append(&mut self.batch);
                self.batch = kept;
            } else {
                kept.iter().for_each(|(_, payload)| self.settled.hand_over(payload.len()));
            }
        }
        router.settle(plugin, self.settled.take());
        router.give_back(plugin, &mut self.batch);
    }

    /// Takes what there is; looks up a few times before it counts as asleep, since waking it costs more.
    fn take(&mut self, router: &Router, plugin: PluginId) -> Taken {
        for _ in 0..LOOKS {
            match router.take_now(plugin, self.settled.take(), PUMP_BATCH, &mut self.batch) {
                Taken::Nothing => thread::yield_now(),
                taken => return taken,
            }
        }
        router.take_or_sleep(plugin, self.settled.take(), PUMP_BATCH, &mut self.batch)
    }

    /// The first event of the batch was handed over.
    fn handed_over(&mut self) {
        let Some(item) = self.batch.pop_front() else { return };
        let Some(kept) = &mut self.kept else { return self.settled.hand_over(item.1.len()) };
        kept.push_back(item);
        // More than the socket holds: the plugin has read some, so that it will read all.
        if kept.len() > 2 * SUBSCRIBE_HWM as usize {
            kept.drain(..).for_each(|(_, payload)| self.settled.hand_over(payload.len()));
            self.kept = None;
        }
    }

    fn hand_over(&mut self) -> bool {
        while let Some((_, payload)) = self.batch.front() {
            while !self.outstanding.has_room() {
                if self.finished.load(Ordering::SeqCst) || !self.sleep() || !self.read_subscriptions() {
                    return false;
                }
            }
            match uninterrupted(|| zmq_ffi::send(&mut self.xpub, payload, 0, Some(&self.outstanding))) {
                Ok(()) => self.handed_over(),
                // The plugin does not read. What it has read counts meanwhile.
                Err(zmq::Error::EAGAIN) => {
                    self.of.router.settle(self.of.plugin, self.settled.take());
                }
                Err(_) => return false,
            }
            if self.finished.load(Ordering::Relaxed) {
                return false;
            }
        }
        true
    }

    /// Until there are events, subscriptions, or the end.
    fn sleep(&self) -> bool {
        let mut items =
            [self.xpub.as_poll_item(zmq::POLLIN), zmq::PollItem::from_fd(self.waker.fd(), zmq::POLLIN)];
        if poll(&mut items).is_err() {
            return false;
        }
        if items[1].is_readable() {
            self.waker.clear();
        }
        true
    }

    /// The plugin may change the subscriptions of its socket at any time.
    fn read_subscriptions(&self) -> bool {
        loop {
            match uninterrupted(|| self.xpub.recv_msg(zmq::DONTWAIT)) {
                Ok(message) => match message.split_first() {
                    Some((1, filter)) => self.of.router.subscribe(self.of.plugin, filter),
                    // A socket that is closed unsubscribes; while it may be taken back, that is not the plugin's word.
                    Some((0, _)) if self.kept.is_some() => {}
                    Some((0, filter)) => self.of.router.unsubscribe(self.of.plugin, filter),
                    _ => {}
                },
                Err(zmq::Error::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
    }
}
