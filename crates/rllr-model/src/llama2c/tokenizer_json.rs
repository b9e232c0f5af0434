//! A vocabulary of llama2.c as a `tokenizer.json` of Hugging Face.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::vocabulary::{BLANK, FIRST_PIECE, Llama2cVocabulary, Piece};
use super::{BOS_TOKEN_ID, EOS_TOKEN_ID};

impl Llama2cVocabulary {
    /// The content of `tokenizer.json`: byte-pair encoding with byte fallback, a blank before the text, and the begin
    /// token before that.
    ///
    /// The form is that of transformers' conversion of Llama 2 (`LlamaConverter` in 5.23,
    /// `convert_slow_tokenizer.py`). llama2.c joins the pair with the best score, the leftmost of several; this
    /// tokenizer does the same, but for two pairs that give the *same* text and overlap, such as `a` `aa` `a`: there
    /// the one with the longer left part comes first, as everywhere in the field's fast tokenizers. And it knows the
    /// special tokens when a text spells them out.
    #[must_use]
    pub fn to_tokenizer_json(&self) -> Value {
        let vocab: Map<String, Value> = self
            .pieces
            .iter()
            .zip(0u32..)
            .map(|(piece, id)| (piece.text.clone(), json!(id)))
            .collect();
        let blank = BLANK.to_string();
        let name = |id: u32| self.pieces[id as usize].text.as_str();
        let special = |id: u32| {
            json!({
                "id": id, "content": name(id), "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        };
        let begin = json!({"SpecialToken": {"id": name(BOS_TOKEN_ID), "type_id": 0}});
        let sequence = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [special(0), special(BOS_TOKEN_ID), special(EOS_TOKEN_ID)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": blank},
                {"type": "Replace", "pattern": {"String": " "}, "content": blank},
            ]},
            "pre_tokenizer": null,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [begin, sequence("A")],
                "pair": [begin, sequence("A"), begin, sequence("B")],
                "special_tokens": {name(BOS_TOKEN_ID): {
                    "id": name(BOS_TOKEN_ID), "ids": [BOS_TOKEN_ID], "tokens": [name(BOS_TOKEN_ID)],
                }},
            },
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": blank}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ]},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": name(0), "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
                "vocab": vocab, "merges": merges(&self.pieces),
            },
        })
    }

    /// The content of `tokenizer_config.json`, for transformers 4 and 5; `model_max_length` is in tokens.
    #[must_use]
    pub fn to_tokenizer_config(&self, model_max_length: usize) -> Value {
        let name = |id: u32| self.pieces[id as usize].text.as_str();
        json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": name(BOS_TOKEN_ID),
            "eos_token": name(EOS_TOKEN_ID),
            "unk_token": name(0),
            "clean_up_tokenization_spaces": false,
            "model_max_length": model_max_length,
        })
    }
}

/// Which pairs are joined, the first ones first: a learnt piece is every pair of pieces that spell it.
///
/// Ordered by score, then by the length of the left and of the right part in characters, all descending, then by
/// the ids of the piece, of its left and of its right part. Source: `generate_merges` in transformers 5.23.
/// A pair is written as `left right`, which every version of tokenizers reads; no piece holds a blank.
fn merges(pieces: &[Piece]) -> Vec<String> {
    let learnt: HashMap<&str, usize> = pieces
        .iter()
        .enumerate()
        .skip(FIRST_PIECE)
        .map(|(id, piece)| (piece.text.as_str(), id))
        .collect();
    let mut merges = Vec::new();
    for (id, Piece { text, score }) in pieces.iter().enumerate().skip(FIRST_PIECE) {
        for (middle, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(middle);
            if let (Some(&left_id), Some(&right_id)) = (learnt.get(left), learnt.get(right)) {
                let lengths = (left.chars().count(), right.chars().count());
                merges.push((
                    (*score, lengths, id, left_id, right_id),
                    format!("{left} {right}"),
                ));
            }
        }
    }
    merges.sort_by(|(a, _), (b, _)| {
        b.0.total_cmp(&a.0)
            .then_with(|| (Reverse(a.1), a.2, a.3, a.4).cmp(&(Reverse(b.1), b.2, b.3, b.4)))
    });
    merges.into_iter().map(|(_, merge)| merge).collect()
}

#[cfg(test)]
mod tests;
