//! `top` without a terminal: a table, or JSON.

use std::thread;
use std::time::Duration;

use event_engine::control::client::ClientError;

use super::columns::{self, Column};
use super::sample::Sample;
use crate::exit::{Exit, Problem};
use crate::human;
use crate::live::Live;
use crate::output;
use crate::table::table;

/// Prints a sample after every interval, `count` times; without a count until the application ends.
///
/// # Errors
/// [`Problem`].
pub(crate) fn run(
    live: &mut Live,
    interval: Duration,
    count: Option<u64>,
    json: bool,
) -> Result<Exit, Problem> {
    let mut before = None;
    let mut printed = 0;
    loop {
        let status = match live.status() {
            Ok(status) => status,
            // Not at once: then it was not running any more when it was asked for.
            Err(ClientError::Closed) if before.is_some() => {
                output::say(&format!("{} has ended\n", live.name()));
                return Ok(Exit::Done);
            }
            Err(error) => return Err(live.problem(error)),
        };
        if before.is_some() {
            let sample = Sample::between(before.as_ref(), &status);
            match json {
                true => output::write_json(&sample)?,
                false => output::write(&text(&sample))?,
            }
            printed += 1;
        }
        if count.is_some_and(|count| printed >= count) {
            return Ok(Exit::Done);
        }
        before = Some(status);
        thread::sleep(interval);
    }
}

fn text(sample: &Sample) -> String {
    // Wide enough for every column.
    let columns: Vec<Column> = columns::fitting(200, 0).into_iter().map(|(column, _)| column).collect();
    let heading: Vec<_> = columns.iter().map(|column| (column.title(), column.align())).collect();
    let rows: Vec<Vec<String>> =
        sample.plugins.iter().map(|row| columns.iter().map(|column| column.cell(row)).collect()).collect();
    format!(
        "{}: {} for {}, {}/s accepted, {} in all, {} for nobody, {} parked, the ledger {}\n{}",
        sample.application,
        sample.phase,
        human::time(sample.uptime_ms),
        sample.accepted_per_s.map_or("-".to_owned(), human::rate),
        human::grouped(sample.accepted),
        human::count(sample.unmatched),
        human::count(sample.parked),
        if sample.balances { "balances" } else { "DOES NOT BALANCE" },
        table(&heading, &rows)
    )
}
