//! Text of ids that arrive one by one.

use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{sentence_piece, word_piece};
use crate::tokenizer::{SpecialTokens, Tokenizer};

/// The pieces that come out after each id, and at the end.
fn pieces(tokenizer: &Tokenizer, ids: &[u32], special_tokens: SpecialTokens) -> Vec<String> {
    let mut decoder = tokenizer.stream_decoder(special_tokens);
    let mut pieces: Vec<String> = ids.iter().map(|id| decoder.push(*id).unwrap()).collect();
    pieces.push(decoder.finish().unwrap());
    let whole = tokenizer.decode(ids, special_tokens).unwrap();
    assert_eq!(pieces.concat(), whole, "all pieces are the whole text");
    pieces
}

#[wasm_bindgen_test(unsupported = test)]
fn a_character_comes_out_when_it_is_whole() {
    let tokenizer = Tokenizer::bytes();
    let ids = tokenizer.encode("a🙂é").unwrap();
    let expected = ["a", "", "", "", "🙂", "", "é", ""];
    assert_eq!(pieces(&tokenizer, &ids, SpecialTokens::Skip), expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn broken_characters_come_out_when_that_is_certain() {
    let tokenizer = Tokenizer::bytes();
    // Half a character and a letter; half a character at the end.
    let ids = [0xF0, 0x9F, 0x61, 0xC3];
    assert_eq!(
        pieces(&tokenizer, &ids, SpecialTokens::Skip),
        ["", "", "\u{FFFD}a", "", "\u{FFFD}"]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn special_tokens_are_kept_or_left_out() {
    let tokenizer = Tokenizer::bytes();
    let ids = [0x61, 257, 0x62];
    assert_eq!(pieces(&tokenizer, &ids, SpecialTokens::Skip), ["a", "", "b", ""]);
    assert_eq!(
        pieces(&tokenizer, &ids, SpecialTokens::Keep),
        ["a", "<|eos|>", "b", ""]
    );
}

/// A broken byte token spoils whole characters before it: they wait.
#[wasm_bindgen_test(unsupported = test)]
fn byte_tokens_wait_for_what_follows() {
    let tokenizer = Tokenizer::from_json(sentence_piece().to_string().as_bytes()).unwrap();
    let ids = [6, 7, 8, 4, 7, 8, 7];
    let expected = ["a", "", "", "éa", "", "", "", "\u{FFFD}\u{FFFD}\u{FFFD}"];
    assert_eq!(pieces(&tokenizer, &ids, SpecialTokens::Skip), expected);
    // The space before a text is not part of it; the one before a word is.
    assert_eq!(
        pieces(&tokenizer, &[3, 6, 6], SpecialTokens::Skip),
        ["", " a", " a", ""]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn pieces_of_words_join() {
    let tokenizer = Tokenizer::from_json(word_piece().to_string().as_bytes()).unwrap();
    assert_eq!(
        pieces(&tokenizer, &[3, 4, 6, 5], SpecialTokens::Skip),
        ["a", "b", " c", "a", ""]
    );
}
