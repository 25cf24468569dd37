//! "Did you mean …": the known word that is nearest to an unknown one.

/// The nearest of `known` that is near enough.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let limit = (length / 3).max(1);
    let lower = word.to_lowercase().replace('_', "-");
    let near = known.into_iter().filter_map(|candidate| {
        let candidate_lower = candidate.to_lowercase().replace('_', "-");
        let distance = distance(&lower, &candidate_lower);
        (distance <= limit && distance < length.max(1)).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

/// The help that names it.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|word| format!("did you mean `{word}`?"))
}

/// So many characters are to be inserted, removed, replaced, or exchanged with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let mut previous_char = None;
    let width = one.len() + 1;
    let mut before_last = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, theirs) in other.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut previous_own = None;
        for (column, own) in one.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(*own != theirs);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(left + 1);
            let exchanged = previous_own == Some(theirs) && previous_char == Some(*own);
            if exchanged {
                best = best.min(at(&before_last, column.wrapping_sub(1)) + 1);
            }
            current.push(best);
            left = best;
            previous_own = Some(*own);
        }
        before_last = last;
        last = current;
        previous_char = Some(theirs);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("image", "imgae", 1),
            ("image", "imagee", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["subscribe", "publish", "port", "replicas", "stop-within"];
        assert_eq!(nearest("subscribes", known), Some("subscribe"));
        assert_eq!(nearest("stop_within", known), Some("stop-within"));
        assert_eq!(nearest("Port", known), Some("port"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
