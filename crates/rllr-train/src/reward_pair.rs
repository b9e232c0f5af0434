//! What a reward model learns from: two responses to one prompt, one of them preferred.

use std::fmt;

use rllr_model::Tokenizer;
use rllr_model::tokenizer::LengthLimit;

use crate::prompt_and_response::{PromptAndResponse, PromptAndResponseError};

/// A preference pair as tokens. Both sides end with EOS, and they are not the same.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardPair {
    id: String,
    chosen: PromptAndResponse,
    rejected: PromptAndResponse,
    /// How far apart the scores should be at least; 0 unless set. Used by [`RewardLoss::LastToken`].
    ///
    /// [`RewardLoss::LastToken`]: crate::RewardLoss::LastToken
    pub margin: f32,
}

/// Why two texts are no preference pair.
#[derive(Debug, thiserror::Error)]
pub enum RewardPairError {
    /// Both sides have the same tokens: the pair teaches nothing, or what differed was cut.
    #[error("pair {id:?}: chosen and rejected have the same tokens {tokens:?}")]
    Identical {
        /// The pair.
        id: String,
        /// Token ids of prompt and response.
        tokens: Vec<u32>,
    },
    /// A side that is not a prompt with a response that ends.
    #[error("the {side} answer of pair {id:?}: {error}")]
    Side {
        /// The pair.
        id: String,
        /// Chosen or rejected.
        side: &'static str,
        /// What is wrong.
        error: Box<PromptAndResponseError>,
    },
}

impl RewardPair {
    /// A pair without margin.
    ///
    /// - `id`: what errors call it
    ///
    /// # Errors
    ///
    /// [`RewardPairError`] when both sides are the same, or one does not end.
    pub fn new(
        id: impl Into<String>,
        chosen: PromptAndResponse,
        rejected: PromptAndResponse,
    ) -> Result<Self, RewardPairError> {
        let id = id.into();
        let tokens = chosen.tokens();
        if tokens == rejected.tokens() {
            return Err(RewardPairError::Identical { id, tokens });
        }
        for (side, answer) in [("chosen", &chosen), ("rejected", &rejected)] {
            if let (false, Some(&found)) = (answer.ended(), answer.response().last()) {
                let error = PromptAndResponseError::NotEnded {
                    prompt: answer.prompt().to_vec(),
                    response: answer.response().to_vec(),
                    found,
                    eos: None,
                };
                let error = Box::new(error);
                return Err(RewardPairError::Side { id, side, error });
            }
        }
        Ok(Self {
            id,
            chosen,
            rejected,
            margin: 0.0,
        })
    }

    /// Texts as tokens: BOS as the tokenizer puts it, EOS appended to both, the prompts cut alike.
    ///
    /// # Errors
    ///
    /// [`RewardPairError`] as for [`RewardPair::new`], and when a side has no tokens or too many.
    pub fn from_texts(
        tokenizer: &Tokenizer,
        id: impl Into<String>,
        prompt: &str,
        [chosen, rejected]: [&str; 2],
        limit: &LengthLimit,
    ) -> Result<Self, RewardPairError> {
        let id = id.into();
        let named = |side| {
            let id = id.clone();
            move |error| RewardPairError::Side {
                id,
                side,
                error: Box::new(error),
            }
        };
        let tokens = tokenizer
            .encode_preference(prompt, chosen, rejected, limit)
            .map_err(|error| named("chosen or rejected")(error.into()))?;
        let special = tokenizer.special_token_ids();
        let side = |example: &rllr_model::tokenizer::TokenizedExample| {
            PromptAndResponse::new(example.prompt().to_vec(), example.response().to_vec(), special)
        };
        let chosen = side(&tokens.chosen).map_err(named("chosen"))?;
        let rejected = side(&tokens.rejected).map_err(named("rejected"))?;
        Self::new(id, chosen, rejected)
    }

    /// The name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The better answer with its prompt.
    #[must_use]
    pub fn chosen(&self) -> &PromptAndResponse {
        &self.chosen
    }

    /// The worse answer with its prompt.
    #[must_use]
    pub fn rejected(&self) -> &PromptAndResponse {
        &self.rejected
    }

    /// Tokens of the longer side: what a row of the pair is padded to.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "neither side is ever empty")]
    pub fn len(&self) -> usize {
        self.chosen.len().max(self.rejected.len())
    }
}

impl fmt::Display for RewardPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id, chosen, rejected, ..
        } = self;
        write!(f, "pair {id:?}, chosen {chosen}, rejected {rejected}")
    }
}
