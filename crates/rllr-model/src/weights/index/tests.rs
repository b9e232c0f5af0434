use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn index(weight_map: &str) -> Result<ShardIndex, IndexError> {
    ShardIndex::parse(&format!(
        r#"{{"metadata":{{"total_size":12.0}},"weight_map":{weight_map}}}"#
    ))
}

#[wasm_bindgen_test(unsupported = test)]
fn an_index_says_which_file_holds_a_tensor() {
    let index = index(r#"{"a":"one.safetensors","b":"two.safetensors","c":"one.safetensors"}"#).unwrap();
    assert_eq!(
        index.files().into_iter().collect::<Vec<_>>(),
        ["one.safetensors", "two.safetensors"]
    );
    assert_eq!(index.file_of("c"), Some("one.safetensors"));
    assert_eq!(index.file_of("d"), None);
    assert_eq!(ShardIndex::parse(&index.to_json(3, 12)).unwrap(), index);
    // Without metadata, as some programs write it.
    assert!(ShardIndex::parse(r#"{"weight_map":{"a":"b"}}"#).is_ok());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_name_that_leads_elsewhere_is_refused() {
    let names = [
        "",
        ".",
        "..",
        "../model.safetensors",
        "sub/model.safetensors",
        "/etc/passwd",
        "..\\model.safetensors",
        "C:model.safetensors",
        "C:\\model.safetensors",
        "model.safetensors:stream",
        "model\u{0}.safetensors",
        "model\n.safetensors",
    ];
    for name in names {
        let map = json!({"a": "good.safetensors", "b": name}).to_string();
        let message = index(&map).unwrap_err().to_string();
        let expected = format!("the index puts tensor b into {name:?}, expected the name of a file");
        assert!(message.starts_with(&expected), "{message}");
    }
    // Dots and blanks inside a name are harmless.
    assert!(index(r#"{"a":"..model .v2.safetensors"}"#).is_ok());
}

#[wasm_bindgen_test(unsupported = test)]
fn an_index_that_is_none_is_refused() {
    let cases = [
        (r#"{"weight_map":{}}"#, "names no tensor"),
        (r#"{"metadata":{}}"#, "missing field `weight_map`"),
        (r#"{"weight_map":{"a":1}}"#, "cannot be read"),
        (r#"{"weight_map":[]}"#, "cannot be read"),
        (
            r#"{"weight_map":{"a":"x","a":"x"}}"#,
            "puts tensor a into \"x\" and into \"x\"",
        ),
        (
            r#"{"weight_map":{"a":"x","a":"y"}}"#,
            "puts tensor a into \"x\" and into \"y\"",
        ),
        ("", "cannot be read"),
    ];
    for (json, expected) in cases {
        let message = ShardIndex::parse(json).unwrap_err().to_string();
        assert!(message.contains(expected), "{json}: {message}");
    }
}
