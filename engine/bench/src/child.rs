//! One run of one system, in a process of its own.

use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::measurement::Measurement;
use crate::plan::{self, Case, Kind};
use crate::programs::Program;
use crate::system::System;
use crate::systems::seed_api::{ancestor, seed};
use crate::systems::{channel, libzmq, libzmq_tcp, log, nats, own, session};
use crate::Failure;

/// A run that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// Events per `publish_batch`, and per append of the batching log.
const BATCH: u64 = 32;

/// Runs `system` in `case` and prints the measurement as JSON.
pub(crate) fn run(case: &str, system: &str, quick: bool) -> Result<(), Failure> {
    let name = case;
    let case = plan::cases(quick).into_iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| format!("there is no case `{name}`"))?;
    let system = System::by_name(system).ok_or_else(|| format!("there is no system `{system}`"))?;
    let (done, running) = mpsc::channel();
    thread::spawn(move || done.send(measure(&case, system).map_err(|error| error.to_string())));
    let mut measurement = match running.recv_timeout(DEADLINE) {
        Ok(result) => result?,
        Err(error) => return Err(format!("no result: {error}").into()),
    };
    // Nothing of NATS is in this process.
    if system != System::Nats {
        measurement.rss_bytes = peak_rss_bytes();
    }
    println!("{}", serde_json::to_string(&measurement)?);
    // Whatever threads a system has left behind end here.
    process::exit(0)
}

fn measure(case: &Case, system: System) -> Result<Measurement, Failure> {
    let (kind, load) = (case.kind, case.load);
    match (kind, system) {
        (Kind::Throughput | Kind::Latency, System::Own) => own::internal(kind, load, None),
        (Kind::Throughput, System::OwnBatch) => own::internal(kind, load, Some(BATCH)),
        (Kind::Throughput | Kind::Latency, System::Seed) => seed::internal(kind, load),
        (Kind::Throughput | Kind::Latency, System::Ancestor) => ancestor::internal(kind, load),
        (Kind::Throughput, System::LibzmqPubSub) => libzmq::internal(load),
        (Kind::Throughput, System::Log) => log::internal(load, 1),
        (Kind::Throughput, System::LogBatch) => log::internal(load, BATCH),
        (Kind::Throughput, System::Channel) => channel::internal(load),
        (Kind::PublishCost, System::Filters10) => own::publish_cost(load, 10),
        (Kind::PublishCost, System::Filters1000) => own::publish_cost(load, 1000),
        (Kind::ExternalPublish | Kind::ExternalNext, System::Own) => own::external(kind, load),
        (Kind::ExternalPublish | Kind::ExternalNext, System::Seed) => seed::external(kind, load),
        (Kind::ExternalPublish | Kind::ExternalNext, System::Ancestor) => ancestor::external(kind, load),
        (Kind::ExternalPublish | Kind::ExternalNext, System::LibzmqRouter) => libzmq::external(kind, load),
        (Kind::SessionReceive | Kind::SessionLatency, System::Sdk(sdk)) => {
            session::receive(kind, load, sdk, false)
        }
        (Kind::SessionReceive, System::SdkBatch(sdk)) => session::receive(kind, load, sdk, true),
        (Kind::SessionPublish, System::Sdk(sdk)) => session::publish_to(load, sdk),
        (Kind::SessionReceive | Kind::SessionPublish | Kind::SessionLatency, System::Nats) => {
            nats::measure(kind, load)
        }
        (Kind::SessionReceive | Kind::SessionLatency, System::LibzmqTcp) => {
            libzmq_tcp::measure(kind, load, Program::Rust)
        }
        (Kind::SessionReceive | Kind::SessionLatency, System::PyzmqTcp) => {
            libzmq_tcp::measure(kind, load, Program::Python)
        }
        (_, system) => Err(format!("`{}` takes no part in `{}`", system.name(), case.name).into()),
    }
}

/// The largest resident set so far; Linux says it, others are not asked.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
