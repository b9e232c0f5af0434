//! The floor of a graded task (STS-B): how well the word overlap alone predicts the score.

use serde::Serialize;

use super::word_overlap;
use crate::example::Input;
use crate::metrics::{MetricError, pearson, spearman};

/// An input with its gold score.
#[derive(Clone, Copy, Debug)]
pub struct GradedInput<'a> {
    /// The two texts.
    pub input: &'a Input,
    /// Gold value.
    pub score: f64,
}

/// What the word overlap reaches on the evaluation rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GradedFloor {
    /// Linear correlation of overlap and score.
    pub pearson: f64,
    /// Rank correlation of overlap and score.
    pub spearman: f64,
    /// Share of rows whose score, rounded half up, is that of a line through the training rows.
    pub rounded_accuracy: f64,
    /// Share of rows whose score is at most 1 from that line.
    pub within_one_point: f64,
}

/// Correlates the [`word_overlap`] with the score, and predicts the score by the least-squares line
/// `score = intercept + slope · overlap` of the training rows, cut to the range of their scores.
///
/// The correlations are NaN where a side is constant.
///
/// # Errors
///
/// With fewer than two rows on either side.
pub fn graded_overlap_floor(
    train: &[GradedInput<'_>],
    eval: &[GradedInput<'_>],
) -> Result<GradedFloor, MetricError> {
    if train.len() < 2 {
        return Err(MetricError::TooFewRows {
            column: "train",
            found: train.len(),
            needed: 2,
        });
    }
    let columns = |rows: &[GradedInput<'_>]| -> (Vec<f64>, Vec<f64>) {
        rows.iter()
            .map(|row| (word_overlap(row.input), row.score))
            .unzip()
    };
    let (train_overlaps, train_scores) = columns(train);
    let (overlaps, scores) = columns(eval);
    let correlations = (pearson(&overlaps, &scores)?, spearman(&overlaps, &scores)?);

    let (intercept, slope) = least_squares_line(&train_overlaps, &train_scores);
    let lowest = train_scores.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = train_scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let predict = |overlap: &f64| (intercept + slope * overlap).max(lowest).min(highest);
    let predicted: Vec<f64> = overlaps.iter().map(predict).collect();
    let share = |hit: fn(f64, f64) -> bool| {
        let hits = predicted
            .iter()
            .zip(&scores)
            .filter(|(predicted, score)| hit(**predicted, **score));
        hits.count() as f64 / scores.len() as f64
    };
    Ok(GradedFloor {
        pearson: correlations.0,
        spearman: correlations.1,
        rounded_accuracy: share(|predicted, score| (predicted + 0.5).floor() == (score + 0.5).floor()),
        within_one_point: share(|predicted, score| (predicted - score).abs() <= 1.0),
    })
}

/// Intercept and slope of `y = intercept + slope x` by ordinary least squares:
/// `slope = Σ (x−x̄)(y−ȳ) / Σ (x−x̄)²`, `intercept = ȳ − slope x̄`; the slope of a constant x is 0.
fn least_squares_line(x: &[f64], y: &[f64]) -> (f64, f64) {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = x.iter().map(|x| (x - mean_x) * (x - mean_x)).sum();
    let slope = if variance == 0.0 {
        0.0
    } else {
        covariance / variance
    };
    (mean_y - slope * mean_x, slope)
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Two texts that share this many of four words.
    fn pair(shared: usize) -> Input {
        let words = ["a", "b", "c", "d"];
        Input::Pair {
            text_a: words.join(" "),
            text_b: words[..shared].join(" "),
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_line_worked_by_hand() {
        // x 0 1 2, y 1 2 6: x̄ 1, ȳ 3, slope (2 + 3) / 2, intercept 3 − 2.5.
        assert_eq!(least_squares_line(&[0.0, 1.0, 2.0], &[1.0, 2.0, 6.0]), (0.5, 2.5));
        assert_eq!(least_squares_line(&[2.0, 2.0], &[1.0, 3.0]), (2.0, 0.0));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_floor_worked_by_hand() {
        let (none, two, four) = (pair(0), pair(2), pair(4));
        let row = |input, score| GradedInput { input, score };
        // The training rows lie on score = 4 · overlap, so the line predicts 0, 2 and 4.
        let train = [row(&none, 0.0), row(&four, 4.0)];
        let eval = [row(&none, 1.0), row(&two, 2.4), row(&four, 2.9)];
        let floor = graded_overlap_floor(&train, &eval).unwrap();
        // Rounded 1 2 3 against 0 2 4; distances 1, 0.4 and 1.1.
        assert_eq!(floor.rounded_accuracy, 1.0 / 3.0);
        assert_eq!(floor.within_one_point, 2.0 / 3.0);
        assert!((floor.spearman - 1.0).abs() < 1e-12);
        // Deviations −.5 0 .5 and −1.1 .3 .8: 0.95 / sqrt(0.5 · 1.94).
        assert!((floor.pearson - 0.95 / 0.97_f64.sqrt()).abs() < 1e-12);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn too_few_rows_are_an_error() {
        let input = pair(1);
        let rows = [GradedInput {
            input: &input,
            score: 1.0,
        }; 2];
        assert!(graded_overlap_floor(&rows[..1], &rows).is_err());
        assert!(graded_overlap_floor(&rows, &rows[..1]).is_err());
        assert!(graded_overlap_floor(&rows, &rows).unwrap().pearson.is_nan());
    }
}
