//! Envelopes in events.

use base64::prelude::{Engine as _, BASE64_STANDARD};
use event_engine_envelope::{Envelope, EnvelopeError};
use serde_json::{json, Value};

use super::plain;

/// The envelope of an event, behind the first of `prefixes` that leaves one.
///
/// # Errors
/// What is wrong behind the first prefix with which the event begins.
pub(super) fn open<'a>(
    event: &[u8],
    prefixes: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Envelope, EnvelopeError> {
    let mut first = None;
    for prefix in prefixes {
        match event_engine_envelope::open(prefix, event) {
            Ok(envelope) => return Ok(envelope),
            Err(EnvelopeError::FilterMismatch) => {}
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or(EnvelopeError::FilterMismatch))
}

/// An envelope in one line: its attributes, and at most `limit` bytes of its data.
pub(super) fn line(envelope: &Envelope, limit: usize) -> String {
    let mut text = String::new();
    for (name, value) in attributes(envelope) {
        if let Some(value) = value {
            // In quotes, with escapes: an event cannot play tricks on the terminal.
            text.push_str(&format!("{name}={value:?} "));
        }
    }
    let cut = envelope.data.get(..limit).unwrap_or(&envelope.data);
    let more = if cut.len() < envelope.data.len() { "…" } else { "" };
    format!("{text}data={}{more}", plain(cut))
}

/// An envelope as a JSON object; absent attributes are left out.
pub(super) fn json(envelope: &Envelope) -> Value {
    let mut object: serde_json::Map<String, Value> = attributes(envelope)
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))))
        .collect();
    object.insert("data".to_owned(), json!(BASE64_STANDARD.encode(&envelope.data)));
    Value::Object(object)
}

fn attributes(envelope: &Envelope) -> [(&'static str, Option<String>); 7] {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    [
        ("id", text(&envelope.id)),
        ("source", text(&envelope.source)),
        ("type", text(&envelope.r#type)),
        ("time", envelope.time.map(|time| prost_types::Timestamp::from(time).to_string())),
        ("datacontenttype", text(&envelope.datacontenttype)),
        ("subject", text(&envelope.subject)),
        ("cause_id", text(&envelope.cause_id)),
    ]
}
