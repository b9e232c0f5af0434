//! Where BOS, EOS and PAD come from.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{plain_bytes, sentence_piece};
use crate::tokenizer::{SpecialTokenIds, Tokenizer, TokenizerError, TokenizerFiles};

/// The roles that these files give the byte tokenizer's special tokens 256, 257 and 258.
fn roles(
    config: Value,
    map: Value,
    generation: Value,
    model: Value,
) -> Result<SpecialTokenIds, TokenizerError> {
    let [tokenizer, config, map, generation, model] =
        [plain_bytes(), config, map, generation, model].map(|json| json.to_string().into_bytes());
    let files = TokenizerFiles {
        tokenizer: &tokenizer,
        tokenizer_config: Some(&config),
        special_tokens_map: Some(&map),
        generation_config: Some(&generation),
        config: Some(&model),
        chat_template: None,
    };
    Ok(Tokenizer::from_files(&files)?.special_token_ids().clone())
}

fn ids(bos: Option<u32>, eos: Option<u32>, pad: Option<u32>, stop: &[u32]) -> SpecialTokenIds {
    SpecialTokenIds {
        bos,
        eos,
        pad,
        stop: stop.to_vec(),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn both_dialects_name_tokens() {
    let none = || json!({});
    let names = json!({"bos_token": "<|bos|>", "eos_token": {"content": "<|eos|>", "special": true}, "pad_token": null});
    let expected = ids(Some(256), Some(257), None, &[257]);
    assert_eq!(roles(names.clone(), none(), none(), none()).unwrap(), expected);
    assert_eq!(roles(none(), names, none(), none()).unwrap(), expected);
    let numbers = json!({"bos_token_id": 256, "eos_token_id": [257, 258], "pad_token_id": -1});
    let expected = ids(Some(256), Some(257), None, &[257, 258]);
    assert_eq!(roles(none(), none(), numbers.clone(), none()).unwrap(), expected);
    assert_eq!(roles(none(), none(), none(), numbers).unwrap(), expected);
    assert_eq!(
        roles(none(), none(), none(), none()).unwrap(),
        ids(None, None, None, &[])
    );
}

/// Llama 3's chat models: the tokenizer ends a turn, the generation ends with any of several tokens.
#[wasm_bindgen_test(unsupported = test)]
fn the_tokenizer_wins_and_all_ends_stop() {
    let found = roles(
        json!({"eos_token": "<|eos|>"}),
        json!({"eos_token": "<|pad|>", "pad_token": "<|pad|>"}),
        json!({"eos_token_id": [258, 65]}),
        json!({"eos_token_id": 66, "bos_token_id": 256}),
    );
    assert_eq!(
        found.unwrap(),
        ids(Some(256), Some(257), Some(258), &[65, 257, 258])
    );
}

/// Qwen: `null` says that there is no BOS, and the id in `config.json` is not used.
#[wasm_bindgen_test(unsupported = test)]
fn a_bos_of_null_is_none() {
    let model = json!({"bos_token_id": 256});
    let found = roles(json!({"bos_token": null}), json!({}), json!({}), model);
    assert_eq!(found.unwrap().bos, None);
}

#[wasm_bindgen_test(unsupported = test)]
fn tokenizer_json_alone_tells_bos() {
    let tokenizer = Tokenizer::from_json(sentence_piece().to_string().as_bytes()).unwrap();
    assert_eq!(*tokenizer.special_token_ids(), ids(Some(1), None, None, &[]));
    assert_eq!(tokenizer.encode_prompt("<s>a").unwrap(), [1, 6]);
}

#[wasm_bindgen_test(unsupported = test)]
fn roles_that_do_not_fit_are_refused() {
    let none = || json!({});
    let cases = [
        (
            roles(json!({"bos_token": "<s>"}), none(), none(), none()),
            "tokenizer_config.json, bos_token: found \"<s>\", expected a token of tokenizer.json",
        ),
        (
            roles(json!({"eos_token": 3}), none(), none(), none()),
            "tokenizer_config.json, eos_token: found 3, expected a text, or an object with `content`",
        ),
        (
            roles(none(), json!({"pad_token": {}}), none(), none()),
            "special_tokens_map.json, pad_token.content: found nothing, expected a text",
        ),
        (
            roles(none(), none(), json!({"eos_token_id": [257, 259]}), none()),
            "generation_config.json, eos_token_id: found 259, expected the id of a token of tokenizer.json",
        ),
        (
            roles(none(), none(), none(), json!({"bos_token_id": "256"})),
            "config.json, bos_token_id: found \"256\", expected the id of a token of tokenizer.json",
        ),
        (
            roles(json!({"add_bos_token": true}), none(), none(), none()),
            "tokenizer_config.json, add_bos_token: found true, and no bos_token, expected a bos_token beside it",
        ),
        (
            roles(json!([]), none(), none(), none()),
            "tokenizer_config.json, the whole file: found a list of 0, expected an object",
        ),
        (
            roles(
                json!({"chat_template": [{"name": "tools"}]}),
                none(),
                none(),
                none(),
            ),
            "tokenizer_config.json, chat_template: found nothing, expected a text, or a list with a template named default",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found.unwrap_err().to_string(), expected);
    }
}
