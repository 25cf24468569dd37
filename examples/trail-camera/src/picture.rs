//! Pictures: binary PGM files ("P5") of one byte a pixel, as any viewer opens them.

use crate::events::Malformed;

/// A picture of grey pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// Pixels in a row; at least 1.
    pub width: usize,
    /// Rows; at least 1.
    pub height: usize,
    /// The rows from top to bottom, 0 is black.
    pub pixels: &'a [u8],
}

/// Reads a PGM file.
///
/// # Errors
/// [`Malformed`] when it is none, has another depth than 255, or has not as many pixels as it says.
pub fn decode(file: &[u8]) -> Result<Picture<'_>, Malformed> {
    let rest = file.strip_prefix(b"P5").ok_or(Malformed("not a binary PGM file"))?;
    let (width, rest) = number(rest)?;
    let (height, rest) = number(rest)?;
    let (depth, rest) = number(rest)?;
    let (space, pixels) = rest.split_first().ok_or(Malformed("a PGM file that ends in its header"))?;
    if !space.is_ascii_whitespace() || depth != 255 || width == 0 || height == 0 {
        return Err(Malformed("a PGM file with a header that is not understood"));
    }
    if width.checked_mul(height) != Some(pixels.len()) {
        return Err(Malformed("a PGM file with more or fewer pixels than it says"));
    }
    Ok(Picture { width, height, pixels })
}

/// The decimal number behind white space, and what follows it.
fn number(text: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    const BAD: Malformed = Malformed("a PGM file without a number where one belongs");
    let trimmed = text.trim_ascii_start();
    let end = trimmed.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(trimmed.len());
    let (digits, rest) = trimmed.split_at_checked(end).ok_or(BAD)?;
    if trimmed.len() == text.len() {
        return Err(BAD);
    }
    let value = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(BAD)?;
    Ok((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_two_rows() {
        let picture = decode(b"P5\n3 2\n255\n\x00\x01\x02 \n\x05").expect("a picture");
        assert_eq!((picture.width, picture.height), (3, 2));
        assert_eq!(picture.pixels, b"\x00\x01\x02 \n\x05"); // white space is a pixel like any other
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for file in [
            &b""[..],
            b"P6\n1 1\n255\n\x00",
            b"P5\n1 1\n65535\n\x00\x00",
            b"P5\n0 1\n255\n",
            b"P51 1\n255\n\x00",
            b"P5\n2 2\n255\n\x00\x00\x00",
            b"P5\n1 1\n255\n\x00\x00",
            b"P5\n1 1\n255",
            b"P5\n99999999999 99999999999\n255\n\x00",
            b"P5\n-1 1\n255\n\x00",
        ] {
            assert!(decode(file).is_err(), "{file:?}");
        }
    }
}
