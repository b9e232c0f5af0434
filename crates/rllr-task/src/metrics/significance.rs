//! Is one labelling better than another, and how exact is an accuracy? (See also [`crate::bootstrap`].)

use serde::Serialize;

use super::{MetricError, check_columns};

/// Result of [`mcnemar_exact`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct McNemar {
    /// Rows that only the first system has right.
    pub only_first: usize,
    /// Rows that only the second system has right.
    pub only_second: usize,
    /// Two-sided p-value of "both are equally good".
    pub p_value: f64,
}

/// Exact sign test of two systems on the same rows, known as `McNemar`'s (Dietterich 1998, section 3.1).
///
/// Only rows on which the systems differ count: under the null hypothesis each is a fair coin, so
/// `p = min(1, 2 Σ_{i ≤ min(b, c)} C(b+c, i) / 2^(b+c))` with `b` and `c` rows that one system alone has right.
/// The second paired test beside the bootstrap: it needs no resampling, and it is for accuracies only.
///
/// # Errors
///
/// When the lengths differ, and when there are no rows.
pub fn mcnemar_exact(first_correct: &[bool], second_correct: &[bool]) -> Result<McNemar, MetricError> {
    check_columns(
        ("first_correct", first_correct.len()),
        ("second_correct", second_correct.len()),
        1,
    )?;
    let rows = || first_correct.iter().zip(second_correct);
    let only_first = rows().filter(|(first, second)| **first && !**second).count();
    let only_second = rows().filter(|(first, second)| !**first && **second).count();
    let tail = fair_coin_tail(only_first + only_second, only_first.min(only_second));
    Ok(McNemar {
        only_first,
        only_second,
        p_value: (2.0 * tail).min(1.0),
    })
}

/// `P(X ≤ k)` for `n` throws of a fair coin.
///
/// Summed as logarithms: `1 / 2^n` is 0 in floating point from 1,075 throws on.
fn fair_coin_tail(n: usize, k: usize) -> f64 {
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = log_term.exp();
    for i in 1..=k {
        log_term += ((n + 1 - i) as f64 / i as f64).ln();
        tail += log_term.exp();
    }
    tail
}

/// p-values of several comparisons, made larger so that the chance of even one false alarm among them stays below the
/// level at which each is read (Holm 1979).
///
/// With `m` p-values, the k-th smallest (k from 1) becomes `max over j ≤ k of min(1, (m − j + 1) p_(j))`. It assumes
/// nothing about how the comparisons depend on one another, and is never weaker than Bonferroni's `m p`.
/// A p-value that is not a number is no comparison: it stays what it is and does not count in `m`.
pub fn holm_adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len())
        .filter(|&row| !p_values[row].is_nan())
        .collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = p_values.to_vec();
    let mut largest = 0.0_f64;
    for (rank, &row) in order.iter().enumerate() {
        let still_open = (order.len() - rank) as f64;
        largest = largest.max((still_open * p_values[row]).min(1.0));
        adjusted[row] = largest;
    }
    adjusted
}

/// Half the width of the 95 % interval of an accuracy by the normal approximation:
/// `1.96 sqrt(p (1 − p) / n)`. A quick yardstick beside a floor; results carry bootstrap intervals.
pub fn accuracy_half_width(accuracy: f64, n_rows: usize) -> f64 {
    1.96 * (accuracy * (1.0 - accuracy) / n_rows as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// `only_first` and `only_second` rows that differ, and three on which both are right.
    fn p_value(only_first: usize, only_second: usize) -> f64 {
        let column = |mine: bool| {
            let mut column = vec![mine; only_first];
            column.extend(vec![!mine; only_second]);
            column.extend([true; 3]);
            column
        };
        let result = mcnemar_exact(&column(true), &column(false)).unwrap();
        assert_eq!((result.only_first, result.only_second), (only_first, only_second));
        result.p_value
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn p_values_worked_by_hand() {
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        close(p_value(0, 0), 1.0);
        close(p_value(3, 3), 1.0);
        // 2 (C(10,0) + C(10,1)) / 2^10
        close(p_value(9, 1), 22.0 / 1024.0);
        close(p_value(1, 9), 22.0 / 1024.0);
        close(p_value(0, 6), 2.0 / 64.0);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_tail_equals_a_loop_over_pascals_triangle() {
        let mut row = vec![1.0_f64];
        for n in 1..=200_usize {
            // Each entry halved on the way, so that the row holds probabilities.
            let entry = |k: usize| {
                (row.get(k).unwrap_or(&0.0) + k.checked_sub(1).map_or(0.0, |below| row[below])) / 2.0
            };
            row = (0..=n).map(entry).collect();
            let k = n / 3;
            let expected: f64 = row[..=k].iter().sum();
            let found = fair_coin_tail(n, k);
            assert!(
                (found / expected - 1.0).abs() < 1e-10,
                "n {n}: {found} {expected}"
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn many_differing_rows_neither_vanish_nor_overflow() {
        // 5,000 throws, half heads: just above one half; three standard deviations: 0.0027 two-sided.
        assert!((fair_coin_tail(5000, 2500) - 0.5056).abs() < 1e-4);
        assert!((2.0 * fair_coin_tail(5000, 2393) - 0.0026).abs() < 2e-4);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn half_width_of_a_known_table_row() {
        // 78.9 % of 1,000 rows: ± 2.5 points.
        assert!((accuracy_half_width(0.789, 1000) - 0.0253).abs() < 5e-5);
    }

    /// By hand: sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.5; the third may not fall below
    /// the second.
    #[wasm_bindgen_test(unsupported = test)]
    fn holms_p_values_worked_by_hand() {
        let found = holm_adjusted(&[0.03, 0.01, f64::NAN, 0.5, 0.02]);
        let expected = [0.06, 0.04, f64::NAN, 0.5, 0.06];
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()),
                "{found} {expected}"
            );
        }
        assert_eq!(holm_adjusted(&[0.7, 0.8]), [1.0, 1.0], "never above 1");
        assert_eq!(
            holm_adjusted(&[0.04]),
            [0.04],
            "one comparison needs no correction"
        );
        assert!(holm_adjusted(&[]).is_empty(), "nothing of nothing");
    }
}
