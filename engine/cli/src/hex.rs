//! Hexadecimal digits.

use std::fmt::Write as _;

/// The bytes that `text` writes, in pairs of digits; blanks and colons between pairs are skipped.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut digits = text.chars().filter(|character| !character.is_whitespace() && *character != ':');
    while let Some(high) = digits.next() {
        let value = high.to_digit(16)?.checked_mul(16)?.checked_add(digits.next()?.to_digit(16)?)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(bytes)
}

/// `bytes` as pairs of digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_and_written() {
        assert_eq!(decode("49 4D:00ff").unwrap(), b"IM\0\xff");
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!((decode("4"), decode("4g"), decode("é9")), (None, None, None));
        assert_eq!(encode(b"IM\0\xff"), "494d00ff");
    }
}
