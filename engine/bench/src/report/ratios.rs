//! The targets: this engine's medians as ratios to a baseline of the same interleaved run.

use std::fmt::Write;

use crate::measurement::Summary;
use crate::system::{Sdk, System};

/// What is compared.
#[derive(Clone, Copy)]
enum Figure {
    PerSecond,
    /// Time per operation.
    Cost,
    P50,
}

impl Figure {
    fn of(self, result: &Summary) -> Option<f64> {
        match self {
            Figure::PerSecond => result.per_second.map(|spread| spread.median),
            Figure::Cost => result.per_second.map(|spread| 1.0 / spread.median),
            Figure::P50 => result.p50_us.map(|spread| spread.median),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Figure::PerSecond => "rate",
            Figure::Cost => "time per publish",
            Figure::P50 => "p50",
        }
    }
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

struct Target {
    case: &'static str,
    figure: Figure,
    ours: System,
    baseline: System,
    bound: Bound,
}

const fn target(case: &'static str, figure: Figure, ours: System, baseline: System, bound: Bound) -> Target {
    Target { case, figure, ours, baseline, bound }
}

use Bound::{AtLeast, AtMost};
use Figure::{Cost, PerSecond, P50};
use System::{
    Ancestor, Filters10, Filters1000, LibzmqPubSub, LibzmqRouter, LibzmqTcp, Log, LogBatch, Nats, Own,
    OwnBatch, PyzmqTcp, Seed,
};

const RUST: System = System::Sdk(Sdk::Rust);
const RUST_BATCH: System = System::SdkBatch(Sdk::Rust);
const C: System = System::Sdk(Sdk::C);
const C_BATCH: System = System::SdkBatch(Sdk::C);
const GO: System = System::Sdk(Sdk::Go);
const GO_BATCH: System = System::SdkBatch(Sdk::Go);
const PYTHON: System = System::Sdk(Sdk::Python);
const PYTHON_BATCH: System = System::SdkBatch(Sdk::Python);
const ASYNCIO: System = System::Sdk(Sdk::Asyncio);
const ASYNCIO_BATCH: System = System::SdkBatch(Sdk::Asyncio);

const RECEIVE: &str = "session-receive-100B";
const PUBLISH: &str = "session-publish-100B";
const LATENCY: &str = "session-latency-1kHz-100B";

/// The shared log is a baseline twice, with single and with batched appends: the second is the harder one. Publishing to
/// NATS is acknowledged once, at the end; publishing in a session event by event.
const TARGETS: &[Target] = &[
    target("internal-100B-x1", PerSecond, Seed, Ancestor, AtLeast(1.0)),
    target("internal-100B-x4", PerSecond, Seed, Ancestor, AtLeast(1.5)),
    target("internal-100B-x1", PerSecond, Own, Log, AtLeast(0.6)),
    target("internal-100B-x1", PerSecond, Own, LogBatch, AtLeast(0.6)),
    target("internal-100B-x1", PerSecond, OwnBatch, Log, AtLeast(0.85)),
    target("internal-100B-x1", PerSecond, OwnBatch, LogBatch, AtLeast(0.85)),
    target("internal-100B-x16", PerSecond, Own, Log, AtLeast(0.9)),
    target("internal-100B-x16", PerSecond, Own, LogBatch, AtLeast(0.9)),
    target("internal-100B-x16", PerSecond, OwnBatch, Log, AtLeast(0.9)),
    target("internal-100B-x16", PerSecond, OwnBatch, LogBatch, AtLeast(0.9)),
    target("internal-100B-x16", PerSecond, Own, LibzmqPubSub, AtLeast(15.0)),
    target("internal-1MiB-x1", PerSecond, Seed, Ancestor, AtLeast(1.0)),
    target("publish-cost-100B", Cost, Filters1000, Filters10, AtMost(2.0)),
    target("latency-1kHz-100B", P50, Own, Ancestor, AtMost(0.5)),
    target("external-publish-100B-x0", P50, Own, LibzmqRouter, AtMost(1.15)),
    target("external-publish-100B-x1", P50, Own, LibzmqRouter, AtMost(1.15)),
    target("external-next-100B", P50, Own, LibzmqRouter, AtMost(1.15)),
    target("external-publish-1MiB-x0", P50, Own, LibzmqRouter, AtMost(1.15)),
    target("external-next-1MiB", P50, Own, LibzmqRouter, AtMost(1.15)),
    target(RECEIVE, PerSecond, RUST, Nats, AtLeast(2.0)),
    target(RECEIVE, PerSecond, RUST_BATCH, Nats, AtLeast(3.0)),
    target(RECEIVE, PerSecond, RUST, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, RUST_BATCH, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, C, Nats, AtLeast(2.0)),
    target(RECEIVE, PerSecond, C_BATCH, Nats, AtLeast(3.0)),
    target(RECEIVE, PerSecond, C, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, C_BATCH, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, GO, Nats, AtLeast(2.0)),
    target(RECEIVE, PerSecond, GO_BATCH, Nats, AtLeast(3.0)),
    target(RECEIVE, PerSecond, GO, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, GO_BATCH, LibzmqTcp, AtLeast(1.0)),
    target(RECEIVE, PerSecond, PYTHON, Nats, AtLeast(0.5)),
    target(RECEIVE, PerSecond, PYTHON_BATCH, Nats, AtLeast(0.5)),
    target(RECEIVE, PerSecond, ASYNCIO, Nats, AtLeast(0.5)),
    target(RECEIVE, PerSecond, ASYNCIO_BATCH, Nats, AtLeast(0.5)),
    target(PUBLISH, PerSecond, RUST, Nats, AtLeast(2.0)),
    target(PUBLISH, PerSecond, C, Nats, AtLeast(2.0)),
    target(PUBLISH, PerSecond, GO, Nats, AtLeast(2.0)),
    target(PUBLISH, PerSecond, PYTHON, Nats, AtLeast(1.0)),
    target(PUBLISH, PerSecond, ASYNCIO, Nats, AtLeast(1.0)),
    target(LATENCY, P50, RUST, LibzmqTcp, AtMost(1.3)),
    target(LATENCY, P50, C, LibzmqTcp, AtMost(1.3)),
    target(LATENCY, P50, GO, LibzmqTcp, AtMost(1.3)),
    target(LATENCY, P50, PYTHON, PyzmqTcp, AtMost(1.3)),
    target(LATENCY, P50, ASYNCIO, PyzmqTcp, AtMost(1.3)),
];

/// Every target whose case was measured: name, ratio of medians, target, met or not.
pub(crate) fn text(results: &[Summary]) -> String {
    let mut text = String::from("\nratios of medians\n");
    for target in TARGETS {
        let Some(ratio) = ratio(target, results) else { continue };
        let (met, bound) = match target.bound {
            Bound::AtLeast(bound) => (ratio >= bound, format!(">= {bound}")),
            Bound::AtMost(bound) => (ratio <= bound, format!("<= {bound}")),
        };
        let name = format!(
            "{} {}: {} / {}",
            target.case,
            target.figure.name(),
            target.ours.name(),
            target.baseline.name()
        );
        let verdict = if met { "met" } else { "NOT met" };
        let _ = writeln!(text, "  {name:<75} {ratio:>8.3}  {bound:<8} {verdict}");
    }
    text
}

fn ratio(target: &Target, results: &[Summary]) -> Option<f64> {
    let figure = |system| {
        let result = results.iter().find(|result| result.case == target.case && result.system == system)?;
        target.figure.of(result)
    };
    Some(figure(target.ours)? / figure(target.baseline)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn every_target_names_a_case_in_which_both_take_part() {
        let cases = plan::cases(false);
        for target in TARGETS {
            let case = cases.iter().find(|case| case.name == target.case).unwrap();
            assert!(
                case.systems.contains(&target.ours) && case.systems.contains(&target.baseline),
                "{}",
                case.name
            );
        }
    }
}
