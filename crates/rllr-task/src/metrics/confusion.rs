//! The confusion matrix and every metric that can be read off it.

use serde::Serialize;

use super::{MetricError, check_columns, ratio_or_zero};

/// How often each gold class was predicted as each class, or as nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfusionMatrix {
    /// Rows are gold classes, columns predicted ones, `[n_classes, n_classes]`.
    counts: Vec<Vec<usize>>,
    /// Rows of each gold class whose prediction was invalid, `[n_classes]`.
    invalid: Vec<usize>,
}

/// Precision, recall and F1 of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Right predictions of the class over all predictions of it; 0 if it was never predicted.
    pub precision: f64,
    /// Right predictions of the class over its gold rows; 0 if it has none.
    pub recall: f64,
    /// Harmonic mean of the two: `2 TP / (predicted + gold)`; 0 if both are 0.
    pub f1: f64,
    /// Gold rows.
    pub support: usize,
}

impl ConfusionMatrix {
    /// Counts `gold` against `predicted`, one entry a row; `None` is an invalid prediction.
    ///
    /// # Errors
    ///
    /// When the lengths differ, when there are no rows, and when a class is not below `n_classes`.
    pub fn new(gold: &[usize], predicted: &[Option<usize>], n_classes: usize) -> Result<Self, MetricError> {
        check_columns(("gold", gold.len()), ("predicted", predicted.len()), 1)?;
        let check = |column, row, found| {
            if found < n_classes {
                Ok(found)
            } else {
                Err(MetricError::ClassOutOfRange {
                    column,
                    row,
                    found,
                    n_classes,
                })
            }
        };
        let mut counts = vec![vec![0; n_classes]; n_classes];
        let mut invalid = vec![0; n_classes];
        for (row, (&gold, &predicted)) in gold.iter().zip(predicted).enumerate() {
            let gold = check("gold", row, gold)?;
            match predicted {
                Some(class) => counts[gold][check("predicted", row, class)?] += 1,
                None => invalid[gold] += 1,
            }
        }
        Ok(Self { counts, invalid })
    }

    /// Rows are gold classes, columns predicted ones, `[n_classes, n_classes]`; without the invalid predictions.
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// Invalid predictions of each gold class, `[n_classes]`.
    pub fn invalid(&self) -> &[usize] {
        &self.invalid
    }

    /// All rows, invalid predictions included.
    pub fn n_rows(&self) -> usize {
        (0..self.counts.len()).map(|class| self.support(class)).sum()
    }

    /// Gold rows of a class.
    fn support(&self, class: usize) -> usize {
        self.counts[class].iter().sum::<usize>() + self.invalid[class]
    }

    /// Predictions of a class.
    fn predicted(&self, class: usize) -> usize {
        self.counts.iter().map(|row| row[class]).sum()
    }

    /// Rows whose prediction is right.
    fn n_correct(&self) -> usize {
        (0..self.counts.len())
            .map(|class| self.counts[class][class])
            .sum()
    }

    /// Share of right rows: `Σ_k C_kk / n`. An invalid prediction is wrong.
    pub fn accuracy(&self) -> f64 {
        ratio_or_zero(self.n_correct(), self.n_rows())
    }

    /// Share of rows whose prediction is invalid.
    pub fn invalid_rate(&self) -> f64 {
        ratio_or_zero(self.invalid.iter().sum(), self.n_rows())
    }

    /// Precision, recall and F1 of each class, as scikit-learn's `precision_recall_fscore_support` with
    /// `zero_division=0`, `[n_classes]`.
    pub fn per_class(&self) -> Vec<ClassScores> {
        let scores = |class: usize| {
            let (right, predicted, support) = (
                self.counts[class][class],
                self.predicted(class),
                self.support(class),
            );
            ClassScores {
                precision: ratio_or_zero(right, predicted),
                recall: ratio_or_zero(right, support),
                f1: ratio_or_zero(2 * right, predicted + support),
                support,
            }
        };
        (0..self.counts.len()).map(scores).collect()
    }

