use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

#[wasm_bindgen_test(unsupported = test)]
fn the_default_is_allowed() {
    assert_eq!(LiveSettings::default().validate(), Ok(()));
}

#[wasm_bindgen_test(unsupported = test)]
fn every_name_leads_to_its_field_and_is_the_name_in_json() {
    let json = serde_json::to_value(LiveSettings::default()).expect("plain data");
    let names: Vec<_> = json.as_object().expect("a struct").keys().cloned().collect();
    assert_eq!(names, LiveField::ALL.map(LiveField::name));
    for field in LiveField::ALL {
        assert_eq!(LiveField::from_name(field.name()), Some(field));
    }
    assert_eq!(LiveField::from_name("Seed"), None);
}

fn check(field: LiveField, accepted: &[&str], refused: &[&str]) {
    for text in accepted {
        let mut settings = LiveSettings::default();
        assert_eq!(settings.set(field, text), Ok(()), "{field}={text}");
        assert_eq!(settings.get(field), text.trim(), "{field}={text}");
        assert_eq!(settings.validate(), Ok(()), "{field}={text}");
    }
    for text in refused {
        let mut settings = LiveSettings::default();
        let error = settings.set(field, text).expect_err(text);
        assert_eq!((error.field, error.found.as_str()), (field, *text));
        assert_eq!(
            settings,
            LiveSettings::default(),
            "{field}={text} changed something"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_edges_of_each_range() {
    use LiveField as F;
    check(
        F::Task,
        &["scene_nli", " news_topic"],
        &["app_stars", "", "News_topic"],
    );
    check(F::Level, &["mixed"], &["harder"]);
    check(F::LabelPairs, &["published"], &["flipped"]);
    check(
        F::Seed,
        &["0", "9007199254740991"],
        &["9007199254740992", "-1", "1.5"],
    );
    check(F::Demonstrations, &["16", "4000"], &["15", "4001", "many"]);
    check(F::SftEpochs, &["1", "50"], &["0", "51"]);
    check(
        F::SftLearningRate,
        &["0.00001", "0.1"],
        &["0", "0.2", "NaN", "inf"],
    );
    check(F::RewardEpochs, &["1", "10"], &["0", "11"]);
    check(F::PpoSteps, &["1", "500"], &["0", "501"]);
    check(F::PpoBatchSize, &["4", "256"], &["3", "257"]);
    check(F::PpoLearningRate, &["0.000001", "0.01"], &["0.02", "-0.001"]);
    check(F::KlCoef, &["0", "10"], &["10.5", "-1"]);
    check(F::HeldOut, &["8", "1000"], &["7", "1001"]);
    check(F::HiddenSize, &["16", "256"], &["0", "24", "272"]);
    check(F::Layers, &["1", "8"], &["0", "9"]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_message_says_field_found_and_expected() {
    let error = LiveSettings::default()
        .set(LiveField::HiddenSize, "many")
        .expect_err("not a number");
    assert_eq!(
        error.to_string(),
        r#"hidden_size: expected a multiple of 16 from 16 to 256, found "many""#
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn validate_finds_a_value_that_did_not_come_through_set() {
    let settings = LiveSettings {
        kl_coef: f64::NAN,
        ..LiveSettings::default()
    };
    assert_eq!(
        settings.validate().expect_err("not a number").field,
        LiveField::KlCoef
    );
}

proptest! {
    /// What `get` writes, `set` reads, to the last bit.
    #[test]
    fn get_and_set_are_inverse(kl_coef in 0.0..=10.0_f64, seed in 0..(1_u64 << 53), ppo_steps in 1..=500_usize) {
        let source = LiveSettings { kl_coef, seed, ppo_steps, ..LiveSettings::default() };
        let mut copy = LiveSettings::default();
        for field in LiveField::ALL {
            copy.set(field, &source.get(field)).expect("a value from get");
        }
        prop_assert_eq!(copy, source);
    }
}
