//! Text of ids that arrive one by one.

use super::error::shortened;
use super::{SpecialTokens, Tokenizer, TokenizerError};

/// Turns ids into text while they arrive. All pieces together are [`Tokenizer::decode`] of all ids.
///
/// A piece comes out when it cannot change any more: a character whose bytes are not all there is held back.
/// Each step decodes all ids again, because decoders treat a text's start in their own way; that is quadratic, and for
/// the thousand tokens of a long response still nothing beside computing them.
#[derive(Clone, Debug)]
pub struct StreamDecoder<'a> {
    tokenizer: &'a Tokenizer,
    special_tokens: SpecialTokens,
    ids: Vec<u32>,
    given: String,
}

impl<'a> StreamDecoder<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, special_tokens: SpecialTokens) -> Self {
        Self {
            tokenizer,
            special_tokens,
            ids: Vec::new(),
            given: String::new(),
        }
    }

    /// Takes the next id, and gives the text that is complete now; often empty.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::decode`].
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.ids.push(id);
        let whole = self.tokenizer.decode(&self.ids, self.special_tokens)?;
        if self.may_change(&whole, id) {
            return Ok(String::new());
        }
        let Some(piece) = whole.strip_prefix(&self.given) else {
            return Ok(String::new());
        };
        let piece = piece.to_owned();
        self.given = whole;
        Ok(piece)
    }

    /// Gives what was held back: broken characters come out as U+FFFD.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::StreamChanged`] for a decoder that changes text far back; none of the usual ones does.
    pub fn finish(self) -> Result<String, TokenizerError> {
        let whole = self.tokenizer.decode(&self.ids, self.special_tokens)?;
        match whole.strip_prefix(&self.given) {
            Some(rest) => Ok(rest.to_owned()),
            None => Err(TokenizerError::StreamChanged {
                given: shortened(&self.given),
                whole: shortened(&whole),
            }),
        }
    }

    /// Whether a later id may change the end of the text.
    fn may_change(&self, whole: &str, last: u32) -> bool {
        // A broken byte token spoils the whole ones before it.
        let in_bytes = self.tokenizer.byte_fallback
            && self
                .tokenizer
                .token(last)
                .is_some_and(|token| is_byte_token(&token));
        in_bytes || whole.ends_with('\u{FFFD}')
    }
}

/// `<0xE2>` and the like.
fn is_byte_token(token: &str) -> bool {
    token
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
}
