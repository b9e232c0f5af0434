//! What supervised training learns from: a prompt, and the response that is to be written.

use std::fmt;

use rllr_model::tokenizer::{Boundary, LengthLimit};
use rllr_model::{SpecialTokenIds, Tokenizer, TokenizerError};

#[cfg(test)]
mod tests;

/// A prompt with the response to it, as token ids: BOS at most once and at the start, EOS at the end.
///
/// A text without a prompt, as in pretraining, is a response to the prompt BOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptAndResponse {
    prompt: Vec<u32>,
    response: Vec<u32>,
    ended: bool,
}

/// What became of two texts on the way to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFit {
    /// Tokens that were cut from the prompt.
    pub cut: usize,
    /// Whether a rollout reads the same prompt.
    pub boundary: Boundary,
}

/// Why tokens are not a prompt with a response.
#[derive(Debug, thiserror::Error)]
pub enum PromptAndResponseError {
    /// A prompt without a token: nothing predicts the first token of its response.
    #[error("the prompt of response {response:?} has no token, expected at least one, such as BOS")]
    EmptyPrompt {
        /// Token ids of the response.
        response: Vec<u32>,
    },
    /// A response without a token.
    #[error("the response to prompt {prompt:?} has no token, expected at least the one that ends it")]
    EmptyResponse {
        /// Token ids of the prompt.
        prompt: Vec<u32>,
    },
    /// A tokenizer without EOS: a model that never sees the end of a response never ends one.
    #[error("the tokenizer has no EOS, expected one: a response must end")]
    NoEos,
    /// A response that does not end.
    #[error(
        "the response {response:?} to prompt {prompt:?} ends with token {found}, expected EOS{}",
        shown(*eos)
    )]
    NotEnded {
        /// Token ids of the prompt.
        prompt: Vec<u32>,
        /// Token ids of the response.
        response: Vec<u32>,
        /// Its last token.
        found: u32,
        /// The token that ends responses, where it is known.
        eos: Option<u32>,
    },
    /// BOS elsewhere than at the start: mostly a template and a tokenizer that both add it.
    #[error("token {position} of {tokens:?} is BOS, token {bos}, expected it at the start only")]
    Bos {
        /// Token ids of prompt and response.
        tokens: Vec<u32>,
        /// Where it stands.
        position: usize,
        /// The token that begins texts.
        bos: u32,
    },
    /// The texts have no tokens, or too many.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

fn shown(eos: Option<u32>) -> String {
    eos.map_or_else(String::new, |eos| format!(", token {eos}"))
}

impl PromptAndResponse {
    /// Tokens that are complete already.
    ///
    /// # Errors
    ///
    /// [`PromptAndResponseError`] for an empty side, a response without EOS at its end, and a BOS elsewhere than at
    /// the start.
    pub fn new(
        prompt: Vec<u32>,
        response: Vec<u32>,
        special: &SpecialTokenIds,
    ) -> Result<Self, PromptAndResponseError> {
        let eos = special.eos.ok_or(PromptAndResponseError::NoEos)?;
        match response.last() {
            Some(&found) if found != eos => Err(PromptAndResponseError::NotEnded {
                prompt,
                response,
                found,
                eos: Some(eos),
            }),
            _ => Self::checked(prompt, response, special, true),
        }
    }

    /// [`PromptAndResponse::new`], EOS appended where the response does not end with it.
    ///
    /// # Errors
    ///
    /// As there, but for the missing EOS.
    pub fn completed(
        prompt: Vec<u32>,
        mut response: Vec<u32>,
        special: &SpecialTokenIds,
    ) -> Result<Self, PromptAndResponseError> {
        let eos = special.eos.ok_or(PromptAndResponseError::NoEos)?;
        if response.last() != Some(&eos) {
            response.push(eos);
        }
        Self::checked(prompt, response, special, true)
    }

    /// A response that was cut off while a model wrote it.
    ///
    /// Only distillation on a student's own responses learns from such; [`SftTrainer`](crate::SftTrainer) refuses them.
    ///
    /// # Errors
    ///
    /// As [`PromptAndResponse::new`], but for the missing EOS.
    pub fn unended(
        prompt: Vec<u32>,
        response: Vec<u32>,
        special: &SpecialTokenIds,
    ) -> Result<Self, PromptAndResponseError> {
        let ended = special.eos.is_some() && response.last().copied() == special.eos;
        Self::checked(prompt, response, special, ended)
    }

    /// Two texts, cut into tokens together: BOS as the tokenizer puts it, EOS appended, the prompt cut to the limit.
    ///
    /// # Errors
    ///
    /// [`PromptAndResponseError`] as for [`PromptAndResponse::new`], and when the texts have no tokens or too many.
    pub fn from_texts(
        tokenizer: &Tokenizer,
        prompt: &str,
        response: &str,
        limit: &LengthLimit,
    ) -> Result<(Self, TextFit), PromptAndResponseError> {
        let mut example = tokenizer.encode_example(prompt, response)?;
        let cut = example.cut_prompt(limit)?;
        let boundary = example.boundary();
        let (prompt, response) = (example.prompt().to_vec(), example.response().to_vec());
        let tokens = Self::new(prompt, response, tokenizer.special_token_ids())?;
        Ok((tokens, TextFit { cut, boundary }))
    }

    fn checked(
        prompt: Vec<u32>,
        response: Vec<u32>,
        special: &SpecialTokenIds,
        ended: bool,
    ) -> Result<Self, PromptAndResponseError> {
        if prompt.is_empty() {
            return Err(PromptAndResponseError::EmptyPrompt { response });
        }
        if response.is_empty() {
            return Err(PromptAndResponseError::EmptyResponse { prompt });
        }
        let example = Self {
            prompt,
            response,
            ended,
        };
        match special.bos.and_then(|bos| Some((bos, example.misplaced(bos)?))) {
            Some((bos, position)) => Err(PromptAndResponseError::Bos {
                tokens: example.tokens(),
                position,
                bos,
            }),
            None => Ok(example),
        }
    }

    /// Where BOS stands though it should not. The last token may be BOS: there are tokenizers where EOS is the same.
    fn misplaced(&self, bos: u32) -> Option<usize> {
        let last = self.len() - 1;
        let tokens = self.tokens();
        (1..last).find(|&position| tokens[position] == bos)
    }

    /// The prompt's tokens.
    #[must_use]
    pub fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    /// The response's tokens: those that are learnt.
    #[must_use]
    pub fn response(&self) -> &[u32] {
        &self.response
    }

    /// Whether EOS is the response's last token.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Prompt and response, one after the other.
    #[must_use]
    pub fn tokens(&self) -> Vec<u32> {
        [&self.prompt[..], &self.response[..]].concat()
    }

    /// Number of tokens of prompt and response.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "neither side is ever empty")]
    pub fn len(&self) -> usize {
        self.prompt.len() + self.response.len()
    }
}

impl fmt::Display for PromptAndResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prompt {:?} with response {:?}", self.prompt, self.response)
    }
}
