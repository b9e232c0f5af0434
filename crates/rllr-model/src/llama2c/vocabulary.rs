//! The vocabulary of llama2.c: `tokenizer.bin`.

use std::collections::BTreeSet;

use super::Llama2cError;

/// Tokens in front of those that were learnt: unknown, begin, end, and the 256 bytes.
pub(super) const FIRST_PIECE: usize = 3 + 256;

/// The names of the first three tokens in the file and in Hugging Face's files.
const SPECIAL: [(&str, &str); 3] = [("<unk>", "<unk>"), ("\n<s>\n", "<s>"), ("\n</s>\n", "</s>")];

/// What `SentencePiece` writes for a blank; llama2.c's files hold blanks.
pub(super) const BLANK: char = '\u{2581}';

/// A `SentencePiece` vocabulary with byte fallback, trained as byte-pair encoding: pieces by id, each with a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Llama2cVocabulary {
    /// Texts in `SentencePiece`'s spelling, with U+2581 for blanks.
    pub(super) pieces: Vec<Piece>,
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The higher, the earlier two tokens are joined to this one.
    pub(super) score: f32,
}

impl Llama2cVocabulary {
    /// Reads the vocabulary of a model with `vocab_size` tokens.
    ///
    /// # Errors
    ///
    /// [`Llama2cError`] when the file ends early or goes on, a length is not possible, a text is not UTF-8 or comes
    /// twice, or the first tokens are not unknown, begin, end and the bytes.
    pub fn parse(bytes: &[u8], vocab_size: usize) -> Result<Self, Llama2cError> {
        let mut reader = Reader { bytes, position: 0 };
        let longest = reader.i32(|| "the length of the longest token".to_owned())?;
        let mut vocabulary = Self { pieces: Vec::new() };
        let mut texts = BTreeSet::new();
        for token in 0..vocab_size {
            let piece = reader.piece(token, longest)?;
            if !texts.insert(piece.text.clone()) {
                let found = format!("{:?} a second time", piece.text);
                return Err(token_error(token, found, "a new text"));
            }
            vocabulary.pieces.push(piece);
        }
        if reader.position < bytes.len() {
            let found = format!("{} bytes more", bytes.len() - reader.position);
            let expected = format!("the end of the file, as the model has {vocab_size} tokens");
            return Err(token_error(vocab_size, found, expected));
        }
        if vocab_size < FIRST_PIECE {
            let expected = format!("{FIRST_PIECE} tokens or more: unknown, begin, end and 256 bytes");
            return Err(token_error(vocab_size, "the end".to_owned(), expected));
        }
        Ok(vocabulary)
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is no token; never after [`Llama2cVocabulary::parse`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, part: impl FnOnce() -> String) -> Result<&'a [u8], Llama2cError> {
        let end = self.position.saturating_add(length);
        let Some(taken) = self.bytes.get(self.position..end) else {
            return Err(Llama2cError::TooShort {
                part: part(),
                found: self.bytes.len(),
                expected: end,
            });
        };
        self.position = end;
        Ok(taken)
    }

    fn four(&mut self, part: impl FnOnce() -> String) -> Result<[u8; 4], Llama2cError> {
        let taken = self.take(4, part)?;
        let mut four = [0; 4];
        four.copy_from_slice(taken);
        Ok(four)
    }

    fn i32(&mut self, part: impl FnOnce() -> String) -> Result<i32, Llama2cError> {
        self.four(part).map(i32::from_le_bytes)
    }

    fn piece(&mut self, token: usize, longest: i32) -> Result<Piece, Llama2cError> {
        let part = |what: &str| format!("the {what} of token {token}");
        let score = f32::from_le_bytes(self.four(|| part("score"))?);
        if !score.is_finite() {
            return Err(token_error(
                token,
                format!("the score {score}"),
                "a finite number",
            ));
        }
        let length = self.i32(|| part("length"))?;
        let expected = || format!("1 to {longest} bytes, as the file says of its longest token");
        let length = usize::try_from(length)
            .ok()
            .filter(|&bytes| bytes > 0 && length <= longest)
            .ok_or_else(|| token_error(token, format!("{length} bytes"), expected()))?;
        let bytes = self.take(length, || part("text"))?;
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(token_error(token, format!("the bytes {bytes:x?}"), "UTF-8"));
        };
        let text = match expected_text(token) {
            None => text.replace(' ', &BLANK.to_string()),
            Some((in_file, name)) if in_file == text => name,
            Some((in_file, _)) => {
                return Err(token_error(token, format!("{text:?}"), format!("{in_file:?}")));
            }
        };
        Ok(Piece { text, score })
    }
}

/// What the file must hold at a place before the learnt tokens, and what we call it.
fn expected_text(token: usize) -> Option<(String, String)> {
    match token {
        0..3 => {
            let (in_file, name) = SPECIAL[token];
            Some((in_file.to_owned(), name.to_owned()))
        }
        3..FIRST_PIECE => {
            let name = format!("<0x{:02X}>", token - 3);
            Some((name.clone(), name))
        }
        _ => None,
    }
}

fn token_error(token: usize, found: String, expected: impl Into<String>) -> Llama2cError {
    Llama2cError::Token {
        token,
        found,
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests;
