//! What the cases are made of.

use std::error::Error;

use rllr_model::tokenizer::BpeTrainingConfig;
use rllr_model::{Tokenizer, train_byte_level_bpe};
use serde_json::{Value, json};

/// Small files of every kind.
pub(crate) fn valid_files() -> Result<Vec<Value>, Box<dyn Error>> {
    let config = BpeTrainingConfig {
        vocab_size: 300,
        ..BpeTrainingConfig::default()
    };
    let trained = train_byte_level_bpe(["low lower lowest, low lower", "new newer newest"], &config)?;
    let token = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    });
    let sentence_piece = json!({
        "version": "1.0", "truncation": null, "padding": {"strategy": {"Fixed": 128}},
        "added_tokens": [token(0, "<unk>"), token(1, "<s>"), token(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null, "post_processor": template,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
            "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "<0xC3>": 7, "<0xA9>": 8,
                      "ab": 9, "▁ab": 10},
            "merges": ["▁ a", "a b", "▁a b"]},
    });
    let word_piece = json!({
        "added_tokens": [token(0, "[UNK]"), token(1, "[CLS]"), token(2, "[SEP]"), token(7, "[MASK]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 8,
                  "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4, "##a": 5, "é": 6}},
    });
    let unigram = json!({
        "added_tokens": [token(0, "<unk>")], "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": null, "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true},
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
                  "vocab": [["<unk>", 0.0], ["▁", -1.5], ["a", -2.0], ["▁a", -1.0], ["é", -3.0], ["ab", -2.5]]},
    });
    let word_level = json!({
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
        "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "é": 3}},
    });
    let bytes = |tokenizer: &Tokenizer| serde_json::from_slice::<Value>(tokenizer.json());
    Ok(vec![
        bytes(&Tokenizer::bytes())?,
        bytes(&trained)?,
        sentence_piece,
        word_piece,
        unigram,
        word_level,
    ])
}

/// Parts of every kind under the keys where they belong, and `values`, which belong nowhere: an object in JSON.
pub(crate) const PARTS: &str = r###"{
"values": [null, true, 0, 1, -1, 2, 5, 4294967295, 1e300, 0.5, "", " ", "a", "é", "▁", "<s>", "  \n", "e\u0301", [], {},
    {"type": "Nothing"}, ["a", "b"], ["b", "a"], ["ab", -1.0],
    {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
"normalizer": [{"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Nmt"}, {"type": "Lowercase"},
    {"type": "StripAccents"}, {"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "ByteLevel"},
    {"type": "Strip", "strip_left": false, "strip_right": true},
    {"type": "Prepend", "prepend": " "}, {"type": "Prepend", "prepend": ""}, {"type": "Prepend", "prepend": "é\u0301"},
    {"type": "Replace", "pattern": {"String": ""}, "content": "b"},
    {"type": "Replace", "pattern": {"String": "a"}, "content": "  "},
    {"type": "Replace", "pattern": {"Regex": "\\s*"}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "(a|aa)+(?=b)|$"}, "content": "ab"},
    {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "▁"}, {"type": "Replace", "pattern": {"Regex": "(?<=b)"}, "content": "🙂"},
    {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": true, "lowercase": true},
    {"type": "Precompiled", "precompiled_charsmap": "AAAA"}],
"pre_tokenizer": [{"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "UnicodeScripts"},
    {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
    {"type": "Delimiter", "delimiter": "a"}, {"type": "Digits", "individual_digits": true}, {"type": "Digits", "individual_digits": false},
    {"type": "FixedLength", "length": 3}, {"type": "FixedLength", "length": 0},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false},
    {"type": "Metaspace", "replacement": " ", "prepend_scheme": "always", "split": true},
    {"type": "Punctuation", "behavior": "MergedWithNext"}, {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "Split", "pattern": {"Regex": "\\s+(?!\\S)|\\s+"}, "behavior": "MergedWithPrevious", "invert": true},
    {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false},
    {"type": "Split", "pattern": {"Regex": "(?=a)"}, "behavior": "Removed", "invert": true}],
"decoder": [{"type": "Fuse"}, {"type": "ByteFallback"}, {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "BPEDecoder", "suffix": ""},
    {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
    {"type": "Replace", "pattern": {"Regex": "\\s"}, "content": ""}, {"type": "Replace", "pattern": {"String": ""}, "content": "-"},
    {"type": "Strip", "content": "a", "start": 2, "stop": 1}, {"type": "Strip", "content": " ", "start": 3, "stop": 0},
    {"type": "WordPiece", "prefix": "", "cleanup": true}, {"type": "WordPiece", "prefix": "##", "cleanup": false},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "", "cleanup": true}],
"post_processor": [
    {"type": "RobertaProcessing", "sep": ["x", 2], "cls": ["y", 1], "trim_offsets": true, "add_prefix_space": true},
    {"type": "BertProcessing", "sep": ["x", 2], "cls": ["y", 99]},
    {"type": "ByteLevel", "sep": ["x", 2], "cls": ["y", 1], "trim_offsets": true, "add_prefix_space": true},
    {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
     "pair": [{"Sequence": {"id": "B", "type_id": 7}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {}},
    {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B", "type_id": 0}}], "pair": [], "special_tokens": {}}],
"model": [{"type": "BPE", "vocab": {}, "merges": []}, {"vocab": [], "unk_id": null}, {"type": "Unigram", "unk_id": 3, "vocab": [["a", -1]]},
    {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "", "max_input_chars_per_word": 0, "vocab": {"a": 0}},
    {"type": "BPE", "continuing_subword_prefix": "é", "end_of_word_suffix": "b", "unk_token": "none",
     "vocab": {"a": 0, "éa": 1, "aa": 2, "bb": 3, "é": 4, "éb": 9}, "merges": ["a éa", "é éa"]}],
"added_tokens": [[], [{"id": 0, "content": "a"}]]
}"###;
