use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::{any_example, line, options, skip, stop};
use crate::example::{Example, Input};
use crate::read::{examples, labelled_examples};
use crate::task::Tasks;

#[wasm_bindgen_test(unsupported = test)]
fn all_fields_are_read_and_unknown_ones_ignored() {
    let file = r#"{"id":"q-1","task":"csqa","text":"T","choices":{"A":"x","B":"y"},"label":"B","rationale":"R",
        "rationale_by":"ecqa","rationales":{"A":"ra"},"evidence":{"B":["e1","e2"]},
        "others":[{"by":"palm","label":"A","text":"O","credit":1}],"score":2,"source":"s#1","concept":"c"}"#;
    let (rows, _) = skip(file.replace('\n', " ").as_bytes(), examples);
    let Example {
        input,
        choices,
        label,
        rationale,
        rationale_by,
        rationales,
        evidence,
        others,
        score,
        source,
        ..
    } = &rows[0];
    assert_eq!(*input, Input::Text("T".to_owned()), "text");
    assert_eq!(choices["B"], "y", "choices");
    assert_eq!(label, "B", "label");
    assert_eq!(
        (rationale.as_deref(), rationale_by.as_deref()),
        (Some("R"), Some("ecqa")),
        "rationale"
    );
    assert_eq!(rationales["A"], "ra", "rationales");
    assert_eq!(evidence["B"], ["e1", "e2"], "evidence");
    assert_eq!(
        (
            others[0].by.as_str(),
            others[0].label.as_str(),
            others[0].text.as_str()
        ),
        ("palm", "A", "O"),
        "others"
    );
    assert_eq!(
        (*score, source.as_deref()),
        (Some(2.0), Some("s#1")),
        "score and source"
    );
}

/// Changes a good line, and compares the message that ends the reading.
fn check_message(change: &str, to: &str, expected: &str) {
    let file = line("a").replacen(change, to, 1);
    assert_eq!(
        stop(file.as_bytes(), examples),
        format!("f, line 1{expected}"),
        "{file}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_bad_text_is_named_with_what_was_found_and_expected() {
    check_message("\"positive\"", "5", ", field `label`: found 5, expected a text");
    check_message(
        ",\"label\":\"positive\"",
        "",
        ", field `label`: found nothing, expected a text",
    );
    check_message(
        "\"id\":\"a\"",
        "\"id\":null",
        ", field `id`: found null, expected a text",
    );
    check_message(
        "\"a gem\"",
        "[\"a gem\"]",
        ", field `text`: found a list of 1, expected a text",
    );
    check_message(
        "\"text\"",
        "\"texts\"",
        ", field `text`: found nothing, expected `text`, or `text_a` and `text_b`",
    );
    check_message(
        "\"text\"",
        "\"text_a\"",
        ", field `text_b`: found nothing, expected a text beside `text_a`",
    );
    check_message(
        "\"text\"",
        "\"text_b\":\"b\",\"text\"",
        ", field `text`: found `text` beside `text_a` or `text_b`, expected one form of the two",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_bad_structure_is_named_down_to_the_entry() {
    check_message(
        "{",
        "{\"score\":\"4\",",
        ", field `score`: found the text \"4\", expected a number",
    );
    check_message(
        "{",
        "{\"choices\":{\"A\":1},",
        ", field `choices.A`: found 1, expected a text",
    );
    check_message(
        "{",
        "{\"choices\":[1],",
        ", field `choices`: found a list of 1, expected an object of texts",
    );
    check_message(
        "{",
        "{\"evidence\":{\"x\":[true]},",
        ", field `evidence.x`: found true, expected a text",
    );
    check_message(
        "{",
        "{\"others\":[{\"by\":\"b\",\"label\":\"l\"}],",
        ", field `others[0].text`: found nothing, expected a text",
    );
    check_message(
        "{",
        "{\"others\":[\"b\"],",
        ", field `others[0]`: found the text \"b\", expected an object",
    );
    check_message(
        "\"id\"",
        "\"id\":\"z\",\"id\"",
        ": found duplicate field `id` at line 1 column 14, expected an object with each field once",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn null_is_the_same_as_a_missing_field() {
    let file = line("a").replacen(
        '{',
        "{\"text_a\":null,\"choices\":null,\"others\":null,\"score\":null,",
        1,
    );
    let (rows, _) = skip(file.as_bytes(), examples);
    assert_eq!(
        rows,
        skip(line("a").as_bytes(), examples).0,
        "as if they were not there"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_label_that_the_task_does_not_have_is_a_bad_line() {
    let tasks = Tasks::builtin();
    let check = |change: &str, to: &str, expected: &str| {
        let file = format!("{}\n{}", line("a"), line("b").replacen(change, to, 1));
        let error = labelled_examples(file.as_bytes(), &tasks, options())
            .read_all()
            .expect_err("a bad label");
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(
        "positive",
        "good",
        "f, line 2, field `label`: found `good`, expected negative or positive",
    );
    check(
        "sst2",
        "sst3",
        "f, line 2, field `task`: found `sst3`, expected one of ag_news, ",
    );
    check(
        "\"text\":\"a gem\"",
        "\"text_a\":\"a\",\"text_b\":\"b\"",
        "f, line 2, field `text`: found `text_a` and `text_b`",
    );
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_written_is_read(written in prop::collection::vec(any_example(), 0..4)) {
        let lines: Vec<String> =
            written.iter().map(|example| serde_json::to_string(example).expect("JSON has a place for it")).collect();
        for file in [lines.join("\n"), lines.join("\r\n") + "\r\n", format!("[\n{}\n]", lines.join(",\n"))] {
            let (read, report) = examples(file.as_bytes(), options()).read_all().expect("a good file");
            prop_assert_eq!(&read, &written);
            prop_assert_eq!(report.rows, written.len() as u64);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn cut_and_changed_lines_are_read_or_named(example in any_example(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_json::to_vec(&example).expect("JSON has a place for it");
        let at = cut.index(bytes.len());
        bytes[at] = byte;
        let (rows, report) = skip(&bytes, examples);
        prop_assert_eq!(rows.len() as u64 + report.bad + report.blank, report.lines);
        bytes.truncate(at);
        let (rows, report) = skip(&bytes, examples);
        prop_assert_eq!(rows.len() as u64 + report.bad + report.blank, report.lines);
    }
}
