//! How good answers were.

use rand::Rng;
use rllr_task::bootstrap::{BootstrapConfig, BootstrapError, mean_of_rows, percentile_interval};
use rllr_task::metrics::{ConfusionMatrix, MetricError, pearson, spearman};
use rllr_task::{Example, Metric, Task};
use serde::{Deserialize, Serialize};

use crate::answering::Prediction;

#[cfg(test)]
mod tests;

/// How good the answers to a task's examples were.
///
/// An answer that cannot be parsed counts as wrong everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name of the task.
    pub task: String,
    /// Number of examples.
    pub n: usize,
    /// Share of right labels.
    pub accuracy: f64,
    /// 95 % bootstrap interval of the accuracy, `[lo, hi]`.
    pub accuracy_ci95: [f64; 2],
    /// F1 averaged over the labels that occur, with equal weights.
    pub macro_f1: f64,
    /// Share of responses that are no answer.
    pub invalid_rate: f64,
    /// The task's labels, in the order of `confusion`.
    pub labels: Vec<String>,
    /// Number of examples by gold label (row) and predicted label (column).
    pub confusion: Vec<Vec<usize>>,
    /// Number of responses that are no answer, by gold label.
    pub invalid: Vec<usize>,
    /// Pearson correlation of the labels' values with the gold scores; graded tasks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearson: Option<f64>,
    /// Spearman correlation of the same; graded tasks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
}

/// Why answers cannot be evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// There are not as many predictions as examples, or none.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// There is nothing to resample.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// A prediction belongs to another example, or its words are not the task's.
    #[error("prediction {row}, field `{field}`: found {found:?}, expected {expected}")]
    Prediction {
        /// Index of the prediction, from 0.
        row: usize,
        /// Field of the prediction.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
}

impl Evaluation {
    /// Compares predictions with the gold labels of the same examples, in the same order.
    ///
    /// The generator resamples for the interval; a seeded one gives the same interval again.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] when predictions and examples do not belong together, or there is none.
    pub fn new(
        task: &Task,
        examples: &[Example],
        predictions: &[Prediction],
        rng: &mut impl Rng,
    ) -> Result<Self, EvaluationError> {
        let (gold, predicted) = labels(task, examples, predictions)?;
        let confusion = ConfusionMatrix::new(&gold, &predicted, task.labels.len())?;
        let correct: Vec<f64> = predictions
            .iter()
            .map(|prediction| if prediction.correct { 1.0 } else { 0.0 })
            .collect();
        let interval = percentile_interval(correct.len(), &BootstrapConfig::default(), rng, |rows| {
            mean_of_rows(&correct, rows)
        })?;
        let graded = matches!(task.metric, Metric::Correlation);
        let scores = graded.then(|| scores(task, examples, &gold, &predicted));
        // A model that gives one grade to everything correlates with nothing; that is no error.
        let correlation = |f: fn(&[f64], &[f64]) -> Result<f64, MetricError>| {
            let (found, expected) = scores.as_ref()?;
            f(found, expected).ok().filter(|value| value.is_finite())
        };
        Ok(Self {
            task: task.name.clone(),
            n: gold.len(),
            accuracy: confusion.accuracy(),
            accuracy_ci95: [interval.lo, interval.hi],
            macro_f1: confusion.macro_f1(),
            invalid_rate: confusion.invalid_rate(),
            labels: task.labels.iter().map(|label| label.word.clone()).collect(),
            confusion: confusion.counts().to_vec(),
            invalid: confusion.invalid().to_vec(),
            pearson: correlation(pearson),
            spearman: correlation(spearman),
        })
    }
}

type GoldAndPredicted = (Vec<usize>, Vec<Option<usize>>);

/// Indices of gold and predicted labels.
fn labels(
    task: &Task,
    examples: &[Example],
    predictions: &[Prediction],
) -> Result<GoldAndPredicted, EvaluationError> {
    if examples.len() != predictions.len() {
        return Err(EvaluationError::Metric(MetricError::LengthMismatch {
            first: "examples",
            first_len: examples.len(),
            second: "predictions",
            second_len: predictions.len(),
        }));
    }
    let (mut gold, mut predicted) = (Vec::new(), Vec::new());
    for (row, (example, prediction)) in examples.iter().zip(predictions).enumerate() {
        if prediction.id != example.id {
            return Err(EvaluationError::Prediction {
                row,
                field: "id",
                found: prediction.id.clone(),
                expected: format!("{:?}", example.id),
            });
        }
        let index = |field, word: &str| {
            task.label(word)
                .map(|label| label.0)
                .ok_or_else(|| EvaluationError::Prediction {
                    row,
                    field,
                    found: word.to_owned(),
                    expected: format!("one of {}", task.label_list()),
                })
        };
        gold.push(index("label", &prediction.label)?);
        let word = prediction.prediction.as_deref();
        predicted.push(word.map(|word| index("prediction", word)).transpose()?);
    }
    Ok((gold, predicted))
}

/// Values of the answers and of the gold scores on the task's scale.
///
/// A response that is no answer gets the end of the scale that is farther from the gold score: it counts as wrong, and
/// leaving it out would reward a model for refusing the hard ones.
fn scores(
    task: &Task,
    examples: &[Example],
    gold: &[usize],
    predicted: &[Option<usize>],
) -> (Vec<f64>, Vec<f64>) {
    let values: Vec<f64> = task.labels.iter().filter_map(|label| label.value).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let value = |label: usize| task.labels[label].value.unwrap_or(f64::NAN);
    let rows = examples.iter().zip(gold).zip(predicted);
    rows.map(|((example, &gold), &predicted)| {
        let expected = example.score.unwrap_or_else(|| value(gold));
        let farther = if expected - lowest > highest - expected {
            lowest
        } else {
            highest
        };
        (predicted.map_or(farther, value), expected)
    })
    .unzip()
}
