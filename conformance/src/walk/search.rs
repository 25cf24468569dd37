//! The shortest way to each transition.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::Model;

/// No transition is further away.
const DEEPEST: usize = 9;

/// A way: the variant, and inputs of which the last takes the transition.
type Way<M> = (bool, Vec<<M as Model>::Input>);

/// The shortest way to each of these transitions, as far as there is one.
pub(super) fn ways<M: Model>(wanted: impl Iterator<Item = usize>) -> BTreeMap<usize, Way<M>> {
    let mut wanted: BTreeSet<usize> = wanted.collect();
    let mut ways = BTreeMap::new();
    let mut seen: HashSet<M> = HashSet::new();
    let mut next: VecDeque<(M, Way<M>)> =
        [false, true].into_iter().map(|variant| (M::begin(variant), (variant, Vec::new()))).collect();
    while let Some((model, way)) = next.pop_front() {
        if wanted.is_empty() || way.1.len() >= DEEPEST {
            break;
        }
        for input in M::alphabet() {
            if !model.enabled(input) {
                continue;
            }
            let mut there = model.clone();
            there.take(input);
            let mut way = way.clone();
            way.1.push(input);
            for number in &there.script().taken {
                if wanted.remove(number) {
                    ways.insert(*number, way.clone());
                }
            }
            if seen.insert(there.clone()) {
                next.push_back((there, way));
            }
        }
    }
    ways
}
