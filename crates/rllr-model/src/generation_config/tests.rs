use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

/// Meta's file for Llama 3.1 8B Instruct in all that matters, and what it means here.
#[wasm_bindgen_test(unsupported = test)]
fn a_published_file_is_read() {
    let json = r#"{ "bos_token_id": 128000, "do_sample": true, "eos_token_id": [128001, 128008, 128009],
                    "temperature": 0.6, "top_p": 0.9, "transformers_version": "4.42.3" }"#;
    let config = GenerationConfig::from_hugging_face(json).unwrap();
    let expected = GenerationConfig {
        decoding: Decoding::Sampling(Sampling {
            temperature: 0.6,
            top_k: Some(50),
            top_p: 0.9,
        }),
        stop_token_ids: vec![128_001, 128_008, 128_009],
        ..GenerationConfig::default()
    };
    assert_eq!(config, expected);
    assert!(
        !config.samples_the_model(),
        "top-k and top-p change the distribution"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn padding_is_forbidden_unless_it_ends_rows() {
    let read = |json| GenerationConfig::from_hugging_face(json).unwrap();
    let own =
        read(r#"{ "eos_token_id": 2, "pad_token_id": 0, "suppress_tokens": [7], "max_new_tokens": 9 }"#);
    assert_eq!(own.decoding, Decoding::Greedy);
    assert_eq!(own.forbidden_token_ids, [7, 0]);
    assert_eq!(own.max_new_tokens, 9);
    let shared = read(r#"{ "eos_token_id": 2, "pad_token_id": 2 }"#);
    assert_eq!(
        (shared.stop_token_ids, shared.forbidden_token_ids),
        (vec![2], vec![])
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn top_k_is_off_when_it_is_zero_or_null() {
    for text in ["0", "null"] {
        let json = format!(r#"{{ "do_sample": true, "top_k": {text}, "num_beams": 1, "typical_p": 1.0 }}"#);
        let config = GenerationConfig::from_hugging_face(&json).unwrap();
        assert_eq!(config.decoding, Decoding::Sampling(Sampling::default()), "{text}");
        assert!(config.samples_the_model());
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_not_implemented_is_refused() {
    let error = GenerationConfig::from_hugging_face(r#"{ "num_beams": 4 }"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "generation_config.json: num_beams is 4, which is not supported; remove the key to go without it"
    );
    assert!(GenerationConfig::from_hugging_face("[]").is_err());
    assert!(GenerationConfig::from_hugging_face(r#"{ "top_p": "high" }"#).is_err());
    assert!(GenerationConfig::from_hugging_face(r#"{ "eos_token_id": -1 }"#).is_err());
}

#[wasm_bindgen_test(unsupported = test)]
fn settings_that_cannot_be_are_named() {
    type Change = fn(&mut GenerationConfig);
    let cases: [(Change, &str); 9] = [
        (
            |c| c.max_new_tokens = 0,
            "max_new_tokens is 0, expected at least 1",
        ),
        (
            |c| c.steps_between_looks = 0,
            "steps_between_looks is 0, expected at least 1",
        ),
        (
            |c| c.repetition_penalty = f32::NAN,
            "repetition_penalty is NaN, expected a finite number above 0",
        ),
        (
            |c| c.decoding = with(0.0, None, 1.0),
            "temperature is 0, expected a finite number above 0",
        ),
        (
            |c| c.decoding = with(1.0, Some(0), 1.0),
            "top_k is 0, expected at least 1, or none",
        ),
        (
            |c| c.decoding = with(1.0, None, 1.5),
            "top_p is 1.5, expected above 0 and at most 1",
        ),
        (
            |c| c.stop_token_ids = vec![1, 4],
            "stop_token_ids names id 4, expected ids below 4",
        ),
        (
            |c| c.forbidden_token_ids = vec![9],
            "forbidden_token_ids names id 9, expected ids below 4",
        ),
        (
            |c| c.forbidden_token_ids = vec![3, 1, 2, 0],
            "forbidden_token_ids is every id of the model, expected at least one id that is not forbidden",
        ),
    ];
    assert!(GenerationConfig::default().validate(4).is_ok());
    for (change, message) in cases {
        let mut config = GenerationConfig::default();
        change(&mut config);
        assert_eq!(config.validate(4).unwrap_err().to_string(), message);
    }
}

fn with(temperature: f32, top_k: Option<usize>, top_p: f32) -> Decoding {
    Decoding::Sampling(Sampling {
        temperature,
        top_k,
        top_p,
    })
}

#[wasm_bindgen_test(unsupported = test)]
fn unknown_fields_are_errors() {
    let read = serde_json::from_str::<GenerationConfig>;
    let config = read(r#"{ "decoding": { "sampling": { "temperature": 0.7 } } }"#).unwrap();
    assert_eq!(config.decoding, with(0.7, None, 1.0));
    assert_eq!(
        read(r#"{ "decoding": "greedy" }"#).unwrap().decoding,
        Decoding::Greedy
    );
    assert!(read(r#"{ "temprature": 1 }"#).is_err());
    assert!(read(r#"{ "decoding": { "sampling": { "topk": 3 } } }"#).is_err());
}
