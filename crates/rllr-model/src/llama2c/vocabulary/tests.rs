use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::llama2c::test_vocabulary;

#[wasm_bindgen_test(unsupported = test)]
fn pieces_are_spelt_as_in_sentencepiece() {
    let bytes = test_vocabulary::bytes(&[(" t", -0.5), ("he", -1.0)]);
    let vocabulary = Llama2cVocabulary::parse(&bytes, FIRST_PIECE + 2).unwrap();
    let text = |id: usize| vocabulary.pieces[id].text.as_str();
    assert_eq!([text(0), text(1), text(2)], ["<unk>", "<s>", "</s>"]);
    assert_eq!([text(3), text(258)], ["<0x00>", "<0xFF>"]);
    assert_eq!(text(259), "\u{2581}t");
    assert_eq!(vocabulary.pieces[260].score, -1.0);
    assert_eq!(vocabulary.len(), 261);
    assert!(!vocabulary.is_empty());
}

/// A vocabulary with the learnt tokens 259 and 260.
fn small() -> Vec<u8> {
    test_vocabulary::bytes(&[("t", -0.5), ("he", -1.0)])
}

fn assert_refused(bytes: &[u8], vocab_size: usize, expected: &str) {
    let message = Llama2cVocabulary::parse(bytes, vocab_size)
        .unwrap_err()
        .to_string();
    assert!(message.contains(expected), "{message}\nexpected {expected}");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_vocabulary_of_another_length_is_refused() {
    let (bytes, size) = (small(), FIRST_PIECE + 2);
    // The last token is 4 bytes of score, 4 of length, 2 of text.
    for (missing, expected) in [
        (
            bytes.len(),
            "ends at byte 0 within the length of the longest token",
        ),
        (1, "within the text of token 260"),
        (3, "within the length of token 260"),
        (7, "within the score of token 260"),
    ] {
        assert_refused(&bytes[..bytes.len() - missing], size, expected);
    }
    assert_refused(&bytes, size + 1, "within the score of token 261");
    assert_refused(&bytes, usize::MAX, "within the score of token 261");
    let expected = "token 260: found 10 bytes more, expected the end of the file";
    assert_refused(&bytes, size - 1, expected);
    // Without the bytes.
    let few = &bytes[..4 + 13 + 13 + 14];
    assert_refused(few, 3, "token 3: found the end, expected 259 tokens");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_token_that_cannot_be_is_refused() {
    let (bytes, size) = (small(), FIRST_PIECE + 2);
    let changes: [(usize, &[u8], &str); 6] = [
        (
            6,
            &0i32.to_le_bytes(),
            "token 260: found 0 bytes, expected 1 to 8 bytes",
        ),
        (
            6,
            &(-1i32).to_le_bytes(),
            "token 260: found -1 bytes, expected 1 to 8 bytes",
        ),
        (6, &i32::MAX.to_le_bytes(), "token 260: found 2147483647 bytes"),
        (2, &[0xff], "token 260: found the bytes [ff, 65], expected UTF-8"),
        (10, &f32::NAN.to_le_bytes(), "token 260: found the score NaN"),
        (10, &f32::INFINITY.to_le_bytes(), "token 260: found the score inf"),
    ];
    for (from_end, new, expected) in changes {
        let mut changed = bytes.clone();
        changed[bytes.len() - from_end..][..new.len()].copy_from_slice(new);
        assert_refused(&changed, size, expected);
    }
    let twice = test_vocabulary::bytes(&[("t", -0.5), ("t", -1.0)]);
    assert_refused(&twice, size, "token 260: found \"t\" a second time");
    // The first tokens are fixed: here the second one is not the begin token.
    let mut other = bytes.clone();
    let begin = other.windows(5).position(|part| part == b"\n<s>\n").unwrap();
    other[begin] = b'x';
    let expected = "token 1: found \"x<s>\\n\", expected \"\\n<s>\\n\"";
    assert_refused(&other, size, expected);
}
