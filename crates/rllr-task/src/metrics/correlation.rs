//! Correlations and errors of graded values, as scipy computes them.

use std::cmp::Ordering;

use super::{MetricError, check_columns};

/// Linear correlation (Pearson 1895): `Σ (x−x̄)(y−ȳ) / sqrt(Σ (x−x̄)² Σ (y−ȳ)²)`, as `scipy.stats.pearsonr`.
///
/// NaN where a side is constant or holds a NaN.
///
/// # Errors
///
/// When the lengths differ, and below two rows.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    check_columns(("x", x.len()), ("y", y.len()), 2)?;
    // Asked of the values: the deviations of a constant from its rounded mean need not be 0.
    if is_constant(x) || is_constant(y) {
        return Ok(f64::NAN);
    }
    let (dx, dy) = (deviations(x), deviations(y));
    // Each side is brought to length 1 before the product, so that large values do not overflow.
    let (norm_x, norm_y) = (norm(&dx), norm(&dy));
    let correlation: f64 = dx
        .iter()
        .zip(&dy)
        .map(|(dx, dy)| (dx / norm_x) * (dy / norm_y))
        .sum();
    Ok(correlation.clamp(-1.0, 1.0))
}

/// Rank correlation (Spearman 1904): [`pearson`] of the [`average_ranks`], as `scipy.stats.spearmanr`.
///
/// # Errors
///
/// As [`pearson`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Ranks from 1; equal values share the mean of their ranks, as `scipy.stats.rankdata`. With a NaN, all are NaN.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return vec![f64::NAN; values.len()];
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| compare(values[a], values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let last = first + tied.len();
        let rank = (first + 1 + last) as f64 / 2.0;
        for &row in tied {
            ranks[row] = rank;
        }
        first = last;
    }
    ranks
}

/// Kendall's tau-b (Kendall 1945), as `scipy.stats.kendalltau`:
///
/// `(concordant − discordant) / sqrt((pairs − ties in x)(pairs − ties in y))`
///
/// in O(n log n) after Knight (1966): sorted by x, the discordant pairs are the exchanges that sorting by y
/// needs. NaN where a side is constant or holds a NaN.
///
/// # Errors
///
/// As [`pearson`].
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    check_columns(("x", x.len()), ("y", y.len()), 2)?;
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return Ok(f64::NAN);
    }
    let mut rows: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    rows.sort_by(|a, b| compare(a.0, b.0).then(compare(a.1, b.1)));
    let pairs = pairs_of(rows.len());
    let tied_x = tied_pairs(&rows, |a, b| a.0 == b.0);
    let tied_both = tied_pairs(&rows, |a, b| a == b);
    let mut ys: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let discordant = sort_counting_exchanges(&mut ys);
    let tied_y = tied_pairs(&ys, |a, b| a == b);
    // Concordant plus discordant are the pairs that differ in both.
    let differ = pairs + tied_both - tied_x - tied_y;
    Ok((differ - 2.0 * discordant) / ((pairs - tied_x).sqrt() * (pairs - tied_y).sqrt()))
}

/// `1/n Σ (x − y)²`.
///
/// # Errors
///
/// When the lengths differ, and when there are no rows.
pub fn mean_squared_error(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    check_columns(("x", x.len()), ("y", y.len()), 1)?;
    Ok(x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>() / x.len() as f64)
}

/// `sqrt(1/n Σ (x − y)²)`.
///
/// # Errors
///
/// As [`mean_squared_error`].
pub fn root_mean_squared_error(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    Ok(mean_squared_error(x, y)?.sqrt())
}

/// `1/n Σ |x − y|`.
///
/// # Errors
///
/// As [`mean_squared_error`].
pub fn mean_absolute_error(x: &[f64], y: &[f64]) -> Result<f64, MetricError> {
    check_columns(("x", x.len()), ("y", y.len()), 1)?;
    Ok(x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum::<f64>() / x.len() as f64)
}

/// Order of numbers that are not NaN; unlike `total_cmp`, 0 and −0 are equal.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|value| *value == values[0])
}

fn deviations(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}

/// Euclidean length, scaled by the largest entry so that no square overflows or vanishes.
fn norm(values: &[f64]) -> f64 {
    let largest = values
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    largest
        * values
            .iter()
            .map(|value| (value / largest).powi(2))
            .sum::<f64>()
            .sqrt()
}

/// `n (n − 1) / 2`.
fn pairs_of(n: usize) -> f64 {
    let n = n as f64;
    n * (n - 1.0) / 2.0
}

/// Pairs inside the runs of equal neighbours.
fn tied_pairs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> f64 {
    sorted.chunk_by(equal).map(|run| pairs_of(run.len())).sum()
}

