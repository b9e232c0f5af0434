//! Bootstrap confidence intervals, and the paired bootstrap between two systems (Efron and Tibshirani 1993).
//!
//! A statistic is a function of row numbers, so that any metric can be resampled:
//!
//! ```
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! use rllr_task::bootstrap::{BootstrapConfig, mean_of_rows, percentile_interval};
//!
//! let correct = [1.0, 1.0, 0.0, 1.0];
//! let mut rng = ChaCha8Rng::seed_from_u64(7);
//! let accuracy = |rows: &[usize]| mean_of_rows(&correct, rows);
//! let interval = percentile_interval(4, &BootstrapConfig::default(), &mut rng, accuracy)?;
//! assert_eq!(interval.estimate, 0.75);
//! # Ok::<(), rllr_task::bootstrap::BootstrapError>(())
//! ```

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How much to resample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// Resamples, at least 1. Default 1,000, as is usual for test sets of NLP (Koehn 2004).
    pub resamples: usize,
    /// Coverage of the interval, between 0 and 1. Default 0.95.
    pub level: f64,
}

impl Default for BootstrapConfig {
    fn default() -> Self {
        Self {
            resamples: 1000,
            level: 0.95,
        }
    }
}

/// Why there is nothing to resample.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BootstrapError {
    /// No rows.
    #[error("found 0 rows to resample, expected at least 1")]
    NoRows,
    /// `resamples` is 0.
    #[error("resamples: found 0, expected at least 1")]
    NoResamples,
    /// `level` is no coverage.
    #[error("level: found {found}, expected between 0 and 1, both excluded")]
    LevelOutOfRange {
        /// The value found.
        found: f64,
    },
}

/// A statistic of the rows as they are, and its percentile interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The statistic of all rows.
    pub estimate: f64,
    /// Lower end; NaN if every resample was undefined.
    pub lo: f64,
    /// Upper end; NaN if every resample was undefined.
    pub hi: f64,
    /// Resamples on which the statistic was NaN (a correlation of constant rows). They are left out.
    pub undefined_resamples: usize,
}

/// Difference of two systems on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedDifference {
    /// First minus second, with its percentile interval.
    pub difference: Interval,
    /// Two-sided p-value of "both are equally good"; NaN if the difference is.
    pub p_value: f64,
}

