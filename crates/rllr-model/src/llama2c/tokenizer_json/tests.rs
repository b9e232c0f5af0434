use std::str::FromStr as _;

use tokenizers::Tokenizer;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::llama2c::test_vocabulary;

/// Learnt pieces in the order of their ids: single characters last, as `SentencePiece` puts them.
const PIECES: [(&str, f32); 18] = [
    (" t", 0.0),
    ("he", -1.0),
    (" the", -2.0),
    ("the", -3.0),
    (" a", -4.0),
    ("aa", -5.0),
    ("éb", -6.0),
    ("heé", -7.0),
    (" ", -8.0),
    ("t", -9.0),
    ("h", -10.0),
    ("e", -11.0),
    ("a", -12.0),
    ("b", -13.0),
    ("é", -14.0),
    ("\u{1f600}", -15.0),
    ("<", -16.0),
    ("<0", -17.0),
];

fn vocabulary() -> Llama2cVocabulary {
    let bytes = test_vocabulary::bytes(&PIECES);
    Llama2cVocabulary::parse(&bytes, FIRST_PIECE + PIECES.len()).unwrap()
}

/// Texts with blanks, as the file holds them.
fn in_file(vocabulary: &Llama2cVocabulary) -> Vec<(String, f32)> {
    let text = |id: usize, text: &str| match id {
        1 | 2 => format!("\n{text}\n"),
        _ => text.replace(BLANK, " "),
    };
    let pieces = vocabulary.pieces.iter().enumerate();
    pieces
        .map(|(id, piece)| (text(id, &piece.text), piece.score))
        .collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_are_ordered_by_score_and_then_by_length() {
    assert_eq!(
        merges(&vocabulary().pieces),
        [
            "\u{2581} t",
            "h e",
            // " the": the longer left part first.
            "\u{2581}t he",
            "\u{2581} the",
            "t he",
            "\u{2581} a",
            "a a",
            "é b",
            "he é",
            // "<0" is no pair of learnt pieces: there is no "0". And no byte's name is joined from parts.
        ]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn tokenizers_gives_the_ids_of_llama2c() {
    let vocabulary = vocabulary();
    let tokenizer = Tokenizer::from_str(&vocabulary.to_tokenizer_json().to_string()).unwrap();
    let pieces = in_file(&vocabulary);
    assert_eq!(tokenizer.get_vocab_size(true), pieces.len());
    let texts = [
        "",
        " ",
        "  ",
        "the",
        "the the  the",
        "a aa aaa aaaa",
        "heéb",
        "bthe theé",
        "x",
        "unknown ħ\u{4f60}\u{1f600}\u{1f601}\n\ttab",
        "trailing ",
        " leading",
        "<0x41>",
        "1 < 2",
    ];
    for text in texts {
        let encoding = tokenizer.encode(text, true).unwrap();
        assert_eq!(
            encoding.get_ids(),
            test_vocabulary::encode(&pieces, text),
            "{text:?}"
        );
        let decoded = tokenizer.decode(encoding.get_ids(), true).unwrap();
        assert_eq!(decoded, text, "a text comes back as it was");
    }
    let plain = tokenizer.encode("the", false).unwrap();
    assert_eq!(plain.get_tokens(), ["\u{2581}the"], "without the begin token");
    let pair = tokenizer.encode(("a", "b"), true).unwrap();
    assert_eq!(pair.get_tokens(), ["<s>", "\u{2581}a", "<s>", "\u{2581}", "b"]);
}

/// The one difference, so that nobody learns of it by surprise.
#[wasm_bindgen_test(unsupported = test)]
fn special_tokens_are_known_in_a_text() {
    let vocabulary = vocabulary();
    let tokenizer = Tokenizer::from_str(&vocabulary.to_tokenizer_json().to_string()).unwrap();
    let ids = tokenizer.encode("</s>", false).unwrap().get_ids().to_vec();
    assert_eq!(ids, [EOS_TOKEN_ID]);
    let config = vocabulary.to_tokenizer_config(512);
    assert_eq!(
        (&config["bos_token"], &config["eos_token"]),
        (&json!("<s>"), &json!("</s>"))
    );
}
