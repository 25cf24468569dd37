//! This engine and a client of one of its SDKs, in the session profile: two processes.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use event_engine::{BoxError, Builder, Context, Laggards, Payload, PluginSpec};

use crate::measurement::Measurement;
use crate::payload::{self, now_ns, Template, FILTER};
use crate::plan::{Kind, Load, PER_SECOND};
use crate::programs::Answer;
use crate::system::Sdk;
use crate::Failure;

/// Events per `publish_batch` of the source.
const BATCH: u64 = 32;
/// How long an application lives on whose client has failed.
const STOP_WITHIN: Duration = Duration::from_millis(100);
/// How long the application waits for the client.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Engine to client; `batch`: the source uses `publish_batch`.
pub(crate) fn receive(kind: Kind, load: Load, sdk: Sdk, batch: bool) -> Result<Measurement, Failure> {
    let (started, start) = mpsc::channel();
    let handle = Builder::new()
        .wait_for_external(CONNECT_WITHIN, Laggards::Fail)
        .stop_within(STOP_WITHIN)
        .external(PluginSpec::new("client").subscribe(FILTER), 0)
        .plugin(PluginSpec::new("source"), move |context| {
            started.send(now_ns())?;
            publish(context, kind, load, batch)
        })
        .start()?;
    let port = handle.port("client").ok_or("the client has no port")?;
    let answer = sdk.start("receive", &format!("tcp://127.0.0.1:{port}"), load)?.answer()?;
    let first_ns = start.recv()?;
    super::own::check(&handle.wait())?;
    of_receiving(kind, load, first_ns, answer)
}

fn publish(context: &mut Context, kind: Kind, load: Load, batch: bool) -> Result<(), BoxError> {
    let mut template = Template::new(FILTER, load.bytes);
    if batch {
        for first in (0..load.events).step_by(BATCH as usize) {
            let numbers = first..load.events.min(first + BATCH);
            context.publish_batch(numbers.map(|number| Payload::from(template.stamp(number, 0))))?;
        }
    } else if kind == Kind::SessionLatency {
        paced(load, |event| context.publish(event).map(drop))?;
    } else {
        for number in 0..load.events {
            context.publish(template.stamp(number, 0))?;
        }
    }
    Ok(())
}

/// Sends the events one by one, a millisecond apart, with the time in them.
pub(crate) fn paced<E>(load: Load, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut template = Template::new(FILTER, load.bytes);
    let start = Instant::now();
    for number in 0..load.events {
        let due = start + Duration::from_secs(1).mul_f64(number as f64 / PER_SECOND as f64);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        send(template.stamp(number, now_ns()))?;
    }
    Ok(())
}

/// Client to engine, where an internal plugin reads.
pub(crate) fn publish_to(load: Load, sdk: Sdk) -> Result<Measurement, Failure> {
    let handle = Builder::new()
        .stop_within(STOP_WITHIN)
        .external(PluginSpec::new("client"), 0)
        .plugin(PluginSpec::new("reader").subscribe(FILTER), move |context| {
            for expected in 0..load.events {
                let event = context.next_event()?;
                if event.len() != load.bytes || payload::sequence(&event) != Some(expected) {
                    return Err(format!("event {expected} is not the one that came").into());
                }
            }
            Ok(())
        })
        .start()?;
    let port = handle.port("client").ok_or("the client has no port")?;
    let answer = sdk.start("publish", &format!("tcp://127.0.0.1:{port}"), load)?.answer()?;
    super::own::check(&handle.wait())?;
    of_publishing(load, answer)
}

/// Figures out of what a receiver says.
pub(crate) fn of_receiving(
    kind: Kind,
    load: Load,
    first_ns: u64,
    answer: Answer,
) -> Result<Measurement, Failure> {
    if kind == Kind::SessionLatency {
        // Two processes read one clock, which may be set in between; a time below zero would say so.
        let mut times_ns =
            answer.latencies_ns.into_iter().map(u64::try_from).collect::<Result<Vec<u64>, _>>()?;
        // The first tenth warms up.
        times_ns.drain(..times_ns.len() / 10);
        return Ok(Measurement::of_times(times_ns, load.events, answer.events));
    }
    Ok(Measurement::of_rate(seconds(first_ns, answer.last_ns)?, load.events, answer.events))
}

/// Figures out of what a publisher says.
pub(crate) fn of_publishing(load: Load, answer: Answer) -> Result<Measurement, Failure> {
    Ok(Measurement::of_rate(seconds(answer.first_ns, answer.last_ns)?, load.events, answer.events))
}

fn seconds(first_ns: u64, last_ns: u64) -> Result<f64, Failure> {
    match last_ns.checked_sub(first_ns) {
        Some(ns) if ns > 0 => Ok(ns as f64 / 1e9),
        _ => Err("the clock was set back".into()),
    }
}
