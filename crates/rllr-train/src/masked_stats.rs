//! Means, variances and whitening over the tokens that count.
//!
//! Values and mask are those of a whole batch, flat and in any order of rows; the mask is true where a value counts.
//! Whiten over all tokens of a rollout batch, not over a mini-batch and not over padding.

use crate::rounding::to_f32;

/// Added to a variance before its root is divided by.
const EPSILON: f64 = 1e-8;

/// What the sum of squared deviations of `n` values is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// `n − 1`: TRL, verl, NeMo-RL; the default.
    #[default]
    Unbiased,
    /// `n`: OpenRLHF, lm-human-preferences.
    Biased,
}

/// `Σ mask·x / Σ mask`; NaN when no value counts.
#[must_use]
pub fn mean(values: &[f32], mask: &[bool]) -> f64 {
    let (sum, count) = masked(values, mask).fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    sum / count as f64
}

/// `Σ mask·(x − mean)² / n` or `/ (n − 1)`; NaN when no value counts, the unbiased one also when only one does.
#[must_use]
pub fn variance(values: &[f32], mask: &[bool], variance: Variance) -> f64 {
    let mean = mean(values, mask);
    let (squares, count) = masked(values, mask).fold((0.0, 0.0), |(squares, count), x| {
        (squares + (x - mean).powi(2), count + 1.0)
    });
    match variance {
        Variance::Unbiased => squares / (count - 1.0),
        Variance::Biased => squares / count,
    }
}

/// Values with mean 0 and variance 1: for advantages.
///
/// `x' = (x − mean) / √(variance + 1e-8)`, in every slot, also where the mask is false.
///
/// With fewer than two values that count there is no variance, and the values stay as they are. (TRL returns NaN or
/// raises.)
///
/// Source: TRL 0.7.2 `masked_whiten` with `shift_mean=True`. OpenRLHF bounds the variance from below by 1e-8 instead
/// of adding it.
#[must_use]
pub fn whiten(values: &[f32], mask: &[bool], variance: Variance) -> Vec<f32> {
    rescale(values, mask, variance, |_| 0.0)
}

/// Values with variance 1 around the mean that they have: for rewards, whose mean is information.
///
/// `x' = (x − mean) / √(variance + 1e-8) + mean`, else as [`whiten`].
///
/// Source: TRL 0.7.2 `masked_whiten` with `shift_mean=False`. torchtune's flag of that name means the opposite.
#[must_use]
pub fn scale_to_unit_variance(values: &[f32], mask: &[bool], variance: Variance) -> Vec<f32> {
    rescale(values, mask, variance, |mean| mean)
}

/// Mean over the responses of the sum of each one's values: `objective/kl` when the values are KL estimates.
///
/// Source: TRL, `(kl * mask).sum(-1).mean()`. Rows without a value that counts are sums of 0.
///
/// - `values`, `mask`: row-major, `[batch, response_len]`
#[must_use]
pub fn mean_of_row_sums(values: &[f32], mask: &[bool], response_len: usize) -> f64 {
    assert!(
        response_len > 0 && values.len().is_multiple_of(response_len),
        "{} values are no rows of {response_len}",
        values.len()
    );
    masked(values, mask).sum::<f64>() / (values.len() / response_len) as f64
}

fn rescale(values: &[f32], mask: &[bool], kind: Variance, new_mean: impl FnOnce(f64) -> f64) -> Vec<f32> {
    if masked(values, mask).count() < 2 {
        return values.to_vec();
    }
    let mean = mean(values, mask);
    let factor = (variance(values, mask, kind) + EPSILON).sqrt().recip();
    let new_mean = new_mean(mean);
    let rescaled = |&x: &f32| to_f32((f64::from(x) - mean) * factor + new_mean);
    values.iter().map(rescaled).collect()
}

/// The values that count.
fn masked(values: &[f32], mask: &[bool]) -> impl Iterator<Item = f64> {
    assert_eq!(values.len(), mask.len(), "one mask entry per value");
    let counting = values.iter().zip(mask).filter(|(_, counts)| **counts);
    counting.map(|(x, _)| f64::from(*x))
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const VALUES: [f32; 4] = [1.0, 2.0, 3.0, 4.0];
    const MASK: [bool; 4] = [false, true, true, false];

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-6, "{found:?}, expected {expected:?}");
        }
    }

    /// TRL's numbers, from −2.1213202 to 4.6213202; by hand, with a deviation of `√½`.
    #[wasm_bindgen_test(unsupported = test)]
    fn statistics_equal_trl() {
        const S: f32 = std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(mean(&VALUES, &MASK), 2.5);
        assert_eq!(variance(&VALUES, &MASK, Variance::Unbiased), 0.5);
        assert_eq!(variance(&VALUES, &MASK, Variance::Biased), 0.25);
        assert_close(
            &whiten(&VALUES, &MASK, Variance::Unbiased),
            &[-3.0 * S, -S, S, 3.0 * S],
        );
        assert_close(
            &scale_to_unit_variance(&VALUES, &MASK, Variance::Unbiased),
            &[2.5 - 3.0 * S, 2.5 - S, 2.5 + S, 2.5 + 3.0 * S],
        );
        assert_close(&whiten(&VALUES, &MASK, Variance::Biased), &[-3.0, -1.0, 1.0, 3.0]);
    }

    /// What whitening is for, and that masked values have no say in it.
    #[wasm_bindgen_test(unsupported = test)]
    fn whitened_values_have_mean_0_and_variance_1() {
        let mask: Vec<bool> = (0..50).map(|i| i % 3 != 0).collect();
        let values: Vec<f32> = (0..50u8)
            .map(|i| {
                if i % 3 == 0 {
                    1e6
                } else {
                    f32::from(i).sin() * 4.0 - 7.0
                }
            })
            .collect();
        for kind in [Variance::Unbiased, Variance::Biased] {
            let whitened = whiten(&values, &mask, kind);
            assert!(mean(&whitened, &mask).abs() < 1e-6);
            assert!((variance(&whitened, &mask, kind) - 1.0).abs() < 1e-6);
            let scaled = scale_to_unit_variance(&values, &mask, kind);
            assert!((mean(&scaled, &mask) - mean(&values, &mask)).abs() < 1e-6);
            assert!((variance(&scaled, &mask, kind) - 1.0).abs() < 1e-6);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn fewer_than_two_values_stay_as_they_are() {
        let one = [false, true, false, false];
        assert_eq!(whiten(&VALUES, &one, Variance::Unbiased), VALUES);
        assert_eq!(
            scale_to_unit_variance(&VALUES, &[false; 4], Variance::Biased),
            VALUES
        );
        assert!(variance(&VALUES, &one, Variance::Unbiased).is_nan());
        assert_eq!(variance(&VALUES, &one, Variance::Biased), 0.0);
        assert!(mean(&VALUES, &[false; 4]).is_nan());
    }

    /// By hand: rows sum to 1 + 2 and 4, the rest is masked.
    #[wasm_bindgen_test(unsupported = test)]
    fn sums_run_over_rows() {
        let values = [1.0, 2.0, 100.0, 4.0, 100.0, 100.0];
        let mask = [true, true, false, true, false, false];
        assert_eq!(mean_of_row_sums(&values, &mask, 3), 3.5);
        assert_eq!(mean_of_row_sums(&values, &mask, 1), 7.0 / 6.0);
    }
}
