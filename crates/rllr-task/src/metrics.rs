//! Metrics of a labelling and of a grading: what every table of results is made of.
//!
//! A prediction is the index of a class, or `None` where the answer could not be parsed; an unparsable answer
//! counts as wrong in every metric, and [`ConfusionMatrix::invalid_rate`] says how often that happened.
//! Equal to scikit-learn 1.9 and scipy 1.17 on the golden cases.

mod calibration;
mod confusion;
mod correlation;
mod significance;

pub use calibration::{CalibrationBin, calibration_bins, expected_calibration_error};
pub use confusion::{ClassScores, ConfusionMatrix};
pub use correlation::{
    average_ranks, kendall_tau_b, mean_absolute_error, mean_squared_error, pearson, root_mean_squared_error,
    spearman,
};
pub use significance::{McNemar, accuracy_half_width, holm_adjusted, mcnemar_exact};

/// Why a metric cannot be computed from what it was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// Two columns that belong together have different lengths.
    #[error("{second} has {second_len} rows, expected {first_len} as in {first}")]
    LengthMismatch {
        /// Name of the first column.
        first: &'static str,
        /// Its rows.
        first_len: usize,
        /// Name of the second column.
        second: &'static str,
        /// Its rows.
        second_len: usize,
    },
    /// A metric of nothing, or of one value where it needs two.
    #[error("{column} has {found} rows, expected at least {needed}")]
    TooFewRows {
        /// Name of the column.
        column: &'static str,
        /// Rows given.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A class index that the label set does not have.
    #[error("{column} row {row}: class {found}, expected less than {n_classes}")]
    ClassOutOfRange {
        /// Name of the column.
        column: &'static str,
        /// Row, counted from 0.
        row: usize,
        /// The index found.
        found: usize,
        /// Size of the label set.
        n_classes: usize,
    },
    /// A confidence that is no probability.
    #[error("confidence row {row}: {found}, expected 0 to 1")]
    ConfidenceOutOfRange {
        /// Row, counted from 0.
        row: usize,
        /// The value found.
        found: f64,
    },
}

/// Checks that two columns have the same length, at least `needed`.
fn check_columns(
    (first, first_len): (&'static str, usize),
    (second, second_len): (&'static str, usize),
    needed: usize,
) -> Result<(), MetricError> {
    if first_len != second_len {
        return Err(MetricError::LengthMismatch {
            first,
            first_len,
            second,
            second_len,
        });
    }
    if first_len < needed {
        return Err(MetricError::TooFewRows {
            column: first,
            found: first_len,
            needed,
        });
    }
    Ok(())
}

/// `numerator / denominator`, and 0 where the denominator is 0: scikit-learn's `zero_division=0`.
fn ratio_or_zero(numerator: usize, denominator: usize) -> f64 {
    if denominator == 0 {
        0.0
    } else {
        numerator as f64 / denominator as f64
    }
}
