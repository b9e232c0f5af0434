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

#[wasm_bindgen_test(unsupported = test)]
fn a_vocabulary_that_cannot_be_is_refused() {
    let pieces = [("t", -0.5), ("he", -1.0)];
    let bytes = test_vocabulary::bytes(&pieces);
    let size = FIRST_PIECE + 2;
    let length = bytes.len();
    // The last token is 4 bytes of score, 4 of length, 2 of text.
    let with = |from_end: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[length - from_end..][..new.len()].copy_from_slice(new);
        changed
    };
    let cases = [
        (
            Vec::new(),
            size,
            "ends at byte 0 within the length of the longest token",
        ),
        (bytes[..length - 1].to_vec(), size, "within the text of token 260"),
        (
            bytes[..length - 3].to_vec(),
            size,
            "within the length of token 260",
        ),
        (
            bytes[..length - 7].to_vec(),
            size,
            "within the score of token 260",
        ),
        (bytes.clone(), size + 1, "within the score of token 261"),
        (bytes.clone(), usize::MAX, "within the score of token 261"),
        (
            bytes.clone(),
            size - 1,
            "token 260: found 10 bytes more, expected the end of the file",
        ),
        (
            with(6, &0i32.to_le_bytes()),
            size,
            "token 260: found 0 bytes, expected 1 to 8 bytes",
        ),
        (
            with(6, &(-1i32).to_le_bytes()),
            size,
            "token 260: found -1 bytes, expected 1 to 8 bytes",
        ),
        (
            with(6, &i32::MAX.to_le_bytes()),
            size,
            "token 260: found 2147483647 bytes",
        ),
        (
            with(2, &[0xff]),
            size,
            "token 260: found the bytes [ff, 65], expected UTF-8",
        ),
        (
            with(10, &f32::NAN.to_le_bytes()),
            size,
            "token 260: found the score NaN",
        ),
        (
            test_vocabulary::bytes(&[("t", -0.5), ("t", -1.0)]),
            size,
            "token 260: found \"t\" a second time",
        ),
    ];
    for (bytes, size, expected) in cases {
        let message = Llama2cVocabulary::parse(&bytes, size).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}\nexpected {expected}");
    }
    // The first tokens are fixed: here the second one is not the begin token.
    let mut other = bytes.clone();
    let begin = other.windows(5).position(|part| part == b"\n<s>\n").unwrap();
    other[begin] = b'x';
    let message = Llama2cVocabulary::parse(&other, size).unwrap_err().to_string();
    assert!(
        message.contains("token 1: found \"x<s>\\n\", expected \"\\n<s>\\n\""),
        "{message}"
    );
    // A vocabulary without all bytes.
    let few = &bytes[..4 + 13 + 13 + 14];
    let message = Llama2cVocabulary::parse(few, 3).unwrap_err().to_string();
    assert!(
        message.contains("token 3: found the end, expected 259 tokens"),
        "{message}"
    );
}
