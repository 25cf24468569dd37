//! The bytes of one event: shared between plugins, never copied on the way.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use triomphe::ThinArc;

/// Up to this size (bytes) a payload is copied next to its reference count: one allocation, and one
/// pointer in every queue. Larger ones are kept where they are.
const INLINE_MAX_BYTES: usize = 2048;

/// The bytes of one event. Cloning shares them.
///
/// Made from `Vec<u8>`, `Bytes`, `String` (not copied when larger than 2 KiB) or from slices (copied once).
///
/// ```
/// use event_engine::Payload;
/// let payload = Payload::from(b"TypeA hello");
/// assert_eq!(&payload[..5], b"TypeA");
/// ```
#[derive(Clone)]
pub struct Payload(ThinArc<Option<Box<Bytes>>, u8>);

impl Payload {
    /// Copies `bytes` once.
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        Payload(ThinArc::from_header_and_slice(None, bytes))
    }

    /// The bytes as [`Bytes`]; copies those of at most 2 KiB.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0.header.header {
            Some(bytes) => (**bytes).clone(),
            None => Bytes::copy_from_slice(&self.0.slice),
        }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0.header.header {
            Some(bytes) => bytes,
            None => &self.0.slice,
        }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE_MAX_BYTES {
            Payload::copy_from_slice(&bytes)
        } else {
            Payload(ThinArc::from_header_and_slice(Some(Box::new(bytes)), &[]))
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_MAX_BYTES {
            Payload::copy_from_slice(&bytes)
        } else {
            Bytes::from(bytes).into()
        }
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Payload::copy_from_slice(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(bytes: &[u8; N]) -> Self {
        Payload::copy_from_slice(bytes)
    }
}

impl From<&Vec<u8>> for Payload {
    fn from(bytes: &Vec<u8>) -> Self {
        Payload::copy_from_slice(bytes)
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::copy_from_slice(text.as_bytes())
    }
}

impl From<zmq::Message> for Payload {
    fn from(message: zmq::Message) -> Self {
        if message.len() <= INLINE_MAX_BYTES {
            Payload::copy_from_slice(&message)
        } else {
            Bytes::from_owner(Frame(message)).into()
        }
    }
}

/// A received frame as the owner of its bytes.
struct Frame(zmq::Message);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One event as a plugin gets it: its bytes, and its place in the application's order.
#[derive(Clone)]
pub struct Event {
    order: u64,
    redelivered: bool,
    payload: Payload,
}

impl Event {
    pub(crate) fn new(order: u64, payload: Payload, redelivered: bool) -> Self {
        Event { order, redelivered, payload }
    }

    /// Whether an earlier run of the plugin had the event in its hands when it failed, and may have handled it.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// Position in the application's total order, from 1 (EE-ORDER-1).
    pub fn order(&self) -> u64 {
        self.order
    }

    /// The event's bytes, shared; publishing them again copies nothing.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Takes the bytes out of the event.
    pub fn into_payload(self) -> Payload {
        self.payload
    }
}

impl Deref for Event {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.payload
    }
}

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl From<Event> for Payload {
    fn from(event: Event) -> Self {
        event.payload
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event(order {}, {} bytes)", self.order, self.payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_gives_the_same_bytes() {
        for len in [0, 1, INLINE_MAX_BYTES, INLINE_MAX_BYTES + 1, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(&*Payload::from(bytes.clone()), &bytes[..]);
            assert_eq!(&*Payload::from(Bytes::from(bytes.clone())), &bytes[..]);
            assert_eq!(&*Payload::from(zmq::Message::from(bytes.clone())), &bytes[..]);
            assert_eq!(Payload::from(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn a_queue_entry_is_one_pointer() {
        assert_eq!(std::mem::size_of::<Payload>(), std::mem::size_of::<usize>());
    }
}
