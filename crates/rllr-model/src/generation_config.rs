//! How tokens are chosen, and when a row ends.

mod hugging_face;

use serde::{Deserialize, Serialize};

/// Settings of a generation.
///
/// What is sampled from by default is the model's own distribution, nothing filtered and nothing penalised: that is
/// what reinforcement learning needs, because log-probabilities are computed from it (see [`Sampling`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerationConfig {
    /// Most tokens that a row gets, its stop token included; at least 1. Default 128.
    pub max_new_tokens: usize,
    /// How a token is chosen. Default sampling at temperature 1.
    pub decoding: Decoding,
    /// Divides the positive scores of tokens that stand in the row already, prompt included, and multiplies the
    /// negative ones; above 0, and 1 changes nothing. Default 1. Source: Keskar et al. 2019 (arXiv 1909.05858).
    pub repetition_penalty: f32,
    /// Each of these ends its row, and is the row's last token. Default none.
    pub stop_token_ids: Vec<u32>,
    /// Never chosen; the padding id at least, where there is one that does not also end a row. Default none.
    pub forbidden_token_ids: Vec<u32>,
    /// Whether log-probabilities of the tokens are computed. Default yes.
    pub log_probs: LogProbs,
    /// Whether what the output layer read for each token is kept. Default no.
    pub hidden_states: HiddenStates,
    /// Steps from one look at whether all rows have ended to the next; at least 1. Default 8.
    ///
    /// A look is answered while the next steps are already computed, so up to twice as many steps are done in vain.
    pub steps_between_looks: usize,
}

/// How the next token is chosen from the model's scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// The token with the highest score.
    Greedy,
    /// A random token, with the probability that the scores give it.
    Sampling(Sampling),
}

/// Whether log-probabilities of the chosen tokens are computed: a pass over the vocabulary each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogProbs {
    /// Of each token that is chosen; for reinforcement learning.
    OfTokens,
    /// Of none; for reading answers.
    Omitted,
}

/// Whether what the output layer read for each token is kept: `d_model` numbers a token, and no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenStates {
    /// For each token that is chosen; for a value model that is a head on the policy.
    OfTokens,
    /// For none.
    Omitted,
}

/// The distribution that is sampled from.
///
/// In this order, as transformers 5.23 does it (`generation/utils.py`, `_get_logits_processor`): repetition penalty,
/// forbidden ids, temperature, top-k, top-p. The last two, the penalty and forbidden ids change the distribution away
/// from the model's; log-probabilities that come with the tokens are always those of the model at this temperature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Divides the scores; above 0. Default 1.
    pub temperature: f32,
    /// Only so many tokens with the highest scores; those with the same score as the last of them stay too. Default
    /// all.
    pub top_k: Option<usize>,
    /// Only the most probable tokens, until their probabilities sum to at least this; above 0, at most 1. Default 1,
    /// all. A token stays when the tokens more probable than itself sum to less; equally probable tokens stay or go
    /// together. Source: Holtzman et al. 2019 (arXiv 1904.09751).
    pub top_p: f32,
}

/// What is wrong with the settings of a generation.
#[derive(Debug, thiserror::Error)]
pub enum GenerationConfigError {
    /// Not the JSON that was expected.
    #[error("generation_config.json is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that this field cannot have.
    #[error("{field} is {found}, expected {expected}")]
    Value {
        /// Name of the field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A token id that the model does not have.
    #[error("{field} names id {found}, expected ids below {vocab_size}")]
    UnknownToken {
        /// Name of the field.
        field: &'static str,
        /// The id.
        found: u32,
        /// Number of ids that the model has.
        vocab_size: usize,
    },
    /// A setting of transformers that changes what is generated and that is not implemented here.
    #[error(
        "generation_config.json: {field} is {found}, which is not supported; remove the key to go without it"
    )]
    Unsupported {
        /// The key.
        field: &'static str,
        /// What the file says.
        found: String,
    },
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_new_tokens: 128,
            decoding: Decoding::Sampling(Sampling::default()),
            repetition_penalty: 1.0,
            stop_token_ids: Vec::new(),
            forbidden_token_ids: Vec::new(),
            log_probs: LogProbs::OfTokens,
            hidden_states: HiddenStates::Omitted,
            steps_between_looks: 8,
        }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: 1.0,
        }
    }
}

impl GenerationConfig {
    /// Whether tokens are drawn from the model's own distribution at a temperature, forbidden ids aside.
    ///
    /// If not, log-probabilities of the tokens under the model are not those with which they were drawn, and
    /// importance ratios made of them are biased.
    #[must_use]
    pub fn samples_the_model(&self) -> bool {
        match self.decoding {
            Decoding::Greedy => false,
            Decoding::Sampling(Sampling { top_k, top_p, .. }) => {
                top_k.is_none() && top_p >= 1.0 && !self.penalizes_repetition()
            }
        }
    }

    /// Checks the settings against the number of a model's token ids.
    ///
    /// # Errors
    ///
    /// [`GenerationConfigError`] naming the first field that cannot be.
    pub fn validate(&self, vocab_size: usize) -> Result<(), GenerationConfigError> {
        for (field, number) in [
            ("max_new_tokens", self.max_new_tokens),
            ("steps_between_looks", self.steps_between_looks),
        ] {
            if number == 0 {
                return Err(value_error(field, number, "at least 1"));
            }
        }
        check_positive("repetition_penalty", self.repetition_penalty)?;
        if let Decoding::Sampling(sampling) = self.decoding {
            sampling.validate()?;
        }
        for (field, ids) in [
            ("stop_token_ids", &self.stop_token_ids),
            ("forbidden_token_ids", &self.forbidden_token_ids),
        ] {
            if let Some(&found) = ids.iter().find(|&&id| id as usize >= vocab_size) {
                return Err(GenerationConfigError::UnknownToken {
                    field,
                    found,
                    vocab_size,
                });
            }
        }
        if (0u32..)
            .take(vocab_size)
            .all(|id| self.forbidden_token_ids.contains(&id))
        {
            let expected = "at least one id that is not forbidden";
            return Err(value_error(
                "forbidden_token_ids",
                "every id of the model",
                expected,
            ));
        }
        Ok(())
    }

    pub(crate) fn penalizes_repetition(&self) -> bool {
        (self.repetition_penalty - 1.0).abs() > 0.0
    }
}

impl Sampling {
    fn validate(&self) -> Result<(), GenerationConfigError> {
        check_positive("temperature", self.temperature)?;
        if self.top_k == Some(0) {
            return Err(value_error("top_k", 0, "at least 1, or none"));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(value_error("top_p", self.top_p, "above 0 and at most 1"));
        }
        Ok(())
    }
}

fn check_positive(field: &'static str, value: f32) -> Result<(), GenerationConfigError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(value_error(field, value, "a finite number above 0"))
}

fn value_error(
    field: &'static str,
    found: impl std::fmt::Display,
    expected: impl std::fmt::Display,
) -> GenerationConfigError {
    GenerationConfigError::Value {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

#[cfg(test)]
mod tests;
