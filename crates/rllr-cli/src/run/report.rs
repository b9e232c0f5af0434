//! The table at the end of a comparison: means over seeds, with intervals.

use rllr_eval::student_interval;
use rllr_train::pipeline::Method;

use super::results::RunResult;
use crate::data::output::{percent, table};
use crate::terminal::say;

/// Prints a table for each task.
pub(super) fn print(results: &[RunResult]) {
    let mut tasks: Vec<&str> = results.iter().map(|result| result.task.as_str()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    for task in tasks {
        let of_task: Vec<&RunResult> = results.iter().filter(|result| result.task == task).collect();
        print_task(task, &of_task);
    }
}

fn print_task(task: &str, results: &[&RunResult]) {
    let seeds = {
        let mut seeds: Vec<u64> = results.iter().map(|result| result.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        seeds.len()
    };
    let floors: Vec<f64> = results.iter().map(|result| result.floor).collect();
    let first = results.first().map_or(0, |result| result.held_out.evaluation.n);
    say!(
        "\n{task}, {seeds} seeds, {first} held-out examples; counting words reaches {}",
        mean(&floors).map_or("-".to_owned(), percent)
    );
    let header = [
        "method",
        "held out",
        "95 % interval",
        "test items",
        "no answer",
        "RM on label pairs",
        "RM on rationale pairs",
        "label sensitivity",
        "seconds",
    ];
    let rows = Method::ALL.into_iter().filter_map(|method| {
        let of_method: Vec<&RunResult> = results
            .iter()
            .copied()
            .filter(|result| result.method == method)
            .collect();
        (!of_method.is_empty()).then(|| row(method, &of_method))
    });
    say!("{}", table(&header, rows.collect()));
}

fn row(method: Method, results: &[&RunResult]) -> Vec<String> {
    let of =
        |value: fn(&RunResult) -> f64| -> Vec<f64> { results.iter().map(|result| value(result)).collect() };
    let shown = |values: &[f64]| mean(values).map_or("-".to_owned(), percent);
    let tests: Vec<f64> = results
        .iter()
        .filter_map(|result| Some(result.test.as_ref()?.evaluation.accuracy))
        .collect();
    let accuracies = of(|result| result.held_out.evaluation.accuracy);
    // The model that rewards what the method is named after comes first.
    let of_models = |name: &str| -> String {
        let values: Vec<f64> = results
            .iter()
            .flat_map(|result| result.reward_models.values())
            .filter_map(|metrics| metrics.get(name).copied())
            .collect();
        match mean(&values) {
            Some(value) if name.ends_with("accuracy") => percent(value),
            Some(value) => format!("{value:.2}"),
            None => "-".to_owned(),
        }
    };
    let interval = match interval(&accuracies, results) {
        Some([lo, hi]) => format!("{} to {}", percent(lo), percent(hi)),
        None => "-".to_owned(),
    };
    vec![
        method.name().to_owned(),
        shown(&accuracies),
        interval,
        shown(&tests),
        shown(&of(|result| result.held_out.evaluation.invalid_rate)),
        of_models("eval_label_accuracy"),
        of_models("eval_rationale_accuracy"),
        of_models("eval_label_sensitivity"),
        mean(&of(|result| result.seconds)).map_or("-".to_owned(), |seconds| format!("{seconds:.0}")),
    ]
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// 95 % interval of the mean over seeds by Student's t; of one seed the bootstrap interval over its examples.
fn interval(values: &[f64], results: &[&RunResult]) -> Option<[f64; 2]> {
    if let [only] = results {
        return Some(only.held_out.evaluation.accuracy_ci95);
    }
    // Student's t knows no limits, a share does.
    student_interval(values).map(|interval| interval.map(|bound| bound.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: mean 0.7 and standard deviation 0.1 of three seeds give 4.303 · 0.1 / √3.
    #[test]
    fn intervals_over_seeds_are_students() {
        let values = [0.6, 0.7, 0.8];
        let mean_and_half = 4.303 * 0.1 / 3f64.sqrt();
        let [lo, hi] = interval(&values, &[]).unwrap();
        assert!((lo - (0.7 - mean_and_half)).abs() < 1e-9, "{lo}");
        assert!((hi - (0.7 + mean_and_half)).abs() < 1e-9, "{hi}");
        assert_eq!(interval(&[], &[]), None);
        let [_, hi] = interval(&[0.9, 1.0], &[]).unwrap();
        assert!((hi - 1.0).abs() < 1e-9, "no more than all: {hi}");
    }
}
