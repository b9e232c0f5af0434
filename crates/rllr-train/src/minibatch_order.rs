//! In which order a rollout is learned from.

use crate::random_stream::{Purpose, random_stream, shuffled};

/// The rows of a rollout in random order, one list per epoch.
///
/// A PPO step has a stream of random numbers of its own, so a run that is resumed goes on as it would have.
#[must_use]
pub fn shuffled_rows(rows: usize, epochs: usize, seed: u64, step: u64) -> Vec<Vec<usize>> {
    let mut rng = random_stream(seed, Purpose::Minibatches, step, 0);
    (0..epochs).map(|_| shuffled(rows, &mut rng)).collect()
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
