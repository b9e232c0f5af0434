//! Prompts and responses: which tokens a model reads, and which it learns to write.

use super::batch::{Cut, LengthLimit};
use super::{Tokenizer, TokenizerError};

/// Whether the prompt's tokens are the same with the response behind it as alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// They are: training reads the prompt that a rollout reads.
    Same,
    /// They are not: the texts melt into each other, and training reads a prompt that no rollout has. A token with
    /// characters of both counts as the response's. Worth counting: mostly a space stands on the wrong side.
    Melted,
}

/// A prompt with its response, as training reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizedExample {
    ids: Vec<u32>,
    /// Special tokens at the start, which no cut removes.
    prefix_len: usize,
    prompt_len: usize,
    boundary: Boundary,
}

/// The two responses to one prompt, cut to one length limit at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceTokens {
    /// The prompt with the better response.
    pub chosen: TokenizedExample,
    /// The prompt with the worse response.
    pub rejected: TokenizedExample,
    /// Tokens that were cut from the prompt.
    pub cut: usize,
}

impl PreferenceTokens {
    /// Whether both sides have the same tokens: such a pair teaches nothing, and is dropped and counted.
    ///
    /// Only texts that a normaliser makes alike can be; the responses are never cut.
    #[must_use]
    pub fn identical(&self) -> bool {
        self.chosen.ids == self.rejected.ids
    }
}

impl TokenizedExample {
    /// Prompt and response with their special tokens.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The prompt's tokens, BOS included.
    #[must_use]
    pub fn prompt(&self) -> &[u32] {
        &self.ids[..self.prompt_len]
    }

    /// The response's tokens, EOS included.
    #[must_use]
    pub fn response(&self) -> &[u32] {
        &self.ids[self.prompt_len..]
    }

    /// True for each token that is learnt: the response's.
    #[must_use]
    pub fn response_mask(&self) -> Vec<bool> {
        (0..self.ids.len())
            .map(|position| position >= self.prompt_len)
            .collect()
    }

    /// Whether a rollout would read the same prompt.
    #[must_use]
    pub fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Cuts the prompt so that the whole has at most `limit.max_tokens` tokens. The response stays whole, and so do
    /// the special tokens at the start. Returns the number of tokens that were cut.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::TooLong`] when even without the prompt it is too long, or nothing may be cut.
    pub fn cut_prompt(&mut self, limit: &LengthLimit) -> Result<usize, TokenizerError> {
        let excess = self.ids.len().saturating_sub(limit.max_tokens);
        self.cut_prompt_by(excess, limit)?;
        Ok(excess)
    }

    fn cut_prompt_by(&mut self, count: usize, limit: &LengthLimit) -> Result<(), TokenizerError> {
        let (prefix, prompt) = (self.prefix_len, self.prompt_len);
        let too_long = |reason| TokenizerError::TooLong {
            what: "a prompt with its response",
            found: self.ids.len(),
            limit: limit.max_tokens,
            reason,
        };
        if count == 0 {
            return Ok(());
        }
        if count > prompt - prefix {
            return Err(too_long(
                "even without the prompt it is too long, and responses are never cut",
            ));
        }
        match limit.cut {
            Cut::Start => drop(self.ids.drain(prefix..prefix + count)),
            Cut::End => drop(self.ids.drain(prompt - count..prompt)),
            Cut::Never => return Err(too_long("nothing may be cut")),
        }
        self.prompt_len -= count;
        Ok(())
    }
}

impl Tokenizer {
    /// Ids of a prompt that a response will continue: BOS exactly once, and nothing behind it.
    ///
    /// The rule about BOS is that of the [module](crate::tokenizer).
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`].
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.with_prefix(&self.encode(prompt)?))
    }

    /// The ids that every prompt begins with: BOS, several special tokens, or nothing.
    #[must_use]
    pub fn prompt_prefix(&self) -> &[u32] {
        &self.prompt_prefix
    }

    /// Ids of a response alone, EOS exactly once at its end.
    ///
    /// For training on a prompt with its response, [`Tokenizer::encode_example`] is right: alone, a text may be cut
    /// into other tokens than behind its prompt.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`], and [`TokenizerError::NoSpecialToken`] when the tokenizer has no EOS.
    pub fn encode_response(&self, response: &str) -> Result<Vec<u32>, TokenizerError> {
        let eos = self.eos_id()?;
        Ok(with_eos(&self.encode(response)?, eos))
    }

    /// A prompt with its response: cut into tokens together, BOS once at the start, EOS once at the end.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode_response`].
    pub fn encode_example(&self, prompt: &str, response: &str) -> Result<TokenizedExample, TokenizerError> {
        let eos = self.eos_id()?;
        let alone = self.encode(prompt)?;
        let both = self.pipeline(&format!("{prompt}{response}"), tokenizers::OffsetType::Byte)?;
        let ids = both.get_ids();
        let (prompt_len, boundary) = if ids.starts_with(&alone) {
            (alone.len(), Boundary::Same)
        } else {
            let of_response = |&(_, end): &(usize, usize)| end > prompt.len();
            let first = both.get_offsets().iter().position(of_response);
            (first.unwrap_or(ids.len()), Boundary::Melted)
        };
        let (of_prompt, of_response) = ids.split_at(prompt_len);
        let of_prompt = self.with_prefix(of_prompt);
        Ok(TokenizedExample {
            prefix_len: self.prompt_prefix.len(),
            prompt_len: of_prompt.len(),
            ids: [of_prompt, with_eos(of_response, eos)].concat(),
            boundary,
        })
    }

    /// Both sides of a preference pair, their prompt cut alike so that the longer one fits.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode_example`] and [`TokenizedExample::cut_prompt`].
    pub fn encode_preference(
        &self,
        prompt: &str,
        chosen: &str,
        rejected: &str,
        limit: &LengthLimit,
    ) -> Result<PreferenceTokens, TokenizerError> {
        let mut chosen = self.encode_example(prompt, chosen)?;
        let mut rejected = self.encode_example(prompt, rejected)?;
        let longer = chosen.ids.len().max(rejected.ids.len());
        let cut = longer.saturating_sub(limit.max_tokens);
        chosen.cut_prompt_by(cut, limit)?;
        rejected.cut_prompt_by(cut, limit)?;
        Ok(PreferenceTokens {
            chosen,
            rejected,
            cut,
        })
    }

    /// The prompt's prefix exactly once before ids that may begin with it.
    fn with_prefix(&self, ids: &[u32]) -> Vec<u32> {
        let prefix = &self.prompt_prefix;
        let mut rest = ids;
        if prefix.is_empty() {
            while let ([first, second, ..], Some(bos)) = (rest, self.special.bos)
                && [*first, *second] == [bos, bos]
            {
                rest = &rest[1..];
            }
        } else {
            while let Some(shorter) = rest.strip_prefix(prefix.as_slice()) {
                rest = shorter;
            }
        }
        [prefix, rest].concat()
    }
}

/// EOS exactly once behind ids that may end with it.
fn with_eos(ids: &[u32], eos: u32) -> Vec<u32> {
    let mut rest = ids;
    while let Some((&last, shorter)) = rest.split_last()
        && last == eos
    {
        rest = shorter;
    }
    [rest, &[eos]].concat()
}
