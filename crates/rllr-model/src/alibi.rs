//! Attention with linear biases.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// The slope of each head: how much a token counts less with every position that it lies further back.
///
/// For `n` heads, `n` a power of two: `2^(−8/n), 2^(−16/n), …, 2^(−8)`. For other numbers, those of the next lower
/// power of two, and then every other slope of the power of two above.
/// Source: Press et al. 2022 (arXiv 2108.12409), section 3; `build_alibi_tensor` in transformers 5.23.
pub(crate) fn slopes(num_heads: usize) -> Vec<f64> {
    let power = if num_heads.is_power_of_two() {
        num_heads
    } else {
        num_heads.next_power_of_two() / 2
    };
    let slope = |heads: usize, index: usize| libm::exp2(-8.0 * index as f64 / heads as f64);
    let full = (1..=power).map(|index| slope(power, index));
    let rest = (0..num_heads - power).map(|index| slope(2 * power, 2 * index + 1));
    full.chain(rest).collect()
}

/// `slope · position` of each key, for each head.
///
/// The position of the key alone, and not its distance from the query: the difference is the same for all keys of a
/// query, and softmax does not see it.
///
/// # Shapes
///
/// - `slopes`: `[1, heads, 1, 1]`
/// - `key_positions`: `[batch, key_len]`
/// - output: `[batch, heads, 1, key_len]`
pub(crate) fn alibi_bias(slopes: &Tensor<4>, key_positions: Tensor<2, Int>) -> Tensor<4> {
    let [batch, key_len] = key_positions.dims();
    slopes.clone() * key_positions.float().reshape([batch, 1, 1, key_len])
}

/// [`slopes`] on a device, `[1, heads, 1, 1]`.
pub(crate) fn slopes_on(num_heads: usize, device: &Device) -> Tensor<4> {
    #[expect(clippy::cast_possible_truncation, reason = "stored in f32 on purpose")]
    let slopes: Vec<f32> = slopes(num_heads).into_iter().map(|slope| slope as f32).collect();
    Tensor::from_data(TensorData::new(slopes, [1, num_heads, 1, 1]), device)
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand: four heads have 2⁻², 2⁻⁴, 2⁻⁶, 2⁻⁸; six have these, and the first and third of eight heads' slopes.
    #[wasm_bindgen_test(unsupported = test)]
    fn slopes_are_those_of_the_paper() {
        let expected = [0.25, 0.0625, 0.015_625, 0.003_906_25, 0.5, 0.125];
        for (found, expected) in slopes(6).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
        assert_eq!(slopes(4).len(), 4);
        assert_eq!(slopes(1), [0.003_906_25]);
    }
}
