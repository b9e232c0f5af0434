use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{PromptError, cut_text};
use crate::answer::ResponseFormat::{self, LabelOnly, LabelThenRationale, RationaleThenLabel};
use crate::example::{Example, Input};
use crate::task::{Fields, Task, Tasks};

static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::builtin);

fn example(task: &Task, text: &str) -> Example {
    let input = match task.fields {
        Fields::Pair => Input::Pair {
            text_a: text.to_owned(),
            text_b: "It {rains}.".to_owned(),
        },
        Fields::Text | Fields::Choices => Input::Text(text.to_owned()),
    };
    let mut choices = BTreeMap::new();
    if task.fields == Fields::Choices {
        choices.insert("A".to_owned(), "a cat".to_owned());
        choices.insert("B".to_owned(), "a dog".to_owned());
    }
    Example {
        id: "x-1".to_owned(),
        task: task.name.clone(),
        input,
        label: task.labels[0].word.clone(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices,
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: None,
    }
}

fn prompt(task: &str, text: &str, wording: usize, format: ResponseFormat) -> String {
    let task = TASKS.get(task).expect("a built-in task");
    task.prompt(&example(task, text), wording, format)
        .expect("a prompt")
        .text
}

#[wasm_bindgen_test(unsupported = test)]
fn prompts_as_the_policy_reads_them() {
    let check = |found: String, expected: &str| assert_eq!(found, expected, "the prompt");
    check(
        prompt("esnli", "A man {text_b} sleeps.", 0, RationaleThenLabel),
        "Premise: A man {text_b} sleeps.\nHypothesis: It {rains}.\nentailment, neutral or contradiction?\n\
         Reason, then label:\n",
    );
    check(
        prompt("esnli", "A man sleeps.", 2, LabelOnly),
        "Hypothesis: It {rains}.\nPremise: A man sleeps.\nIs it entailment, neutral or contradiction?\nLabel:\n",
    );
    check(
        prompt("csqa", "What barks?", 0, LabelThenRationale),
        "Question: What barks?\nA: a cat\nB: a dog\nWhich letter?\nLabel, then reason:\n",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_wording_that_does_not_exist_is_an_error() {
    let task = TASKS.get("mr").expect("a built-in task");
    let error = task
        .prompt(&example(task, "x"), 3, RationaleThenLabel)
        .expect_err("there are 3");
    assert_eq!(
        error.to_string(),
        "wording of task `mr`: found 3, expected less than 3",
        "the message"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn braces_are_doubled_to_stand_for_themselves() {
    let file = "[[task]]\nname = \"t\"\nfields = [\"text\"]\nlabels = [\"a\", \"b\"]\nprompts = [\"{{{text}}} {{x}}\"]";
    let tasks = Tasks::from_toml(file).expect("a valid file");
    let task = tasks.get("t").expect("the task of the file");
    let prompt = task.prompt(&example(task, "y"), 0, LabelOnly).expect("a prompt");
    assert_eq!(prompt.text, "{y} {x}\nLabel:\n", "single braces around the text");
}

#[wasm_bindgen_test(unsupported = test)]
fn instructions_describe_labels_and_format() {
    let task = TASKS.get("rte").expect("a built-in task");
    let text = task.instructions(RationaleThenLabel);
    let expected = "Answer with exactly one of these labels:\n\
        - entailment: the hypothesis follows from the premise\n\
        - other: the hypothesis does not follow from the premise\n\
        First write your reason on one line. Then write, on a line of its own, `Label: ` and the label.";
    assert_eq!(text, expected, "the instructions");
    assert!(
        task.instructions(LabelOnly).ends_with("nothing else."),
        "another format"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn texts_are_cut_at_white_space() {
    let check = |most, expected| assert_eq!(cut_text("the long sentence", most), expected, "{most}");
    check(100, "the long sentence");
    check(17, "the long sentence");
    check(16, "the long");
    check(8, "the long");
    check(7, "the");
    check(0, "");
    assert_eq!(cut_text("äöüß", 2), "äö", "a single word is cut inside");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_longer_text_is_cut_first() {
    let task = TASKS.get("mnli").expect("a built-in task");
    let row = example(task, &"word ".repeat(100));
    let whole = task.prompt(&row, 0, RationaleThenLabel).expect("a prompt");
    let words = |text: &str| text.split_whitespace().count();
    let limit = words(&whole.text) - 60;
    let cut = task
        .prompt_within(&row, 0, RationaleThenLabel, limit, words)
        .expect("a prompt");
    assert_eq!(words(&cut.text), limit, "as long as the limit allows");
    assert!(
        cut.text.contains("Hypothesis: It {rains}."),
        "the short text is whole: {}",
        cut.text
    );
    assert!(
        cut.text.ends_with("contradiction?\nReason, then label:\n"),
        "the question is whole: {}",
        cut.text
    );
    // By hand: 500 characters with the space at the end, of which 40 words of 5 less a space stay.
    assert_eq!(
        (whole.cut_chars, cut.cut_chars),
        (0, 500 - 199),
        "what was cut is counted"
    );
    let cut_row = task.cut_example(&row, 0, RationaleThenLabel, limit, words);
    let cut_row = cut_row.expect("a prompt").expect("it is too long");
    let of_cut_row = task.prompt(&cut_row, 0, RationaleThenLabel).expect("a prompt");
    assert_eq!(of_cut_row.text, cut.text);
    let again = task.cut_example(&cut_row, 0, RationaleThenLabel, limit, words);
    assert_eq!(again, Ok(None), "it fits");
    let error = task
        .prompt_within(&row, 0, RationaleThenLabel, 3, words)
        .expect_err("too long");
    assert!(matches!(error, PromptError::TooLong { limit: 3, .. }), "{error}");
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn every_prompt_holds_its_texts_whatever_they_are(text in "\\PC{0,60}", wording in 0..3_usize) {
        for task in TASKS.iter() {
            let prompt = task.prompt(&example(task, &text), wording, RationaleThenLabel).expect("a prompt");
            prop_assert!(prompt.text.contains(&text), "{}: {}", task.name, prompt.text);
            prop_assert!(prompt.text.ends_with("\nReason, then label:\n"));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_cut_prompt_keeps_the_limit(text in "[a-z é]{0,300}", limit in 0..200_usize) {
        let task = TASKS.get("sst2").expect("a built-in task");
        let chars = |text: &str| text.chars().count();
        match task.prompt_within(&example(task, &text), 1, LabelOnly, limit, chars) {
            Ok(prompt) => prop_assert!(chars(&prompt.text) <= limit),
            Err(error) => {
                let empty = task.prompt(&example(task, ""), 1, LabelOnly).expect("a prompt");
                prop_assert!(chars(&empty.text) > limit, "{}", error);
            }
        }
    }
}
