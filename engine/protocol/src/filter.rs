//! Filters: byte prefixes that choose events.

/// True if `event` begins with `filter`; the empty filter takes every event (EE-FILTER-1, EE-FILTER-2).
pub fn matches(filter: &[u8], event: &[u8]) -> bool {
    event.starts_with(filter)
}

/// Returns the pairs of distinct, non-empty filters of which one is a prefix of the other (EE-FILTER-5).
///
/// `filters` holds a name and a filter each; the name is the caller's and is not looked at. A pair holds indices
/// into `filters`, the smaller one first; the pairs are sorted. Equal filters are not ambiguous: they name one type.
///
/// ```
/// use event_engine_protocol::filter::ambiguous;
///
/// let filters = [("metrics", "Metric"), ("logs", "Log"), ("metric", "MetricA"), ("all", "")];
/// assert_eq!(ambiguous(&filters), [(0, 2)]);
/// ```
pub fn ambiguous<N, F: AsRef<[u8]>>(filters: &[(N, F)]) -> Vec<(usize, usize)> {
    let mut sorted: Vec<(&[u8], usize)> =
        filters.iter().enumerate().map(|(index, (_, filter))| (filter.as_ref(), index)).collect();
    sorted.retain(|(filter, _)| !filter.is_empty());
    sorted.sort_unstable();

    // In byte order everything that begins with a filter follows it without a gap.
    let mut pairs = Vec::new();
    for (position, &(filter, index)) in sorted.iter().enumerate() {
        let followers = sorted.iter().skip(position + 1).take_while(|(other, _)| other.starts_with(filter));
        for &(other, other_index) in followers {
            if other.len() > filter.len() {
                pairs.push((index.min(other_index), index.max(other_index)));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_is_a_byte_prefix() {
        assert!(matches(b"evt.", b"evt.hello"));
        assert!(matches(b"evt.", b"evt."));
        assert!(!matches(b"evt.", b"evt"));
        assert!(!matches(b"evt.", b"xevt.hello"));
        assert!(!matches(b"evt.", b""));
        assert!(matches(b"\xff\x00", b"\xff\x00\x80"));
        assert!(matches(b"", b"") && matches(b"", b"anything"));
    }

    #[test]
    fn ambiguous_pairs_point_into_the_input() {
        let filters = [("a", "AB"), ("b", "A"), ("c", "ABC"), ("d", "B"), ("e", "")];
        assert_eq!(ambiguous(&filters), [(0, 1), (0, 2), (1, 2)]);
    }

    #[test]
    fn equal_filters_are_one_type() {
        assert_eq!(ambiguous(&[("a", "A"), ("b", "A")]), []);
        assert_eq!(ambiguous(&[("a", "A"), ("b", "A"), ("c", "AB")]), [(0, 2), (1, 2)]);
    }
}
