use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

#[wasm_bindgen_test(unsupported = test)]
fn the_default_is_allowed() {
    assert_eq!(TrainSettings::default().validate(), Ok(()));
}

#[wasm_bindgen_test(unsupported = test)]
fn every_name_leads_to_its_field() {
    for field in Field::ALL {
        assert_eq!(Field::from_name(field.name()), Some(field));
    }
    assert_eq!(Field::from_name("Steps"), None);
    assert_eq!(Field::from_name(""), None);
}

#[wasm_bindgen_test(unsupported = test)]
fn the_names_are_those_of_the_json() {
    let json = serde_json::to_value(TrainSettings::default()).expect("plain data");
    let names: Vec<_> = json.as_object().expect("a struct").keys().cloned().collect();
    assert_eq!(names.len(), Field::ALL.len());
    for field in Field::ALL {
        assert!(
            names.iter().any(|name| name == field.name()),
            "{field} is not in {names:?}"
        );
    }
}

fn check(field: Field, accepted: &[&str], refused: &[&str]) {
    for text in accepted {
        let mut settings = TrainSettings::default();
        assert_eq!(settings.set(field, text), Ok(()), "{field}={text}");
        assert_eq!(settings.get(field), text.trim(), "{field}={text}");
        assert_eq!(settings.validate(), Ok(()), "{field}={text}");
    }
    for text in refused {
        let mut settings = TrainSettings::default();
        let error = settings.set(field, text).expect_err(text);
        let expected = SettingsError {
            field,
            found: (*text).to_owned(),
            expected: field.expected(),
        };
        assert_eq!(error, expected);
        assert_eq!(
            settings,
            TrainSettings::default(),
            "{field}={text} changed something"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_edges_of_each_range() {
    check(
        Field::HiddenSize,
        &["16", "32", "256"],
        &["0", "8", "24", "272", "-16"],
    );
    check(Field::Layers, &["1", "8"], &["0", "9", "1.5"]);
    check(Field::BatchSize, &["1", "64", " 3 "], &["0", "65", ""]);
    check(Field::SeqLen, &["4", "256"], &["3", "257", "4294967300"]);
    check(Field::Steps, &["1", "10000"], &["0", "10001", "many"]);
    check(
        Field::LearningRate,
        &["0.00001", "0.1", "0.003"],
        &["0", "0.2", "NaN", "inf", "-0.01"],
    );
    check(
        Field::Seed,
        &["0", "18446744073709551615"],
        &["18446744073709551616", "-1"],
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_message_says_field_found_and_expected() {
    let error = TrainSettings::default()
        .set(Field::Steps, "many")
        .expect_err("not a number");
    assert_eq!(
        error.to_string(),
        r#"steps: expected a whole number from 1 to 10000, found "many""#
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn validate_finds_a_value_that_did_not_come_through_set() {
    let settings = TrainSettings {
        seq_len: 1_000_000,
        ..TrainSettings::default()
    };
    assert_eq!(settings.validate().expect_err("too long").field, Field::SeqLen);
    let settings = TrainSettings {
        learning_rate: f64::NAN,
        ..TrainSettings::default()
    };
    assert_eq!(
        settings.validate().expect_err("not a number").field,
        Field::LearningRate
    );
}

proptest! {
    /// What `get` writes, `set` reads, to the last bit.
    #[test]
    fn get_and_set_are_inverse(learning_rate in 1e-5..=0.1_f64, seed: u64, steps in 1..=10_000_usize) {
        let source = TrainSettings { learning_rate, seed, steps, ..TrainSettings::default() };
        let mut copy = TrainSettings::default();
        for field in Field::ALL {
            copy.set(field, &source.get(field)).expect("a value from get");
        }
        prop_assert_eq!(copy, source);
    }
}
