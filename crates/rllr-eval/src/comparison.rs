//! Which methods of a run differ? Means over seeds with intervals, and paired tests against one method.

use std::collections::BTreeMap;

use rand::Rng;
use rllr_task::bootstrap::{BootstrapConfig, BootstrapError, mean_of_rows, paired_bootstrap};
use rllr_task::metrics::holm_adjusted;
use serde::{Deserialize, Serialize};

use crate::run_record::{MethodRecord, RunRecord};

#[cfg(test)]
mod tests;

/// Two-sided 97.5 % quantiles of Student's t with 1 to 10 degrees of freedom; beyond, the normal one.
const STUDENT: [f64; 10] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
];

/// The methods of a run, compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The method that others are compared with.
    pub baseline: String,
    /// One entry a task and method, in the order of the run.
    pub methods: Vec<ComparedMethod>,
    /// Number of comparisons that the p-values are adjusted for.
    pub comparisons: usize,
}

/// One method on one task, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedMethod {
    /// Name of the task.
    pub task: String,
    /// Name of the method.
    pub method: String,
    /// Number of seeds.
    pub seeds: usize,
    /// Number of held-out examples with one seed.
    pub n: usize,
    /// Mean accuracy over seeds.
    pub accuracy: f64,
    /// 95 % interval of it.
    pub accuracy_ci95: [f64; 2],
    /// What that interval is about.
    pub interval_over: IntervalOver,
    /// Mean of the macro-averaged F1.
    pub macro_f1: f64,
    /// Mean share of responses that are no answer.
    pub invalid_rate: f64,
    /// Mean accuracy on the second set, where every seed has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// Mean Pearson correlation, of graded tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearson: Option<f64>,
    /// Mean time for training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The paired test; `None` for the baseline itself, and without outcomes of the same examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_baseline: Option<AgainstBaseline>,
}

/// What an interval is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalOver {
    /// Other seeds: Student's t of the mean over seeds.
    Seeds,
    /// Other examples: the bootstrap interval of the only seed.
    Examples,
}

/// A method against the baseline on the same examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgainstBaseline {
    /// Examples that both answered.
    pub n: usize,
    /// Accuracy of the method minus accuracy of the baseline.
    pub difference: f64,
    /// 95 % bootstrap interval of the difference, over examples.
    pub difference_ci95: [f64; 2],
    /// Two-sided p-value of "both are equally good" (paired bootstrap over examples).
    pub p_value: f64,
    /// The same, adjusted for all comparisons of the run (Holm).
    pub p_adjusted: f64,
}

/// Why methods cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComparisonError {
    /// There is nothing to compare.
    #[error("found no result of any method, expected at least one")]
    NoResults,
    /// A setting of the bootstrap that cannot be.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
}

/// Means over seeds, and a paired test of every method against the baseline, task by task.
///
/// A paired test looks at examples, not at seeds: for each example the difference of the two methods' correctness is
/// averaged over the seeds that both have, and the examples are resampled ([`paired_bootstrap`]). So an example that
/// three seeds answered counts once. The p-values of all methods and tasks are adjusted together ([`holm_adjusted`]).
///
/// # Errors
///
/// [`ComparisonError`] without results, and for settings of the bootstrap that mean nothing.
pub fn compare_methods(
    record: &RunRecord,
    config: &BootstrapConfig,
    rng: &mut impl Rng,
) -> Result<Comparison, ComparisonError> {
    let baseline = record.baseline().ok_or(ComparisonError::NoResults)?;
    let mut methods = Vec::new();
    for task in record.tasks() {
        let of = |method: &str| -> Vec<&MethodRecord> {
            let rows = record.methods.iter();
            rows.filter(|row| row.held_out.task == task && row.method == method)
                .collect()
        };
        let base = of(baseline);
        for method in record.method_names() {
            let rows = of(method);
            if rows.is_empty() {
                continue;
            }
            let against_baseline = if method == baseline {
                None
            } else {
                paired_test(&rows, &base, config, rng)?
            };
            methods.push(compared(&rows, against_baseline));
        }
    }
    let comparisons = adjust(&mut methods);
    Ok(Comparison {
        baseline: baseline.to_owned(),
        methods,
        comparisons,
    })
}

