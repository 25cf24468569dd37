//! Cases made from `spec/vectors/`: what the vectors say of a core without I/O is played with real connections. Their ids are
//! `vectors/<file>/<name>`.

#![allow(clippy::indexing_slicing)] // a key that a JSON value lacks is null; nothing panics

mod clients;
mod ports;
mod session;

use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Judged, Made};

/// The files, by name.
const FILES: [(&str, &str); 10] = [
    ("ambiguous", include_str!("../../../spec/vectors/ambiguous.json")),
    ("basic", include_str!("../../../spec/vectors/basic.json")),
    ("bus", include_str!("../../../spec/vectors/bus.json")),
    ("envelope", include_str!("../../../spec/vectors/envelope.json")),
    ("filters", include_str!("../../../spec/vectors/filters.json")),
    ("replies", include_str!("../../../spec/vectors/replies.json")),
    ("sequences", include_str!("../../../spec/vectors/sequences.json")),
    ("session-batches", include_str!("../../../spec/vectors/session-batches.json")),
    ("session-engine", include_str!("../../../spec/vectors/session-engine.json")),
    ("session-headers", include_str!("../../../spec/vectors/session-headers.json")),
];

/// A vector.
#[derive(Deserialize)]
struct Vector {
    id: String,
    requirements: Vec<String>,
    comment: String,
    given: Value,
    expect: Value,
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

/// The cases that a vector makes; none where it says nothing about what is seen from outside, or where a clock would have to stand still.
pub(crate) fn cases() -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for (name, text) in FILES {
        let file: File = serde_json::from_str(text).map_err(|error| format!("{name}.json: {error}"))?;
        for vector in &file.vectors {
            let made = match name {
                "ambiguous" => vec![ports::ambiguous(vector)],
                "basic" => vec![ports::basic(vector)],
                "bus" => vec![ports::bus(vector)],
                "filters" => vec![ports::filters(vector)],
                "sequences" => vec![ports::sequence(vector)],
                "envelope" => vec![clients::envelope(vector)],
                "replies" => vec![clients::reply(vector)],
                "session-engine" => vec![session::engine(vector)],
                "session-batches" => vec![session::batch(vector), clients::batch(vector)],
                _ => vec![session::header(vector), clients::header(vector)],
            };
            for case in made.into_iter().flatten() {
                cases.push(Case::made(case)?);
            }
        }
    }
    Ok(cases)
}

impl Vector {
    /// A case of this vector.
    fn case(&self, judged: Judged, steps: Vec<String>) -> Made {
        Made {
            id: format!("vectors/{}", self.id),
            title: self.comment.clone(),
            requirements: self.requirements.clone(),
            judged,
            profiles: Vec::new(),
            needs: Vec::new(),
            sdk_only: false,
            file: "spec/vectors".to_owned(),
            steps: steps.join("\n"),
        }
    }
}

/// Hex as a case writes it.
fn hex(value: &Value) -> String {
    match value.as_str() {
        Some("") | None => "\"\"".to_owned(),
        Some(digits) => format!("0x{digits}"),
    }
}

/// Frames as a case writes them.
fn frames(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(hex).collect::<Vec<_>>().join(" | ")
}

/// Items of an array.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
