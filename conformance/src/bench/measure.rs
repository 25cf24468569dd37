//! One measurement: an engine, a client, and what they say.

use std::time::{Duration, Instant};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use serde_json::{json, Map, Value};

use super::figures::Measurement;
use super::plan::{Measure, Plan, Row};
use crate::stage::testee::{Answer, NoAnswer, Testee};
use crate::subject::{Engine, Subject};

/// The name of the client and of its plugin.
const CLIENT: &str = "client";
/// The internal plugin at the other end.
const OTHER: &str = "other";
/// What events begin with: the numbers stand behind the first colon.
const PREFIX: &str = "n:";
/// A queue that holds whatever is put there: what is measured is not to wait for room.
const NO_LIMIT_BYTES: u64 = 1 << 40;
/// Whatever is not measured takes no longer.
const STEP: Duration = Duration::from_secs(30);
/// Whoever moves fewer events a second has failed.
const LEAST_PER_SECOND: u64 = 500;
/// An event that does not come so soon is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// Between two looks at the engine's account.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Measures once, with new processes, which are gone afterwards.
pub(super) fn one(
    measure: Measure,
    row: &Row,
    plan: &Plan,
    subject: &Subject,
    engine: &Engine,
) -> Result<Measurement, String> {
    let events = plan.events(measure, row);
    let mut pair = Pair {
        engine: engine.start(STEP)?,
        client: subject.take(STEP)?,
        port: 0,
        events,
        size: plan.size,
        limit: STEP + Duration::from_secs(events / LEAST_PER_SECOND),
    };
    match measure {
        Measure::Publish => pair.publish(row),
        Measure::Receive => pair.receive(row),
        Measure::RoundTrips => pair.round_trips(row),
    }
}

/// An engine and a client of it. Both processes end when it is dropped.
struct Pair {
    engine: Testee,
    client: Testee,
    port: u64,
    events: u64,
    size: usize,
    /// How long a command with all events may take.
    limit: Duration,
}

impl Pair {
    fn publish(&mut self, row: &Row) -> Result<Measurement, String> {
        let prefix = BASE64_STANDARD.encode(PREFIX);
        self.start(&json!([
            { "name": CLIENT, "kind": "external", "subscribe": [] },
            { "name": OTHER, "kind": "internal", "subscribe": [prefix],
              "queue_events": self.events + 1, "queue_bytes": NO_LIMIT_BYTES },
        ]))?;
        self.connect(row)?;
        let fields = self.numbered("client", CLIENT);
        let answer = ask(&mut self.client, "flood", fields, self.limit)?;
        let us = number(&answer, "us")?;
        Ok(Measurement::of_rate(self.events, us, self.events, self.matched()?))
    }

    fn receive(&mut self, row: &Row) -> Result<Measurement, String> {
        let prefix = BASE64_STANDARD.encode(PREFIX);
        self.start(&json!([
            { "name": CLIENT, "kind": "external", "subscribe": [prefix],
              "queue_events": self.events + 1, "queue_bytes": NO_LIMIT_BYTES },
            { "name": OTHER, "kind": "internal", "subscribe": [] },
        ]))?;
        let fields = self.numbered("plugin", OTHER);
        ask(&mut self.engine, "flood", fields, self.limit)?;
        self.connect(row)?;
        let timeout = u64::try_from(LOST_AFTER.as_millis()).unwrap_or(u64::MAX);
        let fields = json!({ "client": CLIENT, "count": self.events, "timeout_ms": timeout });
        let answer = ask(&mut self.client, "drain", fields, self.limit)?;
        let (count, distinct) = (number(&answer, "count")?, number(&answer, "distinct")?);
        // The clock begins with the first event, so it is the ones after it that are timed.
        let us = number(&answer, "us")?;
        let mut measurement = Measurement::of_rate(distinct.saturating_sub(1), us, self.events, distinct);
        let in_order = answer.get("in_order") == Some(&Value::Bool(true));
        if count != distinct || !in_order {
            let order = if in_order { "in order" } else { "out of order" };
            measurement.remark = Some(format!("{count} events came for {distinct} numbers, {order}"));
        }
        Ok(measurement)
    }

