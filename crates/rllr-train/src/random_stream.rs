//! Streams of random numbers that do not depend on what was drawn before, so that a resumed run goes on as it would have.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What random numbers are for. Each purpose has streams of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The order of minibatches.
    Minibatches = 0,
    /// The tokens of responses.
    Responses = 1,
    /// The order of prompts.
    Prompts = 2,
    /// Prompts that replace those whose answers were all equally good.
    FurtherPrompts = 3,
    /// The order of examples in an epoch.
    Examples = 4,
    /// The order of batches in an epoch.
    ExampleBatches = 5,
    /// The examples that a grammar draws.
    GeneratedExamples = 6,
    /// Weights of a new model.
    NewModel = 7,
    /// Which pairs are built of training examples; the step is the kind.
    TrainingPairs = 8,
    /// Which pairs are built of held-out examples.
    HeldOutPairs = 9,
    /// The head of a reward model; the step is the kind.
    RewardHead = 10,
    /// The head of a value model.
    ValueHead = 11,
    /// A new adapter for fine-tuning.
    SftAdapter = 12,
    /// A new adapter of a reward model; the step is the kind.
    RewardAdapter = 13,
    /// A new adapter of a policy.
    PolicyAdapter = 14,
    /// A new adapter of a value model.
    ValueAdapter = 15,
    /// Pairs of answers that are only counted; the step is the first question's place.
    SampledPairs = 16,
    /// Responses that a student writes for itself.
    StudentResponses = 17,
}

/// The stream of a step and of a draw within it.
///
/// - `step`: below 2⁴⁰
/// - `draw`: below 2¹⁶
pub(crate) fn random_stream(seed: u64, purpose: Purpose, step: u64, draw: usize) -> ChaCha8Rng {
    assert!(step < 1 << 40 && draw < 1 << 16, "step {step}, draw {draw}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((purpose as u64) << 56 | (draw as u64) << 40 | step);
    rng
}

/// The numbers below `len` in random order.
pub(crate) fn shuffled(len: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    // Fisher and Yates; Durstenfeld 1964.
    for last in (1..len).rev() {
        order.swap(last, below(last + 1, rng.next_u64()));
    }
    order
}

/// A number below `bound`, from 64 random bits; for bounds far below 2⁶⁴ as good as uniform.
#[expect(clippy::cast_possible_truncation, reason = "the result is below bound")]
fn below(bound: usize, bits: u64) -> usize {
    ((u128::from(bits) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Another seed, purpose, step or draw: other numbers; the same four: the same.
    #[wasm_bindgen_test(unsupported = test)]
    fn streams_differ() {
        let first = |seed, purpose, step, draw| random_stream(seed, purpose, step, draw).next_u64();
        let (minibatches, responses) = (Purpose::Minibatches, Purpose::Responses);
        let one = first(7, minibatches, 1, 0);
        assert_eq!(one, first(7, minibatches, 1, 0));
        let others = [
            first(8, minibatches, 1, 0),
            first(7, responses, 1, 0),
            first(7, minibatches, 2, 0),
            first(7, minibatches, 1, 1),
        ];
        assert!(!others.contains(&one), "{one} in {others:?}");
    }
}
