//! The figures for programs.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::measurement::{Spread, Summary};
use crate::Failure;

/// One system in one case; null where a figure does not apply.
#[derive(Serialize)]
struct Entry<'a> {
    case: &'a str,
    system: &'static str,
    bytes: usize,
    fanout: usize,
    per_second: Option<Spread>,
    /// Medians of the runs' percentiles.
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    delivered_ratio: Option<f64>,
}

/// Writes the list, and the folder for it.
pub(crate) fn write(path: &Path, results: &[Summary]) -> Result<(), Failure> {
    let entries: Vec<Entry<'_>> = results
        .iter()
        .map(|result| Entry {
            case: &result.case,
            system: result.system.name(),
            bytes: result.bytes,
            fanout: result.readers,
            per_second: result.per_second,
            p50_us: result.p50_us.map(|spread| spread.median),
            p99_us: result.p99_us.map(|spread| spread.median),
            delivered_ratio: result.delivered_ratio(),
        })
        .collect();
    let in_file = |error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(in_file)?;
    }
    fs::write(path, serde_json::to_string_pretty(&entries)? + "\n").map_err(in_file)?;
    Ok(())
}
