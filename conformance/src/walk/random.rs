//! Walks at random, the same for the same seed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Model;
use crate::case::Case;
use crate::random::Random;

/// A way to begin, and inputs; those that are not possible when they come are left out.
pub(crate) type Walk<M> = (bool, Vec<<M as Model>::Input>);

/// Walks of at most this length.
fn strategy<M: Model>(length: usize) -> BoxedStrategy<Walk<M>> {
    (any::<bool>(), vec(M::strategy(), 1..=length.max(1))).boxed()
}

/// Random values from a seed.
fn runner(seed: u64) -> TestRunner {
    let mut random = Random::new(seed);
    let bytes: Vec<u8> = (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Takes what is possible of a list of inputs.
pub(super) fn walk<M: Model>(variant: bool, inputs: &[M::Input]) -> (Vec<M::Input>, M) {
    let mut model = M::begin(variant);
    let mut taken = Vec::new();
    for input in inputs {
        if model.enabled(*input) {
            model.take(*input);
            taken.push(*input);
        }
    }
    (taken, model)
}

/// The case of a walk.
pub(crate) fn case_of<M: Model>((variant, inputs): &Walk<M>, id: &str, title: &str) -> Result<Case, String> {
    walk::<M>(*variant, inputs).1.finish(id, title)
}

/// Walks from a seed.
pub(crate) fn walks<M: Model>(seed: u64, length: usize, count: usize) -> Result<Vec<Walk<M>>, String> {
    let mut runner = runner(seed);
    let strategy = strategy::<M>(length);
    let walk = |_| Ok(strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?.current());
    (0..count).map(walk).collect()
}

/// Plays walks until one fails, and then ever simpler ones that fail, too. `play`: what went wrong, if something did.
pub(crate) fn first_failure<M: Model, F>(
    seed: u64,
    length: usize,
    count: usize,
    mut play: impl FnMut(&Walk<M>) -> Result<Option<F>, String>,
) -> Result<Option<(Walk<M>, F)>, String> {
    /// Simpler walks that are tried.
    const SHRINKS: usize = 400;
    let mut runner = runner(seed);
    let strategy = strategy::<M>(length);
    for _ in 0..count {
        let mut tree = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?;
        let walk = tree.current();
        let Some(failure) = play(&walk)? else { continue };
        let mut worst = (walk, failure);
        let mut more = tree.simplify();
        for _ in 0..SHRINKS {
            if !more {
                break;
            }
            let walk = tree.current();
            more = match play(&walk)? {
                Some(failure) => {
                    worst = (walk, failure);
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        // Inputs that were left out say nothing.
        let ((variant, inputs), failure) = worst;
        let (taken, _) = self::walk::<M>(variant, &inputs);
        return Ok(Some(((variant, taken), failure)));
    }
    Ok(None)
}
