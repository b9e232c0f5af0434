use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::answer::Answer;
use crate::example::Input;
use crate::mismatch::{Mismatch, PairClass, classify_pair};
use crate::task::Tasks;

mod probes;
mod rationale_sensitive;

fn tasks() -> Tasks {
    let toml = r#"
        [[task]]
        name = "nli"
        fields = ["text_a", "text_b"]
        labels = ["entailment", "neutral", "contradiction"]
        prompts = ["{text_a} So: {text_b}?", "Given {text_a}, is it so that {text_b}?"]

        [[task]]
        name = "films"
        fields = ["text"]
        labels = ["negative", "positive"]
        prompts = ["{text}"]
    "#;
    Tasks::from_toml(toml).expect("the definitions are valid")
}

fn nli() -> Task {
    tasks().get("nli").expect("it is defined above").clone()
}

fn texts(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|&(label, text)| (label.to_owned(), text.to_owned()))
        .collect()
}

/// Premise and hypothesis with a rationale for each label by one generator.
fn example(number: usize) -> Example {
    Example {
        id: format!("nli-{number}"),
        task: "nli".to_owned(),
        input: Input::Pair {
            text_a: format!("{number} men are in a lab, all of them at work."),
            text_b: "They fish".to_owned(),
        },
        label: "contradiction".to_owned(),
        rationale: None,
        rationale_by: None,
        rationales: texts(&[
            ("entailment", "A lab is a boat."),
            ("neutral", "They may fish."),
            ("contradiction", &format!("The {number} men cannot do both.")),
        ]),
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: None,
    }
}

