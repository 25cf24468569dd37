//! What protobuf's libraries disagree about, decided: an attribute in a wrong wire type is skipped by some and refused
//! by others, and so are groups, over-long integers and U+0000. Every SDK makes this check before its library decodes,
//! so that all of them open the same events.

use crate::time;
use crate::EnvelopeError;

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// Longest tag or length, and their largest value.
const TAG_MAX_BYTES: usize = 5;
const TAG_MAX: u64 = u32::MAX as u64;
/// Longest integer value.
const VARINT_MAX_BYTES: usize = 10;

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Fails unless `body` is a well-formed Envelope. UTF-8 is left to the decoder.
pub(crate) fn check(body: &[u8]) -> Result<(), EnvelopeError> {
    each_field(body, |number, value| match (number, value) {
        (4, Value::Bytes(time)) => check_time(time),
        (8, Value::Bytes(_)) => Ok(()),
        (1..=7, Value::Bytes(text)) if text.contains(&0) => {
            Err(EnvelopeError::malformed("a text contains U+0000"))
        }
        (1..=7, Value::Bytes(_)) => Ok(()),
        (1..=8, _) => Err(EnvelopeError::malformed("an attribute has the wrong wire type")),
        _ => Ok(()),
    })
}

fn check_time(body: &[u8]) -> Result<(), EnvelopeError> {
    each_field(body, |number, value| match (number, value) {
        // A negative number travels as its two's complement.
        (1, Value::Varint(seconds)) if time::seconds_in_range(seconds.cast_signed()) => Ok(()),
        (2, Value::Varint(nanos)) if nanos <= time::NANOS_MAX => Ok(()),
        (1 | 2, Value::Varint(_)) => Err(time::out_of_range()),
        (1 | 2, _) => Err(EnvelopeError::malformed("a part of the time has the wrong wire type")),
        _ => Ok(()),
    })
}

fn each_field<'a>(
    mut rest: &'a [u8],
    mut visit: impl FnMut(u64, Value<'a>) -> Result<(), EnvelopeError>,
) -> Result<(), EnvelopeError> {
    while !rest.is_empty() {
        let tag = tag(&mut rest)?;
        let value = match tag & 7 {
            VARINT => Value::Varint(varint(&mut rest, VARINT_MAX_BYTES, u64::MAX)?),
            FIXED64 => take(&mut rest, 8).map(|_| Value::Fixed)?,
            LENGTH => {
                let length = varint(&mut rest, TAG_MAX_BYTES, TAG_MAX)?;
                Value::Bytes(take(&mut rest, length)?)
            }
            FIXED32 => take(&mut rest, 4).map(|_| Value::Fixed)?,
            _ => return Err(EnvelopeError::malformed("a field has no wire type of proto3")),
        };
        match tag >> 3 {
            0 => return Err(EnvelopeError::malformed("a field has the number 0")),
            number => visit(number, value)?,
        }
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], EnvelopeError> {
    let taken = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (value, after) = taken.ok_or_else(|| EnvelopeError::malformed("a field is cut off"))?;
    *rest = after;
    Ok(value)
}

/// In its shortest form only: protobuf's slower runtime for Python takes a padded tag for one that it does not know.
fn tag(rest: &mut &[u8]) -> Result<u64, EnvelopeError> {
    let before = rest.len();
    let value = varint(rest, TAG_MAX_BYTES, TAG_MAX)?;
    let bytes = before.saturating_sub(rest.len());
    if bytes > 1 && value >> (7 * (bytes - 1)) == 0 {
        return Err(EnvelopeError::malformed("a tag is not in its shortest form"));
    }
    Ok(value)
}

fn varint(rest: &mut &[u8], max_bytes: usize, max: u64) -> Result<u64, EnvelopeError> {
    let mut value: u128 = 0;
    for index in 0..max_bytes {
        let (&byte, after) =
            rest.split_first().ok_or_else(|| EnvelopeError::malformed("an integer is cut off"))?;
        *rest = after;
        value |= u128::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return u64::try_from(value)
                .ok()
                .filter(|value| *value <= max)
                .ok_or_else(|| EnvelopeError::malformed("an integer is too large"));
        }
    }
    Err(EnvelopeError::malformed("an integer has too many bytes"))
}
