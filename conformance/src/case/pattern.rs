//! Byte strings as cases write them, exactly or as patterns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most bytes that a case may write down at once.
const BYTES_MAX: usize = 256 << 20;

/// What a case has given a name to.
pub(crate) type Variables = BTreeMap<String, Vec<u8>>;

/// A byte string: pieces one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Variable(String),
}

impl Bytes {
    /// Reads `"text \x00"`, `0x0102`, `dots:N`, `zeros:N`, `$name`, and several of them joined by `+`.
    pub(crate) fn read(token: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        for part in split_outside_quotes(token, '+') {
            pieces.push(if let Some(name) = part.strip_prefix('$') {
                Piece::Variable(name.to_owned())
            } else {
                Piece::Literal(literal(part)?)
            });
        }
        Ok(Self(pieces))
    }

    /// The bytes; a variable that has no value is an error.
    pub(crate) fn value(&self, variables: &Variables) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => bytes.extend_from_slice(literal),
                Piece::Variable(name) => bytes.extend_from_slice(
                    variables.get(name).ok_or_else(|| format!("${name} has no value yet"))?,
                ),
            }
        }
        Ok(bytes)
    }

    /// Reads a list: a byte string, or `many("prefix",FIRST,COUNT[,SIZE])`: prefix, number in 8 digits, dots up to the size.
    pub(crate) fn read_list(token: &str) -> Result<Vec<Self>, String> {
        let Some(arguments) = token.strip_prefix("many(").and_then(|rest| rest.strip_suffix(')')) else {
            return Ok(vec![Self::read(token)?]);
        };
        let parts: Vec<&str> = split_outside_quotes(arguments, ',').collect();
        let number = |index: usize| -> Result<usize, String> {
            let part = parts.get(index).ok_or_else(|| format!("`{token}` lacks an argument"))?;
            part.parse().map_err(|_| format!("`{part}` is no number"))
        };
        let prefix = literal(parts.first().copied().unwrap_or_default())?;
        let (first, count) = (number(1)?, number(2)?);
        let size = if parts.len() > 3 { number(3)? } else { 0 };
        Ok((first..first + count)
            .map(|index| {
                let mut event = prefix.clone();
                event.extend_from_slice(format!("{index:08}").as_bytes());
                event.resize(event.len().max(size), b'.');
                Self(vec![Piece::Literal(event)])
            })
            .collect())
    }
}

/// What bytes must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*`: anything.
    Any,
    /// `-`: it must be absent.
    Absent,
    /// Exactly these.
    Exactly(Bytes),
    /// `"text"*`: beginning with these.
    Begins(Bytes),
    /// `~"text"`: with these somewhere inside, letter case aside.
    Holds(Bytes),
    /// `$name`: what the name stands for; if it stands for nothing, from now on for this.
    Bind(String),
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn read(token: &str) -> Result<Self, String> {
        Ok(match token {
            "*" => Self::Any,
            "-" => Self::Absent,
            _ => {
                if let Some(inside) = token.strip_prefix('~') {
                    Self::Holds(Bytes::read(inside)?)
                } else if let Some(begin) = token.strip_suffix('*') {
                    Self::Begins(Bytes::read(begin)?)
                } else if token.starts_with('$') && !token.contains('+') {
                    Self::Bind(token.trim_start_matches('$').to_owned())
                } else {
                    Self::Exactly(Bytes::read(token)?)
                }
            }
        })
    }

    /// Whether the bytes are as they must be; binds the pattern's name.
    pub(crate) fn matches(&self, bytes: &[u8], variables: &mut Variables) -> Result<bool, String> {
        Ok(match self {
            Self::Any => true,
            Self::Absent => false,
            Self::Exactly(wanted) => wanted.value(variables)? == bytes,
            Self::Begins(begin) => bytes.starts_with(&begin.value(variables)?),
            Self::Holds(inside) => {
                let wanted = String::from_utf8_lossy(&inside.value(variables)?).to_lowercase();
                String::from_utf8_lossy(bytes).to_lowercase().contains(&wanted)
            }
            Self::Bind(name) => match variables.get(name) {
                Some(value) => value == bytes,
                None => {
                    variables.insert(name.clone(), bytes.to_vec());
                    true
                }
            },
        })
    }
}

/// Splits at a separator that stands outside of double quotes.
pub(crate) fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        if escaped {
            escaped = false;
            return false;
        }
        match character {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return character == separator && !quoted,
        }
        false
    })
}

fn literal(part: &str) -> Result<Vec<u8>, String> {
    let size = |text: &str| -> Result<usize, String> {
        let size = text.parse().map_err(|_| format!("`{text}` is no number"))?;
        if size > BYTES_MAX {
            Err(format!("{size} bytes are too many"))
        } else {
            Ok(size)
        }
    };
    if let Some(inner) = part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return unescaped(inner);
    }
    if let Some(digits) = part.strip_prefix("0x") {
        return from_hex(digits).ok_or_else(|| format!("`{part}` is no hex"));
    }
    if let Some(count) = part.strip_prefix("dots:") {
        return Ok(vec![b'.'; size(count)?]);
    }
    if let Some(count) = part.strip_prefix("zeros:") {
        return Ok(vec![0; size(count)?]);
    }
    // A bare word stands for itself, as values of keys do.
    if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/:".contains(&byte)) {
        return Ok(part.as_bytes().to_vec());
    }
    Err(format!("`{part}` is no byte string: write \"text\", 0x0a0b, dots:10, zeros:10 or $name"))
}

fn unescaped(inner: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = inner;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let kind = rest.chars().next().ok_or("a lone \\ at the end")?;
        rest = rest.get(kind.len_utf8()..).unwrap_or_default();
        bytes.push(match kind {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            '0' => 0,
            '\\' | '"' => kind as u8,
            'x' => {
                let digits = rest.get(..2).ok_or("\\x takes two digits")?;
                rest = rest.get(2..).unwrap_or_default();
                u8::from_str_radix(digits, 16).map_err(|_| format!("\\x{digits} is no byte"))?
            }
            other => return Err(format!("\\{other} is no escape")),
        });
    }
    Ok(bytes)
}

/// Bytes of pairs of hexadecimal digits.
pub(crate) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len())
        .step_by(2)
        .map(|index| u8::from_str_radix(digits.get(index..index + 2)?, 16).ok())
        .collect()
}

/// Bytes for people: as a quoted text, long ones cut.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 160;
    let mut text = String::from("\"");
    for &byte in bytes.iter().take(MOST) {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    if bytes.len() > MOST {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}
