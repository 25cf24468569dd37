//! Measures client libraries side by side: how fast they publish and receive, and what arrived of what was sent.
//!
//! `plan`: who is measured, and with how many events. `measure`: one measurement, by testees. `figures`: what the runs add up to.
//! `table`, `json`: what is printed and written. `machine`: where it was measured.

mod figures;
mod json;
mod machine;
mod measure;
mod plan;
mod table;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

pub(crate) use figures::Summary;
pub(crate) use json::text as json;
pub(crate) use machine::Machine;
use plan::Measure;
pub(crate) use plan::Plan;
pub(crate) use table::text;

use crate::interrupt;
use crate::subject::{Engine, Subject};
use figures::Measurement;

/// What was measured, and what could not be.
pub(crate) struct Results {
    pub(crate) summaries: Vec<Summary>,
    pub(crate) failures: Vec<String>,
}

/// Measures everything. The rows of a measure take turns, so that whatever else the machine does meets all of them; every
/// measurement has new processes, so that none profits or suffers from the one before.
pub(crate) fn run(plan: &Plan, subjects: &[Subject], engine: &Engine) -> Results {
    let mut measured: BTreeMap<(Measure, usize), Vec<Measurement>> = BTreeMap::new();
    let mut failures = Vec::new();
    for run in 1..=plan.runs {
        for measure in Measure::ALL {
            for (index, row) in plan.rows.iter().enumerate() {
                if interrupt::came().is_some() {
                    continue;
                }
                let name = format!("{} {}", measure.name(), row.name());
                progress(&format!("run {run} of {}: {name}", plan.runs));
                let result = subjects
                    .iter()
                    .find(|subject| subject.key == row.sdk)
                    .ok_or_else(|| "there is no such client library".to_owned())
                    .and_then(|subject| measure::one(measure, row, plan, subject, engine));
                match result {
                    Ok(measurement) => measured.entry((measure, index)).or_default().push(measurement),
                    Err(why) => failures.push(format!("{name}, run {run}: {why}")),
                }
            }
        }
    }
    progress("");
    let summaries = measured
        .into_iter()
        .filter_map(|((measure, index), runs)| Some(Summary::of(measure, plan.rows.get(index)?, plan, &runs)))
        .collect();
    Results { summaries, failures }
}

/// Where it is, for a person who waits.
fn progress(text: &str) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[2K{text}");
        let _ = out.flush();
    }
}
