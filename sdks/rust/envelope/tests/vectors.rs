//! Replays `spec/vectors/envelope.json`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

use event_engine_envelope::{open, seal, Envelope, EnvelopeError};
use serde::Deserialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    given: Given,
    expect: Expect,
}

#[derive(Deserialize)]
struct Given {
    filter: String,
    envelope: Option<Attributes>,
    event: Option<String>,
}

#[derive(Deserialize)]
struct Expect {
    envelope: Option<Attributes>,
    event: Option<String>,
    error: Option<String>,
    attribute: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Attributes {
    id: String,
    source: String,
    r#type: String,
    time: Option<Time>,
    datacontenttype: String,
    subject: String,
    cause_id: String,
    data: String,
}

#[derive(Deserialize)]
struct Time {
    seconds: i64,
    nanos: i64,
}

impl Attributes {
    /// None if the time is none that a `SystemTime` can be, such as one of negative nanoseconds.
    fn envelope(&self) -> Option<Envelope> {
        let time = match &self.time {
            Some(time) => Some(system_time(time)?),
            None => None,
        };
        Some(Envelope {
            id: self.id.clone(),
            source: self.source.clone(),
            r#type: self.r#type.clone(),
            time,
            datacontenttype: self.datacontenttype.clone(),
            subject: self.subject.clone(),
            cause_id: self.cause_id.clone(),
            data: hex(&self.data),
        })
    }
}

fn system_time(time: &Time) -> Option<SystemTime> {
    let nanos = u64::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let seconds = if time.seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
    Some(seconds + Duration::from_nanos(nanos))
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../spec/vectors/envelope.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file.vectors
}

fn assert_error(vector: &Vector, error: &EnvelopeError) {
    let (kind, attribute) = match error {
        EnvelopeError::FilterMismatch => ("filter-mismatch", None),
        EnvelopeError::Malformed(_) => ("malformed", None),
        EnvelopeError::Missing(attribute) => ("missing", Some((*attribute).to_owned())),
    };
    assert_eq!(
        (Some(kind), &attribute),
        (vector.expect.error.as_deref(), &vector.expect.attribute),
        "{}",
        vector.id
    );
}

#[test]
fn sealing_gives_the_bytes_of_the_vectors_and_they_open_again() {
    let mut replayed = 0;
    for vector in vectors() {
        let filter = hex(&vector.given.filter);
        let Some(given) = &vector.given.envelope else { continue };
        let Some(envelope) = given.envelope() else {
            // The type system refuses what the vector wants refused.
            assert_eq!(vector.expect.error.as_deref(), Some("malformed"), "{}", vector.id);
            continue;
        };
        match seal(&filter, &envelope) {
            Ok(event) => {
                let expected = hex(vector.expect.event.as_ref().expect(&vector.id));
                assert_eq!(event, expected, "{}", vector.id);
                assert_eq!(open(&filter, &event).as_ref(), Ok(&envelope), "{}", vector.id);
            }
            Err(error) => assert_error(&vector, &error),
        }
        replayed += 1;
    }
    assert!(replayed >= 15, "{replayed} vectors");
}

#[test]
fn opening_gives_the_envelopes_and_errors_of_the_vectors() {
    let mut replayed = 0;
    for vector in vectors() {
        let Some(event) = &vector.given.event else { continue };
        match open(&hex(&vector.given.filter), &hex(event)) {
            Ok(envelope) => {
                let expected = vector.expect.envelope.as_ref().expect(&vector.id).envelope();
                assert_eq!(Some(envelope), expected, "{}", vector.id);
            }
            Err(error) => assert_error(&vector, &error),
        }
        replayed += 1;
    }
    assert!(replayed >= 50, "{replayed} vectors");
}
