//! Vectors of the envelope. Its helpers replay them; here is only their shape.

use super::Hex;
use serde::Deserialize;

/// An envelope to be sealed, or an event to be opened, with the filter.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub enum Given {
    Seal { filter: Hex, envelope: Envelope },
    Open { filter: Hex, event: Hex },
}

/// What comes of it.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[allow(missing_docs)] // described in the README
pub enum Expected {
    Sealed { event: Hex },
    Opened { envelope: Envelope },
    Missing { error: MissingKind, attribute: Attribute },
    Refused { error: RefusedKind },
}

/// The fields that are not empty.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the names are those of envelope.proto
pub struct Envelope {
    pub id: Option<String>,
    pub source: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub time: Option<Time>,
    pub datacontenttype: Option<String>,
    pub subject: Option<String>,
    pub cause_id: Option<String>,
    pub data: Option<Hex>,
}

/// A moment.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Since 1970.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanos: i64,
}

/// A mandatory attribute is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the name says all
pub enum MissingKind {
    Missing,
}

/// Why an event cannot be opened, or an envelope not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say all
pub enum RefusedKind {
    FilterMismatch,
    Malformed,
}

/// A mandatory attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all
pub enum Attribute {
    Id,
    Source,
    Type,
}

/// Whether a vector's outcome belongs to what is given.
///
/// # Errors
/// A sentence.
pub fn belongs(given: &Given, expected: &Expected) -> Result<(), String> {
    match (given, expected) {
        (Given::Seal { filter, .. }, Expected::Sealed { event }) if !event.0.starts_with(&filter.0) => {
            Err("the event does not begin with the filter".to_owned())
        }
        (Given::Seal { .. }, Expected::Opened { .. }) => Err("sealing makes an event".to_owned()),
        (Given::Open { .. }, Expected::Sealed { .. }) => Err("opening gives an envelope".to_owned()),
        (Given::Open { filter, event }, expected) => {
            let mismatch = matches!(expected, Expected::Refused { error: RefusedKind::FilterMismatch });
            if mismatch == event.0.starts_with(&filter.0) {
                Err("filter-mismatch is for events that do not begin with the filter".to_owned())
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}