/// Percentile interval of a statistic: its quantiles `(1 ∓ level) / 2` over resamples of the rows with
/// replacement (Efron 1979), interpolated linearly as numpy's.
///
/// `statistic` gets row numbers below `n_rows`, `n_rows` of them, some of them twice.
///
/// # Errors
///
/// Without rows or resamples, and when the level is not between 0 and 1.
pub fn percentile_interval<R: Rng>(
    n_rows: usize,
    config: &BootstrapConfig,
    rng: &mut R,
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Result<Interval, BootstrapError> {
    let (estimate, resampled) = resample(n_rows, config, rng, &mut statistic)?;
    Ok(interval(estimate, &resampled, config))
}

/// Paired bootstrap test: `difference` is metric of the first minus metric of the second system, both on the
/// rows that it gets.
///
/// The p-value is the share of resamples whose difference δ* is at least as far from the observed δ as δ is
/// from 0: `(1 + #{|δ* − δ| ≥ |δ|}) / (1 + resamples)` (Berg-Kirkpatrick et al. 2012, two-sided). Resampling
/// centres on δ and not on 0, hence the shift; the added 1 keeps it above 0 (Davison and Hinkley 1997).
///
/// # Errors
///
/// As [`percentile_interval`].
pub fn paired_bootstrap<R: Rng>(
    n_rows: usize,
    config: &BootstrapConfig,
    rng: &mut R,
    mut difference: impl FnMut(&[usize]) -> f64,
) -> Result<PairedDifference, BootstrapError> {
    let (observed, resampled) = resample(n_rows, config, rng, &mut difference)?;
    // A difference of exactly 2 δ counts, whichever way its last digit was rounded.
    let distance = observed.abs() * (1.0 - 1e-12);
    let as_far = resampled
        .iter()
        .filter(|found| (*found - observed).abs() >= distance)
        .count();
    let p_value = (1 + as_far) as f64 / (1 + resampled.len()) as f64;
    Ok(PairedDifference {
        difference: interval(observed, &resampled, config),
        p_value: if observed.is_nan() { f64::NAN } else { p_value },
    })
}

/// Mean of `values` over `rows`: the statistic of an accuracy (values 0 and 1) or of any per-row score.
///
/// # Panics
///
/// When a row is not below the number of values.
pub fn mean_of_rows(values: &[f64], rows: &[usize]) -> f64 {
    rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len() as f64
}

/// The statistic of all rows, and of each resample where it is defined.
fn resample<R: Rng>(
    n_rows: usize,
    config: &BootstrapConfig,
    rng: &mut R,
    statistic: &mut impl FnMut(&[usize]) -> f64,
) -> Result<(f64, Vec<f64>), BootstrapError> {
    if n_rows == 0 {
        return Err(BootstrapError::NoRows);
    }
    if config.resamples == 0 {
        return Err(BootstrapError::NoResamples);
    }
    if !(config.level > 0.0 && config.level < 1.0) {
        return Err(BootstrapError::LevelOutOfRange { found: config.level });
    }
    let mut rows: Vec<usize> = (0..n_rows).collect();
    let estimate = statistic(&rows);
    let mut resampled = Vec::with_capacity(config.resamples);
    for _ in 0..config.resamples {
        // Drawn alike on 32 and 64 bits: `rand` draws a `usize` that fits 32 bits from 32 bits.
        rows.fill_with(|| rng.random_range(0..n_rows));
        resampled.push(statistic(&rows));
    }
    resampled.retain(|found| !found.is_nan());
    Ok((estimate, resampled))
}

fn interval(estimate: f64, resampled: &[f64], config: &BootstrapConfig) -> Interval {
    let mut sorted = resampled.to_vec();
    sorted.sort_by(f64::total_cmp);
    Interval {
        estimate,
        lo: quantile(&sorted, (1.0 - config.level) / 2.0),
        hi: quantile(&sorted, (1.0 + config.level) / 2.0),
        undefined_resamples: config.resamples - resampled.len(),
    }
}

/// Quantile by linear interpolation between the neighbours of position `q (n − 1)` (numpy's default, type 7 of
/// Hyndman and Fan 1996); NaN of nothing.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = q * last as f64;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "between 0 and `last`, and the floor is wanted"
    )]
    let below = position as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    fn config(resamples: usize) -> BootstrapConfig {
        BootstrapConfig {
            resamples,
            ..BootstrapConfig::default()
        }
    }

    /// `right` ones, then zeros.
    fn accuracies(right: usize, n: usize) -> Vec<f64> {
        (0..n).map(|row| f64::from(u8::from(row < right))).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn quantiles_worked_by_hand() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(quantile(&sorted, 0.0), 1.0);
        assert_eq!(quantile(&sorted, 0.5), 4.0);
        assert_eq!(quantile(&sorted, 1.0), 16.0);
        // Position 0.3 · 4 = 1.2: a fifth of the way from 2 to 4.
        assert!((quantile(&sorted, 0.3) - 2.4).abs() < 1e-12);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn interval_of_a_mean_agrees_with_the_normal_one() {
        let values = accuracies(780, 1000);
        let found = percentile_interval(1000, &config(4000), &mut rng(1), |rows| {
            mean_of_rows(&values, rows)
        });
        let found = found.unwrap();
        let half = 1.96 * (0.78_f64 * 0.22 / 1000.0).sqrt();
        assert_eq!(found.estimate, 0.78);
        // 4,000 resamples place a 2.5 % quantile to about 0.002 (three standard errors).
        assert!((found.lo - (0.78 - half)).abs() < 0.002, "{found:?}");
        assert!((found.hi - (0.78 + half)).abs() < 0.002, "{found:?}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn two_rows_give_the_binomial_quantiles() {
        // The mean of two draws from {0, 1} is 0, ½, 1 with ¼, ½, ¼: the quartiles are 0 to ½ and ½ to 1.
        let values = [0.0, 1.0];
        let config = BootstrapConfig {
            resamples: 20_000,
            level: 0.4,
        };
        let found = percentile_interval(2, &config, &mut rng(5), |rows| mean_of_rows(&values, rows)).unwrap();
        assert_eq!((found.lo, found.hi), (0.5, 0.5));
        let config = BootstrapConfig { level: 0.6, ..config };
        let found = percentile_interval(2, &config, &mut rng(5), |rows| mean_of_rows(&values, rows)).unwrap();
        assert_eq!((found.lo, found.hi), (0.0, 1.0));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_seed_alone_decides() {
        let values = accuracies(30, 50);
        let run = |seed| {
            percentile_interval(50, &config(200), &mut rng(seed), |rows| {
                mean_of_rows(&values, rows).powi(2)
            })
            .unwrap()
        };
        assert_eq!(run(3), run(3));
        let different = (0..10).filter(|seed| run(*seed) != run(3)).count();
        assert!(
            different >= 5,
            "only {different} of 10 seeds gave another interval"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn paired_p_value_agrees_with_the_normal_test() {
        // 400 rows, 40 right for the first only, 20 for the second only: δ = 0.05, deviation of a row's
        // difference sqrt(60/400 − 0.05²), so z = 0.05 / (0.38406 / 20) = 2.6038, two-sided p = 0.0092.
        let difference: Vec<f64> = (0..400)
            .map(|row| {
                if row < 40 {
                    1.0
                } else if row < 60 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect();
        let found = paired_bootstrap(400, &config(20_000), &mut rng(2), |rows| {
            mean_of_rows(&difference, rows)
        });
        let found = found.unwrap();
        assert!((found.difference.estimate - 0.05).abs() < 1e-15);
        assert!((found.p_value - 0.0092).abs() < 0.003, "{found:?}");
        assert!(
            found.difference.lo > 0.0,
            "significant, so 0 is outside: {found:?}"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn equal_systems_have_p_value_one() {
        let found = paired_bootstrap(9, &config(100), &mut rng(2), |_| 0.0).unwrap();
        assert_eq!(
            (found.p_value, found.difference.lo, found.difference.hi),
            (1.0, 0.0, 0.0)
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn undefined_resamples_are_left_out_and_counted() {
        let statistic = |rows: &[usize]| if rows[0] == 0 { f64::NAN } else { 1.0 };
        let found = percentile_interval(2, &config(1000), &mut rng(4), statistic).unwrap();
        assert!((400..600).contains(&found.undefined_resamples), "{found:?}");
        assert_eq!((found.lo, found.hi), (1.0, 1.0));
        let found = paired_bootstrap(2, &config(10), &mut rng(4), |_| f64::NAN).unwrap();
        assert!(found.p_value.is_nan() && found.difference.lo.is_nan());
        assert_eq!(found.difference.undefined_resamples, 10);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_input_is_an_error() {
        let run =
            |n_rows, config: BootstrapConfig| percentile_interval(n_rows, &config, &mut rng(0), |_| 0.0);
        assert_eq!(run(0, config(10)), Err(BootstrapError::NoRows));
        assert_eq!(run(5, config(0)), Err(BootstrapError::NoResamples));
        for level in [0.0, 1.0, 95.0, f64::NAN] {
            let error = run(5, BootstrapConfig { level, resamples: 5 }).unwrap_err();
            assert!(matches!(error, BootstrapError::LevelOutOfRange { .. }), "{error}");
        }
        assert!(serde_json::from_str::<BootstrapConfig>(r#"{"samples": 10}"#).is_err());
    }

    proptest! {
        #[wasm_bindgen_test(unsupported = test)]
        fn an_interval_lies_within_the_values(values in prop::collection::vec(-5.0..5.0_f64, 1..30), seed: u64) {
            let statistic = |rows: &[usize]| mean_of_rows(&values, rows);
            let found = percentile_interval(values.len(), &config(50), &mut rng(seed), statistic).unwrap();
            let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(smallest - 1e-9 <= found.lo && found.lo <= found.hi && found.hi <= largest + 1e-9);
        }
    }
}
