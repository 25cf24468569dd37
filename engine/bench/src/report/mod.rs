//! What is printed and written.

mod json;
mod ratios;
mod table;

use std::collections::BTreeMap;

pub(crate) use json::write as write_json;

use crate::measurement::Summary;
use crate::plan::Case;
use crate::programs::Program;

/// The tables, what the systems do, and the ratios.
pub(crate) fn text(
    cases: &[Case],
    results: &[Summary],
    missing: &BTreeMap<Program, String>,
    runs: u32,
) -> String {
    let tables: String = cases.iter().map(|case| table::of(case, results)).collect();
    let missing: String =
        missing.iter().map(|(program, why)| format!("not measured: {}: {why}\n", program.name())).collect();
    format!(
        "{runs} runs of each system, interleaved.\n{missing}{tables}{}{}",
        table::legend(results),
        ratios::text(results)
    )
}

/// What was lost where nothing may be.
pub(crate) fn lost(results: &[Summary]) -> Vec<String> {
    results
        .iter()
        .filter(|result| result.system.is_lossless() && result.delivered != result.sent)
        .map(|result| {
            let (case, system) = (&result.case, result.system.name());
            format!("{case} {system}: {} of {} events were delivered", result.delivered, result.sent)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::System;

    #[test]
    fn one_lost_event_fails_a_system_that_promises_to_lose_none() {
        let result = |system, delivered| Summary {
            case: "case".into(),
            system,
            bytes: 100,
            readers: 1,
            per_second: None,
            p50_us: None,
            p99_us: None,
            sent: 1_000_000,
            delivered,
            rss_bytes: None,
        };
        assert!(lost(&[result(System::Own, 1_000_000), result(System::Ancestor, 1)]).is_empty());
        assert_eq!(lost(&[result(System::Seed, 999_999)]).len(), 1);
    }
}
