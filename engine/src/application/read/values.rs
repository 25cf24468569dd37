//! Values: durations, sizes, numbers, byte strings, choices.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::{DeInteger, DeValue};

use super::section::Zero;
use super::Span;
use crate::application::diagnostics::Diagnostics;
use crate::application::suggest;

/// Why a value makes no sense. The message goes on after the key's name.
pub(super) struct Wrong {
    message: String,
    help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Wrong { message: message.into(), help: Some(help.into()) }
    }

    /// The value is of the wrong kind.
    pub(super) fn kind(found: &DeValue<'_>, expected: &str) -> Self {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(true) => "true",
            DeValue::Boolean(false) => "false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        Wrong::new(format!("is {found} here"), format!("say {expected}"))
    }

    pub(super) fn say(self, key: &str, span: &Span, out: &mut Diagnostics) {
        out.error(span, format!("`{key}` {}", self.message)).maybe_help(self.help);
    }
}

/// Words for people: `a`, `b` and `c`.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

pub(super) fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(Wrong::kind(other, "a text in quotes")),
    }
}

pub(super) fn flag(value: &DeValue<'_>) -> Result<bool, Wrong> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(Wrong::kind(other, "true or false, without quotes")),
    }
}

/// A whole number; those that do not fit are as large, or as small, as can be.
fn integer(integer: &DeInteger<'_>) -> i128 {
    let text = integer.as_str();
    let beyond = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(text, integer.radix()).unwrap_or(beyond)
}

pub(super) fn number(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let DeValue::Integer(written) = value else {
        return Err(Wrong::kind(value, "a whole number, without quotes"));
    };
    let (first, last) = (*range.start(), *range.end());
    u64::try_from(integer(written)).ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let help = if last == u64::from(u32::MAX) || last == usize::MAX as u64 {
            format!("say a number from {first} on")
        } else {
            format!("say a number from {first} to {last}")
        };
        Wrong::new(format!("is {written} here, which makes no sense"), help)
    })
}

pub(super) fn port(value: &DeValue<'_>) -> Result<u16, Wrong> {
    let DeValue::Integer(written) = value else {
        return Err(Wrong::kind(value, "a TCP port: a whole number, without quotes"));
    };
    u16::try_from(integer(written)).map_err(|_| {
        Wrong::new(
            format!("is {written} here, which is no TCP port"),
            "say a number from 1 to 65535, or 0 for a free one",
        )
    })
}

/// Number and unit of a text such as "10 s".
fn measure(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Times past this would overflow clocks; nobody means them.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(super) fn duration(value: &DeValue<'_>, zero: Zero) -> Result<Duration, Wrong> {
    const HELP: &str =
        "say a duration: a whole number with ms, s, m or h, such as \"500ms\", \"10s\", \"2m\"";
    let text = match value {
        DeValue::String(text) => text,
        DeValue::Integer(number) => {
            let help = format!("say its unit: \"{number}s\" for seconds, \"{number}ms\" for milliseconds");
            return Err(Wrong::new("is a number without a unit here", help));
        }
        other => return Err(Wrong::kind(other, HELP.trim_start_matches("say "))),
    };
    let wrong = || Wrong::new(format!("is \"{text}\" here, which is no duration"), HELP);
    let (number, unit) = measure(text).ok_or_else(wrong)?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(wrong()),
    };
    let duration = millis.map(Duration::from_millis).filter(|duration| *duration <= LONGEST);
    let duration = duration.ok_or_else(|| {
        Wrong::new(format!("is \"{text}\" here, which is longer than a year"), "say at most \"8784h\"")
    })?;
    if duration.is_zero() && zero == Zero::Refused {
        return Err(Wrong::new("is no time at all here", "say a duration of at least \"1ms\""));
    }
    Ok(duration)
}

pub(super) fn size(value: &DeValue<'_>) -> Result<usize, Wrong> {
    const HELP: &str = "say a size: bytes as a number, or a text such as \"64 KiB\", \"256 MiB\", \"1 GiB\"";
    let (bytes, text) = match value {
        DeValue::Integer(written) => (u64::try_from(integer(written)).ok(), written.to_string()),
        DeValue::String(text) => {
            let wrong = || Wrong::new(format!("is \"{text}\" here, which is no size"), HELP);
            let (number, unit) = measure(text).ok_or_else(wrong)?;
            let factor: u64 = match unit {
                "" | "B" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "kB" | "KB" => 1000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                _ => return Err(wrong()),
            };
            (number.checked_mul(factor), format!("\"{text}\""))
        }
        other => return Err(Wrong::kind(other, HELP.trim_start_matches("say "))),
    };
    // More than this cannot be addressed, and sums of such sizes must not overflow.
    let most = (isize::MAX as u64) / 4;
    match bytes.filter(|bytes| *bytes <= most).and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(0) => Err(Wrong::new("is 0 here: nothing would fit", "say a size of at least 1 byte")),
        Some(bytes) => Ok(bytes),
        None => Err(Wrong::new(format!("is {text} here, which no memory has"), HELP)),
    }
}

/// A byte string: a text, or `{ hex = "…" }`.
pub(super) fn bytes(value: &DeValue<'_>) -> Result<Vec<u8>, Wrong> {
    match value {
        DeValue::String(text) => Ok(text.as_bytes().to_vec()),
        DeValue::Table(table) => match (table.iter().next(), table.len()) {
            (Some((key, value)), 1) if key.get_ref() == "hex" => hex(value.get_ref()),
            _ => Err(Wrong::new("is a table without `hex` alone here", "say a text, or { hex = \"494d\" }")),
        },
        other => Err(Wrong::kind(other, "a text, or { hex = \"494d\" }")),
    }
}

pub(super) fn hex(value: &DeValue<'_>) -> Result<Vec<u8>, Wrong> {
    let DeValue::String(text) = value else {
        return Err(Wrong::kind(value, "the bytes in hex as a text, such as \"494d\""));
    };
    let mut digits = Vec::new();
    for character in text.chars() {
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| {
            let shown = character.escape_debug();
            Wrong::new(
                format!("contains `{shown}`, which is no hex digit"),
                "use 0 to 9 and a to f, two for each byte",
            )
        })?);
    }
    if digits.len() % 2 != 0 {
        let message = format!("has {} hex digits; each byte takes two", digits.len());
        return Err(Wrong::new(message, "add a digit: a 0 before the last one, perhaps"));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
}

pub(super) fn choice<T: Copy>(value: &DeValue<'_>, choices: &[(&'static str, T)]) -> Result<T, Wrong> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let expected = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    let DeValue::String(text) = value else { return Err(Wrong::kind(value, &expected)) };
    choices.iter().find(|(word, _)| word == text).map(|(_, chosen)| *chosen).ok_or_else(|| {
        let help = suggest::nearest(text, words.iter().copied()).map_or_else(
            || format!("say {expected}"),
            |near| format!("did you mean \"{near}\"? it is {expected}"),
        );
        Wrong::new(format!("cannot be \"{text}\""), help)
    })
}
