//! Numbered events: `down:00000042` for the client, `up:00000042` or `up:NAME:00000042` from it, then any bytes.

use std::collections::BTreeMap;

pub(crate) const DOWN: &[u8] = b"down:";
pub(crate) const UP: &[u8] = b"up:";
/// So many decimal digits has a number.
const DIGITS: usize = 8;
/// What an event is filled up with.
const FILL: u8 = b'.';

/// The event with this number, filled up to `size` bytes if it is shorter.
pub(crate) fn down(number: u64, size: usize) -> Vec<u8> {
    let mut event = format!("down:{number:08}").into_bytes();
    if event.len() < size {
        event.resize(size, FILL);
    }
    event
}

/// The publisher's name (empty if it gave none) and the number of an event from the client.
pub(crate) fn parse_up(event: &[u8]) -> Option<(&[u8], u64)> {
    let rest = event.strip_prefix(UP)?;
    if let Some(number) = digits(rest) {
        return Some((&[], number));
    }
    let colon = rest.iter().position(|byte| *byte == b':')?;
    let (name, number) = rest.split_at_checked(colon)?;
    Some((name, digits(number.get(1..)?)?))
}

fn digits(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.get(..DIGITS)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What came from the client: how many, which, and whether in order.
#[derive(Default)]
pub(crate) struct Collected {
    publishers: BTreeMap<Vec<u8>, Publisher>,
    total: u64,
    distinct: u64,
    last: Option<u64>,
    out_of_order: bool,
}

#[derive(Default)]
struct Publisher {
    /// One bit for each number.
    seen: Vec<u64>,
    newest: Option<u64>,
}

impl Collected {
    /// Counts one event.
    pub(crate) fn add(&mut self, name: &[u8], number: u64) {
        if !self.publishers.contains_key(name) {
            self.publishers.insert(name.to_vec(), Publisher::default());
        }
        let Some(publisher) = self.publishers.get_mut(name) else { return };
        self.total += 1;
        self.last = Some(number);
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let bit = 1 << (number % 64);
        if publisher.seen.len() <= word {
            publisher.seen.resize(word + 1, 0);
        }
        if let Some(bits) = publisher.seen.get_mut(word) {
            self.distinct += u64::from(*bits & bit == 0);
            *bits |= bit;
        }
        if publisher.newest.is_some_and(|newest| number <= newest) {
            self.out_of_order = true;
        }
        publisher.newest = publisher.newest.max(Some(number));
    }

    pub(crate) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// `collected TOTAL distinct D in_order B last X`.
    pub(crate) fn line(&self) -> String {
        let last = self.last.map_or_else(|| "-".to_string(), |number| number.to_string());
        let Collected { total, distinct, out_of_order, .. } = self;
        format!("collected {total} distinct {distinct} in_order {} last {last}", !out_of_order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(events: &[&[u8]]) -> String {
        let mut collected = Collected::default();
        for event in events {
            let (name, number) = parse_up(event).unwrap();
            collected.add(name, number);
        }
        collected.line()
    }

    #[test]
    fn events_are_numbered_and_filled() {
        assert_eq!(down(42, 0), b"down:00000042");
        assert_eq!(down(42, 16), b"down:00000042...");
    }

    #[test]
    fn names_and_numbers_are_read() {
        assert_eq!(parse_up(b"up:00000007"), Some((&b""[..], 7)));
        assert_eq!(parse_up(b"up:00000007 and more"), Some((&b""[..], 7)));
        assert_eq!(parse_up(b"up:go:00000007"), Some((&b"go"[..], 7)));
        for event in [&b"up:"[..], b"up:7", b"up:go:7", b"down:00000007", b"up:go"] {
            assert_eq!(parse_up(event), None);
        }
    }

    #[test]
    fn duplicates_gaps_and_disorder_show() {
        assert_eq!(collect(&[]), "collected 0 distinct 0 in_order true last -");
        assert_eq!(collect(&[b"up:00000000", b"up:00000001"]), "collected 2 distinct 2 in_order true last 1");
        assert_eq!(
            collect(&[b"up:00000000", b"up:00000002", b"up:00000001"]),
            "collected 3 distinct 3 in_order false last 1"
        );
        assert_eq!(
            collect(&[b"up:00000000", b"up:00000000"]),
            "collected 2 distinct 1 in_order false last 0"
        );
        assert_eq!(
            collect(&[b"up:a:00000005", b"up:b:00000000"]),
            "collected 2 distinct 2 in_order true last 0"
        );
    }
}
