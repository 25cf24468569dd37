//! What somebody may have meant who wrote a name that there is not.

/// So many are offered at most.
const MOST: usize = 3;

/// The names that are near to it, the nearest first; letter case aside.
pub(crate) fn of<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let written = written.to_lowercase();
    let bound = (written.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (strsim::osa_distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= bound)
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_nearest_comes_first_and_what_is_far_not_at_all() {
        let names = ["basic/quit/1", "basic/quit/12", "sdk/closing/3"];
        assert_eq!(of("Basic/qiut/1", names.into_iter()), ["basic/quit/1", "basic/quit/12"]);
        assert!(of("something else", names.into_iter()).is_empty());
    }
}
