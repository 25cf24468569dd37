//! Sealing and opening envelopes, which needs no client.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use event_engine_envelope::Envelope;
use serde_json::{json, Map, Value};

use crate::{fields, Failure};

pub(crate) fn seal(command: &Value) -> Result<Value, Failure> {
    let filter = fields::bytes(command, "filter")?;
    let given = command.get("envelope").unwrap_or(&Value::Null);
    let event = event_engine_envelope::seal(&filter, &from_json(given)?)?;
    Ok(json!({"event": fields::to_base64(&event)}))
}

pub(crate) fn open(command: &Value) -> Result<Value, Failure> {
    let (filter, event) = (fields::bytes(command, "filter")?, fields::bytes(command, "event")?);
    let envelope = event_engine_envelope::open(&filter, &event)?;
    Ok(json!({"envelope": to_json(&envelope)}))
}

fn from_json(given: &Value) -> Result<Envelope, Failure> {
    let text = |name| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Envelope {
        id: text("id"),
        source: text("source"),
        r#type: text("type"),
        time: given.get("time").map(time_from_json).transpose()?,
        datacontenttype: text("datacontenttype"),
        subject: text("subject"),
        cause_id: text("cause_id"),
        data: from_hex(&text("data")).ok_or_else(|| Failure::other("the envelope's `data` is not in hex"))?,
    })
}

fn to_json(envelope: &Envelope) -> Value {
    let texts = [
        ("id", &envelope.id),
        ("source", &envelope.source),
        ("type", &envelope.r#type),
        ("datacontenttype", &envelope.datacontenttype),
        ("subject", &envelope.subject),
        ("cause_id", &envelope.cause_id),
        ("data", &to_hex(&envelope.data)),
    ];
    let mut json: Map<String, Value> = texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.as_str().into()))
        .collect();
    if let Some(time) = envelope.time {
        json.insert("time".to_owned(), time_to_json(time));
    }
    Value::Object(json)
}

/// Malformed where no `SystemTime` can be made of it: such a time cannot even be handed to the library.
fn time_from_json(time: &Value) -> Result<SystemTime, Failure> {
    let seconds = time.get("seconds").and_then(Value::as_i64);
    let nanos = time.get("nanos").and_then(Value::as_u64).filter(|nanos| *nanos < 1_000_000_000);
    let made = seconds.zip(nanos).and_then(|(seconds, nanos)| {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        time?.checked_add(Duration::from_nanos(nanos))
    });
    made.ok_or_else(|| Failure::envelope("malformed", "no SystemTime is like this"))
}

/// Seconds rounded down, so that nanoseconds count forward before 1970, too.
fn time_to_json(time: SystemTime) -> Value {
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()),
        Err(error) => i128::try_from(error.duration().as_nanos()).map(|before| -before),
    };
    let nanos = nanos.unwrap_or(i128::MAX);
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let rest = i64::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    json!({"seconds": seconds, "nanos": rest})
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
