//! A plugin's TCP port on libzmq's ROUTER. What serves the port knows libzmq only by this file, so that another
//! transport can take its place (spec/decisions/0003).

use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use event_engine_protocol::constants;

use super::monitor::{Change, Monitor};
use super::net::{self, Binding};
use crate::edges::{poll_within, rest_of_message, uninterrupted};
use crate::payload::Payload;
use crate::wake::Waker;
use crate::zmq_ffi::{self, ZmqContext};

/// So many messages for each connection are held back at most until everything is read that one sent before its end. ROUTER
/// reads from them in turns, and each has no more than its high-water mark.
const HELD_MAX: usize = constants::CONNECTION_HWM_MESSAGES;

/// A received frame: its bytes, and an event's payload without a copy.
pub(crate) struct Received(zmq::Message);

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Received> for Payload {
    fn from(frame: Received) -> Self {
        Payload::from(frame.0)
    }
}

/// A connection, as long as it lives.
pub(crate) type PeerId = Arc<[u8]>;

/// What happened at the port.
pub(crate) enum Incoming {
    /// A message, without the address that the transport put before it.
    Message(PeerId, Vec<Received>),
    /// The connection has ended.
    Gone(PeerId),
    /// A message of a peer that is neither REQ nor DEALER; it is not looked at.
    Stranger,
}

/// What became of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Yes,
    /// The connection has ended; nothing was sent.
    Gone,
    /// The peer does not read its replies; nothing was sent.
    Busy,
}

