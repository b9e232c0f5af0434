//! Weights of a model that has learned nothing.

use rand::Rng;

use crate::{CausalLmConfig, HostTensor, Weights, tensor_shapes};

/// Fresh weights: matrices from a normal distribution, normalisations one, biases zero.
///
/// Drawn on the host from the caller's generator, so that every device and target starts from the same bits.
/// Source: `LlamaPreTrainedModel._init_weights` in transformers 5.23, where `standard_deviation` is
/// `initializer_range`, 0.02 by default.
#[must_use]
pub fn initial_weights(config: &CausalLmConfig, standard_deviation: f64, rng: &mut impl Rng) -> Weights {
    let mut weights = Weights::default();
    for (name, shape) in tensor_shapes(config) {
        let len = shape.iter().product();
        let data = if name.ends_with(".bias") {
            vec![0.0; len]
        } else if shape.len() == 1 {
            vec![1.0; len]
        } else {
            (0..len)
                .map(|_| narrow(standard_deviation * standard_normal(rng)))
                .collect()
        };
        weights.0.insert(name, HostTensor { shape, data });
    }
    weights
}

/// One draw from N(0, 1): `√(−2 ln u₁) · cos(2π u₂)`; Box and Muller 1958.
///
/// On `libm`, because the platforms' own logarithms and cosines differ in the last bit.
pub(crate) fn standard_normal(rng: &mut impl Rng) -> f64 {
    // 53 random bits; shifted by half a step, so that the logarithm never sees 0.
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let radius = libm::sqrt(-2.0 * libm::log(uniform()));
    radius * libm::cos(std::f64::consts::TAU * uniform())
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn draws_have_the_moments_of_a_normal_distribution() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let draws: Vec<f64> = (0..40_000).map(|_| standard_normal(&mut rng)).collect();
        let moment = |power| draws.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / draws.len() as f64;
        // Standard errors: 1/√n = 0.005, √(2/n) = 0.007, √(96/n) = 0.05; four of each.
        assert!(moment(1).abs() < 0.02, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.03, "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.2, "fourth moment {}", moment(4));
    }

    /// The first numbers of a seed, so that a change of the stream on any target is seen.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_seed_gives_the_same_bits_on_every_target() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let bits: Vec<u64> = (0..3).map(|_| standard_normal(&mut rng).to_bits()).collect();
        assert_eq!(
            bits,
            [
                13_828_845_542_243_607_520,
                4_605_257_591_586_474_311,
                13_825_749_030_530_972_934
            ]
        );
    }
}
