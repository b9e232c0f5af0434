use super::*;

fn check(before: &Value, expected: Value) {
    let after = restored(&before.to_string(), StoredType::F16).unwrap();
    let mut expected = object(expected);
    expected.insert("dtype".to_owned(), json!("float16"));
    expected.insert("torch_dtype".to_owned(), json!("float16"));
    assert_eq!(Value::Object(after), Value::Object(expected));
}

#[test]
fn both_dialects_are_written_whichever_was_read() {
    let scaled = json!({"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5});
    let scaling = json!({"rope_type": "llama3", "factor": 8.0});
    check(
        &json!({"rope_parameters": scaled, "dtype": "float32"}),
        json!({"rope_parameters": scaled, "rope_theta": 5e5, "rope_scaling": scaling}),
    );
    check(
        &json!({"rope_theta": 5e5, "rope_scaling": scaling, "torch_dtype": "float32"}),
        json!({"rope_theta": 5e5, "rope_scaling": scaling, "rope_parameters": scaled}),
    );
    check(
        &json!({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}),
        json!({
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "rope_theta": 1e4, "rope_scaling": null,
        }),
    );
}

/// With both present, transformers 5 takes the new key; what is written says the same twice.
#[test]
fn the_new_dialect_wins_over_the_old() {
    let parameters = json!({"rope_type": "default", "rope_theta": 1e6});
    check(
        &json!({"rope_parameters": parameters, "rope_theta": 1e4, "rope_scaling": {"type": "linear"}}),
        json!({"rope_parameters": parameters, "rope_theta": 1e6, "rope_scaling": null}),
    );
}

#[test]
fn the_oldest_name_of_a_scaling_is_kept_and_renamed() {
    let old = json!({"type": "linear", "factor": 2.0});
    check(
        &json!({"rope_theta": 1e4, "rope_scaling": old}),
        json!({
            "rope_theta": 1e4, "rope_scaling": old,
            "rope_parameters": {"type": "linear", "factor": 2.0, "rope_type": "linear", "rope_theta": 1e4},
        }),
    );
}

/// A model without rotary embeddings has nothing to say in either.
#[test]
fn other_keys_stay_as_they_are() {
    check(
        &json!({"model_type": "bloom", "n_head": 4, "unknown": [1, {"a": null}]}),
        json!({"model_type": "bloom", "n_head": 4, "unknown": [1, {"a": null}]}),
    );
    assert!(restored("[]", StoredType::F32).is_err());
}