fn explanation(by: &str, label: &str, text: &str) -> Explanation {
    Explanation {
        by: by.to_owned(),
        label: label.to_owned(),
        text: text.to_owned(),
    }
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn label_pairs(examples: &[Example], config: &PairConfig) -> Pairs {
    label_sensitive_pairs(&nli(), examples, config, words, &mut rng()).expect("the examples fit the task")
}

fn mismatch(pairs: &[PreferencePair], task: &Task) -> Mismatch {
    let label_of = |response| {
        Answer::parse(response, task, ResponseFormat::default())
            .ok()
            .map(|answer| answer.label())
    };
    pairs
        .iter()
        .map(|pair| classify_pair(&pair.chosen, &pair.rejected, label_of))
        .collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn the_gold_label_is_set_against_each_wrong_one() {
    let Pairs { pairs, report } = label_pairs(&[example(3)], &PairConfig::default());
    let expected = |id: &str, rejected: &str| PreferencePair {
        prompt: "3 men are in a lab, all of them at work. So: They fish?\nReason, then label:\n".to_owned(),
        chosen: "The 3 men cannot do both.\nLabel: contradiction".to_owned(),
        rejected: rejected.to_owned(),
        kind: PairKind::Label,
        task: "nli".to_owned(),
        id: id.to_owned(),
        chosen_by: Some("generated".to_owned()),
        rejected_by: Some("generated".to_owned()),
    };
    assert_eq!(
        pairs,
        [
            expected("nli-3:entailment", "A lab is a boat.\nLabel: entailment"),
            expected("nli-3:neutral", "They may fish.\nLabel: neutral"),
        ]
    );
    assert_eq!((report.examples, report.pairs, report.dropped_total()), (1, 2, 0));
    assert_eq!(
        report.writers,
        BTreeMap::from([("generated > generated".to_owned(), 2)])
    );
    assert_eq!(
        mismatch(&pairs, &nli()).share(PairClass::LabelSensitive),
        Some(1.0)
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_pair_is_one_json_object_with_the_fields_that_were_agreed() {
    let pair = label_pairs(&[example(3)], &PairConfig::default()).pairs.remove(0);
    let line = serde_json::to_string(&pair).expect("texts only");
    assert_eq!(
        line,
        concat!(
            r#"{"prompt":"3 men are in a lab, all of them at work. So: They fish?\nReason, then label:\n","#,
            r#""chosen":"The 3 men cannot do both.\nLabel: contradiction","#,
            r#""rejected":"A lab is a boat.\nLabel: entailment","#,
            r#""kind":"label","task":"nli","id":"nli-3:entailment","#,
            r#""chosen_by":"generated","rejected_by":"generated"}"#
        )
    );
    let back: PreferencePair = serde_json::from_str(&line).expect("what we write, we read");
    assert_eq!(back, pair);
}

#[wasm_bindgen_test(unsupported = test)]
fn the_two_rationales_are_by_one_writer_unless_told_otherwise() {
    let mut row = example(3);
    row.rationales.clear();
    row.rationale = Some("A lab is no boat.".to_owned());
    row.others = vec![
        explanation("palm", "neutral", "Perhaps they fish."),
        explanation("crowd", "neutral", "Not said."),
        explanation("crowd", "contradiction", "Labs are dry."),
    ];
    let same = label_pairs(std::slice::from_ref(&row), &PairConfig::default());
    assert_eq!(
        same.report.writers,
        BTreeMap::from([("crowd > crowd".to_owned(), 1)])
    );
    assert_eq!(
        same.report.dropped,
        BTreeMap::from([(DropReason::NoRationale, 1)]),
        "nobody argues for entailment"
    );

    let any = PairConfig {
        writers: Writers::Any,
        ..PairConfig::default()
    };
    let mixed = label_pairs(std::slice::from_ref(&row), &any);
    assert_eq!(
        mixed.pairs[0].chosen, "A lab is no boat.\nLabel: contradiction",
        "the first text for gold"
    );
    assert_eq!(mixed.report.writers.len(), 1);
    assert_eq!(mixed.pairs[0].chosen_by.as_deref(), Some("human"));
}

#[wasm_bindgen_test(unsupported = test)]
fn other_formats_and_wordings_come_out_as_configured() {
    let config = PairConfig {
        format: ResponseFormat::LabelOnly,
        wording: 1,
        ..PairConfig::default()
    };
    let mut bare = example(3);
    bare.rationales.clear();
    let Pairs { pairs, report } = label_pairs(&[bare], &config);
    assert_eq!(report.pairs, 2, "labels alone need no rationale");
    assert!(pairs[0].prompt.starts_with("Given 3 men"), "{}", pairs[0].prompt);
    assert_eq!(
        (pairs[0].chosen.as_str(), pairs[0].rejected.as_str()),
        ("contradiction", "entailment")
    );
    let refused = corrupted_rationale_pairs(&nli(), &[], Corruption::WrongLabel, &config, words, &mut rng());
    assert_eq!(refused, Err(PairError::NoRationaleInFormat));
    let unknown: Result<PairConfig, _> = serde_json::from_str(r#"{"wordings": 1}"#);
    assert!(unknown.is_err(), "unknown fields are an error");
}

#[wasm_bindgen_test(unsupported = test)]
fn wrong_labels_can_be_sampled() {
    let examples: Vec<Example> = (0..40).map(example).collect();
    let config = PairConfig {
        wrong_labels: WrongLabels::Sample(1),
        ..PairConfig::default()
    };
    let sampled = label_pairs(&examples, &config);
    assert_eq!(sampled.report.pairs, 40);
    assert_eq!(
        sampled,
        label_pairs(&examples, &config),
        "the same seed, the same pairs"
    );
    let counts = &sampled.report.rejected_labels;
    assert!(
        counts["entailment"] > 8 && counts["neutral"] > 8,
        "both are drawn: {counts:?}"
    );
    let many = PairConfig {
        wrong_labels: WrongLabels::Sample(9),
        ..PairConfig::default()
    };
    assert_eq!(label_pairs(&examples, &many).report.pairs, 80, "at most all");
}

#[wasm_bindgen_test(unsupported = test)]
fn long_prompts_are_cut_and_responses_stay() {
    let whole = label_pairs(&[example(3)], &PairConfig::default());
    let longest = whole
        .pairs
        .iter()
        .map(|pair| words(&pair.prompt) + words(&pair.chosen))
        .max()
        .expect("two pairs");
    let within = |max_length| {
        label_pairs(
            &[example(3)],
            &PairConfig {
                max_length: Some(max_length),
                ..PairConfig::default()
            },
        )
    };
    assert_eq!(within(longest), whole, "what fits stays as it is");
    let cut = within(longest - 3);
    assert_eq!(cut.report.prompts_cut, 2);
    for (cut, whole) in cut.pairs.iter().zip(&whole.pairs) {
        assert_eq!((&cut.chosen, &cut.rejected), (&whole.chosen, &whole.rejected));
        assert!(cut.prompt.ends_with("Reason, then label:\n"), "{}", cut.prompt);
        assert!(
            words(&cut.prompt) + words(&cut.chosen) <= longest - 3,
            "{}",
            cut.prompt
        );
    }
    let none = within(9);
    assert_eq!(none.pairs, []);
    assert_eq!(none.report.dropped, BTreeMap::from([(DropReason::TooLong, 2)]));
}

#[wasm_bindgen_test(unsupported = test)]
fn repeated_and_unfitting_examples_are_not_passed_over() {
    let twice = label_pairs(&[example(3), example(3)], &PairConfig::default());
    assert_eq!((twice.report.pairs, twice.report.dropped_total()), (2, 2));
    assert_eq!(twice.report.dropped, BTreeMap::from([(DropReason::Repeated, 2)]));

    let mut odd = example(3);
    odd.label = "maybe".to_owned();
    let error = label_sensitive_pairs(&nli(), &[odd], &PairConfig::default(), words, &mut rng());
    let text = error.expect_err("the label is unknown").to_string();
    assert!(text.contains("nli-3") && text.contains("found `maybe`"), "{text}");
}

proptest! {
    /// Whatever the limit: each example is in the report, chosen and rejected differ, and what is kept fits.
    #[wasm_bindgen_test(unsupported = test)]
    fn nothing_is_lost_and_nothing_is_too_long(numbers in prop::collection::vec(0_usize..5, 0..8), max_length in 0_usize..40) {
        let examples: Vec<Example> = numbers.into_iter().map(example).collect();
        let config = PairConfig { max_length: Some(max_length), ..PairConfig::default() };
        let Pairs { pairs, report } = label_pairs(&examples, &config);
        prop_assert_eq!(report.pairs + report.dropped_total(), 2 * examples.len());
        prop_assert_eq!(report.pairs, pairs.len());
        for pair in &pairs {
            prop_assert_ne!(&pair.chosen, &pair.rejected);
            prop_assert!(words(&pair.prompt) + words(&pair.chosen).max(words(&pair.rejected)) <= max_length);
        }
    }
}
