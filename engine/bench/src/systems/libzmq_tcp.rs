//! libzmq alone over TCP: a PUB in this process, a SUB in another one.

use std::thread;

use crate::measurement::Measurement;
use crate::payload::{now_ns, Template, FILTER};
use crate::plan::{Kind, Load};
use crate::programs::Program;
use crate::systems::session;
use crate::Failure;

const SOURCE: &str = "inproc://source";
/// A subscriber comes so soon, or not at all.
const SUBSCRIBED_WITHIN_MS: i32 = 10_000;

/// Publishes as fast as it can, or paced from another thread; `subscriber` receives.
pub(crate) fn measure(kind: Kind, load: Load, subscriber: Program) -> Result<Measurement, Failure> {
    let context = zmq::Context::new();
    // An XPUB is a PUB that says when somebody has subscribed.
    let publisher = context.socket(zmq::XPUB)?;
    publisher.set_sndhwm(0)?;
    publisher.set_linger(0)?;
    publisher.set_rcvtimeo(SUBSCRIBED_WITHIN_MS)?;
    publisher.bind("tcp://127.0.0.1:*")?;
    let endpoint = publisher.get_last_endpoint()?.map_err(|_| "the endpoint is no text")?;
    let arguments = ["subscribe", &endpoint, &load.events.to_string(), &load.bytes.to_string()];
    let subscriber = subscriber.start(&arguments)?;
    publisher.recv_msg(0)?;
    let first_ns = now_ns();
    if kind == Kind::SessionLatency {
        // As in the engine, the thread that has the event is not the one that owns the TCP socket.
        let hop = context.socket(zmq::PAIR)?;
        hop.set_rcvtimeo(SUBSCRIBED_WITHIN_MS)?;
        hop.bind(SOURCE)?;
        let source = context.socket(zmq::PAIR)?;
        source.connect(SOURCE)?;
        let source = thread::spawn(move || session::paced(load, |event| source.send(event, 0)));
        for _ in 0..load.events {
            publisher.send(hop.recv_msg(0)?, 0)?;
        }
        source.join().map_err(|_| "the source panicked")??;
    } else {
        let mut template = Template::new(FILTER, load.bytes);
        for number in 0..load.events {
            publisher.send(template.stamp(number, 0), 0)?;
        }
    }
    session::of_receiving(kind, load, first_ns, subscriber.answer()?)
}
