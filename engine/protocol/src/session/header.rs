//! Headers of the session profile: a prefix, a verb, and `key=value` parameters separated by single spaces
//! (EE-SESSION-2 to EE-SESSION-5).
//!
//! Reading allocates nothing: a [`Header`] borrows the frame. Writing appends to a `Vec<u8>` that can be used again.
//!
//! ```
//! use event_engine_protocol::constants::COMMAND_PREFIX;
//! use event_engine_protocol::session::header::{Header, Writer};
//!
//! let header = Header::parse(COMMAND_PREFIX, b"plugin_command: publish id=7 count=3").unwrap();
//! assert_eq!(header.verb(), "publish");
//! assert_eq!(header.integer("id"), Ok(7));
//! assert_eq!(header.optional_integer("missing"), Ok(None));
//!
//! let mut frame = Vec::new();
//! Writer::new(&mut frame, COMMAND_PREFIX).verb("publish").integer("id", 7).integer("count", 3);
//! assert_eq!(frame, b"plugin_command: publish id=7 count=3");
//! ```

use std::borrow::Cow;

use thiserror::Error;

use crate::constants::HEADER_MAX_BYTES;

/// Largest integer of a header: 2^63 − 1, so that it fits every language's signed integer.
pub const INTEGER_MAX: u64 = i64::MAX as u64;

/// Encoded bytes of one text that [`Writer::text`] writes at most, so that the other parameters have room.
pub const TEXT_MAX_BYTES: usize = 512;

/// Why a header, or the message that it heads, is not understood; the fault is the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The header is longer than [`HEADER_MAX_BYTES`].
    #[error("the header has {bytes} bytes, and at most {HEADER_MAX_BYTES} are allowed")]
    TooLong {
        /// Length of the header.
        bytes: usize,
    },
    /// The header does not begin with this side's prefix.
    #[error("the header does not begin with the prefix of its side")]
    Prefix,
    /// Verb, key or value break the grammar at this byte.
    #[error("the header breaks the grammar at byte {at}: a verb, then ` key=value` with one space before each key")]
    Grammar {
        /// Offset in the header.
        at: usize,
    },
    /// A key is given twice.
    #[error("a key is given twice at byte {at}")]
    Duplicate {
        /// Offset of the second one in the header.
        at: usize,
    },
    /// This side has no such verb.
    #[error("unknown verb")]
    UnknownVerb,
    /// The message has too few or too many frames for its verb.
    #[error("the message has {frames} frames and its verb takes {expected}")]
    Frames {
        /// Frames of the message.
        frames: usize,
        /// Frames that its verb takes.
        expected: usize,
    },
    /// A mandatory key is absent.
    #[error("the key `{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A known key has a value that it cannot have.
    #[error("the key `{key}` has a value that it cannot have")]
    BadValue {
        /// The key.
        key: &'static str,
    },
}

impl HeaderError {
    /// True for a known key that is missing or malformed (`bad-param`), false for everything else (`bad-command`).
    pub fn is_param(&self) -> bool {
        matches!(self, HeaderError::MissingKey { .. } | HeaderError::BadValue { .. })
    }
}

/// A header whose grammar is checked; its keys are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    verb: &'a str,
    /// Each parameter with the space before it.
    params: &'a [u8],
}

impl<'a> Header<'a> {
    /// Checks the grammar of a whole header that must begin with `prefix`.
    ///
    /// # Errors
    /// Those of [`HeaderError`] that are not about a known key.
    pub fn parse(prefix: &[u8], header: &'a [u8]) -> Result<Self, HeaderError> {
        if header.len() > HEADER_MAX_BYTES {
            return Err(HeaderError::TooLong { bytes: header.len() });
        }
        let body = header.strip_prefix(prefix).ok_or(HeaderError::Prefix)?;
        let at = |rest: &[u8]| header.len() - rest.len();
        let (verb, params) = word(body).ok_or(HeaderError::Grammar { at: at(body) })?;
        let mut rest = params;
        while !rest.is_empty() {
            let (key, _, after) = param(rest).map_err(|rest| HeaderError::Grammar { at: at(rest) })?;
            let before = params.len() - rest.len();
            if Params(params.get(..before).unwrap_or_default()).any(|(earlier, _)| earlier == key) {
                return Err(HeaderError::Duplicate { at: at(rest) });
            }
            rest = after;
        }
        Ok(Header { verb, params })
    }