/// One frame of a reply.
pub(crate) enum Frame<'a> {
    Bytes(&'a [u8]),
    Event(&'a Payload),
}

pub(crate) struct Port {
    router: zmq::Socket,
    monitor: Monitor,
    waker: Arc<Waker>,
    pub(crate) number: u16,
    /// The descriptor of each peer's connection: the monitor knows connections by nothing else.
    descriptors: HashMap<PeerId, i32>,
    /// Connected descriptors, and the peer that was heard on each.
    connected: HashMap<i32, Option<PeerId>>,
    /// Connections that have ended, of which messages may be left to read.
    ended: Vec<(i32, PeerId)>,
    incoming: VecDeque<Incoming>,
    accept_failed: bool,
}

impl Drop for Port {
    fn drop(&mut self) {
        zmq_ffi::stop_monitor(&mut self.router);
    }
}

impl Port {
    /// Opens the port; requests wait in it until it is read.
    pub(crate) fn bind(
        context: &ZmqContext,
        binding: &Binding,
        port: u16,
        waker: Arc<Waker>,
    ) -> Result<Self, zmq::Error> {
        let router = context.socket(zmq::ROUTER)?;
        router.set_router_mandatory(true)?;
        router.set_router_handover(true)?;
        router.set_sndhwm(constants::CONNECTION_SEND_HWM_MESSAGES as i32)?;
        let monitor = Monitor::of(context, &router, &format!("{:p}", Arc::as_ptr(&waker)))?;
        let number = net::bind(&router, binding, port)?;
        Ok(Port {
            router,
            monitor,
            waker,
            number,
            descriptors: HashMap::new(),
            connected: HashMap::new(),
            ended: Vec::new(),
            incoming: VecDeque::new(),
            accept_failed: false,
        })
    }

    /// Waits until there is something to read or somebody called the waker, but not longer than `within`.
    pub(crate) fn wait(&self, within: Option<Duration>) -> Result<(), zmq::Error> {
        self.wait_for(&mut [self.waker_item(), self.router_item(), self.monitor.item()], within)
    }

    /// What ends a wait.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// As [`Port::wait`], or until `other` can be read. Unless `for_requests`, until `other` can be written instead of for
    /// the port.
    pub(crate) fn wait_with(&self, other: &zmq::Socket, for_requests: bool) -> Result<(), zmq::Error> {
        if for_requests {
            let other = other.as_poll_item(zmq::POLLIN);
            self.wait_for(&mut [self.waker_item(), self.router_item(), self.monitor.item(), other], None)
        } else {
            self.wait_for(&mut [self.waker_item(), other.as_poll_item(zmq::POLLIN | zmq::POLLOUT)], None)
        }
    }

    fn wait_for(&self, items: &mut [zmq::PollItem<'_>], within: Option<Duration>) -> Result<(), zmq::Error> {
        poll_within(items, within)?;
        if items.first().is_some_and(zmq::PollItem::is_readable) {
            self.waker.clear();
        }
        Ok(())
    }

    fn waker_item(&self) -> zmq::PollItem<'_> {
        zmq::PollItem::from_fd(self.waker.fd(), zmq::POLLIN)
    }

    fn router_item(&self) -> zmq::PollItem<'_> {
        self.router.as_poll_item(zmq::POLLIN)
    }

    /// What happened next, if anything did. The end of a connection comes after everything that it has sent, and before what others
    /// have sent since.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, zmq::Error> {
        if let Some(incoming) = self.incoming.pop_front() {
            return Ok(Some(incoming));
        }
        loop {
            let ended = self.ended.len();
            let message = match uninterrupted(|| self.router.recv_msg(zmq::DONTWAIT)) {
                Ok(address) => rest_of_message(&self.router, address)?,
                Err(zmq::Error::EAGAIN) => {
                    // What connections that had ended before have sent is read; of those that end now, perhaps not.
                    self.report_ended(ended);
                    self.read_monitor()?;
                    if self.incoming.is_empty() && !self.ended.is_empty() {
                        continue;
                    }
                    return Ok(self.incoming.pop_front());
                }
                Err(error) => return Err(error),
            };
            // Everything that the monitor has to say up to this message.
            self.read_monitor()?;
            self.sort(message);
            if self.incoming.len() > HELD_MAX * (1 + self.connected.len() + self.ended.len()) {
                self.report_ended(ended);
            } else if !self.ended.is_empty() {
                continue;
            }
            if let Some(incoming) = self.incoming.pop_front() {
                return Ok(Some(incoming));
            }
        }
    }

    /// Whether [`Port::next`] knows something already.
    pub(crate) fn has_news(&self) -> bool {
        !self.incoming.is_empty() || !self.ended.is_empty()
    }

    /// Connections that are open, or of which something may be left to read.
    pub(crate) fn connections(&self) -> usize {
        self.connected.len() + self.ended.len()
    }

    /// Reports the first `count` connections that have ended: what they sent, their end, then what others sent.
    fn report_ended(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let gone: Vec<PeerId> =
            self.ended.drain(..count.min(self.ended.len())).map(|(_, peer)| peer).collect();
        let (mut first, others): (VecDeque<_>, VecDeque<_>) =
            self.incoming.drain(..).partition(|incoming| match incoming {
                Incoming::Message(peer, _) | Incoming::Gone(peer) => gone.contains(peer),
                Incoming::Stranger => false,
            });
        first.extend(gone.into_iter().map(Incoming::Gone));
        first.extend(others);
        self.incoming = first;
    }

    /// Reads what is known of connections, so that a reply is not sent to one that is known to be gone.
    pub(crate) fn look_for_gone(&mut self) -> Result<(), zmq::Error> {
        // Asking for its events makes the socket take note of connections that have ended.
        uninterrupted(|| self.router.get_events())?;
        self.read_monitor()
    }

    /// Those who are known to be gone and will be reported.
    pub(crate) fn gone(&self) -> Vec<PeerId> {
        let reported = self.incoming.iter().filter_map(|incoming| match incoming {
            Incoming::Gone(peer) => Some(peer),
            Incoming::Message(..) | Incoming::Stranger => None,
        });
        reported.chain(self.ended.iter().map(|(_, peer)| peer)).map(PeerId::clone).collect()
    }

    /// Sends a reply to `peer`; never waits.
    pub(crate) fn send(&mut self, peer: &PeerId, frames: &[Frame<'_>]) -> Sent {
        if !self.descriptors.contains_key(peer) {
            return Sent::Gone;
        }
        let more = |last: bool| if last { zmq::DONTWAIT } else { zmq::DONTWAIT | zmq::SNDMORE };
        match uninterrupted(|| self.router.send(&peer[..], more(frames.is_empty()))) {
            Ok(()) => {}
            Err(zmq::Error::EAGAIN) => return Sent::Busy,
            Err(_) => return Sent::Gone,
        }
        let last = frames.len().saturating_sub(1);
        for (index, frame) in frames.iter().enumerate() {
            let flags = more(index == last);
            let sent = match frame {
                Frame::Bytes(bytes) => uninterrupted(|| self.router.send(*bytes, flags)),
                Frame::Event(payload) => {
                    uninterrupted(|| zmq_ffi::send(&mut self.router, payload, flags, None))
                }
            };
            if sent.is_err() {
                return Sent::Gone;
            }
        }
        Sent::Yes
    }

    fn sort(&mut self, message: Vec<zmq::Message>) {
        let mut frames = message.into_iter();
        let Some(address) = frames.next() else { return };
        let mut frames: Vec<zmq::Message> = frames.collect();
        let Some(first) = frames.first_mut() else { return };
        let kind = first.gets("Socket-Type");
        if !kind.is_some_and(|kind| constants::REQUEST_SOCKET_TYPES.contains(&kind)) {
            self.incoming.push_back(Incoming::Stranger);
            return;
        }
        let Some(descriptor) = first.gets("__fd").and_then(|text| text.parse::<i32>().ok()) else { return };
        let ended = self.ended.iter().position(|(known, peer)| *known == descriptor && **peer == address[..]);
        if let Some(peer) = ended.and_then(|ended| self.ended.get(ended)).map(|(_, peer)| PeerId::clone(peer))
        {
            // A name that the client chose may be that of a new connection with an old descriptor; those that ROUTER gives, which
            // begin with a zero, are never given again.
            if address.first() == Some(&0) || !self.connected.contains_key(&descriptor) {
                let frames = frames.into_iter().map(Received).collect();
                self.incoming.push_back(Incoming::Message(peer, frames));
                return;
            }
            self.ended.retain(|(_, ended)| *ended != peer);
            self.incoming.push_back(Incoming::Gone(peer));
        }
        let peer = self.peer(&address, descriptor);
        let frames = frames.into_iter().map(Received).collect();
        self.incoming.push_back(Incoming::Message(Arc::clone(&peer), frames));
        match self.connected.get_mut(&descriptor) {
            Some(heard) => *heard = Some(peer),
            // It has ended already; what it sent last still counts.
            None => {
                self.descriptors.remove(&peer);
                self.ended.push((descriptor, peer));
            }
        }
    }

    /// The peer with this address; a new connection that took over an old one's address is a new peer.
    fn peer(&mut self, address: &[u8], descriptor: i32) -> PeerId {
        match self.descriptors.get_key_value(address) {
            Some((peer, known)) if *known == descriptor => return Arc::clone(peer),
            Some((peer, _)) => self.incoming.push_back(Incoming::Gone(Arc::clone(peer))),
            None => {}
        }
        let peer: PeerId = Arc::from(address);
        self.descriptors.insert(Arc::clone(&peer), descriptor);
        peer
    }

    fn read_monitor(&mut self) -> Result<(), zmq::Error> {
        while let Some(change) = self.monitor.next()? {
            match change {
                Change::Accepted(descriptor) => {
                    self.accept_failed = false;
                    self.connected.insert(descriptor, None);
                }
                Change::Ended(descriptor) => {
                    if let Some(Some(peer)) = self.connected.remove(&descriptor) {
                        // Unless the address has a newer connection by now.
                        if self.descriptors.get(&peer) == Some(&descriptor) {
                            self.descriptors.remove(&peer);
                            self.ended.push((descriptor, peer));
                        }
                    }
                }
                Change::NotAccepted(why) => {
                    if !std::mem::replace(&mut self.accept_failed, true) {
                        tracing::error!(
                            "port {}: a connection could not be accepted ({why}); are all file descriptors in use (ulimit -n)?",
                            self.number
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
