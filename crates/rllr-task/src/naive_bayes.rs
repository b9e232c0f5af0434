//! Multinomial naive Bayes: the classifier that a network has to beat.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// What a class is worth before the features are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassPrior {
    /// Its share of the training rows.
    TrainCounts,
    /// The same for every class: for evaluation sets that are balanced otherwise than the training set.
    Uniform,
}

/// Feature counts per class (Manning, Raghavan and Schütze 2008, section 13.2).
///
/// Smoothing and prior are chosen when predicting, so that one count serves all settings.
#[derive(Clone, Debug)]
pub struct NaiveBayes<F> {
    /// Occurrences of each feature in each class, `[n_classes]` each.
    feature_counts: HashMap<F, Vec<u32>>,
    /// Occurrences of all features in each class, `[n_classes]`.
    totals: Vec<u64>,
    /// Training rows of each class, `[n_classes]`.
    rows: Vec<u64>,
}

impl<F: Eq + Hash> NaiveBayes<F> {
    /// Counts the features of training rows `(features, class)`, each as often as it occurs.
    ///
    /// # Panics
    ///
    /// When a class is not below `n_classes`.
    pub fn fit(rows: impl IntoIterator<Item = (Vec<F>, usize)>, n_classes: usize) -> Self {
        let mut model = Self {
            feature_counts: HashMap::new(),
            totals: vec![0; n_classes],
            rows: vec![0; n_classes],
        };
        for (features, class) in rows {
            assert!(class < n_classes, "class {class} of {n_classes} classes");
            model.rows[class] += 1;
            for feature in features {
                model
                    .feature_counts
                    .entry(feature)
                    .or_insert_with(|| vec![0; n_classes])[class] += 1;
                model.totals[class] += 1;
            }
        }
        model
    }

    /// Distinct features of the training rows.
    pub fn n_features(&self) -> usize {
        self.feature_counts.len()
    }

    /// Joint log-probability of each class with the features, `[n_classes]`:
    ///
    /// `log P(k) + Σ_f log((count(f, k) + a) / (Σ_g count(g, k) + a V))`
    ///
    /// with smoothing `a` and `V` distinct training features. Features that training did not have are ignored;
    /// a class that training did not have is −∞ unless the prior is uniform.
    pub fn log_joint(&self, features: &[F], prior: ClassPrior, smoothing: f64) -> Vec<f64> {
        let n_rows = self.rows.iter().sum::<u64>() as f64;
        let mut scores: Vec<f64> = match prior {
            ClassPrior::TrainCounts => self
                .rows
                .iter()
                .map(|rows| (*rows as f64 / n_rows).ln())
                .collect(),
            ClassPrior::Uniform => vec![0.0; self.rows.len()],
        };
        let smoothed_features = smoothing * self.n_features() as f64;
        let log_totals: Vec<f64> = self
            .totals
            .iter()
            .map(|total| (*total as f64 + smoothed_features).ln())
            .collect();
        for counts in features
            .iter()
            .filter_map(|feature| self.feature_counts.get(feature))
        {
            for ((score, count), log_total) in scores.iter_mut().zip(counts).zip(&log_totals) {
                *score += (f64::from(*count) + smoothing).ln() - log_total;
            }
        }
        scores
    }

    /// The class of the largest [`log_joint`](Self::log_joint); the first of equal ones.
    ///
    /// # Panics
    ///
    /// Without classes.
    pub fn predict(&self, features: &[F], prior: ClassPrior, smoothing: f64) -> usize {
        let scores = self.log_joint(features, prior, smoothing);
        assert!(!scores.is_empty(), "naive Bayes without classes");
        let better = |best, class| if scores[class] > scores[best] { class } else { best };
        (0..scores.len()).reduce(better).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Example 13.1 of Manning, Raghavan and Schütze: is a text about China (0) or not (1)?
    fn china() -> NaiveBayes<String> {
        let rows = [
            ("Chinese Beijing Chinese", 0),
            ("Chinese Chinese Shanghai", 0),
            ("Chinese Macao", 0),
            ("Tokyo Japan Chinese", 1),
        ];
        NaiveBayes::fit(rows.map(|(text, class)| (words(text), class)), 2)
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_textbook_example() {
        let model = china();
        assert_eq!(model.n_features(), 6);
        let text = words("Chinese Chinese Chinese Tokyo Japan");
        let [china, other] = model
            .log_joint(&text, ClassPrior::TrainCounts, 1.0)
            .try_into()
            .unwrap();
        // As printed there: 3/4 · (3/7)³ · 1/14 · 1/14 and 1/4 · (2/9)³ · 2/9 · 2/9.
        let third = |x: f64| x * x * x;
        assert!((china - (0.75 * third(3.0 / 7.0) / 196.0).ln()).abs() < 1e-12);
        assert!((other - (0.25 * third(2.0 / 9.0) * 4.0 / 81.0).ln()).abs() < 1e-12);
        assert_eq!(model.predict(&text, ClassPrior::TrainCounts, 1.0), 0);
        // 0.000301 against 0.000135; without the prior 0.000402 against 0.000542.
        assert_eq!(model.predict(&text, ClassPrior::Uniform, 1.0), 1);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn unseen_features_are_ignored_and_ties_go_to_the_first_class() {
        let model = china();
        let with_unseen = model.log_joint(&words("Tokyo Osaka"), ClassPrior::TrainCounts, 0.3);
        assert_eq!(
            with_unseen,
            model.log_joint(&words("Tokyo"), ClassPrior::TrainCounts, 0.3)
        );
        assert_eq!(model.predict(&words("Osaka"), ClassPrior::Uniform, 1.0), 0);
        assert_eq!(model.predict(&[], ClassPrior::TrainCounts, 1.0), 0);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_class_without_rows_is_never_predicted() {
        let model = NaiveBayes::fit([(vec!["a"], 1)], 2);
        assert_eq!(
            model.log_joint(&["a"], ClassPrior::TrainCounts, 1.0)[0],
            f64::NEG_INFINITY
        );
        assert_eq!(model.predict(&["a"], ClassPrior::TrainCounts, 1.0), 1);
    }

    proptest! {
        // The second way: the probabilities multiplied out, counted by a loop over the rows.
        #[wasm_bindgen_test(unsupported = test)]
        fn equals_the_product_of_counted_shares(
            rows in prop::collection::vec((prop::collection::vec(0..6_u8, 0..5), 0..3_usize), 1..12),
            asked in prop::collection::vec(0..8_u8, 0..5), smoothing in 0.1..2.0_f64,
        ) {
            let model = NaiveBayes::fit(rows.iter().cloned(), 3);
            let found = model.log_joint(&asked, ClassPrior::TrainCounts, smoothing);
            let known = |feature: &u8| rows.iter().any(|(features, _)| features.contains(feature));
            let vocabulary = (0..8).filter(|feature| known(feature)).count() as f64;
            for (class, found) in found.into_iter().enumerate() {
                let of_class = || rows.iter().filter(|(_, other)| *other == class);
                let all = of_class().map(|(features, _)| features.len()).sum::<usize>() as f64;
                let mut product = of_class().count() as f64 / rows.len() as f64;
                for feature in asked.iter().filter(|feature| known(feature)) {
                    let count = of_class().flat_map(|(features, _)| features).filter(|f| *f == feature).count();
                    product *= (count as f64 + smoothing) / (all + smoothing * vocabulary);
                }
                prop_assert!((found.exp() - product).abs() < 1e-12, "{} {}", found.exp(), product);
            }
        }
    }
}
