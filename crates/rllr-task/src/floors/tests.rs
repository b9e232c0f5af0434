use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn rows(inputs: &[(Input, usize)]) -> Vec<LabelledInput<'_>> {
    inputs
        .iter()
        .map(|(input, class)| LabelledInput { input, class: *class })
        .collect()
}

fn text(text: &str, class: usize) -> (Input, usize) {
    (Input::Text(text.into()), class)
}

fn pair(text_a: &str, text_b: &str, class: usize) -> (Input, usize) {
    (
        Input::Pair {
            text_a: text_a.into(),
            text_b: text_b.into(),
        },
        class,
    )
}

#[wasm_bindgen_test(unsupported = test)]
fn one_text_has_two_floors() {
    let train = [text("good film", 0), text("good fun", 0), text("bad film", 1)];
    let eval = [text("good", 0), text("bad bad", 1), text("unknown", 1)];
    let found = floors(&rows(&train), &rows(&eval), 2, &FloorConfig::default()).unwrap();
    let [majority, bayes] = found.try_into().unwrap();
    assert_eq!(
        (majority.baseline, majority.accuracy),
        (Baseline::Majority { class: 0 }, 1.0 / 3.0)
    );
    // 7 features (good film fun bad and three pairs), totals 6 and 3. With a = 1 "bad bad" is
    // 2/3 (1/13)² = 0.0039 against 1/3 (2/10)² = 0.0133; the unknown word leaves the prior, so class 0.
    let Baseline::NaiveBayes {
        view: TextView::Whole,
        prior: ClassPrior::TrainCounts,
        smoothing,
    } = bayes.baseline
    else {
        panic!("{bayes:?}")
    };
    assert_eq!((smoothing, bayes.accuracy), (1.0, 2.0 / 3.0));
    // F1: class 0 has precision 1/2 and recall 1; class 1 precision 1 and recall 1/2.
    assert!((bayes.macro_f1 - 2.0 / 3.0).abs() < 1e-12);
}

#[wasm_bindgen_test(unsupported = test)]
fn two_texts_have_the_second_alone_and_the_overlap() {
    let train = [
        pair("a b", "a b", 1),
        pair("a b", "c d", 0),
        pair("a b", "a d", 0),
        pair("x y", "x y", 1),
    ];
    let eval = [
        pair("p q", "p q", 1),
        pair("p q", "r s", 0),
        pair("p q r", "p q", 1),
    ];
    let config = FloorConfig {
        priors: vec![ClassPrior::TrainCounts, ClassPrior::Uniform],
        overlap_class: Some(1),
        ..FloorConfig::default()
    };
    let found = floors(&rows(&train), &rows(&eval), 2, &config).unwrap();
    let names: Vec<String> = found.iter().map(|floor| floor.baseline.to_string()).collect();
    let expected = [
        "majority",
        "naive Bayes",
        "naive Bayes, equal class priors",
        "naive Bayes on the second text alone",
        "naive Bayes on the second text alone, equal class priors",
        "word overlap",
    ];
    assert_eq!(names, expected);
    // Train overlaps 1, 0, 1/3, 1 for classes 1, 0, 0, 1: cut at 1/3. Eval overlaps 1, 0, 2/3: all right.
    let best = best_floor(&found).unwrap();
    assert_eq!(
        found[5].baseline,
        Baseline::WordOverlap {
            class: 1,
            threshold: 1.0 / 3.0
        }
    );
    assert_eq!((found[5].accuracy, best.accuracy), (1.0, 1.0));
}

#[wasm_bindgen_test(unsupported = test)]
fn equal_floors_go_to_the_first() {
    let floor = |class, accuracy| Floor {
        baseline: Baseline::Majority { class },
        accuracy,
        macro_f1: 0.0,
    };
    assert_eq!(
        best_floor(&[floor(0, 0.5), floor(1, 0.7), floor(2, 0.7)]),
        Some(floor(1, 0.7))
    );
    assert_eq!(best_floor(&[]), None);
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_input_is_an_error() {
    let (inside, outside) = ([text("a", 0)], [text("a", 2)]);
    let run = |train: &[_], eval: &[_]| floors(&rows(train), &rows(eval), 2, &FloorConfig::default());
    let message = |result: Result<Vec<Floor>, MetricError>| result.unwrap_err().to_string();
    assert_eq!(
        message(run(&[], &inside)),
        "train has 0 rows, expected at least 1"
    );
    assert_eq!(message(run(&inside, &[])), "gold has 0 rows, expected at least 1");
    assert_eq!(
        message(run(&outside, &inside)),
        "train row 0: class 2, expected less than 2"
    );
    assert_eq!(
        message(run(&inside, &outside)),
        "gold row 0: class 2, expected less than 2"
    );
    assert!(serde_json::from_str::<FloorConfig>(r#"{"smoothing": 1}"#).is_err());
}

proptest! {
    // The second way: every cut tried one after the other.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_threshold_is_the_lowest_best_cut(
        rows in prop::collection::vec((0..6_u8, any::<bool>()), 1..30),
    ) {
        let (values, is_positive): (Vec<f64>, Vec<bool>) =
            rows.into_iter().map(|(tenth, positive)| (f64::from(tenth) / 10.0, positive)).unzip();
        let right = |cut: f64| {
            values.iter().zip(&is_positive).filter(|(value, positive)| (**value > cut) == **positive).count()
        };
        let mut cuts = values.clone();
        cuts.push(-1.0);
        let most = cuts.iter().map(|cut| right(*cut)).max().unwrap();
        cuts.retain(|cut| right(*cut) == most);
        let lowest = cuts.into_iter().fold(f64::INFINITY, f64::min);
        prop_assert_eq!(best_threshold(&values, &is_positive), lowest);
    }
}
