//! How an event is shown.

mod envelope;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use event_engine::control::client::Passed;
use event_engine_envelope::{Envelope, EnvelopeError};

use crate::filter::EventType;
use crate::hex;

/// How an event is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An envelope if it holds one, text if it is text, else hex.
    Auto,
    /// Hexadecimal digits.
    Hex,
    /// Text, with escapes for what is none.
    Text,
    /// The envelope behind the prefix of the event's type.
    Envelope,
    /// A JSON object a line.
    Json,
    /// The bytes alone.
    Raw,
}

/// An event that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its order in the application.
    pub(crate) order: u64,
    /// Who published it.
    pub(crate) from: String,
    /// The event.
    pub(crate) bytes: Vec<u8>,
}

impl From<Passed> for Seen {
    fn from(passed: Passed) -> Self {
        Seen { order: passed.order, from: passed.from, bytes: passed.bytes }
    }
}

/// How events are shown.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The form.
    pub(crate) format: Format,
    /// At most so many bytes of each.
    pub(crate) limit: usize,
    /// The application's types.
    pub(crate) types: Vec<EventType>,
    /// By what the events were chosen: an envelope may be behind it.
    pub(crate) filters: Vec<Vec<u8>>,
}

/// An event with `--format json`.
#[derive(Serialize)]
struct JsonLine<'a> {
    order: u64,
    from: &'a str,
    size: usize,
    #[serde(rename = "type")]
    event_type: Option<&'a str>,
    text: Option<&'a str>,
    envelope: Option<Value>,
    bytes: String,
}

impl View {
    /// What is written for an event.
    pub(crate) fn shown(&self, seen: &Seen) -> Vec<u8> {
        let cut = seen.bytes.get(..self.limit).unwrap_or(&seen.bytes);
        let what = match self.format {
            Format::Raw => return cut.to_vec(),
            Format::Json => return self.json(seen, cut),
            Format::Hex => hex_shown(cut),
            Format::Text => text_shown(cut),
            Format::Envelope | Format::Auto => match (self.envelope(seen), self.format) {
                // The limit is that of the data: half an envelope tells nothing.
                (Ok(envelope), _) => return self.line(seen, &envelope::line(&envelope, self.limit)),
                (Err(error), Format::Envelope) => format!("no envelope ({error}): {}", plain(cut)),
                (Err(_), _) => plain(cut),
            },
        };
        let more = if cut.len() < seen.bytes.len() { "…" } else { "" };
        self.line(seen, &format!("{what}{more}"))
    }

    fn line(&self, seen: &Seen, what: &str) -> Vec<u8> {
        let name = self.type_of(seen).map(|known| format!(" {}", known.name)).unwrap_or_default();
        format!("{} {}{name} {}B {what}\n", seen.order, seen.from, seen.bytes.len()).into_bytes()
    }

    fn json(&self, seen: &Seen, cut: &[u8]) -> Vec<u8> {
        let line = JsonLine {
            order: seen.order,
            from: &seen.from,
            size: seen.bytes.len(),
            event_type: self.type_of(seen).map(|known| known.name.as_str()),
            text: text_of(cut).filter(|text| text.len() == cut.len()),
            envelope: self.envelope(seen).ok().map(|envelope| envelope::json(&envelope)),
            bytes: BASE64_STANDARD.encode(cut),
        };
        // Nothing in it can fail to be JSON.
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        line
    }

    fn type_of(&self, seen: &Seen) -> Option<&EventType> {
        self.types.iter().find(|known| seen.bytes.starts_with(&known.prefix))
    }

    fn envelope(&self, seen: &Seen) -> Result<Envelope, EnvelopeError> {
        let prefixes = self.types.iter().map(|known| known.prefix.as_slice());
        let prefixes = prefixes.chain(self.filters.iter().map(Vec::as_slice)).chain([&[][..]]);
        envelope::open(&seen.bytes, prefixes)
    }
}

/// Text if it is text, else hex.
fn plain(bytes: &[u8]) -> String {
    match text_of(bytes) {
        Some(_) => text_shown(bytes),
        None => hex_shown(bytes),
    }
}

/// Text that can be shown: a cut in its last character does not count.
fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    text.chars().all(|character| !character.is_control() || character.is_ascii_whitespace()).then_some(text)
}

/// Text in quotes, with escapes: an event cannot play tricks on the terminal.
fn text_shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text =
        if text_of(bytes).is_some() { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
    format!("{text:?}")
}

/// Hexadecimal digits; those of an event with nothing in it are none.
fn hex_shown(bytes: &[u8]) -> String {
    format!("hex:{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use event_engine_envelope::seal;

    fn types() -> Vec<EventType> {
        vec![EventType { name: "reading".to_owned(), prefix: b"RE".to_vec() }]
    }

    fn seen(bytes: impl Into<Vec<u8>>) -> Seen {
        Seen { order: 7, from: "sensor".to_owned(), bytes: bytes.into() }
    }

    fn line(bytes: impl Into<Vec<u8>>, format: Format, limit: usize) -> String {
        let view = View { format, limit, types: types(), filters: vec![b"order: ".to_vec()] };
        String::from_utf8(view.shown(&seen(bytes))).unwrap()
    }

    fn enveloped(prefix: &[u8]) -> Vec<u8> {
        let envelope = Envelope::new("id-1", "/sensors/7", "org.example.reading")
            .with_time(UNIX_EPOCH)
            .with_data("21.5");
        seal(prefix, &envelope).unwrap()
    }

    #[test]
    fn every_format() {
        let mut text = String::new();
        for (bytes, name) in [
            (enveloped(b"RE"), "envelope"),
            (b"RE21.5\n".to_vec(), "text"),
            (b"\x1b[31mred".to_vec(), "an escape sequence"),
            ("née".into(), "UTF-8"),
            (b"\x00\xff".to_vec(), "binary"),
            (vec![], "nothing"),
        ] {
            text.push_str(&format!("# {name}\n"));
            for format in [Format::Auto, Format::Hex, Format::Text, Format::Envelope, Format::Json] {
                text.push_str(&line(bytes.clone(), format, usize::MAX));
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn envelopes_are_found_behind_types_filters_and_nothing() {
        for prefix in ["RE", "order: ", ""] {
            let shown = line(enveloped(prefix.as_bytes()), Format::Auto, 2);
            assert!(shown.ends_with("B id=\"id-1\" source=\"/sensors/7\" type=\"org.example.reading\" time=\"1970-01-01T00:00:00Z\" data=\"21\"…\n"), "{shown}");
        }
    }

    #[test]
    fn long_events_are_cut_and_say_so() {
        assert_eq!(line("RE0123456789", Format::Auto, 4), "7 sensor reading 12B \"RE01\"…\n");
        assert_eq!(line("aé", Format::Auto, 2), "7 sensor 3B \"a\"…\n");
        assert_eq!(line([0, 1, 2], Format::Auto, 2), "7 sensor 3B hex:0001…\n");
        assert_eq!(line([0, 1, 2], Format::Raw, 2), "\0\u{1}");
        assert!(line("0123456789", Format::Json, 2).contains("\"size\":10"));
    }
}
