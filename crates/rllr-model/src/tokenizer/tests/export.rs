//! The files that are written.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{plain_bytes, with_config};
use crate::tokenizer::{ConfigDialect, Tokenizer, TokenizerFile, TokenizerFiles};

const TEMPLATE: &str = "{% for m in messages %}{{ m.content }}{% endfor %}";

fn names(files: &[TokenizerFile]) -> Vec<&str> {
    files.iter().map(|file| file.name).collect()
}

fn read(files: &[TokenizerFile]) -> Tokenizer {
    let find = |name: &str| {
        files
            .iter()
            .find(|file| file.name == name)
            .map(|file| file.bytes.as_slice())
    };
    Tokenizer::from_files(&TokenizerFiles::from_directory(find).unwrap()).unwrap()
}

fn config(files: &[TokenizerFile]) -> Value {
    serde_json::from_slice(&files[1].bytes).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn both_dialects_are_read_again() {
    let tokenizer = Tokenizer::bytes().with_chat_template(TEMPLATE);
    for (dialect, expected) in [
        (
            ConfigDialect::Transformers4,
            [
                "tokenizer.json",
                "tokenizer_config.json",
                "special_tokens_map.json",
                "chat_template.jinja",
            ]
            .as_slice(),
        ),
        (
            ConfigDialect::Transformers5,
            &["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"],
        ),
    ] {
        let files = tokenizer.files(dialect);
        assert_eq!(names(&files), expected);
        let again = read(&files);
        assert_eq!(again.json(), tokenizer.json());
        assert_eq!(again.special_token_ids(), tokenizer.special_token_ids());
        assert_eq!(again.chat_template(), Some(TEMPLATE));
        assert_eq!(again.encode_prompt("é").unwrap(), [256, 0xC3, 0xA9]);
        assert_eq!(again.files(dialect), files, "written again, they are the same");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_dialects_are_those_of_the_versions() {
    let tokenizer = Tokenizer::bytes().with_chat_template(TEMPLATE);
    let four = config(&tokenizer.files(ConfigDialect::Transformers4));
    let expected = json!({
        "bos_token": "<|bos|>", "eos_token": "<|eos|>", "pad_token": "<|pad|>", "clean_up_tokenization_spaces": false,
        "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE,
    });
    assert_eq!(four, expected);
    let five = config(&tokenizer.files(ConfigDialect::Transformers5));
    assert_eq!(five["tokenizer_class"], "TokenizersBackend");
    assert_eq!(five["backend"], "tokenizers");
    assert_eq!(five.get("chat_template"), None, "it has a file of its own");
    // Without the other files, the older dialect is still whole.
    let bytes = four.to_string();
    let alone = TokenizerFiles {
        tokenizer: tokenizer.json(),
        tokenizer_config: Some(bytes.as_bytes()),
        ..TokenizerFiles::default()
    };
    assert_eq!(
        Tokenizer::from_files(&alone).unwrap().chat_template(),
        Some(TEMPLATE)
    );
}

/// What is known of a read tokenizer stays as it was.
#[wasm_bindgen_test(unsupported = test)]
fn what_was_read_is_written() {
    let eos = json!({"content": "<|eos|>", "special": true});
    let original = json!({
        "bos_token": null, "eos_token": eos, "model_max_length": 77, "tokenizer_class": "Qwen2Tokenizer",
        "chat_template": [{"name": "tools", "template": "x"}, {"name": "default", "template": TEMPLATE}],
    });
    // Other white space than this program writes.
    let json = plain_bytes().to_string();
    let tokenizer = with_config(&plain_bytes(), &original);
    let files = tokenizer.files(ConfigDialect::Transformers4);
    assert_eq!(files[0].bytes, json.as_bytes());
    let written = config(&files);
    assert_eq!(written["bos_token"], Value::Null);
    assert_eq!(written["eos_token"], eos);
    assert_eq!(written["model_max_length"], 77);
    assert_eq!(written["tokenizer_class"], "Qwen2Tokenizer");
    assert_eq!(written["chat_template"], TEMPLATE);
    assert_eq!(written.get("clean_up_tokenization_spaces"), None);
    assert_eq!(files[2].bytes, b"{\n  \"eos_token\": \"<|eos|>\"\n}\n");

    let map = b"{ \"eos_token\":\"<|pad|>\" }";
    let read = TokenizerFiles {
        tokenizer: json.as_bytes(),
        special_tokens_map: Some(map),
        chat_template: Some(b"the file wins"),
        tokenizer_config: Some(b"{\"chat_template\": \"over the key\"}"),
        ..TokenizerFiles::default()
    };
    let tokenizer = Tokenizer::from_files(&read).unwrap();
    assert_eq!(tokenizer.chat_template(), Some("the file wins"));
    let files = tokenizer.files(ConfigDialect::Transformers5);
    assert_eq!(
        names(&files),
        [
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "chat_template.jinja"
        ]
    );
    assert_eq!(files[2].bytes, map);
    assert_eq!(config(&files)["eos_token"], "<|pad|>");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_directory_needs_tokenizer_json() {
    assert!(
        TokenizerFiles::from_directory(|name| (name == "config.json").then_some(b"{}".as_slice())).is_none()
    );
}
