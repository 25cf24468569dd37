//! One event as the application gets it.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// The bytes of one event, and how it came.
///
/// It derefs to `[u8]`. Its bytes are a slice of the frame in which they came, so keeping one small event for long keeps
/// up to 64 KiB; copy it (`to_vec`) to keep it for ever.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    data: Bytes,
    sequence: u64,
    redelivered: bool,
}

impl Event {
    pub(crate) fn new(data: Bytes, sequence: u64, redelivered: bool) -> Self {
        Event { data, sequence, redelivered }
    }

    /// Number of this delivery in the client's session, from 1 and without gaps; `None` in the basic profile.
    pub fn sequence(&self) -> Option<u64> {
        (self.sequence > 0).then_some(self.sequence)
    }

    /// True if the event was sent before, to a client that may have handled it. Never true in the basic profile.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.data
    }
}

impl Deref for Event {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.data
    }
}

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl From<Event> for Bytes {
    fn from(event: Event) -> Bytes {
        event.data
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("sequence", &self.sequence)
            .field("redelivered", &self.redelivered)
            .field("data", &self.data)
            .finish()
    }
}
