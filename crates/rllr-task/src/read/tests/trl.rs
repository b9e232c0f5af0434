use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::{options, skip, stop};
use crate::chat_template::Message;
use crate::read::{Content, ExtractedPrompt, extract_prompt, preferences, prompt_completions};

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn messages(list: &[(&str, &str)]) -> Content {
    Content::Messages(
        list.iter()
            .map(|(role, content)| Message::new(role, content))
            .collect(),
    )
}

#[wasm_bindgen_test(unsupported = test)]
fn the_shared_beginning_is_the_prompt() {
    let check = |chosen, rejected, expected: [&str; 3]| {
        let [prompt, chosen_rest, rejected_rest] = expected;
        let found = extract_prompt(chosen, rejected);
        let expected = ExtractedPrompt {
            prompt,
            chosen: chosen_rest,
            rejected: rejected_rest,
        };
        assert_eq!(found, expected, "{chosen:?} and {rejected:?}");
    };
    // From the tests of TRL (`extract_prompt`).
    check(
        "The sky is blue.",
        "The sky is green.",
        ["The sky is", " blue.", " green."],
    );
    check(
        "The sky is blue.",
        "The sky is black.",
        ["The sky is bl", "ue.", "ack."],
    );
    check("é ü", "é ö", ["é", " ü", " ö"]);
    check("abc", "xyz", ["", "abc", "xyz"]);
    // The first character differs, and `chosen` ends in a space: TRL would look at that space.
    check("a ", "b", ["", "a ", "b"]);
    check("ab", "abc", ["a", "b", "bc"]);
    check("ab", "ab", ["a", "b", "b"]);
    check("", "x", ["", "", "x"]);
}

