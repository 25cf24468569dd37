//! The figures for programs.

use serde::Serialize;

use super::figures::{Measurement, Spread};
use super::{Machine, Plan, Results};
use crate::record::Subject;

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    engine: &'a Subject,
    clients: Vec<&'a Subject>,
    runs: u32,
    size: usize,
    results: Vec<Entry<'a>>,
    failures: &'a [String],
}

/// One client in one measure; null where a figure does not apply.
#[derive(Serialize)]
struct Entry<'a> {
    measure: &'static str,
    sdk: &'a str,
    profile: &'a str,
    events: u64,
    per_second: Option<Spread>,
    p50_us: Option<Spread>,
    p99_us: Option<Spread>,
    delivered_ratio: Option<f64>,
    runs: &'a [Measurement],
}

/// One JSON document.
pub(crate) fn text(
    plan: &Plan,
    machine: &Machine,
    engine: &Subject,
    clients: Vec<&Subject>,
    results: &Results,
) -> Result<String, String> {
    let entries = results.summaries.iter().map(|result| Entry {
        measure: result.measure.name(),
        sdk: &result.row.sdk,
        profile: &result.row.profile,
        events: result.events,
        per_second: result.per_second,
        p50_us: result.p50_us,
        p99_us: result.p99_us,
        delivered_ratio: result.delivered_ratio(),
        runs: &result.runs,
    });
    let document = Document {
        machine,
        engine,
        clients,
        runs: plan.runs,
        size: plan.size,
        results: entries.collect(),
        failures: &results.failures,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| error.to_string())
}
