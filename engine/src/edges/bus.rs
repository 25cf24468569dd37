//! The raw PUB/SUB ports, for processes that are not registered: every event, no promise (spec/bus.md).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use event_engine_protocol::constants;

use super::external::net::{self, BindAddress};
use super::{poll, rest_of_message, EdgeOf};
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
    sub: zmq::Socket,
    waker: Arc<Waker>,
    pub(crate) publish_port: u16,
    pub(crate) subscribe_port: u16,
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
        address: &BindAddress,
        publish_port: u16,
        subscribe_port: u16,
        waker: Arc<Waker>,
    ) -> Result<Self, BusBindError> {
        let open = |kind, port| -> Result<(zmq::Socket, u16), zmq::Error> {
            let socket = context.socket(kind)?;
            let port = net::bind(&socket, address, port, of.max_event_bytes)?;
            Ok((socket, port))
        };
        let (xpub, subscribe_port) = open(zmq::XPUB, subscribe_port).map_err(BusBindError::Subscribe)?;
        let (sub, publish_port) = open(zmq::SUB, publish_port).map_err(BusBindError::Publish)?;
        sub.set_subscribe(b"").map_err(BusBindError::Publish)?;
        Ok(BusEdge { of, xpub, sub, waker, publish_port, subscribe_port })
    }

    pub(crate) fn start(self) -> std::io::Result<RunningBus> {
        let ending = Arc::new(AtomicBool::new(false));
        let waker = Arc::clone(&self.waker);
        let mut bus = Bus { edge: self, ending: Arc::clone(&ending), listeners: 0, parked: false };
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
    /// Distinct subscriptions of all peers.
    listeners: usize,
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
            if !self.read_subscriptions() {
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
                let _ = zmq_ffi::send(&mut self.edge.xpub, &payload, zmq::DONTWAIT, None);
                settled.add(payload.len());
            }
            let read = match self.ingest() {
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
        let woken = if self.parked {
            let mut items = [xpub, waker];
            poll(&mut items)?;
            items[1].is_readable()
        } else {
            let mut items = [xpub, waker, self.edge.sub.as_poll_item(zmq::POLLIN)];
            poll(&mut items)?;
            items[1].is_readable()
        };
        if woken {
            self.edge.waker.clear();
        }
        Ok(())
    }

    /// While anybody listens, the bus takes every event; which go to whom the socket decides.
    fn read_subscriptions(&mut self) -> bool {
        loop {
            match self.edge.xpub.recv_msg(zmq::DONTWAIT) {
                Ok(message) => {
                    let EdgeOf { router, plugin, .. } = &self.edge.of;
                    match message.first() {
                        Some(1) => {
                            self.listeners += 1;
                            router.subscribe(*plugin, b"");
                        }
                        Some(0) => {
                            self.listeners = self.listeners.saturating_sub(1);
                            if self.listeners == 0 {
                                router.unsubscribe(*plugin, b"");
                            }
                        }
                        _ => {}
                    }
                }
                Err(zmq::Error::EAGAIN) => return true,
                Err(zmq::Error::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Publishes what peers sent, until one has to wait. Whether there was anything.
    fn ingest(&mut self) -> Result<bool, zmq::Error> {
        let of = &self.edge.of;
        for read in 0..INGEST_BATCH {
            if self.parked {
                return Ok(false);
            }
            let mut first = match self.edge.sub.recv_msg(zmq::DONTWAIT) {
                Ok(first) => first,
                Err(zmq::Error::EAGAIN) => return Ok(read > 0),
                Err(zmq::Error::EINTR) => continue,
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
            match of.router.offer(of.plugin, Payload::from(event)) {
                Offer::Accepted => {}
                Offer::Parked(_) => self.parked = true,
                Offer::Refused(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}
