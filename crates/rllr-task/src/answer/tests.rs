use std::sync::LazyLock;

use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{Answer, AnswerError, ResponseFormat};
use crate::task::{Label, Task, Tasks};
use ResponseFormat::{LabelOnly, LabelThenRationale, RationaleThenLabel};

static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::builtin);

fn task(name: &str) -> Task {
    TASKS.get(name).expect("a built-in task").clone()
}

/// What a response is read as, in one word: the rationale and label, or the kind of error.
fn read(response: &str, name: &str, format: ResponseFormat) -> String {
    let task = task(name);
    match Answer::parse(response, &task, format) {
        Ok(answer) => format!("{}|{}", answer.rationale(), task.word(answer.label())),
        Err(AnswerError::Missing { .. }) => "missing".to_owned(),
        Err(AnswerError::Unknown { .. }) => "unknown".to_owned(),
        Err(AnswerError::Several { found, .. }) => format!("several {}", found.join("+")),
        Err(AnswerError::Misplaced { .. }) => "misplaced".to_owned(),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn rationale_then_label() {
    let check = |response: &str, expected: &str| {
        assert_eq!(
            read(response, "sst2", RationaleThenLabel),
            expected,
            "{response:?}"
        );
    };
    check("A gem.\nLabel: positive", "A gem.|positive");
    check("Label: positive", "|positive");
    check("  two\n lines \r\n\n Label:positive. \n\n", "two lines|positive");
    check("A gem.\nLabel: Positive", "A gem.|positive");
    // The rationale may name labels, and the marker inside a line.
    check(
        "Not positive but negative, Label: positive\nLabel: negative",
        "Not positive but negative, Label: positive|negative",
    );
    check("", "missing");
    check("A gem.", "missing");
    check("A gem. positive", "missing");
    check("A gem.\nLabel:", "missing");
    check("A gem.\nlabel: positive", "missing");
    check("A gem.\nLabel: good", "unknown");
    check("A gem.\nLabel: positively", "unknown");
    check("A gem.\nLabel: positive I think", "unknown");
    check("A gem.\nLabel: positive..", "unknown");
    check("A gem.\nLabel: positive or negative", "several positive+negative");
    check("A gem.\nLabel: positive positive", "several positive+positive");
    check(
        "A gem.\nLabel: positive\nLabel: negative",
        "several positive+negative",
    );
    check(
        "Label: positive\nBecause.\nLabel: positive",
        "several positive+positive",
    );
    check("A gem.\nLabel: positive\nAnd more.", "misplaced");
    check("Label: positive\nA gem.", "misplaced");
}

#[wasm_bindgen_test(unsupported = test)]
fn label_then_rationale() {
    let check = |response: &str, expected: &str| {
        assert_eq!(
            read(response, "mnli", LabelThenRationale),
            expected,
            "{response:?}"
        );
    };
    check("Label: neutral\nIt may be.", "It may be.|neutral");
    check("\n Label: neutral \nIt\nmay be.", "It may be.|neutral");
    check("Label: neutral", "|neutral");
    check("It may be.", "missing");
    check("It may be.\nLabel: neutral", "misplaced");
    check("Label: neutral\nLabel: neutral", "several neutral+neutral");
    check(
        "Label: contradiction/neutral\nIt may be.",
        "several contradiction+neutral",
    );
    check("Label: maybe\nIt may be.", "unknown");
}

#[wasm_bindgen_test(unsupported = test)]
fn label_only() {
    let check = |response: &str, name: &str, expected: &str| {
        assert_eq!(read(response, name, LabelOnly), expected, "{response:?}");
    };
    check(" positive\n", "sst2", "|positive");
    check("NEGATIVE.", "sst2", "|negative");
    check(" \n ", "sst2", "missing");
    check("fine", "sst2", "unknown");
    check("Label: positive", "sst2", "unknown");
    check("positive\nnegative", "sst2", "several positive+negative");
    check("A", "csqa", "|A");
    check("F", "csqa", "unknown");
    check("A or B", "csqa", "several A+B");
    check("3", "stsb", "|3");
    check("3.", "stsb", "|3");
    check("3.5", "stsb", "several 3+5");
    check("6", "stsb", "unknown");
    // A label that is part of another one is not found inside it; a label may end in a mark.
    check("change_user_name", "clinc150", "|change_user_name");
    check("user_names", "clinc150", "unknown");
    check("reverted_card_payment?", "banking77", "|reverted_card_payment?");
}

#[wasm_bindgen_test(unsupported = test)]
fn an_error_says_what_was_found_and_expected() {
    let error = Answer::parse("A gem.\nLabel: good", &task("sst2"), RationaleThenLabel).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "unknown label: found \"good\", expected negative or positive",
        "the message"
    );
    let error = Answer::parse("A gem.", &task("sst2"), RationaleThenLabel).expect_err("missing");
    let expected = "missing label: found \"A gem.\", expected `Label: <word>` on the last line";
    assert_eq!(error.to_string(), expected, "the message");
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_printed_is_short() {
    let task = task("esnli");
    let answer = Answer::new("A lab is\nnot a boat.", Label(2));
    let check = |format, expected: &str| assert_eq!(answer.print(&task, format), expected, "{format:?}");
    check(RationaleThenLabel, "A lab is not a boat.\nLabel: contradiction");
    check(LabelThenRationale, "Label: contradiction\nA lab is not a boat.");
    check(LabelOnly, "contradiction");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_rationale_that_looks_like_a_label_stays_a_rationale() {
    let task = task("sst2");
    let answer = Answer::new("Label: negative", Label(1));
    let printed = answer.print(&task, RationaleThenLabel);
    assert_eq!(
        printed, "label: negative\nLabel: positive",
        "the marker loses its capital"
    );
    assert_eq!(
        Answer::parse(&printed, &task, RationaleThenLabel),
        Ok(answer),
        "and the label stays"
    );
}

/// Rationales made to confuse: pieces of the format, label words, breaks, and any characters.
fn rationale() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Label:".to_owned()),
        Just("\nLabel: positive".to_owned()),
        Just("\u{2028}Label: no".to_owned()),
        Just("contradiction".to_owned()),
        Just("\r\n \t".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn printing_then_parsing_is_the_identity(
        rationale in rationale(),
        task_index in 0..TASKS.len(),
        label in any::<prop::sample::Index>(),
    ) {
        let task = TASKS.iter().nth(task_index).expect("within the number of tasks");
        let label = Label(label.index(task.labels.len()));
        let answer = Answer::new(&rationale, label);
        for format in [RationaleThenLabel, LabelThenRationale] {
            prop_assert_eq!(Answer::parse(&answer.print(task, format), task, format), Ok(answer.clone()));
        }
        let bare = Answer::parse(&answer.print(task, LabelOnly), task, LabelOnly);
        prop_assert_eq!(bare, Ok(Answer::new("", label)));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_second_label_is_never_overlooked(rationale in rationale(), first in 0..3_usize, second in 0..3_usize) {
        let task = task("mnli");
        for format in [RationaleThenLabel, LabelThenRationale] {
            let twice = format!(
                "{}\n{}",
                Answer::new(&rationale, Label(first)).print(&task, format),
                Answer::new(&rationale, Label(second)).print(&task, format)
            );
            let several = matches!(Answer::parse(&twice, &task, format), Err(AnswerError::Several { .. }));
            prop_assert!(several, "{}", twice);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn any_text_is_read_or_refused(text in rationale()) {
        let task = task("csqa");
        for format in [RationaleThenLabel, LabelThenRationale, LabelOnly] {
            if let Err(error) = Answer::parse(&text, &task, format) {
                prop_assert!(error.to_string().contains("expected"));
            }
        }
    }
}
