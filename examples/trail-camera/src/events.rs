//! The events that the internal plugins take and publish, as bytes: `events.md` is their description.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

#[allow(missing_docs)] // their text is that of trail_camera.proto
mod generated {
    include!(concat!(env!("OUT_DIR"), "/trail_camera.rs"));
}
pub use generated::{Animal, Detected, Scored};

/// How each type of event begins.
pub mod prefix {
    /// A picture.
    pub const IMAGE: &[u8; 2] = b"IM";
    /// A picture was read.
    pub const DECODED: &[u8; 2] = b"DC";
    /// What is in it.
    pub const DETECTED: &[u8; 2] = b"DT";
    /// What it is worth.
    pub const SCORED: &[u8; 2] = b"SC";
    /// What the application uses.
    pub const POWER: &[u8; 2] = b"PW";
}

/// An event that is not what its prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed event: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// A picture as the camera sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Its number, from 0.
    pub id: u32,
    /// When it was taken, in nanoseconds since 1970.
    pub taken_ns: u64,
    /// A PGM file.
    pub file: &'a [u8],
}

impl<'a> Image<'a> {
    /// Reads an event of type `image`.
    ///
    /// # Errors
    /// [`Malformed`] when it has another prefix or is too short.
    pub fn read(event: &'a [u8]) -> Result<Self, Malformed> {
        let body = event.strip_prefix(prefix::IMAGE).ok_or(Malformed("no image"))?;
        let (id, body) = body.split_first_chunk().ok_or(Malformed("an image without its number"))?;
        let (taken_ns, file) = body.split_first_chunk().ok_or(Malformed("an image without its time"))?;
        Ok(Image { id: u32::from_be_bytes(*id), taken_ns: u64::from_be_bytes(*taken_ns), file })
    }
}

/// A picture that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its number.
    pub id: u32,
    /// When it was taken, in nanoseconds since 1970.
    pub taken_ns: u64,
    /// When it was read.
    pub decoded_ns: u64,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Size of its file.
    pub bytes: u32,
}

impl Decoded {
    /// The event of type `decoded`.
    pub fn to_event(self) -> Vec<u8> {
        [
            &prefix::DECODED[..],
            &self.id.to_be_bytes(),
            &self.taken_ns.to_be_bytes(),
            &self.decoded_ns.to_be_bytes(),
            &self.width.to_be_bytes(),
            &self.height.to_be_bytes(),
            &self.bytes.to_be_bytes(),
        ]
        .concat()
    }
}

/// The event that consists of `prefix` and a protobuf message.
pub fn with_prefix(prefix: &[u8], message: &impl Message) -> Vec<u8> {
    let mut event = prefix.to_vec();
    event.extend_from_slice(&message.encode_to_vec());
    event
}

/// Now, in nanoseconds since 1970.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_number_its_time_and_a_file() {
        let event = [&b"IM"[..], &7u32.to_be_bytes(), &9u64.to_be_bytes(), b"P5"].concat();
        assert_eq!(Image::read(&event), Ok(Image { id: 7, taken_ns: 9, file: b"P5" }));
        for len in 0..14 {
            assert!(Image::read(&event[..len]).is_err(), "{len} bytes");
        }
        assert!(Image::read(b"DC............").is_err());
    }

    #[test]
    fn a_decoded_event_has_34_bytes() {
        let event = Decoded { id: 1, taken_ns: 2, decoded_ns: 3, width: 4, height: 5, bytes: 6 }.to_event();
        assert_eq!(event.len(), 34);
        assert_eq!(event[..6], *b"DC\0\0\0\x01");
        assert_eq!(event[33], 6);
    }
}
