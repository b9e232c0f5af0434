use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rllr_task::metrics::mcnemar_exact;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::evaluation::Evaluation;
use crate::run_record::Outcome;

/// A method whose first `right` of `n` examples are right.
fn row(method: &str, seed: u64, correct: &[bool]) -> MethodRecord {
    let right = correct.iter().filter(|correct| **correct).count();
    let accuracy = right as f64 / correct.len() as f64;
    MethodRecord {
        method: method.to_owned(),
        seed,
        held_out: Evaluation {
            task: "toy".to_owned(),
            n: correct.len(),
            accuracy,
            accuracy_ci95: [accuracy - 0.1, accuracy + 0.1],
            macro_f1: accuracy,
            invalid_rate: 0.0,
            labels: vec!["no".to_owned(), "yes".to_owned()],
            confusion: vec![vec![right, 0], vec![correct.len() - right, 0]],
            invalid: vec![0, 0],
            pearson: None,
            spearman: None,
        },
        test: None,
        outcomes: correct
            .iter()
            .enumerate()
            .map(|(id, &correct)| Outcome {
                id: id.to_string(),
                correct,
            })
            .collect(),
        floor: None,
        label_threshold: None,
        seconds: Some(seed as f64),
    }
}

fn first(right: usize, n: usize) -> Vec<bool> {
    (0..n).map(|id| id < right).collect()
}

fn compare(methods: Vec<MethodRecord>) -> Comparison {
    let record = RunRecord {
        methods,
        ..RunRecord::default()
    };
    let config = BootstrapConfig {
        resamples: 4000,
        ..BootstrapConfig::default()
    };
    compare_methods(&record, &config, &mut ChaCha8Rng::seed_from_u64(1)).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn methods_are_tested_against_supervised_fine_tuning() {
    let found = compare(vec![
        row("sft-label", 0, &first(50, 100)),
        row("sft-rationale", 0, &first(60, 100)),
        row("rllr", 0, &first(80, 100)),
    ]);
    assert_eq!(found.baseline, "sft-rationale");
    assert_eq!(found.comparisons, 2);
    let [label, base, rllr] = &found.methods[..] else {
        panic!("expected three methods, found {}", found.methods.len());
    };
    assert_eq!(base.against_baseline, None, "nothing is compared with itself");
    assert_eq!(base.interval_over, IntervalOver::Examples, "one seed");
    let (label, rllr) = (label.against_baseline.unwrap(), rllr.against_baseline.unwrap());
    assert!((rllr.difference - 0.2).abs() < 1e-12, "{rllr:?}");
    assert!((label.difference + 0.1).abs() < 1e-12, "{label:?}");
    // The larger p-value of two stays, the smaller one doubles.
    assert!(rllr.p_value <= label.p_value, "{rllr:?} {label:?}");
    assert!((rllr.p_adjusted - 2.0 * rllr.p_value).abs() < 1e-12, "{rllr:?}");
    assert!(
        rllr.difference_ci95[0] > 0.1 && rllr.difference_ci95[1] < 0.3,
        "{rllr:?}"
    );
}

/// The other paired test, which resamples nothing, must come to a similar p-value.
#[wasm_bindgen_test(unsupported = test)]
fn p_values_are_near_mcnemars() {
    let (worse, better) = (first(60, 100), first(66, 100));
    // Nine examples go the other way, so that the difference is neither clear nor absent.
    let better: Vec<bool> = better
        .iter()
        .enumerate()
        .map(|(id, &right)| right && id >= 2)
        .collect();
    let exact = mcnemar_exact(&better, &worse).unwrap().p_value;
    let found = compare(vec![row("sft-rationale", 0, &worse), row("rllr", 0, &better)]);
    let p_value = found.methods[1].against_baseline.unwrap().p_value;
    assert!((p_value - exact).abs() < 0.15, "{p_value} {exact}");
    assert!(p_value > 0.05 && exact > 0.05, "{p_value} {exact}");
}

/// Three seeds on the same examples are no three times as many examples.
#[wasm_bindgen_test(unsupported = test)]
fn an_example_counts_once_whatever_the_number_of_seeds() {
    let seeds = |count: u64| -> AgainstBaseline {
        let rows = (0..count).flat_map(|seed| {
            [
                row("sft-rationale", seed, &first(60, 100)),
                row("rllr", seed, &first(65, 100)),
            ]
        });
        let mut rows: Vec<MethodRecord> = rows.collect();
        rows.sort_by_key(|row| row.method != "sft-rationale");
        compare(rows).methods[1].against_baseline.unwrap()
    };
    assert_eq!(seeds(1), seeds(3));
}

#[wasm_bindgen_test(unsupported = test)]
fn other_examples_are_no_pairs() {
    let mut other = row("rllr", 0, &first(65, 100));
    for outcome in &mut other.outcomes {
        outcome.id.insert(0, 'x');
    }
    let found = compare(vec![row("sft-rationale", 0, &first(60, 100)), other]);
    assert_eq!(found.methods[1].against_baseline, None);
    assert_eq!(found.comparisons, 0);
    let found = compare(vec![
        row("sft-rationale", 0, &first(60, 100)),
        row("rllr", 1, &first(65, 100)),
    ]);
    assert_eq!(found.methods[1].against_baseline, None, "another seed");
}

/// By hand: mean 0.7 and standard deviation 0.1 of three seeds give 4.303 · 0.1 / √3.
#[wasm_bindgen_test(unsupported = test)]
fn intervals_over_seeds_are_students() {
    let rows = [60, 70, 80]
        .iter()
        .enumerate()
        .map(|(seed, &right)| row("rllr", seed as u64, &first(right, 100)));
    let found = compare(rows.collect());
    let method = &found.methods[0];
    assert_eq!((method.seeds, method.interval_over), (3, IntervalOver::Seeds));
    let half = 4.303 * 0.1 / 3f64.sqrt();
    let [lo, hi] = method.accuracy_ci95;
    assert!((lo - (0.7 - half)).abs() < 1e-9, "{lo}");
    assert!((hi - (0.7 + half)).abs() < 1e-9, "{hi}");
    assert_eq!(method.seconds, Some(1.0), "mean of 0, 1 and 2");
}

#[wasm_bindgen_test(unsupported = test)]
fn nothing_cannot_be_compared() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let found = compare_methods(&RunRecord::default(), &BootstrapConfig::default(), &mut rng);
    assert_eq!(found, Err(ComparisonError::NoResults));
}
