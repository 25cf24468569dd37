//! Packed payloads: `count` times a 4-byte big-endian length and that many bytes, exactly to the end of the frame
//! (EE-SESSION-7, EE-SESSION-8).
//!
//! ```
//! use event_engine_protocol::session::batch::{unpack, Batch};
//!
//! let mut batch = Batch::new();
//! assert!(batch.push(b"one") && batch.push(b"") && batch.push(b"three"));
//! let events: Vec<&[u8]> = unpack(batch.payload(), batch.count().unwrap()).unwrap().collect();
//! assert_eq!(events, [&b"one"[..], b"", b"three"]);
//! ```

use thiserror::Error;

use crate::constants::{BATCH_MAX_BYTES, BATCH_TARGET_BYTES};

/// Bytes before each event of a packed payload.
pub const LENGTH_BYTES: usize = 4;

/// True if an event travels alone and unpacked because it is larger than a batch ought to be.
pub fn travels_alone(event_bytes: usize) -> bool {
    event_bytes > BATCH_TARGET_BYTES
}

/// A payload that is being packed. It keeps its memory when it is cleared.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Every event with its length before it, the first one too.
    packed: Vec<u8>,
    events: u64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Adds an event, unless the batch would grow beyond `BATCH_TARGET_BYTES`: then it is left as it is and the
    /// answer is `false`. An empty batch takes any event that does not travel alone.
    pub fn push(&mut self, event: &[u8]) -> bool {
        let Ok(length) = u32::try_from(event.len()) else { return false };
        let grown = self.packed.len().saturating_add(LENGTH_BYTES).saturating_add(event.len());
        if travels_alone(event.len()) || (self.events > 0 && grown > BATCH_TARGET_BYTES) {
            return false;
        }
        self.packed.extend_from_slice(&length.to_be_bytes());
        self.packed.extend_from_slice(event);
        self.events += 1;
        true
    }

    /// Number of events.
    pub fn len(&self) -> u64 {
        self.events
    }

    /// True if there is no event.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// The value of the key `count`: none if the payload is a single event.
    pub fn count(&self) -> Option<u64> {
        (self.events > 1).then_some(self.events)
    }

    /// The payload: a single event as it is, several ones packed.
    pub fn payload(&self) -> &[u8] {
        match self.events {
            1 => self.packed.get(LENGTH_BYTES..).unwrap_or_default(),
            _ => &self.packed,
        }
    }

    /// The payload, and with it the batch's memory.
    pub fn into_payload(mut self) -> Vec<u8> {
        match self.events {
            1 => self.packed.split_off(LENGTH_BYTES.min(self.packed.len())),
            _ => self.packed,
        }
    }

    /// Forgets the events.
    pub fn clear(&mut self) {
        self.packed.clear();
        self.events = 0;
    }
}

/// Why a packed payload is refused; the fault is the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Refuse with `too-large`.
    #[error("the packed payload has {bytes} bytes, and at most {BATCH_MAX_BYTES} are allowed")]
    TooLarge {
        /// Length of the payload.
        bytes: usize,
    },
    /// Refuse with `bad-param`.
    #[error("the payload does not hold exactly {count} events, each with its length before it")]
    Malformed {
        /// What the header said.
        count: u64,
    },
}

/// Checks a whole packed payload and returns its events.
///
/// # Errors
/// [`BatchError`]; also for a `count` of 0.
pub fn unpack(payload: &[u8], count: u64) -> Result<Events<'_>, BatchError> {
    if payload.len() > BATCH_MAX_BYTES {
        return Err(BatchError::TooLarge { bytes: payload.len() });
    }
    let malformed = BatchError::Malformed { count };
    // Each event takes its length at least, which also bounds the loop.
    if count == 0 || count > (payload.len() / LENGTH_BYTES) as u64 {
        return Err(malformed);
    }
    let mut rest = payload;
    for _ in 0..count {
        rest = split_first(rest).ok_or(malformed)?.1;
    }
    if rest.is_empty() {
        Ok(Events(payload))
    } else {
        Err(malformed)
    }
}

/// Splits the first event off a packed payload; `None` if there is none or it is cut off.
pub fn split_first(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = packed.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The events of a payload that [`unpack`] has checked.
#[derive(Debug, Clone)]
pub struct Events<'a>(&'a [u8]);

impl<'a> Iterator for Events<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (event, rest) = split_first(self.0)?;
        self.0 = rest;
        Some(event)
    }
}