    /// Mean of F1 over all classes of the label set: `1/K Σ_k F1_k`. A class that neither occurs nor is
    /// predicted counts as 0, as in scikit-learn with `labels=` given.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.per_class();
        classes.iter().map(|class| class.f1).sum::<f64>() / classes.len() as f64
    }

    /// F1 of all decisions together: `2 Σ TP / (valid predictions + n)`.
    ///
    /// It equals the accuracy unless there are invalid predictions, which belong to no class.
    pub fn micro_f1(&self) -> f64 {
        let n_rows = self.n_rows();
        let n_valid = n_rows - self.invalid.iter().sum::<usize>();
        ratio_or_zero(2 * self.n_correct(), n_valid + n_rows)
    }

    /// Mean of F1 weighted by gold rows: `Σ_k support_k F1_k / n`.
    pub fn weighted_f1(&self) -> f64 {
        let weighted = |class: &ClassScores| class.f1 * class.support as f64;
        self.per_class().iter().map(weighted).sum::<f64>() / self.n_rows() as f64
    }

    /// Mean recall over the classes that occur in gold, as scikit-learn's `balanced_accuracy_score`.
    pub fn balanced_accuracy(&self) -> f64 {
        let mut recalls = self.per_class();
        recalls.retain(|class| class.support > 0);
        recalls.iter().map(|class| class.recall).sum::<f64>() / recalls.len() as f64
    }

    /// Matthews correlation of several classes (Gorodkin 2004):
    ///
    /// `(c n − Σ t_k p_k) / sqrt((n² − Σ p_k²)(n² − Σ t_k²))`
    ///
    /// with `c` right rows, `t_k` gold rows and `p_k` predictions of class k; "invalid" is one more predicted
    /// class. 0 where a side is constant, as in scikit-learn.
    pub fn matthews_correlation(&self) -> f64 {
        let (gold, predicted) = self.margins();
        let n = self.n_rows() as f64;
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let covariance = self.n_correct() as f64 * n - dot(&gold, &predicted);
        let variances = (n * n - dot(&predicted, &predicted)) * (n * n - dot(&gold, &gold));
        if variances == 0.0 {
            0.0
        } else {
            covariance / variances.sqrt()
        }
    }

    /// Agreement beyond chance (Cohen 1960): `1 − (n − c) / (n − Σ t_k p_k / n)`, the letters as in
    /// [`matthews_correlation`](Self::matthews_correlation).
    ///
    /// NaN where both sides are the same constant: then chance agreement is 1. So does scikit-learn.
    pub fn cohen_kappa(&self) -> f64 {
        let (gold, predicted) = self.margins();
        let n = self.n_rows() as f64;
        let chance: f64 = gold.iter().zip(&predicted).map(|(t, p)| t * p / n).sum();
        1.0 - (n - self.n_correct() as f64) / (n - chance)
    }

    /// Rows of each gold class and predictions of each class, with "invalid" as the last,
    /// `[n_classes + 1]` each.
    fn margins(&self) -> (Vec<f64>, Vec<f64>) {
        let classes = 0..self.counts.len();
        let mut gold: Vec<f64> = classes.clone().map(|class| self.support(class) as f64).collect();
        let mut predicted: Vec<f64> = classes.map(|class| self.predicted(class) as f64).collect();
        gold.push(0.0);
        predicted.push(self.invalid.iter().sum::<usize>() as f64);
        (gold, predicted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Two classes, six rows: TP 2, FN 1, FP 1, TN 1, and one invalid prediction of class 0.
    fn small() -> ConfusionMatrix {
        let gold = [1, 1, 1, 0, 0, 0];
        let predicted = [Some(1), Some(1), Some(0), Some(1), Some(0), None];
        ConfusionMatrix::new(&gold, &predicted, 2).unwrap()
    }

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "found {found}, expected {expected}"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn metrics_of_a_table_worked_by_hand() {
        let matrix = small();
        assert_eq!(matrix.counts(), [vec![1, 1], vec![1, 2]]);
        assert_eq!(matrix.invalid(), [1, 0]);
        close(matrix.accuracy(), 3.0 / 6.0);
        close(matrix.invalid_rate(), 1.0 / 6.0);
        // Class 0: precision 1/2, recall 1/3, F1 2/(2+3). Class 1: precision 2/3, recall 2/3, F1 4/(3+3).
        let [zero, one] = matrix.per_class().try_into().unwrap();
        assert_eq!(
            zero,
            ClassScores {
                precision: 0.5,
                recall: 1.0 / 3.0,
                f1: 0.4,
                support: 3
            }
        );
        assert_eq!(
            one,
            ClassScores {
                precision: 2.0 / 3.0,
                recall: 2.0 / 3.0,
                f1: 2.0 / 3.0,
                support: 3
            }
        );
        close(matrix.macro_f1(), (0.4 + 2.0 / 3.0) / 2.0);
        close(matrix.weighted_f1(), (0.4 + 2.0 / 3.0) / 2.0);
        close(matrix.micro_f1(), 6.0 / 11.0);
        close(matrix.balanced_accuracy(), 0.5);
        // t = [3, 3, 0], p = [2, 3, 1]: (18 − 15) / sqrt((36 − 14)(36 − 18)); kappa 1 − 3 / (6 − 15/6).
        close(matrix.matthews_correlation(), 3.0 / 396_f64.sqrt());
        close(matrix.cohen_kappa(), 1.0 - 3.0 / 3.5);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_input_is_named() {
        let error = |gold: &[usize], predicted: &[Option<usize>]| {
            ConfusionMatrix::new(gold, predicted, 2).unwrap_err().to_string()
        };
        assert_eq!(
            error(&[0, 1], &[Some(0)]),
            "predicted has 1 rows, expected 2 as in gold"
        );
        assert_eq!(error(&[], &[]), "gold has 0 rows, expected at least 1");
        assert_eq!(
            error(&[0, 2], &[None, None]),
            "gold row 1: class 2, expected less than 2"
        );
        assert_eq!(
            error(&[0, 1], &[None, Some(7)]),
            "predicted row 1: class 7, expected less than 2"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_constant_side_gives_zero_or_nan_as_in_scikit_learn() {
        let same = ConfusionMatrix::new(&[1, 1], &[Some(1), Some(1)], 2).unwrap();
        assert_eq!(same.matthews_correlation(), 0.0);
        assert!(same.cohen_kappa().is_nan());
        assert_eq!(same.balanced_accuracy(), 1.0);
        let all_invalid = ConfusionMatrix::new(&[0, 1], &[None, None], 2).unwrap();
        assert_eq!(all_invalid.accuracy(), 0.0);
        assert_eq!(all_invalid.invalid_rate(), 1.0);
        assert_eq!(all_invalid.micro_f1(), 0.0);
        assert_eq!(all_invalid.cohen_kappa(), 0.0);
    }

    proptest! {
        // The second way: the covariance of one-hot columns, summed row by row (Gorodkin's definition).
        #[wasm_bindgen_test(unsupported = test)]
        fn matthews_is_the_correlation_of_one_hot_columns(
            rows in prop::collection::vec((0..4_usize, prop::option::of(0..4_usize)), 1..40),
        ) {
            let (gold, predicted): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let n = gold.len() as f64;
            let column = |hits: Vec<bool>| {
                let share = hits.iter().filter(|hit| **hit).count() as f64 / n;
                hits.into_iter().map(|hit| f64::from(u8::from(hit)) - share).collect::<Vec<_>>()
            };
            let covariance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let (mut between, mut within_gold, mut within_predicted) = (0.0, 0.0, 0.0);
            // Class 4 stands for "invalid".
            for class in 0..5 {
                let g = column(gold.iter().map(|gold| *gold == class).collect());
                let p = column(predicted.iter().map(|p| p.unwrap_or(4) == class).collect());
                between += covariance(&g, &p);
                within_gold += covariance(&g, &g);
                within_predicted += covariance(&p, &p);
            }
            let found = ConfusionMatrix::new(&gold, &predicted, 4).unwrap().matthews_correlation();
            let product = within_gold * within_predicted;
            let expected = if product < 1e-9 { 0.0 } else { between / product.sqrt() };
            prop_assert!((found - expected).abs() < 1e-9, "found {found}, expected {expected}");
        }

        #[wasm_bindgen_test(unsupported = test)]
        fn accuracy_and_invalid_rate_are_counts_of_rows(
            rows in prop::collection::vec((0..3_usize, prop::option::of(0..3_usize)), 1..40),
        ) {
            let (gold, predicted): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
            let matrix = ConfusionMatrix::new(&gold, &predicted, 3).unwrap();
            let right = rows.iter().filter(|(gold, predicted)| *predicted == Some(*gold)).count();
            let invalid = rows.iter().filter(|(_, predicted)| predicted.is_none()).count();
            prop_assert_eq!(matrix.accuracy(), right as f64 / rows.len() as f64);
            prop_assert_eq!(matrix.invalid_rate(), invalid as f64 / rows.len() as f64);
            prop_assert_eq!(matrix.n_rows(), rows.len());
        }
    }
}
