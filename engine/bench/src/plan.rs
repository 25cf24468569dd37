//! What is measured: the cases, the systems that take part in each, and how many events a run has.

use crate::system::{Sdk, System};

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One publisher, as fast as it can.
    Throughput,
    /// One publisher that sends an event each millisecond.
    Latency,
    /// The time that `publish` takes.
    PublishCost,
    /// A client's publish and its reply.
    ExternalPublish,
    /// A client's next_msg and the event.
    ExternalNext,
    /// Engine to client, as fast as they can.
    SessionReceive,
    /// Client to engine.
    SessionPublish,
    /// Engine to client, [`PER_SECOND`].
    SessionLatency,
}

/// The events of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) events: u64,
    /// Size of an event.
    pub(crate) bytes: usize,
    /// How many readers get each event.
    pub(crate) readers: usize,
}

/// Systems that carry the same load, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) load: Load,
    pub(crate) systems: &'static [System],
}

/// Pace of the latency cases.
pub(crate) const PER_SECOND: u64 = 1_000;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// All cases; `quick` ones have fewer events.
pub(crate) fn cases(quick: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in [100, KIB, 64 * KIB, MIB] {
        for readers in [1, 4, 16] {
            let load = Load { events: unpaced_events(bytes, readers, quick), bytes, readers };
            cases.push(case(
                format!("internal-{}-x{readers}", size(bytes)),
                Kind::Throughput,
                load,
                &THROUGHPUT,
            ));
        }
    }
    let events = if quick { 500 } else { 2_000 };
    let load = Load { events, bytes: 100, readers: 1 };
    cases.push(case("latency-1kHz-100B".into(), Kind::Latency, load, &LATENCY));
    let load = Load { events: if quick { 50_000 } else { 200_000 }, bytes: 100, readers: 1 };
    cases.push(case("publish-cost-100B".into(), Kind::PublishCost, load, &FILTERS));
    for bytes in [100, MIB] {
        let events = match (bytes, quick) {
            (100, false) => 4_000,
            (100, true) => 2_000,
            (_, false) => 320,
            (_, true) => 96,
        };
        for readers in [0, 1] {
            let name = format!("external-publish-{}-x{readers}", size(bytes));
            cases.push(case(name, Kind::ExternalPublish, Load { events, bytes, readers }, &EXTERNAL));
        }
        let name = format!("external-next-{}", size(bytes));
        cases.push(case(name, Kind::ExternalNext, Load { events, bytes, readers: 1 }, &EXTERNAL));
    }
    let load = Load { events: if quick { 300_000 } else { 1_000_000 }, bytes: 100, readers: 1 };
    cases.push(case("session-receive-100B".into(), Kind::SessionReceive, load, &SESSION_RECEIVE));
    cases.push(case("session-publish-100B".into(), Kind::SessionPublish, load, &SESSION_PUBLISH));
    let load = Load { events: if quick { 500 } else { 3_000 }, bytes: 100, readers: 1 };
    cases.push(case("session-latency-1kHz-100B".into(), Kind::SessionLatency, load, &SESSION_LATENCY));
    cases
}

const THROUGHPUT: [System; 8] = [
    System::Own,
    System::OwnBatch,
    System::Seed,
    System::Ancestor,
    System::LibzmqPubSub,
    System::Log,
    System::LogBatch,
    System::Channel,
];
const LATENCY: [System; 3] = [System::Own, System::Seed, System::Ancestor];
const FILTERS: [System; 2] = [System::Filters10, System::Filters1000];
const EXTERNAL: [System; 4] = [System::Own, System::Seed, System::Ancestor, System::LibzmqRouter];
const SESSION_RECEIVE: [System; 13] = [
    System::Sdk(Sdk::Rust),
    System::SdkBatch(Sdk::Rust),
    System::Sdk(Sdk::C),
    System::SdkBatch(Sdk::C),
    System::Sdk(Sdk::Go),
    System::SdkBatch(Sdk::Go),
    System::Sdk(Sdk::Python),
    System::SdkBatch(Sdk::Python),
    System::Sdk(Sdk::Asyncio),
    System::SdkBatch(Sdk::Asyncio),
    System::Nats,
    System::LibzmqTcp,
    System::PyzmqTcp,
];
const SESSION_PUBLISH: [System; 6] = [
    System::Sdk(Sdk::Rust),
    System::Sdk(Sdk::C),
    System::Sdk(Sdk::Go),
    System::Sdk(Sdk::Python),
    System::Sdk(Sdk::Asyncio),
    System::Nats,
];
const SESSION_LATENCY: [System; 8] = [
    System::Sdk(Sdk::Rust),
    System::Sdk(Sdk::C),
    System::Sdk(Sdk::Go),
    System::Sdk(Sdk::Python),
    System::Sdk(Sdk::Asyncio),
    System::Nats,
    System::LibzmqTcp,
    System::PyzmqTcp,
];

fn case(name: String, kind: Kind, load: Load, systems: &'static [System]) -> Case {
    Case { name, kind, load, systems }
}

/// So many that a run takes some tenths of a second, and at most 400 MiB in a log that frees nothing.
fn unpaced_events(bytes: usize, readers: usize, quick: bool) -> u64 {
    let events = match bytes {
        0..KIB => 200_000,
        KIB..=4096 => 100_000,
        4097..MIB => 4_000,
        _ => 400,
    };
    // At 100 B a run is short even so: less of it would measure its start.
    let small = bytes < KIB;
    let many = readers >= 16;
    let share = u64::from(quick && (!small || many)) + u64::from(many && bytes <= 4096);
    events >> share
}

/// `100B`, `64KiB`.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..KIB => format!("{bytes}B"),
        KIB..MIB => format!("{}KiB", bytes / KIB),
        _ => format!("{}MiB", bytes / MIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_system_and_one_case() {
        for system in System::ALL {
            assert_eq!(System::by_name(system.name()), Some(system));
        }
        let mut names: Vec<_> = cases(true).into_iter().map(|case| case.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cases(true).len());
    }

    #[test]
    fn unpaced_runs_are_bounded() {
        assert_eq!(unpaced_events(100, 4, false), 200_000);
        assert_eq!(unpaced_events(100, 16, true), 50_000);
        for bytes in [100, KIB, 64 * KIB, MIB] {
            assert!(unpaced_events(bytes, 1, false) * bytes as u64 <= 400 << 20);
        }
    }
}
