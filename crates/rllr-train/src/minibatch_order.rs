//! In which order a rollout is learned from.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The rows of a rollout in random order, one list per epoch.
///
/// A PPO step has a stream of random numbers of its own, so a run that is resumed goes on as it would have.
#[must_use]
pub fn shuffled_rows(rows: usize, epochs: usize, seed: u64, step: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(step);
    let mut shuffled = || {
        let mut order: Vec<usize> = (0..rows).collect();
        // Fisher and Yates; Durstenfeld 1964.
        for last in (1..rows).rev() {
            order.swap(last, below(last + 1, rng.next_u64()));
        }
        order
    };
    (0..epochs).map(|_| shuffled()).collect()
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

    #[wasm_bindgen_test(unsupported = test)]
    fn every_epoch_has_every_row_once_in_an_order_of_its_own() {
        let orders = shuffled_rows(20, 3, 7, 0);
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..20), "{order:?}");
        }
        assert_ne!(orders[0], orders[1]);
        assert_ne!(orders, shuffled_rows(20, 3, 8, 0), "the seed matters");
        assert_ne!(orders, shuffled_rows(20, 3, 7, 1), "so does the step");
        assert_eq!(orders, shuffled_rows(20, 3, 7, 0));
    }

    /// The first order of a seed, so that a change of the stream on any target is seen; and each row is first about
    /// equally often.
    #[wasm_bindgen_test(unsupported = test)]
    fn orders_are_uniform() {
        let mut firsts = [0; 4];
        for step in 0..4000 {
            firsts[shuffled_rows(4, 1, 0, step)[0][0]] += 1;
        }
        // Standard deviation √(4000 · ¼ · ¾) = 27; four of them.
        assert!(
            firsts.iter().all(|count| (890..1110).contains(count)),
            "{firsts:?}"
        );
    }
}
