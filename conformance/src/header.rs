//! Headers of the session profile and packed payloads, as the specification writes them. The harness reads them by itself, so that
//! it does not share a mistake with an implementation.

/// What a client's headers and commands begin with.
pub(crate) const CLIENT: &str = "plugin_command: ";
/// What an engine's begin with.
pub(crate) const ENGINE: &str = "event-engine: ";
/// The longest header.
const HEADER_MAX_BYTES: usize = 1024;
/// The longest packed payload.
pub(crate) const BATCH_MAX_BYTES: usize = 1 << 20;
/// Keys whose values are integers.
const INTEGERS: [&str; 12] = [
    "version",
    "seq",
    "upto",
    "id",
    "count",
    "order",
    "received",
    "max-event-bytes",
    "publish-window",
    "publish-window-bytes",
    "ping-ms",
    "grace-ms",
];

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) verb: String,
    /// Keys and values, percent-encoding undone.
    pub(crate) keys: Vec<(String, Vec<u8>)>,
}

impl Header {
    /// Reads a header with this prefix.
    pub(crate) fn read(bytes: &[u8], prefix: &str) -> Result<Self, String> {
        if bytes.len() > HEADER_MAX_BYTES {
            return Err(format!("a header of {} bytes", bytes.len()));
        }
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii())
            .ok_or("a header that is not ASCII")?;
        let rest = text
            .strip_prefix(prefix)
            .ok_or_else(|| format!("a header that does not begin with `{prefix}`"))?;
        let mut words = rest.split(' ');
        let verb = words.next().unwrap_or_default();
        if verb.is_empty() || !verb.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            return Err(format!("`{verb}` is no verb"));
        }
        let mut keys: Vec<(String, Vec<u8>)> = Vec::new();
        for word in words {
            let (key, value) =
                word.split_once('=').ok_or_else(|| format!("`{word}` is no key with a value"))?;
            if key.is_empty() || keys.iter().any(|(other, _)| other == key) {
                return Err(format!("the key `{key}` is empty or stands twice"));
            }
            keys.push((key.to_owned(), decoded(value)?));
        }
        Ok(Self { verb: verb.to_owned(), keys })
    }

    /// The first word of a well-formed header that a writer must not write so, although a reader may understand it.
    pub(crate) fn unwritten(bytes: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split(' ').filter_map(|word| Some((word, word.split_once('=')?)));
        words.find(|(_, (key, value))| !is_written(key, value)).map(|(word, _)| word.to_owned())
    }

    /// The header's bytes.
    pub(crate) fn write(&self, prefix: &str) -> Vec<u8> {
        let mut bytes = format!("{prefix}{}", self.verb).into_bytes();
        for (key, value) in &self.keys {
            bytes.push(b' ');
            bytes.extend_from_slice(key.as_bytes());
            bytes.push(b'=');
            for &byte in value {
                if is_plain(byte) {
                    bytes.push(byte);
                } else {
                    bytes.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
            }
        }
        bytes
    }

    /// A key's value.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.keys.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_slice())
    }

    /// A key's value as a number.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        std::str::from_utf8(self.get(key)?).ok()?.parse().ok()
    }

    /// Gives a key a value, or takes it away.
    pub(crate) fn set(&mut self, key: &str, value: Option<Vec<u8>>) {
        match (self.keys.iter_mut().find(|(other, _)| other == key), value) {
            (Some((_, old)), Some(value)) => *old = value,
            (None, Some(value)) => self.keys.push((key.to_owned(), value)),
            (_, None) => self.keys.retain(|(other, _)| other != key),
        }
    }
}

/// Every byte but plain ones encoded with upper-case digits; integers and ids in their one form.
fn is_written(key: &str, value: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    let mut pieces = value.split('%');
    let is_encoded = pieces.next().unwrap_or_default().bytes().all(is_plain)
        && pieces.all(|piece| {
            piece
                .split_at_checked(2)
                .is_some_and(|(digits, rest)| digits.bytes().all(is_digit) && rest.bytes().all(is_plain))
        });
    match key {
        "session" => value.len() == 32 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        key if INTEGERS.contains(&key) => {
            value.parse::<i64>().is_ok_and(|number| number >= 0 && number.to_string() == value)
        }
        _ => is_encoded,
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/:+".contains(&byte)
}

fn decoded(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(decoded.ok_or_else(|| format!("`{value}` has a % without two digits"))?);
            rest = rest.get(2..).unwrap_or_default();
        } else if byte.is_ascii_graphic() {
            bytes.push(byte);
        } else {
            return Err(format!("`{value}` has a byte that must be encoded"));
        }
    }
    Ok(bytes)
}

/// The events of a payload.
pub(crate) fn unpacked(payload: &[u8], count: Option<u64>) -> Result<Vec<Vec<u8>>, String> {
    let Some(count) = count else { return Ok(vec![payload.to_vec()]) };
    let mut events = Vec::new();
    let mut rest = payload;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (event, tail) = tail.split_at_checked(length).ok_or("an event is cut off in a packed payload")?;
        events.push(event.to_vec());
        rest = tail;
    }
    if !rest.is_empty() || events.len() as u64 != count {
        return Err(format!("the payload does not hold exactly the {count} events that count announces"));
    }
    Ok(events)
}

/// A packed payload.
pub(crate) fn packed<E: AsRef<[u8]>>(events: &[E]) -> Vec<u8> {
    let mut payload = Vec::new();
    for event in events {
        let event = event.as_ref();
        payload.extend_from_slice(&u32::try_from(event.len()).unwrap_or(u32::MAX).to_be_bytes());
        payload.extend_from_slice(event);
    }
    payload
}
