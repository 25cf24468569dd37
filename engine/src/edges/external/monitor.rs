//! What libzmq says of a port's connections.

use crate::edges::uninterrupted;
use crate::zmq_ffi::ZmqContext;

/// What happened to a connection, which the monitor knows by its descriptor.
pub(crate) enum Change {
    Accepted(i32),
    Ended(i32),
    NotAccepted(zmq::Error),
}

/// The changes of one socket's connections. Whoever owns both calls [`crate::zmq_ffi::stop_monitor`] before this is dropped.
pub(crate) struct Monitor(zmq::Socket);

impl Monitor {
    /// Watches a socket that is not bound yet, so that no connection comes before; `name` is no other monitor's.
    pub(crate) fn of(context: &ZmqContext, socket: &zmq::Socket, name: &str) -> Result<Self, zmq::Error> {
        let endpoint = format!("inproc://event-engine-monitor-{name}");
        let events = zmq::SocketEvent::ACCEPTED.to_raw()
            | zmq::SocketEvent::ACCEPT_FAILED.to_raw()
            | zmq::SocketEvent::DISCONNECTED.to_raw();
        uninterrupted(|| socket.monitor(&endpoint, i32::from(events)))?;
        let monitor = context.socket(zmq::PAIR)?;
        // At a limit libzmq would wait with the thread that serves every connection.
        monitor.set_rcvhwm(0)?;
        uninterrupted(|| monitor.connect(&endpoint))?;
        Ok(Monitor(monitor))
    }

    pub(crate) fn item(&self) -> zmq::PollItem<'_> {
        self.0.as_poll_item(zmq::POLLIN)
    }

    /// The next change, if there is one.
    pub(crate) fn next(&self) -> Result<Option<Change>, zmq::Error> {
        loop {
            let event = match uninterrupted(|| self.0.recv_msg(zmq::DONTWAIT)) {
                Ok(event) => event,
                Err(zmq::Error::EAGAIN) => return Ok(None),
                Err(error) => return Err(error),
            };
            if event.get_more() {
                let _address = uninterrupted(|| self.0.recv_msg(zmq::DONTWAIT))?;
            }
            let (Some(kind), Some(value)) = (event.first_chunk::<2>(), event.last_chunk::<4>()) else {
                continue;
            };
            let (kind, value) = (u16::from_ne_bytes(*kind), i32::from_ne_bytes(*value));
            return Ok(Some(if kind == zmq::SocketEvent::ACCEPTED.to_raw() {
                Change::Accepted(value)
            } else if kind == zmq::SocketEvent::DISCONNECTED.to_raw() {
                Change::Ended(value)
            } else {
                Change::NotAccepted(zmq::Error::from_raw(value))
            }));
        }
    }
}