    /// The verb.
    pub fn verb(&self) -> &'a str {
        self.verb
    }

    /// All parameters in the order of the wire, unknown ones included.
    pub fn params(&self) -> Params<'a> {
        Params(self.params)
    }

    /// The value of a key, if it is given.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.params().find(|(given, _)| *given == key).map(|(_, value)| value)
    }

    /// The value of a mandatory key.
    ///
    /// # Errors
    /// [`HeaderError::MissingKey`].
    pub fn value(&self, key: &'static str) -> Result<Value<'a>, HeaderError> {
        self.get(key).ok_or(HeaderError::MissingKey { key })
    }

    /// The integer of a mandatory key, 0 to [`INTEGER_MAX`].
    ///
    /// # Errors
    /// [`HeaderError::MissingKey`], [`HeaderError::BadValue`].
    pub fn integer(&self, key: &'static str) -> Result<u64, HeaderError> {
        self.value(key)?.integer().ok_or(HeaderError::BadValue { key })
    }

    /// The integer of an optional key.
    ///
    /// # Errors
    /// [`HeaderError::BadValue`].
    pub fn optional_integer(&self, key: &'static str) -> Result<Option<u64>, HeaderError> {
        self.get(key).map(|value| value.integer().ok_or(HeaderError::BadValue { key })).transpose()
    }
}

/// The parameters of a header: key and value.
#[derive(Debug, Clone)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, rest) = param(self.0).ok()?;
        self.0 = rest;
        Some((key, value))
    }
}

/// A value as it stands on the wire, perhaps percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The bytes that the value stands for; borrowed if nothing is percent-encoded.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if self.0.contains(&b'%') {
            Cow::Owned(self.decoded().collect())
        } else {
            Cow::Borrowed(self.0)
        }
    }

    /// The value as text; what is no UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        match self.bytes() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The value as `0` or `[1-9][0-9]*` up to [`INTEGER_MAX`]; `None` if it is anything else.
    pub fn integer(&self) -> Option<u64> {
        let mut digits = self.decoded();
        let first = digits.next().and_then(digit)?;
        if first == 0 {
            return digits.next().is_none().then_some(0);
        }
        let mut integer = first;
        for byte in digits {
            integer = integer.checked_mul(10)?.checked_add(digit(byte)?)?;
        }
        (integer <= INTEGER_MAX).then_some(integer)
    }

    fn decoded(&self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (byte, after) = match rest {
                [b'%', high, low, after @ ..] => (hex(*high)? << 4 | hex(*low)?, after),
                [byte, after @ ..] => (*byte, after),
                [] => return None,
            };
            rest = after;
            Some(byte)
        })
    }
}

/// Writes one header behind what a buffer already holds.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Begins a header with the prefix of its side. The verb comes next.
    pub fn new(out: &'a mut Vec<u8>, prefix: &[u8]) -> Self {
        out.extend_from_slice(prefix);
        Writer(out)
    }

    /// Adds the verb, as it is.
    pub fn verb(self, verb: &str) -> Self {
        self.0.extend_from_slice(verb.as_bytes());
        self
    }

    /// Adds `key=value` with an integer.
    pub fn integer(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        while let Some(slot) = at.checked_sub(1).and_then(|before| digits.get_mut(before)) {
            *slot = b'0' + (rest % 10) as u8;
            at -= 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(at..).unwrap_or_default());
        self
    }

    /// Adds `key=value` if there is a value.
    pub fn optional_integer(self, key: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.integer(key, value),
            None => self,
        }
    }

    /// Adds `key=value` with a text, percent-encoded where needed and cut after [`TEXT_MAX_BYTES`] encoded bytes.
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        let end = self.0.len() + TEXT_MAX_BYTES;
        let mut buffer = [0; 4];
        for character in value.chars() {
            let before = self.0.len();
            for byte in character.encode_utf8(&mut buffer).bytes() {
                if is_plain(byte) {
                    self.0.push(byte);
                } else {
                    self.0.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
                }
            }
            if self.0.len() > end {
                self.0.truncate(before);
                break;
            }
        }
        self
    }

    fn key(&mut self, key: &str) {
        self.0.push(b' ');
        self.0.extend_from_slice(key.as_bytes());
        self.0.push(b'=');
    }
}

/// Splits a leading verb or key, `[a-z][a-z0-9-]*`, off. What follows a verb is checked by [`param`].
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    bytes.first().filter(|first| first.is_ascii_lowercase())?;
    let end = bytes.iter().position(|byte| !rest(byte)).unwrap_or(bytes.len());
    let (word, after) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(word).ok()?, after))
}

/// Splits one ` key=value` off; the error is the place where the grammar is broken.
fn param(bytes: &[u8]) -> Result<(&str, Value<'_>, &[u8]), &[u8]> {
    let after_space = bytes.strip_prefix(b" ").ok_or(bytes)?;
    let (key, after_key) = word(after_space).ok_or(after_space)?;
    let value = after_key.strip_prefix(b"=").ok_or(after_key)?;
    let mut rest = value;
    loop {
        rest = match rest {
            [] | [b' ', ..] => break,
            [b'%', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => after,
            [0x21..=0x24 | 0x26..=0x7e, after @ ..] => after,
            _ => return Err(rest),
        };
    }
    let value = value.get(..value.len() - rest.len()).unwrap_or_default();
    Ok((key, Value(value), rest))
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'A' + (nibble - 10)
    }
}

/// What is written as itself; everything else is percent-encoded.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/:+".contains(&byte)
}
