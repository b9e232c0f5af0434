//! Floors: what counting words reaches on a task. A model below its floor has learnt nothing worth a network.
//!
//! Every result is printed beside the floors of its task. They are baselines and not competitors: the smoothing
//! of naive Bayes is chosen on the evaluation rows themselves, which flatters it slightly.

mod features;
mod graded;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use features::{Feature, TextView, features, jaccard, word_overlap, words};
pub use graded::{GradedFloor, GradedInput, graded_overlap_floor};

use crate::example::Input;
use crate::metrics::{ConfusionMatrix, MetricError};
use crate::naive_bayes::{ClassPrior, NaiveBayes};

/// An input with its gold class.
#[derive(Clone, Copy, Debug)]
pub struct LabelledInput<'a> {
    /// Text or texts.
    pub input: &'a Input,
    /// Index into the label set.
    pub class: usize,
}

/// Which baselines to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloorConfig {
    /// Smoothings of naive Bayes; the one that is best on the evaluation rows counts, the first of equal ones.
    /// Default 1 (Laplace) and 0.3.
    pub smoothings: Vec<f64>,
    /// Class priors of naive Bayes, each a baseline of its own. Default: the training counts.
    pub priors: Vec<ClassPrior>,
    /// Class that a large word overlap of the two texts speaks for, for tasks where that makes sense
    /// (paraphrase, duplicate, entailment). Default none: no overlap baseline.
    pub overlap_class: Option<usize>,
}

impl Default for FloorConfig {
    fn default() -> Self {
        Self {
            smoothings: vec![1.0, 0.3],
            priors: vec![ClassPrior::TrainCounts],
            overlap_class: None,
        }
    }
}

/// A classifier that needs no network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Baseline {
    /// Always the most frequent training class.
    Majority {
        /// That class.
        class: usize,
    },
    /// Naive Bayes on words and word pairs.
    NaiveBayes {
        /// Which texts it sees.
        view: TextView,
        /// Its class prior.
        prior: ClassPrior,
        /// Its smoothing.
        smoothing: f64,
    },
    /// One class where the [`word_overlap`] is above a threshold, the other class elsewhere.
    WordOverlap {
        /// The class above the threshold.
        class: usize,
        /// Best on the training rows.
        threshold: f64,
    },
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority { .. } => write!(f, "majority"),
            Self::NaiveBayes { view, prior, .. } => {
                write!(f, "naive Bayes")?;
                if *view == TextView::SecondText {
                    write!(f, " on the second text alone")?;
                }
                if *prior == ClassPrior::Uniform {
                    write!(f, ", equal class priors")?;
                }
                Ok(())
            }
            Self::WordOverlap { .. } => write!(f, "word overlap"),
        }
    }
}

/// What a baseline reaches on the evaluation rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// The baseline.
    pub baseline: Baseline,
    /// Share of right rows.
    pub accuracy: f64,
    /// Mean F1 over the label set.
    pub macro_f1: f64,
}