/// Merge sort; returns how many pairs stood in the wrong order.
fn sort_counting_exchanges(values: &mut [f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut exchanges = sort_counting_exchanges(left) + sort_counting_exchanges(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] <= right[j] {
            merged.push(left[i]);
            i += 1;
        } else {
            merged.push(right[j]);
            j += 1;
            exchanges += (left.len() - i) as f64;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    exchanges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "found {found}, expected {expected}"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn correlations_worked_by_hand() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 2.0]);
        // Deviations −1.5 −0.5 0.5 1.5 and −1 1 0 0: product 1, squares 5 and 2.
        close(pearson(&x, &y).unwrap(), 1.0 / 10_f64.sqrt());
        // Ranks of y are 1, 4, 2.5, 2.5: deviations −1.5 1.5 0 0, product 1.5, squares 5 and 4.5.
        assert_eq!(average_ranks(&y), [1.0, 4.0, 2.5, 2.5]);
        close(spearman(&x, &y).unwrap(), 1.5 / 22.5_f64.sqrt());
        // Pairs with the first row agree (3), (2,3) and (2,4) disagree, (3,4) ties in y.
        close(kendall_tau_b(&x, &y).unwrap(), 1.0 / 30_f64.sqrt());
        close(mean_squared_error(&x, &y).unwrap(), 6.0 / 4.0);
        close(root_mean_squared_error(&x, &y).unwrap(), 1.5_f64.sqrt());
        close(mean_absolute_error(&x, &y).unwrap(), 1.0);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn undefined_is_nan_and_bad_input_is_an_error() {
        // 0.1 three times: the rounded mean differs from 0.1, so the deviations are not 0.
        for constant in [[0.1; 3], [0.0, -0.0, 0.0]] {
            assert!(pearson(&constant, &[1.0, 2.0, 3.0]).unwrap().is_nan());
            assert!(spearman(&[1.0, 2.0, 3.0], &constant).unwrap().is_nan());
            assert!(kendall_tau_b(&constant, &[1.0, 2.0, 3.0]).unwrap().is_nan());
        }
        let with_nan = [1.0, f64::NAN, 3.0];
        for metric in [pearson, spearman, kendall_tau_b] {
            assert!(metric(&with_nan, &[1.0, 2.0, 3.0]).unwrap().is_nan());
            assert_eq!(
                metric(&[1.0], &[1.0]),
                Err(MetricError::TooFewRows {
                    column: "x",
                    found: 1,
                    needed: 2
                })
            );
            assert!(matches!(
                metric(&[1.0, 2.0], &[1.0]),
                Err(MetricError::LengthMismatch { .. })
            ));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn large_values_do_not_overflow() {
        close(
            pearson(&[1e200, 2e200, 3e200], &[2e-200, 4e-200, 6e-200]).unwrap(),
            1.0,
        );
    }

    /// Few distinct values, so that ties are common; 0 and −0 among them.
    fn columns() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let value = prop::sample::select(vec![-2.5, -1.0, -0.0, 0.0, 0.5, 3.0]);
        prop::collection::vec((value.clone(), value), 2..60).prop_map(|rows| rows.into_iter().unzip())
    }

    proptest! {
        // The second way: every pair, one by one.
        #[wasm_bindgen_test(unsupported = test)]
        fn kendall_equals_the_loop_over_pairs((x, y) in columns()) {
            let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
            let (mut sum, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
            for i in 0..x.len() {
                for j in 0..i {
                    let (sx, sy) = (sign(x[i], x[j]), sign(y[i], y[j]));
                    sum += sx * sy;
                    untied_x += sx.abs();
                    untied_y += sy.abs();
                }
            }
            let found = kendall_tau_b(&x, &y).unwrap();
            if untied_x * untied_y == 0.0 {
                prop_assert!(found.is_nan());
            } else {
                let expected: f64 = sum / (untied_x * untied_y).sqrt();
                prop_assert!((found - expected).abs() < 1e-12, "found {found}, expected {expected}");
            }
        }

        // The second way: rank = values below + half of the equal ones.
        #[wasm_bindgen_test(unsupported = test)]
        fn average_ranks_equal_the_count_of_smaller_values((x, _) in columns()) {
            for (value, rank) in x.iter().zip(average_ranks(&x)) {
                let below = x.iter().filter(|other| *other < value).count() as f64;
                let equal = x.iter().filter(|other| *other == value).count() as f64;
                prop_assert_eq!(rank, below + (equal + 1.0) / 2.0);
            }
        }

        // The second way: raw moments, exact for these small values.
        #[wasm_bindgen_test(unsupported = test)]
        fn pearson_equals_the_formula_of_raw_sums((x, y) in columns()) {
            let n = x.len() as f64;
            let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let ones = vec![1.0; x.len()];
            let covariance = |a: &[f64], b: &[f64]| n * sum(a, b) - sum(a, &ones) * sum(b, &ones);
            let expected = covariance(&x, &y) / (covariance(&x, &x) * covariance(&y, &y)).sqrt();
            let found = pearson(&x, &y).unwrap();
            prop_assert!(
                (found - expected).abs() < 1e-9 || (found.is_nan() && !expected.is_finite()),
                "found {found}, expected {expected}"
            );
        }
    }
}
