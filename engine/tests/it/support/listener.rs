//! A process at the subscribe port of the bus.

use event_engine::zmq;

use super::client::Client;
use super::{eventually, Source, SOON};

/// An event that says nothing: it shows whether a subscription is in force.
pub(crate) const PROBE: &[u8] = b"\0\0";

/// A SUB whose subscriptions are in force.
pub(crate) struct Listener {
    pub(crate) client: Client,
}

impl Listener {
    /// Subscribes, and publishes [`PROBE`]s until one arrives.
    pub(crate) fn new(source: &Source, port: u16, prefixes: &[&[u8]]) -> Listener {
        let client = Client::connect(zmq::SUB, port);
        // Subscriptions take effect in their order.
        for prefix in prefixes.iter().chain([&PROBE]) {
            client.socket.set_subscribe(prefix).unwrap();
        }
        client.socket.set_rcvtimeo(10).unwrap();
        eventually("a subscription is in force", || {
            source.publish(PROBE);
            client.socket.recv_bytes(0).is_ok_and(|event| event == PROBE)
        });
        client.socket.set_rcvtimeo(i32::try_from(SOON.as_millis()).unwrap()).unwrap();
        Listener { client }
    }

    /// The next message that is no [`PROBE`]; it has one frame.
    pub(crate) fn next(&self) -> Vec<u8> {
        loop {
            let mut frames = self.client.socket.recv_multipart(0).expect("no event in time");
            assert_eq!(frames.len(), 1, "an event is one frame: {frames:?}");
            let event = frames.remove(0);
            if event != PROBE {
                return event;
            }
        }
    }
}
