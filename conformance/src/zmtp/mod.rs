//! ZMTP 3.1 with the NULL mechanism, octet by octet: the harness owes nothing to a library that its subjects may use, too.

pub(crate) mod connection;
mod reader;

pub(crate) use reader::{Reader, Unit};

/// Flag of a frame: more frames of the message follow.
const MORE: u8 = 1;
/// Flag of a frame: its length takes 8 bytes.
const LONG: u8 = 2;
/// Flag of a frame: it is a command.
const COMMAND: u8 = 4;

/// Length of a greeting.
pub(crate) const GREETING_BYTES: usize = 64;

/// The greeting of version 3.1 with the NULL mechanism, as client or server.
pub(crate) fn greeting() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(GREETING_BYTES, 0);
    bytes
}

/// One frame on the wire.
pub(crate) fn frame(body: &[u8], more: bool) -> Vec<u8> {
    encode(body, if more { MORE } else { 0 })
}

/// A message on the wire: all frames but the last say that more follow.
pub(crate) fn message<F: AsRef<[u8]>>(frames: &[F]) -> Vec<u8> {
    let last = frames.len().saturating_sub(1);
    frames.iter().enumerate().flat_map(|(index, body)| frame(body.as_ref(), index < last)).collect()
}

/// A command on the wire.
pub(crate) fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![u8::try_from(name.len()).unwrap_or(0)];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    encode(&body, COMMAND)
}

/// The command READY with these properties.
pub(crate) fn ready(properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (name, value) in properties {
        data.push(u8::try_from(name.len()).unwrap_or(0));
        data.extend_from_slice(name.as_bytes());
        data.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
        data.extend_from_slice(value);
    }
    command("READY", &data)
}

fn encode(body: &[u8], flags: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 9);
    match u8::try_from(body.len()) {
        Ok(length) => bytes.extend_from_slice(&[flags, length]),
        Err(_) => {
            bytes.push(flags | LONG);
            bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A property of the data of a READY command.
pub(crate) fn property<'a>(data: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        let (name, tail) = tail.split_at_checked(usize::from(length))?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let (value, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(value);
        }
        rest = tail;
    }
    None
}
