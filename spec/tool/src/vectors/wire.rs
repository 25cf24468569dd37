//! Wire vectors: ZMTP octets, each greeting, command and frame a string of its own.

use super::Hex;
use serde::Deserialize;

/// Which port, and what the client sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Which port of the engine.
    pub port: Port,
    /// Greeting, commands and frames in order.
    pub client: Vec<Hex>,
}

/// A port of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say all
pub enum Port {
    Plugin,
    Publish,
    Subscribe,
}

/// What the engine sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Greeting, commands and frames in order.
    pub engine: Vec<Hex>,
}

/// Decodes the units of one direction and returns its messages.
///
/// # Errors
/// Which unit, from 1, is not one greeting, command or frame, or that a message does not end.
pub fn messages(units: &[Hex]) -> Result<Vec<Vec<Hex>>, String> {
    let mut messages = Vec::new();
    let mut message = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        match decode(&unit.0).ok_or_else(|| format!("unit {} is no greeting, command or frame", index + 1))? {
            Unit::Greeting if index == 0 => {}
            Unit::Greeting => return Err(format!("unit {}: a greeting comes first", index + 1)),
            Unit::Command => {}
            Unit::Frame { more, content } => {
                message.push(content);
                if !more {
                    messages.push(std::mem::take(&mut message));
                }
            }
        }
    }
    if message.is_empty() {
        Ok(messages)
    } else {
        Err("the last message does not end".to_owned())
    }
}

enum Unit {
    Greeting,
    Command,
    Frame { more: bool, content: Hex },
}

fn decode(bytes: &[u8]) -> Option<Unit> {
    if bytes.len() == 64 && bytes.first() == Some(&0xff) && bytes.get(9) == Some(&0x7f) {
        return Some(Unit::Greeting);
    }
    let (flags, rest) = bytes.split_first()?;
    let (length, content) = if flags & 2 == 0 {
        let (length, content) = rest.split_first()?;
        (u64::from(*length), content)
    } else {
        let (length, content) = rest.split_first_chunk::<8>()?;
        (u64::from_be_bytes(*length), content)
    };
    if length != content.len() as u64 {
        return None;
    }
    match flags & !2 {
        0 | 1 => Some(Unit::Frame { more: flags & 1 == 1, content: Hex(content.to_vec()) }),
        4 => Some(Unit::Command),
        _ => None,
    }
}
