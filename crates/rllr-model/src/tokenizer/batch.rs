//! Several texts at once, with an explicit choice of what is cut and where rows are filled up.

use super::{Tokenizer, TokenizerError};
use crate::{PaddingSide, TokenBatch};

/// What is cut from a text that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its first tokens: the end of a prompt asks the question.
    Start,
    /// Its last tokens.
    End,
    /// Nothing: it is an error.
    Never,
}

/// How many tokens fit, and what is cut from a text with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthLimit {
    /// Tokens of a row, special tokens included.
    pub max_tokens: usize,
    /// What is cut.
    pub cut: Cut,
}

impl LengthLimit {
    /// The part of a text's tokens that fits into `room`.
    fn apply<'a>(&self, ids: &'a [u32], room: Option<usize>) -> Result<&'a [u32], TokenizerError> {
        let too_long = |reason| TokenizerError::TooLong {
            what: "a text",
            found: ids.len(),
            limit: self.max_tokens,
            reason,
        };
        let room = room.ok_or_else(|| too_long("there is no room for the special tokens around it"))?;
        let excess = ids.len().saturating_sub(room);
        match self.cut {
            _ if excess == 0 => Ok(ids),
            Cut::Start => Ok(&ids[excess..]),
            Cut::End => Ok(&ids[..room]),
            Cut::Never => Err(too_long("nothing may be cut")),
        }
    }
}

impl Tokenizer {
    /// Rows of ids with the tokenizer's own special tokens around each text: what `tokenizer(texts, truncation=True)`
    /// gives in transformers. The special tokens are never cut.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`], and [`TokenizerError::TooLong`].
    pub fn encode_rows(
        &self,
        texts: &[impl AsRef<str>],
        limit: &LengthLimit,
    ) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let [prefix, suffix] = &self.around;
        let room = limit.max_tokens.checked_sub(prefix.len() + suffix.len());
        let row = |text: &str| {
            let ids = self.encode(text)?;
            Ok([prefix, limit.apply(&ids, room)?, suffix].concat())
        };
        texts.iter().map(|text| row(text.as_ref())).collect()
    }

    /// Prompts of a rollout: BOS exactly once at the start of each, which is never cut, and rows filled up on the left,
    /// so that all responses begin together.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`], [`TokenizerError::TooLong`], and [`TokenizerError::Batch`] for an empty prompt where
    /// nothing is put before it.
    pub fn encode_prompts(
        &self,
        prompts: &[impl AsRef<str>],
        limit: &LengthLimit,
    ) -> Result<TokenBatch, TokenizerError> {
        let prefix = self.prompt_prefix.as_slice();
        let room = limit.max_tokens.checked_sub(prefix.len());
        let row = |prompt: &str| {
            let ids = self.encode_prompt(prompt)?;
            let (prefix, rest) = ids.split_at(prefix.len());
            Ok([prefix, limit.apply(rest, room)?].concat())
        };
        let rows = prompts.iter().map(|prompt| row(prompt.as_ref()));
        let rows = rows.collect::<Result<Vec<Vec<u32>>, TokenizerError>>()?;
        Ok(TokenBatch::from_rows(&rows, PaddingSide::Left, self.vocab_size)?)
    }
}