#[wasm_bindgen_test(unsupported = test)]
fn prompt_completion_standard_and_conversational() {
    let file = r#"{"prompt": "The sky is", "completion": " blue."}
        {"prompt": [{"role": "user", "content": "Sky?"}], "completion": [{"role": "assistant", "content": "Blue."}]}"#;
    let (rows, _) = skip(file.as_bytes(), prompt_completions);
    assert_eq!(
        (&rows[0].prompt, &rows[0].completion),
        (&text("The sky is"), &text(" blue.")),
        "standard"
    );
    let (prompt, completion) = (messages(&[("user", "Sky?")]), messages(&[("assistant", "Blue.")]));
    assert_eq!(
        (&rows[1].prompt, &rows[1].completion),
        (&prompt, &completion),
        "conversational"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn preferences_with_explicit_and_implicit_prompt() {
    let file = r#"{"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}
        {"chosen": "The sky is blue.", "rejected": "The sky is green."}
        {"prompt": "Sky?", "chosen": [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Blue."}], "rejected": [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Green."}]}
        {"prompt": [{"role": "user", "content": "Sky?"}], "chosen": [{"role": "assistant", "content": "Blue."}], "rejected": [{"role": "assistant", "content": "Green."}]}"#;
    let (rows, report) = skip(file.as_bytes(), preferences);
    assert_eq!(report.bad, 0, "{:?}", report.errors);
    assert_eq!(rows[0], rows[1], "explicit and implicit texts");
    assert_eq!(rows[1].prompt, text("The sky is"), "the shared text");
    assert_eq!(rows[2], rows[3], "explicit and implicit messages");
    assert_eq!(
        rows[2].chosen,
        messages(&[("assistant", "Blue.")]),
        "the last message"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn equal_conversations_keep_their_last_message() {
    let talk = r#"[{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Blue."}]"#;
    let (rows, _) = skip(
        format!("{{\"chosen\": {talk}, \"rejected\": {talk}}}").as_bytes(),
        preferences,
    );
    assert_eq!(rows[0].prompt, messages(&[("user", "Sky?")]), "the prompt");
    assert_eq!(
        rows[0].chosen, rows[0].rejected,
        "the pair is identical, which the pair builder counts"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_rows_name_the_field() {
    let check = |row: &str, expected: &str| {
        assert_eq!(
            stop(row.as_bytes(), preferences),
            format!("f, line 1, field {expected}"),
            "{row}"
        );
    };
    check(
        r#"{"chosen": "a"}"#,
        "`rejected`: found nothing, expected a text or a list of messages",
    );
    check(
        r#"{"chosen": [], "rejected": "b"}"#,
        "`chosen`: found an empty list, expected a text or a list of messages",
    );
    check(
        r#"{"chosen": 5, "rejected": "b"}"#,
        "`chosen`: found 5, expected a text or a list of messages",
    );
    check(
        r#"{"chosen": ["a"], "rejected": "b"}"#,
        "`chosen[0]`: found the text \"a\", expected a message with `role` and `content`",
    );
    check(
        r#"{"chosen": [{"role": "user"}], "rejected": "b"}"#,
        "`chosen[0].content`: found nothing, expected a text",
    );
    check(
        r#"{"chosen": [{"role": "user", "content": [1]}], "rejected": "b"}"#,
        "`chosen[0].content`: found a list of 1, expected a text",
    );
    check(
        r#"{"chosen": [{"role": "user", "content": "c"}], "rejected": "b"}"#,
        "`rejected`: found a text, expected a list of messages, as the field before it",
    );
    check(
        r#"{"prompt": [{"role": "user", "content": "c"}], "chosen": "a", "rejected": "b"}"#,
        "`chosen`: found a text, expected a list of messages, as the field before it",
    );
}

/// TRL's function, written once more over characters as Python has them.
fn python_extract_prompt(chosen: &str, rejected: &str) -> [String; 3] {
    let (chosen, rejected): (Vec<char>, Vec<char>) = (chosen.chars().collect(), rejected.chars().collect());
    let mut idx = 0;
    for i in 0..chosen.len().min(rejected.len()) {
        idx = i;
        if chosen[i] != rejected[i] {
            if i > 0 && chosen[i - 1] == ' ' {
                idx -= 1;
            }
            break;
        }
    }
    [&chosen[..idx], &chosen[idx..], &rejected[idx..]].map(|part| part.iter().collect())
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn the_prompt_is_trls(shared in "[a é]{0,5}", chosen in "[a é]{0,4}", rejected in "[a é]{0,4}") {
        let (chosen, rejected) = (shared.clone() + &chosen, shared + &rejected);
        let ExtractedPrompt { prompt, chosen: c, rejected: r } = extract_prompt(&chosen, &rejected);
        prop_assert_eq!([prompt, c, r].map(str::to_owned), python_extract_prompt(&chosen, &rejected));
        prop_assert_eq!(&format!("{prompt}{c}"), &chosen);
        prop_assert_eq!(&format!("{prompt}{r}"), &rejected);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_written_is_read(rows in prop::collection::vec(any::<[String; 3]>(), 0..4)) {
        let line = |[prompt, chosen, rejected]: &[String; 3]| {
            serde_json::json!({"prompt": prompt, "chosen": chosen, "rejected": rejected}).to_string()
        };
        let file: Vec<String> = rows.iter().map(line).collect();
        let (read, _) = preferences(file.join("\n").as_bytes(), options()).read_all().expect("a good file");
        prop_assert_eq!(read.len(), rows.len());
        for (read, [prompt, chosen, rejected]) in read.iter().zip(&rows) {
            prop_assert_eq!([&read.prompt, &read.chosen, &read.rejected], [&text(prompt), &text(chosen), &text(rejected)]);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn written_conversations_are_read(rows in prop::collection::vec(any::<[String; 4]>(), 0..4)) {
        let line = |[role, question, answer_role, answer]: &[String; 4]| {
            let talk = |role: &str, content: &str| serde_json::json!([{"role": role, "content": content}]);
            serde_json::json!({"prompt": talk(role, question), "completion": talk(answer_role, answer)}).to_string()
        };
        let file: Vec<String> = rows.iter().map(line).collect();
        let (read, _) = prompt_completions(file.join("\n").as_bytes(), options()).read_all().expect("a good file");
        prop_assert_eq!(read.len(), rows.len());
        for (read, [role, question, answer_role, answer]) in read.iter().zip(&rows) {
            prop_assert_eq!(&read.prompt, &messages(&[(role, question)]));
            prop_assert_eq!(&read.completion, &messages(&[(answer_role, answer)]));
        }
    }
}