/// Floors of a task: majority, naive Bayes for each prior (and on the second text alone where there are two),
/// and the word-overlap threshold where the config names its class.
///
/// # Errors
///
/// Without training or evaluation rows, and when a class is not below `n_classes`.
pub fn floors(
    train: &[LabelledInput<'_>],
    eval: &[LabelledInput<'_>],
    n_classes: usize,
    config: &FloorConfig,
) -> Result<Vec<Floor>, MetricError> {
    check_classes(train, n_classes)?;
    let gold: Vec<usize> = eval.iter().map(|row| row.class).collect();
    let score = |baseline, predicted: Vec<usize>| {
        let predicted: Vec<Option<usize>> = predicted.into_iter().map(Some).collect();
        let matrix = ConfusionMatrix::new(&gold, &predicted, n_classes)?;
        Ok(Floor {
            baseline,
            accuracy: matrix.accuracy(),
            macro_f1: matrix.macro_f1(),
        })
    };
    let class = majority_class(train, n_classes);
    let mut found = vec![score(Baseline::Majority { class }, vec![class; eval.len()])?];

    for view in views(eval) {
        let rows = train.iter().map(|row| (features(row.input, *view), row.class));
        let model = NaiveBayes::fit(rows, n_classes);
        let asked: Vec<Vec<Feature>> = eval.iter().map(|row| features(row.input, *view)).collect();
        for prior in &config.priors {
            let mut tried = Vec::new();
            for smoothing in &config.smoothings {
                let predict = |features: &Vec<Feature>| model.predict(features, *prior, *smoothing);
                let baseline = Baseline::NaiveBayes {
                    view: *view,
                    prior: *prior,
                    smoothing: *smoothing,
                };
                tried.push(score(baseline, asked.iter().map(predict).collect())?);
            }
            found.extend(best_floor(&tried));
        }
    }

    if let Some(class) = config.overlap_class {
        let overlaps: Vec<f64> = train.iter().map(|row| word_overlap(row.input)).collect();
        let is_class: Vec<bool> = train.iter().map(|row| row.class == class).collect();
        let threshold = best_threshold(&overlaps, &is_class);
        // Below the threshold the most frequent of the other classes: of two classes, the other one.
        let other = majority_class(train.iter().filter(|row| row.class != class), n_classes);
        let predict = |row: &LabelledInput<'_>| {
            if word_overlap(row.input) > threshold {
                class
            } else {
                other
            }
        };
        let predicted = eval.iter().map(predict).collect();
        found.push(score(Baseline::WordOverlap { class, threshold }, predicted)?);
    }
    Ok(found)
}

/// The floor with the best accuracy, the first of equal ones: the number that a model has to beat.
pub fn best_floor(floors: &[Floor]) -> Option<Floor> {
    floors.iter().copied().reduce(|best, floor| {
        if floor.accuracy > best.accuracy {
            floor
        } else {
            best
        }
    })
}

/// The most frequent class, the first of equal ones.
fn majority_class<'a>(rows: impl IntoIterator<Item = &'a LabelledInput<'a>>, n_classes: usize) -> usize {
    let mut counts = vec![0_usize; n_classes];
    for row in rows {
        counts[row.class] += 1;
    }
    let more = |best, class| if counts[class] > counts[best] { class } else { best };
    (0..n_classes).reduce(more).unwrap_or(0)
}

/// The cut that separates `is_positive` best by "value above the cut": one of the values, or −1 where
/// everything is best called positive. The lowest of equally good cuts.
///
/// Values are overlaps, so never negative.
fn best_threshold(values: &[f64], is_positive: &[bool]) -> f64 {
    let mut rows: Vec<(f64, bool)> = values.iter().copied().zip(is_positive.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Right rows when everything is called positive; moving the cut up past a row turns its call around.
    let mut right = is_positive.iter().filter(|positive| **positive).count();
    let mut best = (right, -1.0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|row| row.1).count();
        right = right + (tied.len() - positive) - positive;
        if right > best.0 {
            best = (right, tied[0].0);
        }
    }
    best.1
}

/// The second text alone is a baseline only where there is one.
fn views(eval: &[LabelledInput<'_>]) -> &'static [TextView] {
    if eval.iter().any(|row| matches!(row.input, Input::Pair { .. })) {
        &[TextView::Whole, TextView::SecondText]
    } else {
        &[TextView::Whole]
    }
}

fn check_classes(train: &[LabelledInput<'_>], n_classes: usize) -> Result<(), MetricError> {
    if train.is_empty() {
        return Err(MetricError::TooFewRows {
            column: "train",
            found: 0,
            needed: 1,
        });
    }
    match train.iter().position(|row| row.class >= n_classes) {
        Some(row) => Err(MetricError::ClassOutOfRange {
            column: "train",
            row,
            found: train[row].class,
            n_classes,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