/// Adjusts the p-values of all comparisons together; returns how many there are.
fn adjust(methods: &mut [ComparedMethod]) -> usize {
    let mut tests: Vec<&mut AgainstBaseline> = methods
        .iter_mut()
        .filter_map(|method| method.against_baseline.as_mut())
        .collect();
    let p_values: Vec<f64> = tests.iter().map(|test| test.p_value).collect();
    for (test, adjusted) in tests.iter_mut().zip(holm_adjusted(&p_values)) {
        test.p_adjusted = adjusted;
    }
    tests.len()
}

/// The rows of one method on one task, at least one.
fn compared(rows: &[&MethodRecord], against_baseline: Option<AgainstBaseline>) -> ComparedMethod {
    let first = rows[0];
    let of = |value: fn(&MethodRecord) -> f64| -> Vec<f64> { rows.iter().map(|row| value(row)).collect() };
    let where_all_have = |value: fn(&MethodRecord) -> Option<f64>| -> Option<f64> {
        let values: Option<Vec<f64>> = rows.iter().map(|row| value(row)).collect();
        values.map(|values| mean(&values))
    };
    let accuracies = of(|row| row.held_out.accuracy);
    let (accuracy_ci95, interval_over) = match student_interval(&accuracies) {
        // Student's t knows no limits, a share does.
        Some(interval) => (interval.map(|bound| bound.clamp(0.0, 1.0)), IntervalOver::Seeds),
        None => (first.held_out.accuracy_ci95, IntervalOver::Examples),
    };
    ComparedMethod {
        task: first.held_out.task.clone(),
        method: first.method.clone(),
        seeds: rows.len(),
        n: first.held_out.n,
        accuracy: mean(&accuracies),
        accuracy_ci95,
        interval_over,
        macro_f1: mean(&of(|row| row.held_out.macro_f1)),
        invalid_rate: mean(&of(|row| row.held_out.invalid_rate)),
        test_accuracy: where_all_have(|row| Some(row.test.as_ref()?.accuracy)),
        pearson: where_all_have(|row| row.held_out.pearson),
        seconds: where_all_have(|row| row.seconds),
        against_baseline,
    }
}

/// `None` where the two answered no example in common.
fn paired_test(
    rows: &[&MethodRecord],
    baseline: &[&MethodRecord],
    config: &BootstrapConfig,
    rng: &mut impl Rng,
) -> Result<Option<AgainstBaseline>, ComparisonError> {
    let differences = differences_by_example(rows, baseline);
    if differences.is_empty() {
        return Ok(None);
    }
    let test = paired_bootstrap(differences.len(), config, rng, |rows| {
        mean_of_rows(&differences, rows)
    })?;
    Ok(Some(AgainstBaseline {
        n: differences.len(),
        difference: test.difference.estimate,
        difference_ci95: [test.difference.lo, test.difference.hi],
        p_value: test.p_value,
        p_adjusted: test.p_value,
    }))
}

/// For each example, the method's correctness minus the baseline's, averaged over the seeds that both have.
fn differences_by_example(rows: &[&MethodRecord], baseline: &[&MethodRecord]) -> Vec<f64> {
    let mut by_example: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows {
        let Some(base) = baseline.iter().find(|base| base.seed == row.seed) else {
            continue;
        };
        let known: BTreeMap<&str, bool> = base
            .outcomes
            .iter()
            .map(|outcome| (outcome.id.as_str(), outcome.correct))
            .collect();
        for outcome in &row.outcomes {
            if let Some(&base_correct) = known.get(outcome.id.as_str()) {
                let difference = f64::from(u8::from(outcome.correct)) - f64::from(u8::from(base_correct));
                by_example.entry(&outcome.id).or_default().push(difference);
            }
        }
    }
    by_example.values().map(|values| mean(values)).collect()
}

/// 95 % interval of a mean by Student's t, `x̄ ± t s / √n`; `None` below two values.
#[must_use]
pub fn student_interval(values: &[f64]) -> Option<[f64; 2]> {
    let degrees = values.len().checked_sub(1).filter(|&degrees| degrees > 0)?;
    let mean = mean(values);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / degrees as f64;
    let quantile = STUDENT.get(degrees - 1).copied().unwrap_or(1.96);
    let half = quantile * (variance / values.len() as f64).sqrt();
    Some([mean - half, mean + half])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
