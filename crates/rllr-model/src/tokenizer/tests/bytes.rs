//! The byte tokenizer, and what every tokenizer can do.

use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{ids, plain_bytes, sentence_piece, word_piece};
use crate::tokenizer::{SpecialTokens, TextToken, Tokenizer, TokenizerError};

/// Every character of Unicode, in texts of some thousand.
fn all_characters() -> Vec<String> {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    all.chunks(4096).map(|part| part.iter().collect()).collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn the_byte_tokenizer_gives_back_every_character() {
    let tokenizer = Tokenizer::bytes();
    for text in all_characters() {
        let found = tokenizer.encode(&text).unwrap();
        assert!(found == ids(&text), "ids are the bytes");
        assert!(
            tokenizer.decode(&found, SpecialTokens::Skip).unwrap() == text,
            "the text comes back"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn special_tokens_of_the_byte_tokenizer_are_behind_the_bytes() {
    let tokenizer = Tokenizer::bytes();
    assert_eq!(tokenizer.vocab_size(), 259);
    let special = tokenizer.special_token_ids();
    assert_eq!(
        (special.bos, special.eos, special.pad),
        (Some(256), Some(257), Some(258))
    );
    assert_eq!(special.stop, [257]);
    // Written in a text they are the tokens.
    let text = "<|bos|>é<|eos|>";
    let found = tokenizer.encode(text).unwrap();
    assert_eq!(found, [256, 0xC3, 0xA9, 257]);
    assert_eq!(tokenizer.decode(&found, SpecialTokens::Keep).unwrap(), text);
    assert_eq!(tokenizer.decode(&found, SpecialTokens::Skip).unwrap(), "é");
    assert_eq!(tokenizer.token(257).unwrap(), "<|eos|>");
    assert_eq!((tokenizer.id("<|pad|>"), tokenizer.id("none")), (Some(258), None));
    assert!(tokenizer.is_special(258) && !tokenizer.is_special(65) && !tokenizer.is_special(999));
}

/// What is written here is what the crate itself writes, byte for byte.
#[wasm_bindgen_test(unsupported = test)]
fn files_are_those_that_hugging_face_writes() {
    let ours = Tokenizer::bytes();
    let theirs: tokenizers::Tokenizer = serde_json::from_slice(ours.json()).unwrap();
    let written = serde_json::to_string_pretty(&theirs).unwrap();
    assert_eq!(String::from_utf8(ours.json().to_vec()).unwrap(), written);
}

#[wasm_bindgen_test(unsupported = test)]
fn ids_without_a_token_are_named() {
    let tokenizer = Tokenizer::bytes();
    let error = tokenizer.decode(&[65, 259], SpecialTokens::Skip).unwrap_err();
    assert_eq!(
        error.to_string(),
        "id 1 is 259, and this tokenizer has no such token; its ids are below 259"
    );
    assert_eq!(tokenizer.decode(&[], SpecialTokens::Keep).unwrap(), "");
    assert_eq!(tokenizer.decode(&[256], SpecialTokens::Skip).unwrap(), "");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_model_needs_every_id() {
    let tokenizer = Tokenizer::bytes();
    assert!(tokenizer.check_fits(259).is_ok() && tokenizer.check_fits(320).is_ok());
    let error = tokenizer.check_fits(258).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("token \"<|pad|>\" has id 258, but the model has 258 ids"),
        "{error}"
    );
    // Ids may have holes; what counts is the largest.
    let mut json = word_piece();
    json["model"]["vocab"]["c"] = json!(60);
    json["added_tokens"].as_array_mut().unwrap().pop();
    let holes = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(holes.vocab_size(), 61);
    assert!(matches!(
        holes.decode(&[6], SpecialTokens::Skip),
        Err(TokenizerError::UnknownId { found: 6, .. })
    ));
}

#[wasm_bindgen_test(unsupported = test)]
fn tokens_say_where_they_come_from() {
    let tokenizer = Tokenizer::from_json(sentence_piece().to_string().as_bytes()).unwrap();
    let found = tokenizer.text_tokens("ab é a").unwrap();
    let expected = [
        (10, "▁ab", 0, 2),
        (3, "▁", 2, 3),
        (7, "<0xC3>", 3, 4),
        (8, "<0xA9>", 3, 4),
        (6, "▁a", 4, 6),
    ];
    let expected = expected.map(|(id, token, start, end)| TextToken {
        id,
        token: token.to_owned(),
        start,
        end,
    });
    assert_eq!(found, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_have_types() {
    let tokenizer = Tokenizer::from_json(word_piece().to_string().as_bytes()).unwrap();
    let pair = tokenizer.encode_pair("ab", "a x").unwrap();
    // The crate counts the last separator to the second text, as BERT does.
    assert_eq!(pair.ids, [1, 3, 4, 2, 3, 0, 2]);
    assert_eq!(pair.type_ids, [0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(tokenizer.encode_with_special_tokens("ab").unwrap(), [1, 3, 4, 2]);
    // Without a post-processor too.
    let plain = Tokenizer::from_json(plain_bytes().to_string().as_bytes()).unwrap();
    assert_eq!(plain.encode_pair("a", "b").unwrap().type_ids, [0, 1]);
}

/// Without a token for the unknown, the crate's message comes through.
#[wasm_bindgen_test(unsupported = test)]
fn texts_without_tokens_are_an_error() {
    let mut json = word_piece();
    json["model"]["unk_token"] = json!("[NONE]");
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode("a").unwrap(), [3]);
    let error = tokenizer.encode("axa").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the text \"axa\" cannot be encoded: "),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn words_have_their_leading_space() {
    let tokenizer = Tokenizer::bytes();
    assert_eq!(
        tokenizer.word_ids(&["yes", "no"]).unwrap(),
        [ids(" yes"), ids(" no")]
    );
    // Alone, " ab" would get the `▁` before a text too.
    let tokenizer = Tokenizer::from_json(sentence_piece().to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.word_ids(&["ab", "a"]).unwrap(), [[10], [6]]);
    assert_eq!(tokenizer.encode(" ab").unwrap(), [3, 10]);
    let error = tokenizer.continuation_ids("a", "b").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the word \"b\" melts into the text before it: behind \"a\" it has no tokens of its own"
    );
}

/// `truncation` and `padding` of a file would cut texts in silence.
#[wasm_bindgen_test(unsupported = test)]
fn a_file_cannot_cut_or_pad() {
    let mut json = plain_bytes();
    json["truncation"] =
        json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = json!({"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
                             "pad_id": 258, "pad_type_id": 0, "pad_token": "<|pad|>"});
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    for text in ["longer than three", "a"] {
        assert_eq!(tokenizer.encode(text).unwrap(), ids(text));
        assert_eq!(tokenizer.encode_with_special_tokens(text).unwrap(), ids(text));
        assert_eq!(tokenizer.text_tokens(text).unwrap().len(), text.len());
    }
}
