//! The events that every system carries: a filter, a sequence number, a time, and fill.

use std::time::{SystemTime, UNIX_EPOCH};

/// What all events begin with, and all readers subscribe to.
pub(crate) const FILTER: &[u8] = b"bench:";
/// Sequence number of the event that tells a reader of a lossy system that no more come.
pub(crate) const END: u64 = u64::MAX;
/// Sequence number of an event that only shows that a subscription works.
pub(crate) const PROBE: u64 = u64::MAX - 1;

const NUMBER_BYTES: usize = size_of::<u64>();

/// One event's bytes, written anew for each publish.
pub(crate) struct Template {
    bytes: Vec<u8>,
    filter_bytes: usize,
}

impl Template {
    /// Events of `bytes` bytes, but at least the filter and the two numbers.
    pub(crate) fn new(filter: &[u8], bytes: usize) -> Self {
        let mut template = vec![b'.'; bytes.max(filter.len() + 2 * NUMBER_BYTES)];
        for (to, from) in template.iter_mut().zip(filter) {
            *to = *from;
        }
        Template { bytes: template, filter_bytes: filter.len() }
    }

    /// The event with this sequence number, sent at this many nanoseconds of the run.
    pub(crate) fn stamp(&mut self, sequence: u64, sent_at_ns: u64) -> &[u8] {
        for (index, number) in [sequence, sent_at_ns].into_iter().enumerate() {
            let at = self.filter_bytes + index * NUMBER_BYTES;
            if let Some(place) = self.bytes.get_mut(at..at + NUMBER_BYTES) {
                place.copy_from_slice(&number.to_le_bytes());
            }
        }
        &self.bytes
    }
}

/// Nanoseconds since 1970: a clock that processes share.
pub(crate) fn now_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The sequence number in an event.
pub(crate) fn sequence(event: &[u8]) -> Option<u64> {
    number(event, FILTER.len())
}

/// When the event was sent, in nanoseconds of the run.
pub(crate) fn sent_at_ns(event: &[u8]) -> Option<u64> {
    number(event, FILTER.len() + NUMBER_BYTES)
}

fn number(event: &[u8], at: usize) -> Option<u64> {
    let bytes = event.get(at..at + NUMBER_BYTES)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stamped_is_read() {
        let mut template = Template::new(FILTER, 100);
        let event = template.stamp(7, 9);
        assert_eq!((event.len(), sequence(event), sent_at_ns(event)), (100, Some(7), Some(9)));
        assert!(event.starts_with(FILTER));
        assert_eq!(sequence(b"bench:short"), None);
    }
}
