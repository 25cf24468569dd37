//! Optional typed metadata for events of event-engine.
//!
//! An event is bytes that begin with a filter, the prefix by which plugins subscribe. This crate puts an [`Envelope`]
//! behind the filter: an id, a source, a type and, if wanted, more attributes beside the data. [`seal`] makes such an
//! event and [`open`] reads it; the bytes in between travel through the engine and its clients as any others.
//!
//! ```
//! use event_engine_envelope::{open, seal, Envelope};
//!
//! let reading = Envelope::new("1", "/sensors/7", "org.example.reading").with_time_now().with_data("21.5");
//! let event = seal(b"reading: ", &reading)?;
//!
//! assert!(event.starts_with(b"reading: "));
//! assert_eq!(open(b"reading: ", &event)?, reading);
//! # Ok::<(), event_engine_envelope::EnvelopeError>(())
//! ```
//!
//! `spec/envelope.md` of the repository says what goes over the wire; the same envelope opens in every language.

#![forbid(unsafe_code)]

mod envelope;
mod error;
mod pb;
mod time;
mod wire;

/// The README, so that its code is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use envelope::Envelope;
pub use error::EnvelopeError;

use prost::Message;

/// Makes an event: the bytes of `filter`, and after them the envelope.
///
/// The same envelope always gives the same bytes.
///
/// # Errors
///
/// [`EnvelopeError::Missing`] if `id`, `source` or `type` is empty; [`EnvelopeError::Malformed`] if a text contains
/// U+0000 or the time is not in the years 1 to 9999.
pub fn seal(filter: &[u8], envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
    let message = envelope.to_message()?;
    let mut event = Vec::with_capacity(filter.len().saturating_add(message.encoded_len()));
    event.extend_from_slice(filter);
    message.encode(&mut event).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
    Ok(event)
}

/// Reads the envelope of an event that was sealed with `filter`.
///
/// Fields that this version does not know are skipped, so that later versions can add some.
///
/// # Errors
///
/// [`EnvelopeError::FilterMismatch`] if the event does not begin with `filter`; [`EnvelopeError::Malformed`] if what
/// follows is no envelope; [`EnvelopeError::Missing`] if it lacks its `id`, `source` or `type`.
pub fn open(filter: &[u8], event: &[u8]) -> Result<Envelope, EnvelopeError> {
    let body = event.strip_prefix(filter).ok_or(EnvelopeError::FilterMismatch)?;
    wire::check(body)?;
    let message = pb::Envelope::decode(body).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
    Envelope::from_message(message)
}
