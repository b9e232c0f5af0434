//! The metrics equal scikit-learn and scipy on every case of `math/classification_metrics.json` and
//! `math/correlation_metrics.json` in the golden directory: `RLLR_GOLDEN_DIR`, by default `tests/golden` of the
//! repository.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::disallowed_methods,
    clippy::missing_assert_message,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a native test: it reads files and fails by panicking"
)]

use std::path::Path;

use rllr_task::metrics::{
    ConfusionMatrix, average_ranks, kendall_tau_b, mean_squared_error, pearson, root_mean_squared_error,
    spearman,
};
use serde_json::Value;

/// Both sides compute in float64; only the order of the sums differs.
const TOLERANCE: f64 = 1e-9;

/// The cases of one file; a missing file or an empty list fails.
fn cases(function: &str) -> Vec<Value> {
    let is_root = |dir: &&Path| dir.join("Cargo.lock").is_file();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(is_root)
        .unwrap();
    // An absolute path replaces the root, a relative one is seen from it.
    let dir = root.join(std::env::var_os("RLLR_GOLDEN_DIR").unwrap_or_else(|| "tests/golden".into()));
    let path = dir.join("math").join(format!("{function}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(cases) = file["cases"].take() else {
        panic!("{}: no list of cases", path.display())
    };
    assert!(!cases.is_empty(), "{}: no cases", path.display());
    println!("{} cases of {function}", cases.len());
    cases
}

/// A golden number; what JSON cannot say is a string.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value
            .as_f64()
            .unwrap_or_else(|| panic!("expected a number, found {value}")),
    }
}

/// A golden tensor or plain list, flat.
fn numbers(value: &Value) -> Vec<f64> {
    let data = if value.is_object() { &value["data"] } else { value };
    data.as_array()
        .unwrap_or_else(|| panic!("expected a list, found {value}"))
        .iter()
        .map(number)
        .collect()
}

fn integers(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_i64().unwrap())
        .collect()
}

/// Compares one output of a case, a number or a list.
struct Check<'a>(&'a Value);

impl Check<'_> {
    fn equal(&self, output: &str, found: &[f64]) {
        let (name, expected) = (&self.0["name"], &self.0["outputs"][output]);
        let expected = if expected.is_object() {
            numbers(expected)
        } else {
            vec![number(expected)]
        };
        assert_eq!(found.len(), expected.len(), "{name}, {output}: length");
        for (found, expected) in found.iter().zip(expected) {
            let both_nan = found.is_nan() && expected.is_nan();
            let close = (found - expected).abs() <= TOLERANCE * (1.0 + expected.abs());
            assert!(
                both_nan || *found == expected || close,
                "{name}, {output}: {found}, expected {expected}"
            );
        }
    }
}

#[test]
fn golden_classification_metrics() {
    for case in cases("classification_metrics") {
        let labels = integers(&case["inputs"]["labels"]);
        let class = |label: &i64| labels.iter().position(|known| known == label);
        let gold: Vec<usize> = integers(&case["inputs"]["y_true"])
            .iter()
            .map(|label| class(label).unwrap_or_else(|| panic!("{}: gold {label} is no label", case["name"])))
            .collect();
        // A prediction outside the label set (the files use −1) is an answer that could not be parsed.
        let predicted: Vec<Option<usize>> = integers(&case["inputs"]["y_pred"]).iter().map(class).collect();
        let matrix = ConfusionMatrix::new(&gold, &predicted, labels.len()).unwrap();
        let (check, classes) = (Check(&case), matrix.per_class());
        check.equal("accuracy", &[matrix.accuracy()]);
        check.equal("macro_f1", &[matrix.macro_f1()]);
        check.equal("micro_f1", &[matrix.micro_f1()]);
        check.equal("weighted_f1", &[matrix.weighted_f1()]);
        check.equal(
            "per_class_f1",
            &classes.iter().map(|class| class.f1).collect::<Vec<_>>(),
        );
        check.equal(
            "per_class_precision",
            &classes.iter().map(|class| class.precision).collect::<Vec<_>>(),
        );
        check.equal(
            "per_class_recall",
            &classes.iter().map(|class| class.recall).collect::<Vec<_>>(),
        );
        check.equal("mcc", &[matrix.matthews_correlation()]);
        check.equal("balanced_accuracy", &[matrix.balanced_accuracy()]);
        check.equal("cohen_kappa", &[matrix.cohen_kappa()]);
        let counts: Vec<f64> = matrix
            .counts()
            .iter()
            .flatten()
            .map(|count| *count as f64)
            .collect();
        check.equal("confusion_matrix", &counts);
    }
}

#[test]
fn golden_correlation_metrics() {
    for case in cases("correlation_metrics") {
        let (x, y) = (numbers(&case["inputs"]["x"]), numbers(&case["inputs"]["y"]));
        let check = Check(&case);
        check.equal("pearson", &[pearson(&x, &y).unwrap()]);
        check.equal("spearman", &[spearman(&x, &y).unwrap()]);
        check.equal("kendall_tau_b", &[kendall_tau_b(&x, &y).unwrap()]);
        check.equal("mse", &[mean_squared_error(&x, &y).unwrap()]);
        check.equal("rank_x", &average_ranks(&x));
        check.equal("rank_y", &average_ranks(&y));
        let root = number(&case["outputs"]["mse"]).sqrt();
        assert!((root_mean_squared_error(&x, &y).unwrap() - root).abs() <= TOLERANCE);
    }
}
