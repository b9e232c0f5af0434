use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::{options, skip, stop};
use crate::example::Input;
use crate::read::{Votes, rationale_judgements};

const ROW: &str = r#"{"id":"r-1","task":"rationale_pairs","base":"snli","text_a":"a","text_b":"b","label":"neutral","better":"x","worse":"y","better_votes":[2,3],"worse_votes":[0,3],"by":"gpt-3","item":"i","source":"s"}"#;

#[wasm_bindgen_test(unsupported = test)]
fn a_judgement_has_one_input_and_two_rationales() {
    let (rows, _) = skip(ROW.as_bytes(), rationale_judgements);
    let row = &rows[0];
    assert_eq!(
        (row.base.as_str(), row.label.as_str()),
        ("snli", "neutral"),
        "task and label"
    );
    assert_eq!(
        row.input,
        Input::Pair {
            text_a: "a".to_owned(),
            text_b: "b".to_owned()
        },
        "input"
    );
    assert_eq!(
        (row.better.as_str(), row.worse.as_str()),
        ("x", "y"),
        "rationales"
    );
    assert_eq!(
        row.better_votes,
        Some(Votes {
            accepting: 2,
            asked: 3
        }),
        "votes"
    );
    assert_eq!(row.item.as_deref(), Some("i"), "item");
    let without = ROW.replace("\"better_votes\":[2,3],", "");
    assert_eq!(
        skip(without.as_bytes(), rationale_judgements).0[0].better_votes,
        None,
        "votes are optional"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_rows_name_the_field() {
    let check = |change: &str, to: &str, expected: &str| {
        let row = ROW.replacen(change, to, 1);
        assert_eq!(
            stop(row.as_bytes(), rationale_judgements),
            format!("f, line 1, field {expected}"),
            "{row}"
        );
    };
    check(
        "[2,3]",
        "[4,3]",
        "`better_votes`: found a list of 2, expected [accepting, asked], two counts",
    );
    check(
        "[2,3]",
        "[2]",
        "`better_votes`: found a list of 1, expected [accepting, asked], two counts",
    );
    check(
        "[2,3]",
        "[2,-3]",
        "`better_votes`: found a list of 2, expected [accepting, asked], two counts",
    );
    check(
        "\"worse\"",
        "\"worst\"",
        "`worse`: found nothing, expected a text",
    );
    check("\"base\"", "\"basis\"", "`base`: found nothing, expected a text");
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_written_is_read(words in any::<[String; 6]>(), asked in 0..99_u32) {
        let [id, base, text, label, better, worse] = words;
        let line = serde_json::json!({
            "id": id, "base": base, "text": text, "label": label, "better": better, "worse": worse,
            "worse_votes": [asked / 2, asked],
        });
        let (rows, _) = rationale_judgements(line.to_string().as_bytes(), options()).read_all().expect("a good file");
        let row = &rows[0];
        prop_assert_eq!([&row.id, &row.base, &row.label, &row.better, &row.worse], [&id, &base, &label, &better, &worse]);
        prop_assert_eq!(&row.input, &Input::Text(text));
        prop_assert_eq!(row.worse_votes, Some(Votes { accepting: asked / 2, asked }));
    }
}
