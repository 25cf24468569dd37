//! NATS core: a server, a publisher and a subscriber, three processes.

use crate::measurement::Measurement;
use crate::plan::{Kind, Load, PER_SECOND};
use crate::programs::{Answer, Program, Running};
use crate::systems::session;
use crate::Failure;

/// Publisher to subscriber; where publishing is measured, until the server has answered for all of it.
pub(crate) fn measure(kind: Kind, load: Load) -> Result<Measurement, Failure> {
    let server = Program::Nats.start(&["server"])?;
    let line = server.line()?;
    let port = line.strip_prefix("port ").ok_or("the NATS server says no port")?;
    let run = |command: &str, per_second: u64| -> Result<Running, Failure> {
        let (events, bytes) = (load.events.to_string(), load.bytes.to_string());
        let url = format!("nats://127.0.0.1:{port}");
        Program::Nats.start(&[command, &url, &events, &bytes, &per_second.to_string()])
    };
    let subscriber = run("subscribe", 0)?;
    if subscriber.line()? != "ready" {
        return Err("the NATS subscriber does not get ready".into());
    }
    let per_second = if kind == Kind::SessionLatency { PER_SECOND } else { 0 };
    let published = run("publish", per_second)?.answer()?;
    if kind == Kind::SessionPublish {
        let received = subscriber.answer()?.events;
        return session::of_publishing(load, Answer { events: received, ..published });
    }
    session::of_receiving(kind, load, published.first_ns, subscriber.answer()?)
}
