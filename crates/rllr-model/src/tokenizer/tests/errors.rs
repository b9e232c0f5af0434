//! Files that are refused, with what they say. Without the checks the crate panics on most of them, at once or at some
//! text; the example `fuzz_tokenizer` looks for more.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{plain_bytes, sentence_piece, special, word_piece};
use crate::tokenizer::Tokenizer;

fn error(json: &Value) -> String {
    Tokenizer::from_json(json.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

/// Checks a valid file with one value replaced.
fn check(base: Value, pointer: &str, value: Value, expected: &str) {
    assert!(
        Tokenizer::from_json(base.to_string().as_bytes()).is_ok(),
        "the file is valid before"
    );
    let mut json = base;
    *json.pointer_mut(pointer).unwrap() = value;
    assert_eq!(error(&json), format!("tokenizer.json, {expected}"));
}

#[wasm_bindgen_test(unsupported = test)]
fn damaged_json_is_an_error() {
    let json = plain_bytes().to_string();
    // Cut inside the decoder, where the crate's reader panics.
    let end = json.find("\"decoder\":{").unwrap() + 20;
    let message = Tokenizer::from_json(&json.as_bytes()[..end])
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("tokenizer.json is not readable JSON: EOF while parsing"),
        "{message}"
    );
    assert!(Tokenizer::from_json(b"").is_err());
    assert_eq!(
        error(&json!([])),
        "tokenizer.json, the whole file: found a list of 0, expected an object"
    );
    assert_eq!(
        error(&json!({"version": "2.0"})),
        "tokenizer.json, version: found \"2.0\", expected \"1.0\""
    );
    assert_eq!(
        error(&json!({})),
        "tokenizer.json, model: found nothing, expected an object"
    );
    let deep = "[".repeat(100_000);
    assert!(
        Tokenizer::from_json(deep.as_bytes()).is_err(),
        "no stack overflow"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn vocabularies_that_do_not_fit_are_refused() {
    let vocab = "/model/vocab/a";
    check(
        word_piece(),
        vocab,
        json!(-1),
        "model.vocab, token \"a\": found -1, expected an id",
    );
    check(
        word_piece(),
        vocab,
        json!(4),
        "model.vocab, token \"##b\": found id 4 again, expected an id of its own",
    );
    let expected = "model.vocab, token \"a\": found 16777216, expected an id below 16777216";
    check(word_piece(), vocab, json!(1 << 24), expected);
    let expected = "model.vocab: found a list of 0, expected an object of tokens and ids";
    check(sentence_piece(), "/model/vocab", json!([]), expected);
    let expected = "model.type: found GPT, expected BPE, WordPiece, WordLevel or Unigram";
    check(sentence_piece(), "/model/type", json!("GPT"), expected);
    let unigram = json!({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], ["a", -1]]}});
    let expected = "model.vocab[1]: found \"?\" again, expected each token once";
    check(unigram.clone(), "/model/vocab/1/0", json!("?"), expected);
    let expected = "model.vocab[1]: found a list of 2, expected a token that is not empty, and its score";
    check(unigram, "/model/vocab/1/0", json!(""), expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn merges_that_do_not_fit_are_refused() {
    let merges = "/model/merges";
    let cases = [
        (
            json!(["a é"]),
            "model.merges[0]: found \"é\", expected a token of model.vocab",
        ),
        (
            json!(["▁ a", ["Label", "Label"]]),
            "model.merges[1]: found \"LabelLabel\", expected a token of model.vocab",
        ),
        (
            json!(["a b c"]),
            "model.merges[0]: found \"a b c\", expected two tokens",
        ),
        (json!(null), "model.merges: found null, expected a list"),
    ];
    for (value, expected) in cases {
        check(sentence_piece(), merges, value, expected);
    }
    let mut json = sentence_piece();
    json["model"]["continuing_subword_prefix"] = json!("ß");
    let expected =
        "tokenizer.json, model.merges[0]: found \"a\", expected a second token that begins with \"ß\"";
    assert_eq!(error(&json), expected);
    let mut json = sentence_piece();
    json["model"]["dropout"] = json!(0.5);
    let expected = "tokenizer.json, model.dropout: found 0.5, expected null: with dropout a text has other tokens each time";
    assert_eq!(error(&json), expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn added_tokens_that_do_not_fit_are_refused() {
    let last = |json: &Value| json["added_tokens"].as_array().unwrap().len() - 1;
    let base = word_piece();
    let (content, id) = (
        format!("/added_tokens/{}/content", last(&base)),
        format!("/added_tokens/{}/id", last(&base)),
    );
    check(
        base.clone(),
        &content,
        json!(""),
        "added_tokens[3].content: found an empty text, expected a text",
    );
    let expected = "added_tokens[3].id: found 7, expected 6, which model.vocab gives \"c\"";
    check(base.clone(), &content, json!("c"), expected);
    let expected = "added_tokens[3].id: found 3, expected an id that no token of model.vocab has";
    check(base.clone(), &id, json!(3), expected);
    // The crate would give it 7.
    let expected = "added_tokens[3].id: found 9 for \"[MASK]\", expected the ids behind model.vocab, in order and without holes";
    check(base.clone(), &id, json!(9), expected);
    let mut json = base.clone();
    json["added_tokens"].as_array_mut().unwrap().push(special(7, "x"));
    assert_eq!(
        error(&json),
        "tokenizer.json, added_tokens[4].id: found 7, expected an id of its own"
    );

    // The normaliser removes control characters: the crate would look for an empty text.
    let mut json = base.clone();
    json["added_tokens"][3]["normalized"] = json!(true);
    json["added_tokens"][3]["content"] = json!("\u{1}");
    let expected = "tokenizer.json, added_tokens[3]: found \"\\u{1}\", of which the normalizer leaves nothing, expected a \
                    token that is not normalized";
    assert_eq!(error(&json), expected);
    let mut json = base;
    json["added_tokens"][3]["rstrip"] = json!(true);
    json["added_tokens"]
        .as_array_mut()
        .unwrap()
        .push(special(8, "\n"));
    let expected = "tokenizer.json, added_tokens[3]: found rstrip of \"[MASK]\" beside \"\\n\", expected no other token that \
                    begins with white space";
    assert_eq!(error(&json), expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn components_that_panic_are_refused() {
    let none = |part: &str| format!("{part}.type: found \"None\", expected one of ");
    for part in ["normalizer", "pre_tokenizer", "decoder", "post_processor"] {
        let mut json = plain_bytes();
        json[part] = json!({"type": "None"});
        let message = error(&json);
        assert!(
            message.starts_with(&format!("tokenizer.json, {}", none(part))),
            "{message}"
        );
    }
    let cases = [
        (
            "normalizer",
            json!({"type": "Prepend", "prepend": ""}),
            "normalizer.prepend: found an empty text, expected a text",
        ),
        (
            "normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            "normalizer.type: found \"Precompiled\", expected one of NFC, NFD, NFKC, NFKD, Nmt, Lowercase, StripAccents, \
             ByteLevel, Strip, Prepend, Replace, BertNormalizer, Sequence",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": [{"type": "FixedLength", "length": 0}]}),
            "pre_tokenizer.pretokenizers[0].length: found 0, expected at least 1",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Split", "pattern": {"Regex": "a".repeat(20_000)}, "behavior": "Isolated", "invert": false}),
            "pre_tokenizer.pattern: found 20000 bytes, expected at most 16384 bytes",
        ),
        (
            "decoder",
            json!({"type": "Strip", "content": " ", "start": 0, "stop": 1}),
            "decoder.stop: found 1, expected 0",
        ),
        (
            "decoder",
            json!(7),
            "decoder: found 7, expected an object or null",
        ),
    ];
    for (part, value, expected) in cases {
        check(plain_bytes(), &format!("/{part}"), value, expected);
    }
    // A pattern that the regular expressions do not know is the crate's own error.
    let mut json = plain_bytes();
    json["pre_tokenizer"] =
        json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false});
    assert!(
        error(&json).starts_with("tokenizer.json cannot be used: "),
        "{}",
        error(&json)
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn patterns_that_may_match_nothing_are_refused_before_the_text() {
    let normalizer = |pattern: Value| json!({"type": "Replace", "pattern": pattern, "content": "x"});
    for pattern in [
        "", "^", "\\b", "a*", "(?=a)", "a|", "a{0,2}", "a?", "\\z", "$", "()+", "[]a]", "\\",
    ] {
        let mut json = plain_bytes();
        json["normalizer"] = normalizer(json!({"Regex": pattern}));
        let expected = format!(
            "tokenizer.json, normalizer.pattern: found {pattern:?}, expected a pattern that always takes a"
        );
        assert!(error(&json).starts_with(&expected), "{pattern}: {}", error(&json));
    }
    // What published tokenizers have.
    for (pattern, text, expected) in [
        (json!({"Regex": " {2,}"}), "a   b", "axb"),
        (json!({"Regex": "\\s+"}), "a \n b", "axb"),
        (json!({"Regex": "[\\n\\]?*]+b"}), "a?]*\nb", "ax"),
        (json!({"Regex": "[^a]"}), "ab?", "axx"),
        (json!({"Regex": "\\."}), "a.", "ax"),
        (json!({"String": "b"}), "ab", "ax"),
    ] {
        let mut json = plain_bytes();
        json["normalizer"] = normalizer(pattern);
        let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
        assert_eq!(
            tokenizer.encode(text).unwrap(),
            super::fixtures::ids(expected),
            "{text:?}"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn templates_that_do_not_fit_are_refused() {
    let part = "/post_processor";
    let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
    let cases = [
        (
            "/single/1/Sequence/id",
            json!("B"),
            "single: found 1 texts, expected the text A once",
        ),
        (
            "/single",
            json!([]),
            "single: found 0 texts, expected the text A once",
        ),
        (
            "/pair",
            json!([text("A"), text("A")]),
            "pair: found 2 texts, expected the texts A and B once each",
        ),
        (
            "/single/0/SpecialToken/id",
            json!("<x>"),
            "single: found \"<x>\", expected a key of special_tokens",
        ),
        (
            "/special_tokens/<s>/ids",
            json!([]),
            "special_tokens, \"<s>\": found 0 ids and 1 tokens, expected as many ids as tokens",
        ),
        (
            "/special_tokens/<s>/ids/0",
            json!(99),
            "special_tokens, \"<s>\": found id 99 for \"<s>\", expected the id of a token",
        ),
    ];
    for (pointer, value, expected) in cases {
        check(
            sentence_piece(),
            &format!("{part}{pointer}"),
            value,
            &format!("post_processor.{expected}"),
        );
    }
    check(
        word_piece(),
        "/post_processor/cls/1",
        json!(77),
        "post_processor.cls: found id 77 for \"[CLS]\", expected the id of a token",
    );
    let template = sentence_piece()["post_processor"].clone();
    let twice = json!({"type": "Sequence", "processors": [template, template]});
    let expected = "post_processor.processors[1]: found a second one, expected at most one processor that adds special tokens";
    check(sentence_piece(), part, twice, expected);
    let missing = json!({"type": "TemplateProcessing", "single": [text("A")]});
    let expected = "post_processor: found missing field `pair`, expected the keys of TemplateProcessing";
    check(sentence_piece(), part, missing, expected);
}