    fn round_trips(&mut self, row: &Row) -> Result<Measurement, String> {
        let prefix = BASE64_STANDARD.encode(PREFIX);
        self.start(&json!([{ "name": CLIENT, "kind": "external", "subscribe": [prefix] }]))?;
        self.connect(row)?;
        let fields = self.numbered("client", CLIENT);
        let answer = ask(&mut self.client, "round_trips", fields, self.limit)?;
        let times =
            answer.get("us").and_then(Value::as_array).ok_or("`round_trips` was answered without `us`")?;
        Ok(Measurement::of_round_trips(times.iter().filter_map(Value::as_u64).collect(), self.events))
    }

    fn start(&mut self, plugins: &Value) -> Result<(), String> {
        let answer = ask(&mut self.engine, "start", json!({ "application": { "plugins": plugins } }), STEP)?;
        let port = answer.get("ports").and_then(|ports| ports.get(CLIENT)).and_then(Value::as_u64);
        self.port = port.ok_or("the engine has told no port")?;
        Ok(())
    }

    fn connect(&mut self, row: &Row) -> Result<(), String> {
        let endpoint = format!("tcp://127.0.0.1:{}", self.port);
        let mut fields = json!({ "client": CLIENT, "endpoint": endpoint, "timeout_ms": 10_000 });
        if let (Some(fields), true) = (fields.as_object_mut(), row.may_force) {
            fields.insert("profile".to_owned(), json!(row.profile));
        }
        let answer = ask(&mut self.client, "connect", fields, STEP)?;
        match answer.get("profile").and_then(Value::as_str) {
            Some(profile) if profile == row.profile => Ok(()),
            other => Err(format!("it connected in the profile {}", other.unwrap_or("that it does not tell"))),
        }
    }

    /// The fields of what publishes numbered events.
    fn numbered(&self, whose: &str, name: &str) -> Value {
        let prefix = BASE64_STANDARD.encode(PREFIX);
        json!({ whose: name, "prefix": prefix, "first": 0, "count": self.events, "size": self.size })
    }

    /// What the other plugin has got, by the engine's account: all of it, or what it is after a while.
    fn matched(&mut self) -> Result<u64, String> {
        let deadline = Instant::now() + LOST_AFTER;
        loop {
            let ledger = ask(&mut self.engine, "ledger", json!({}), STEP)?;
            let account = ledger.get("plugins").and_then(|plugins| plugins.get(OTHER));
            let matched = account.and_then(|account| account.get("matched")).and_then(Value::as_u64);
            let matched = matched.ok_or("the engine's ledger does not tell what was matched")?;
            if matched >= self.events || Instant::now() >= deadline {
                return Ok(matched);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// A command that must succeed.
fn ask(testee: &mut Testee, op: &str, fields: Value, limit: Duration) -> Result<Map<String, Value>, String> {
    let Value::Object(fields) = fields else { return Err(format!("`{op}` has no fields")) };
    match testee.ask(op, fields, limit) {
        Ok(Answer::Ok(ok)) => Ok(ok),
        Ok(Answer::Error(error)) => Err(format!("`{op}`: {}", Value::Object(error))),
        Err(NoAnswer::Late) => Err(format!("`{op}` was not answered within {} s", limit.as_secs())),
        Err(NoAnswer::Gone(how)) => Err(format!("`{op}` was not answered: {how} {}", testee.output().trim())),
    }
}

fn number(answer: &Map<String, Value>, field: &str) -> Result<u64, String> {
    answer.get(field).and_then(Value::as_u64).ok_or_else(|| format!("an answer has no number `{field}`"))
}
