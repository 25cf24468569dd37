//! Many events in one command: what goes through is counted by the numbers in them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use event_engine_client::{Client, Error};
use serde_json::{json, Value};

use crate::{fields, Failure};

/// The most events of one call.
const BATCH: u64 = 500;
const DIGITS: usize = 8;

/// Publishes numbered events by batches.
pub(crate) fn flood(client: &Client, command: &Value) -> Result<Value, Failure> {
    let (prefix, size) = (fields::bytes(command, "prefix")?, fields::size(command, "size")?);
    let mut next = fields::number(command, "first")?;
    let end = next.saturating_add(fields::number(command, "count")?);
    let mut id = 0;
    let begun = Instant::now();
    while next < end {
        let until = end.min(next.saturating_add(BATCH));
        id = client.publish_batch((next..until).map(|number| event(&prefix, number, size)))?;
        next = until;
    }
    let us = micros(begun.elapsed());
    Ok(if id > 0 { json!({"id": id, "us": us}) } else { json!({"us": us}) })
}

/// Takes numbered events until enough different ones came, or none for too long.
pub(crate) fn drain(client: &Client, command: &Value) -> Result<Value, Failure> {
    let wanted = fields::size(command, "count")?;
    let timeout = fields::duration(command, "timeout_ms")?.unwrap_or_default();
    let mut seen = HashSet::new();
    let (mut first, mut last, mut in_order) = (None, None, true);
    let (mut count, mut redelivered) = (0u64, 0u64);
    let mut begun: Option<Instant> = None;
    let mut took = Duration::ZERO;
    while seen.len() < wanted {
        let event = match client.next_event_timeout(timeout) {
            Ok(event) => event,
            Err(Error::Timeout { .. }) => break,
            Err(error) => return Err(error.into()),
        };
        took = begun.get_or_insert_with(Instant::now).elapsed();
        count += 1;
        redelivered += u64::from(event.redelivered());
        if let Some(number) = number(&event) {
            in_order &= last.is_none_or(|last| last < number);
            first = first.or(Some(number));
            last = Some(number);
            seen.insert(number);
        }
    }
    Ok(json!({
        "count": count,
        "distinct": seen.len(),
        "in_order": in_order,
        "first": first,
        "last": last,
        "redelivered": redelivered,
        "us": micros(took),
    }))
}

/// Publishes an event and takes it back, one after the other.
pub(crate) fn round_trips(client: &Client, command: &Value) -> Result<Value, Failure> {
    let (prefix, size) = (fields::bytes(command, "prefix")?, fields::size(command, "size")?);
    let mut times = Vec::new();
    for number in 0..fields::number(command, "count")? {
        let event = event(&prefix, number, size);
        let begun = Instant::now();
        client.publish(event)?;
        client.next_event()?;
        times.push(micros(begun.elapsed()));
    }
    Ok(json!({"us": times}))
}

/// The prefix, the number, then dots.
fn event(prefix: &[u8], number: u64, size: usize) -> Vec<u8> {
    let mut event = [prefix, format!("{number:0DIGITS$}").as_bytes()].concat();
    event.resize(size.max(event.len()), b'.');
    event
}

/// The digits behind the first colon.
fn number(event: &[u8]) -> Option<u64> {
    let colon = event.iter().position(|byte| *byte == b':')?;
    let digits = event.get(colon + 1..)?.get(..DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
