use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_task::{Input, Tasks};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn example(task: &str, id: &str, label: &str, score: Option<f64>) -> Example {
    let input = match task {
        "stsb" => Input::Pair {
            text_a: "a".to_owned(),
            text_b: "b".to_owned(),
        },
        _ => Input::Text("good".to_owned()),
    };
    Example {
        id: id.to_owned(),
        task: task.to_owned(),
        input,
        label: label.to_owned(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score,
        source: None,
    }
}

fn prediction(example: &Example, word: Option<&str>, gold: &str) -> Prediction {
    Prediction {
        id: example.id.clone(),
        task: example.task.clone(),
        prediction: word.map(str::to_owned),
        label: gold.to_owned(),
        response: String::new(),
        correct: word == Some(gold),
        label_probs: None,
    }
}

fn evaluate(
    task: &str,
    examples: &[Example],
    predictions: &[Prediction],
) -> Result<Evaluation, EvaluationError> {
    let tasks = Tasks::builtin();
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    Evaluation::new(tasks.get(task).unwrap(), examples, predictions, rng)
}

/// By hand: three right of five, one of them no answer; precision and recall of `positive` 2/3 and 2/2, of `negative`
/// 1/1 and 1/3.
#[wasm_bindgen_test(unsupported = test)]
fn five_answers_by_hand() {
    let gold = ["positive", "positive", "negative", "negative", "negative"];
    let words = [
        Some("positive"),
        Some("positive"),
        Some("negative"),
        Some("positive"),
        None,
    ];
    let examples: Vec<Example> = gold
        .iter()
        .enumerate()
        .map(|(row, gold)| example("sst2", &format!("e{row}"), gold, None))
        .collect();
    let predictions: Vec<Prediction> = examples
        .iter()
        .zip(gold.iter().zip(words))
        .map(|(example, (gold, word))| prediction(example, word, gold))
        .collect();
    let found = evaluate("sst2", &examples, &predictions).unwrap();
    assert_eq!((found.n, found.accuracy, found.invalid_rate), (5, 0.6, 0.2));
    let f1 = f64::midpoint(
        2.0 * (2.0 / 3.0) / (2.0 / 3.0 + 1.0),
        2.0 * (1.0 / 3.0) / (1.0 + 1.0 / 3.0),
    );
    assert!((found.macro_f1 - f1).abs() < 1e-12, "{} {f1}", found.macro_f1);
    let place = |word: &str| found.labels.iter().position(|label| label == word).unwrap();
    let (negative, positive) = (place("negative"), place("positive"));
    assert_eq!(found.confusion[negative][positive], 1);
    assert_eq!(found.confusion[positive][positive], 2);
    assert_eq!((found.invalid[negative], found.invalid[positive]), (1, 0));
    let [lo, hi] = found.accuracy_ci95;
    assert!(lo < 0.6 && 0.6 < hi && lo >= 0.0 && hi <= 1.0, "{lo} {hi}");
    assert_eq!((found.pearson, found.spearman), (None, None));
}

/// By hand: grades 0, 5 and no answer for the scores 0, 5 and 1, where the farther end of the scale is 5:
/// Pearson of (0, 5, 5) and (0, 5, 1).
#[wasm_bindgen_test(unsupported = test)]
fn grades_are_correlated_with_scores() {
    let scores = [0.0, 5.0, 1.0];
    let examples: Vec<Example> = scores
        .iter()
        .enumerate()
        .map(|(row, score)| example("stsb", &format!("e{row}"), "0", Some(*score)))
        .collect();
    let predictions = [
        prediction(&examples[0], Some("0"), "0"),
        prediction(&examples[1], Some("5"), "5"),
        prediction(&examples[2], None, "1"),
    ];
    let found = evaluate("stsb", &examples, &predictions).unwrap();
    let expected = pearson(&[0.0, 5.0, 5.0], &scores).unwrap();
    assert!((found.pearson.unwrap() - expected).abs() < 1e-12);
    assert!(found.spearman.is_some());
}

#[wasm_bindgen_test(unsupported = test)]
fn what_does_not_belong_together_is_an_error() {
    let examples = [example("sst2", "e0", "positive", None)];
    let right = prediction(&examples[0], Some("positive"), "positive");
    let other = Prediction {
        id: "e1".to_owned(),
        ..right.clone()
    };
    let unknown = Prediction {
        prediction: Some("great".to_owned()),
        ..right.clone()
    };
    let message =
        |predictions: &[Prediction]| evaluate("sst2", &examples, predictions).unwrap_err().to_string();
    assert!(message(&[other]).contains("expected \"e0\""));
    assert!(message(&[unknown]).contains("great"));
    assert!(message(&[right.clone(), right]).contains("2 rows"));
    assert!(evaluate("sst2", &[], &[]).is_err());
}
