//! The raw PUB/SUB ports, for processes that are not registered: every event, no promise (spec/bus.md).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use event_engine_protocol::constants;

use super::external::monitor::{Change, Monitor};
use super::external::net::{self, Binding};
use super::{poll, rest_of_message, uninterrupted, EdgeOf};
use crate::payload::Payload;
use crate::queue::{Item, Settled};
use crate::router::{Offer, Taken};
use crate::wake::Waker;
use crate::zmq_ffi::{self, ZmqContext};

const BATCH: (usize, usize) = (1024, 1 << 20);
const INGEST_BATCH: usize = 256;

/// The two bound ports.
pub(crate) struct BusEdge {
    of: EdgeOf,
    /// An XPUB is a PUB on the wire, and tells whether anybody listens.
    xpub: zmq::Socket,
    /// The connections of `xpub`.
    monitor: Monitor,
    sub: zmq::Socket,
    waker: Arc<Waker>,
    pub(crate) publish_port: u16,
    pub(crate) subscribe_port: u16,
}

impl Drop for BusEdge {
    fn drop(&mut self) {
        zmq_ffi::stop_monitor(&mut self.xpub);
    }
}

pub(crate) struct RunningBus {
    ending: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

/// Which of the two ports could not be bound, and why.
pub(crate) enum BusBindError {
    Publish(zmq::Error),
    Subscribe(zmq::Error),
}

impl BusEdge {
    pub(crate) fn bind(
        context: &ZmqContext,
        of: EdgeOf,
        binding: &Binding,
        publish_port: u16,
        subscribe_port: u16,
        waker: Arc<Waker>,
    ) -> Result<Self, BusBindError> {
        let opened = || -> Result<_, zmq::Error> {
            let xpub = context.socket(zmq::XPUB)?;
            // Otherwise a subscription is not reported while one that is like it is ending.
            xpub.set_xpub_verbose(true)?;
            let monitor = Monitor::of(context, &xpub, "bus")?;
            let port = net::bind(&xpub, binding, subscribe_port)?;
            Ok((port, monitor, xpub))
        };
        // In this order, so that an error below drops the socket before its monitor's reader: `Drop for BusEdge` says why.
        let (subscribe_port, monitor, xpub) = opened().map_err(BusBindError::Subscribe)?;
        let sub = context.socket(zmq::SUB).map_err(BusBindError::Publish)?;
        let publish_port = net::bind(&sub, binding, publish_port).map_err(BusBindError::Publish)?;
        sub.set_subscribe(b"").map_err(BusBindError::Publish)?;
        Ok(BusEdge { of, xpub, monitor, sub, waker, publish_port, subscribe_port })
    }

    pub(crate) fn start(self) -> std::io::Result<RunningBus> {
        let ending = Arc::new(AtomicBool::new(false));
        let waker = Arc::clone(&self.waker);
        let mut bus =
            Bus { edge: self, ending: Arc::clone(&ending), connections: 0, listening: false, parked: false };
        let thread = thread::Builder::new().name("ee-bus".into()).spawn(move || bus.run())?;
        Ok(RunningBus { ending, waker, thread })
    }
}

impl RunningBus {
    /// Sends what is queued, then closes both ports.
    pub(crate) fn end(self) {
        self.ending.store(true, Ordering::SeqCst);
        self.waker.wake();
        let _ = self.thread.join();
    }
}

struct Bus {
    edge: BusEdge,
    ending: Arc<AtomicBool>,
    /// Connections to the subscribe port.
    connections: usize,
    /// Whether any of them has subscribed to anything.
    listening: bool,
    /// An event from outside waits for room; until it has some nothing more is read.
    parked: bool,
}

impl Bus {
    fn run(&mut self) {
        let EdgeOf { router, plugin, .. } = self.edge.of.clone();
        let mut batch: VecDeque<Item> = VecDeque::new();
        let mut settled = Settled::default();
        loop {
            let ending = self.ending.load(Ordering::SeqCst);
            if self.read_subscriptions().is_err() {
                break;
            }
            if self.parked {
                match router.take_completed(plugin) {
                    Ok(completed) => self.parked = completed.is_empty(),
                    Err(_) => break,
                }
            }
            let taken = router.take_or_sleep(plugin, settled.take(), BATCH, &mut batch);
            for (_, payload) in batch.drain(..) {
                // Never waits: a peer that does not read misses events, as with any PUB.
                let _ = uninterrupted(|| zmq_ffi::send(&mut self.edge.xpub, &payload, zmq::DONTWAIT, None));
                settled.hand_over(payload.len());
            }
            // At the end nothing more is taken, or a busy publisher could put it off.
            let read = match if ending { Ok(false) } else { self.ingest() } {
                Ok(read) => read,
                Err(_) => break,
            };
            match taken {
                Taken::Closed => break,
                Taken::Nothing if ending => break,
                Taken::Nothing if !read && self.sleep().is_err() => break,
                _ => {}
            }
        }
        router.settle(plugin, settled.take());
        router.close(plugin);
    }

