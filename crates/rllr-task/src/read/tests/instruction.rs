use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::{options, skip, stop};
use crate::read::{InstructionOutput, InstructionRow, instructions, parse_dataset_info};

#[wasm_bindgen_test(unsupported = test)]
fn the_released_form_is_a_list_with_texts_or_pairs() {
    let file = r#"[
      {"instruction": "Classify.", "input": "a gem", "output": "positive"},
      {"instruction": "Classify.", "input": "", "output": ["good", "bad"], "ranking": "true", "history": []}
    ]"#;
    let (rows, report) = skip(file.as_bytes(), instructions);
    assert_eq!((report.rows, report.bad, report.lines), (2, 0, 4), "two records");
    assert_eq!(
        rows[0].query(),
        "Classify.\na gem",
        "instruction, line break, input"
    );
    assert_eq!(rows[1].query(), "Classify.", "no line break before nothing");
    assert_eq!(
        rows[0].output,
        InstructionOutput::Answer("positive".to_owned()),
        "one answer"
    );
    let pair = InstructionOutput::Pair {
        chosen: "good".to_owned(),
        rejected: "bad".to_owned(),
    };
    assert_eq!(rows[1].output, pair, "the first one is chosen");
}

#[wasm_bindgen_test(unsupported = test)]
fn ranking_is_a_truth_value_or_its_name() {
    let row = |ranking: &str, output: &str| {
        format!("{{\"instruction\":\"i\",\"output\":{output},\"ranking\":{ranking}}}")
    };
    let (one, two) = ("\"a\"", "[\"a\",\"b\"]");
    for (ranking, output) in [
        ("true", two),
        ("\"true\"", two),
        ("\"True\"", two),
        ("false", one),
        ("\"false\"", one),
    ] {
        assert_eq!(
            skip(row(ranking, output).as_bytes(), instructions).1.bad,
            0,
            "{ranking} {output}"
        );
    }
    let check = |ranking, output, expected: &str| {
        assert_eq!(
            stop(row(ranking, output).as_bytes(), instructions),
            format!("f, line 1, field {expected}"),
            "the message"
        );
    };
    // In the released program "false" counts as true.
    check(
        "\"false\"",
        two,
        "`output`: found a list of 2, expected one text, as `ranking` is false",
    );
    check(
        "\"true\"",
        one,
        "`output`: found one text, expected [chosen, rejected], as `ranking` is true",
    );
    check(
        "\"yes\"",
        two,
        "`ranking`: found the text \"yes\", expected true or false",
    );
    check("1", two, "`ranking`: found 1, expected true or false");
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_rows_name_the_field() {
    let check = |row: &str, expected: &str| {
        assert_eq!(
            stop(row.as_bytes(), instructions),
            format!("f, line 1, field {expected}"),
            "{row}"
        );
    };
    check(
        r#"{"instruction":"i","output":["a","b","c"]}"#,
        "`output`: found a list of 3, expected [chosen, rejected]",
    );
    check(
        r#"{"instruction":"i","output":["a",2]}"#,
        "`output[1]`: found 2, expected a text",
    );
    check(
        r#"{"instruction":"i"}"#,
        "`output`: found nothing, expected a text or [chosen, rejected]",
    );
    check(
        r#"{"output":"o"}"#,
        "`instruction`: found nothing, expected a text",
    );
    check(
        r#"{"instruction":"i","output":"o","history":[["q","a"]]}"#,
        "`history`: found a list of 1, expected no earlier turns",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn the_list_of_data_sets_takes_false_for_false() {
    let text = r#"{"sft": {"file_name": "a.json", "ranking": "false", "file_sha1": ""},
                   "rm": {"file_name": "b.json", "ranking": "true"}, "test": {"file_name": "c.json"}}"#;
    let entries = parse_dataset_info(text).expect("a valid file");
    let ranking = |name: &str| entries[name].ranking;
    assert_eq!(
        (ranking("sft"), ranking("rm"), ranking("test")),
        (false, true, false),
        "as they say"
    );
    assert_eq!(entries["rm"].file_name, "b.json", "the file");
    let error = parse_dataset_info(r#"{"rm": {"ranking": "true"}}"#).expect_err("no file");
    assert_eq!(error.field, "rm", "the entry is named");
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_written_is_read(rows in prop::collection::vec((any::<[String; 3]>(), prop::option::of(any::<String>())), 0..4)) {
        let mut written = Vec::new();
        let mut lines = Vec::new();
        for ([instruction, input, first], second) in rows {
            let (value, output) = match second {
                Some(rejected) => (
                    serde_json::json!([first, rejected]),
                    InstructionOutput::Pair { chosen: first, rejected },
                ),
                None => (serde_json::json!(first), InstructionOutput::Answer(first)),
            };
            lines.push(serde_json::json!({"instruction": instruction, "input": input, "output": value}));
            written.push(InstructionRow { instruction, input, output });
        }
        let list = serde_json::to_string_pretty(&lines).expect("JSON has a place for it");
        let (read, _) = instructions(list.as_bytes(), options()).read_all().expect("a good file");
        prop_assert_eq!(read, written);
    }
}
