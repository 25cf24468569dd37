//! All runs: the systems of a case take turns, each run in a new process.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use crate::measurement::{Measurement, Spread, Summary};
use crate::plan::Case;
use crate::programs::Program;
use crate::system::System;
use crate::Failure;

/// Runs everything but what needs a missing program; returns the summaries, and what failed.
pub(crate) fn run(
    cases: &[Case],
    missing: &BTreeMap<Program, String>,
    runs: u32,
    quick: bool,
) -> Result<(Vec<Summary>, Vec<String>), Failure> {
    let program = std::env::current_exe()?;
    let can_run = |system: &&System| system.program().is_none_or(|program| !missing.contains_key(&program));
    let (mut summaries, mut failures) = (Vec::new(), Vec::new());
    for case in cases {
        let start = Instant::now();
        let mut measured: Vec<(System, Vec<Measurement>)> = case
            .systems
            .iter()
            .filter(|system| can_run(system))
            .map(|system| (*system, Vec::new()))
            .collect();
        for run in 1..=runs {
            for (system, measurements) in &mut measured {
                let mut child = Command::new(&program);
                child.args(["child", &case.name, system.name()]).args(quick.then_some("--quick"));
                match measure(&mut child) {
                    Ok(measurement) => measurements.push(measurement),
                    Err(why) => failures.push(format!("{} {} run {run}: {why}", case.name, system.name())),
                }
            }
        }
        summaries
            .extend(measured.into_iter().map(|(system, measurements)| summary(case, system, &measurements)));
        eprintln!("{}: {:.1} s", case.name, start.elapsed().as_secs_f64());
    }
    Ok((summaries, failures))
}

fn measure(child: &mut Command) -> Result<Measurement, Failure> {
    let output = child.output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn summary(case: &Case, system: System, runs: &[Measurement]) -> Summary {
    Summary {
        case: case.name.clone(),
        system,
        bytes: case.load.bytes,
        readers: case.load.readers,
        per_second: Spread::of(runs.iter().filter_map(|run| run.per_second)),
        p50_us: Spread::of(runs.iter().filter_map(|run| run.p50_us)),
        p99_us: Spread::of(runs.iter().filter_map(|run| run.p99_us)),
        sent: runs.iter().map(|run| run.sent).sum(),
        delivered: runs.iter().map(|run| run.delivered).sum(),
        rss_bytes: runs.iter().filter_map(|run| run.rss_bytes).max(),
    }
}