    fn sleep(&self) -> Result<(), zmq::Error> {
        let xpub = self.edge.xpub.as_poll_item(zmq::POLLIN);
        let waker = zmq::PollItem::from_fd(self.edge.waker.fd(), zmq::POLLIN);
        let monitor = self.edge.monitor.item();
        let woken = if self.parked {
            let mut items = [xpub, waker, monitor];
            poll(&mut items)?;
            items[1].is_readable()
        } else {
            let mut items = [xpub, waker, monitor, self.edge.sub.as_poll_item(zmq::POLLIN)];
            poll(&mut items)?;
            items[1].is_readable()
        };
        if woken {
            self.edge.waker.clear();
        }
        Ok(())
    }

    /// While anybody listens, the bus takes every event; which go to whom the socket decides. Listening begins with a
    /// subscription and ends with the last connection: a peer may report the end of a subscription that it never had.
    fn read_subscriptions(&mut self) -> Result<(), zmq::Error> {
        let EdgeOf { router, plugin, .. } = &self.edge.of;
        loop {
            match uninterrupted(|| self.edge.xpub.recv_msg(zmq::DONTWAIT)) {
                Ok(message) if message.first() == Some(&1) && !self.listening => {
                    self.listening = true;
                    router.subscribe(*plugin, b"");
                }
                Ok(_) => {}
                Err(zmq::Error::EAGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        while let Some(change) = self.edge.monitor.next()? {
            match change {
                Change::Accepted(_) => self.connections += 1,
                Change::Ended(_) => self.connections = self.connections.saturating_sub(1),
                Change::NotAccepted(_) => {}
            }
        }
        if self.listening && self.connections == 0 {
            self.listening = false;
            router.unsubscribe(*plugin, b"");
        }
        Ok(())
    }

    /// Publishes what peers sent, until one has to wait. Whether there was anything.
    fn ingest(&mut self) -> Result<bool, zmq::Error> {
        let of = &self.edge.of;
        for read in 0..INGEST_BATCH {
            if self.parked {
                return Ok(false);
            }
            let mut first = match uninterrupted(|| self.edge.sub.recv_msg(zmq::DONTWAIT)) {
                Ok(first) => first,
                Err(zmq::Error::EAGAIN) => return Ok(read > 0),
                Err(error) => return Err(error),
            };
            let known =
                first.gets("Socket-Type").is_some_and(|kind| constants::BUS_SOCKET_TYPES.contains(&kind));
            let mut frames = rest_of_message(&self.edge.sub, first)?;
            if !known {
                of.router.count_refused(of.plugin);
                continue;
            }
            if frames.len() > 1 {
                of.refuse(&format!("an event is one frame, and this message has {}", frames.len()));
                continue;
            }
            let Some(event) = frames.pop().filter(|event| of.accepts(event.len())) else { continue };
            match of.router.offer(of.plugin, Payload::from(event), None) {
                Offer::Accepted => {}
                Offer::Parked(_) => self.parked = true,
                Offer::Refused => return Ok(false),
            }
        }
        Ok(true)
    }
}
