//! What an adapter drops of its input in training.

use burn::tensor::{Tensor, TensorData};

/// Drops numbers of an adapted layer's input and enlarges the others, so that the expected value stays.
///
/// Which ones is a function of the seed and the number's place, computed on the host with whole numbers: devices have
/// generators of their own, which neither agree with each other nor give the same twice when activations are computed
/// again. The rate is rounded to 1/65,536. Source of the method: `LoraLayer.forward` in PEFT 0.21, which drops each
/// adapted layer's input by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dropout {
    /// A number is dropped when its 16 random bits are below this.
    threshold: u16,
    seed: u64,
}

impl Dropout {
    /// Dropout of share `rate`, between 0 and 1, in the adapted layer number `index`; `None` when nothing is dropped.
    pub(crate) fn new(rate: f64, seed: u64, index: u64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate below 1; the largest rates saturate"
        )]
        let threshold = (rate * 65_536.0 + 0.5) as u16;
        (threshold > 0).then(|| Self {
            threshold,
            seed: mix(seed ^ mix(index)),
        })
    }

    /// The shape stays; `[batch, seq_len, d_in]`.
    pub(crate) fn apply(self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq_len, d_in] = x.dims();
        let factors = self.factors(batch * seq_len * d_in);
        let factors = TensorData::new(factors, [batch, seq_len, d_in]);
        let factors = Tensor::from_data(factors, &x.device().without_autodiff());
        x * factors
    }

    /// What each number is multiplied by: 0, or 1 divided by the share that is kept.
    fn factors(self, len: usize) -> Vec<f32> {
        let kept = 65_536.0 / (65_536.0 - f32::from(self.threshold));
        // Four numbers share 64 random bits.
        let words = (0..len.div_ceil(4) as u64).map(|word| mix(self.seed.wrapping_add(word)));
        let bits = words.flat_map(|word| [word, word >> 16, word >> 32, word >> 48]);
        bits.take(len)
            .map(|bits| {
                let is_dropped = (bits & 0xffff) < u64::from(self.threshold);
                if is_dropped { 0.0 } else { kept }
            })
            .collect()
    }
}

/// 64 bits that look random for every number; the finaliser of SplitMix64, Steele et al. 2014
/// (doi 10.1145/2660193.2660195), with its increment.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// The first outputs of SplitMix64 with seed 0, as in the reference program of Vigna (`splitmix64.c`).
    #[wasm_bindgen_test(unsupported = test)]
    fn the_generator_is_split_mix_64() {
        let found = [mix(0), mix(1), mix(2)];
        assert_eq!(
            found,
            [
                0xe220_a839_7b1d_cdaf,
                0x6e78_9e6a_a1b9_65f4,
                0x06c4_5d18_8009_454f
            ]
        );
    }

    /// 100,000 draws at 0.1: the share has a standard error of 0.00095; four of them.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_share_is_dropped_and_the_mean_stays() {
        let dropout = Dropout::new(0.1, 7, 0).unwrap();
        let factors = dropout.factors(100_000);
        let dropped = factors.iter().filter(|factor| **factor == 0.0).count();
        assert!((9_620..=10_380).contains(&dropped), "{dropped}");
        let mean = factors.iter().sum::<f32>() / 100_000.0;
        assert!((mean - 1.0).abs() < 5e-3, "{mean}");
        assert_eq!(Dropout::new(0.0, 7, 0), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_seed_and_a_layer_have_a_mask_of_their_own() {
        let mask = |seed, index| Dropout::new(0.5, seed, index).unwrap().factors(64);
        assert_eq!(mask(1, 0), mask(1, 0));
        assert_ne!(mask(1, 0), mask(2, 0));
        assert_ne!(mask(1, 0), mask(1, 1));
        // Neighbouring seeds and layers must not give shifted copies of one stream either.
        assert_ne!(mask(1, 0)[4..], mask(2, 0)[..60]);
        assert_ne!(mask(1, 0)[4..], mask(1, 1)[..60]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn an_input_is_multiplied_number_by_number() {
        let x = Tensor::<3>::ones([2, 3, 5], &Device::flex());
        let dropout = Dropout::new(0.25, 3, 1).unwrap();
        let found: Vec<f32> = dropout.apply(x).into_data().iter::<f32>().collect();
        assert_eq!(found, dropout.factors(30));
        assert!(found.contains(&0.0) && found.contains(&(4.0 / 3.0)), "{found:?}");
    }
}
