//! Small tokenizers of the kinds that differ.

use serde_json::{Value, json};

use crate::tokenizer::{Tokenizer, TokenizerFiles};

/// An added token that is special.
pub(super) fn special(id: u32, content: &str) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true})
}

/// As Llama 2: `▁` for spaces and before the text, byte tokens, BOS by the post-processor, no splitting.
pub(super) fn sentence_piece() -> Value {
    json!({
        "version": "1.0",
        "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
            "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "<0xC3>": 7, "<0xA9>": 8,
                      "ab": 9, "▁ab": 10, ":": 11, "<0x0A>": 12, "Label": 13, "▁Label": 14},
            "merges": ["▁ a", "a b", "▁a b", "▁ Label"]},
    })
}

/// As BERT: lower case, pieces of words, two special tokens around a text.
pub(super) fn word_piece() -> Value {
    json!({
        "added_tokens": [special(0, "[UNK]"), special(1, "[CLS]"), special(2, "[SEP]"), special(7, "[MASK]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 8,
                  "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4, "##a": 5, "c": 6}},
    })
}

/// As GPT-2: one special token, which the post-processor does not add.
pub(super) fn plain_bytes() -> Value {
    let mut json: Value = serde_json::from_slice(Tokenizer::bytes().json()).unwrap();
    json["post_processor"] = Value::Null;
    json
}

/// A tokenizer of a file and a `tokenizer_config.json`.
pub(super) fn with_config(tokenizer: &Value, config: &Value) -> Tokenizer {
    Tokenizer::from_files(&TokenizerFiles {
        tokenizer: tokenizer.to_string().as_bytes(),
        tokenizer_config: Some(config.to_string().as_bytes()),
        ..TokenizerFiles::default()
    })
    .unwrap()
}

/// Bytes of the byte tokenizer: their ids.
pub(super) fn ids(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}
