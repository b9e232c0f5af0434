//! From a task's examples to tokens.

use rllr_model::tokenizer::{Cut, LengthLimit};
use rllr_model::{Tokenizer, TokenizerError};
use rllr_task::pairs::{
    Corruption, PairConfig, PairError, PairKind, PreferencePair, SensitivityProbe, corrupted_rationale_pairs,
    label_sensitive_pairs, sensitivity_probes,
};
use rllr_task::rationale::explanations;
use rllr_task::{Answer, Example, Label, Prompt, PromptError, ResponseFormat, Task};

use crate::label_sensitivity::SensitivityRows;
use crate::prompt_and_response::{PromptAndResponse, PromptAndResponseError};
use crate::reward_pair::{RewardPair, RewardPairError};

/// How a task's examples become tokens.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The task.
    pub task: &'a Task,
    /// Cuts texts into tokens.
    pub tokenizer: &'a Tokenizer,
    /// Layout of the responses.
    pub format: ResponseFormat,
    /// Index of the prompt's wording.
    pub wording: usize,
    /// Most tokens of a prompt with its response; prompts are cut, responses never.
    pub max_tokens: usize,
}

/// What the policy is asked in reinforcement learning, with the answer that a rule may compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Question<'a> {
    /// The example's id.
    pub id: String,
    /// Token ids of the prompt.
    pub prompt: Vec<u32>,
    /// The right answer.
    pub gold: Gold<'a>,
}

/// The right answer to a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gold<'a> {
    /// The task whose labels these are.
    pub task: &'a Task,
    /// The gold label.
    pub label: Label,
}

/// Why examples do not become tokens.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// An example does not fit the task.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// No pairs can be built.
    #[error(transparent)]
    Pairs(#[from] PairError),
    /// A text has no tokens, or too many.
    #[error(transparent)]
    Tokens(#[from] PromptAndResponseError),
    /// The sides of a pair have no tokens, or the same.
    #[error(transparent)]
    Pair(#[from] RewardPairError),
    /// A prompt has no tokens.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A demonstration with rationale needs one for the gold label.
    #[error("example `{id}`: found no rationale for its label `{label}`, expected one")]
    NoRationale {
        /// The example's id.
        id: String,
        /// Its label.
        label: String,
    },
}

impl<'a> Material<'a> {
    /// What supervised fine-tuning learns: prompt, and gold label with its rationale where the format has one.
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit the task, without a rationale, or too long.
    pub fn demonstrations(&self, examples: &[Example]) -> Result<Vec<PromptAndResponse>, MaterialError> {
        let demonstration = |example: &Example| {
            let gold = self.task.gold_label(example).map_err(PromptError::from)?;
            let answer = Answer::new(&self.rationale(example, gold)?, gold);
            let prompt = self.task.prompt(example, self.wording, self.format)?.text;
            self.tokens(&prompt, &answer.print(self.task, self.format))
        };
        examples.iter().map(demonstration).collect()
    }

    /// Pairs of one kind: the gold label with its rationale against a wrong label with the rationale for it, or against
    /// the gold label with the rationale of another example.
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit the task.
    pub fn preference_pairs(
        &self,
        kind: PairKind,
        examples: &[Example],
        rng: &mut impl rand::Rng,
    ) -> Result<Vec<PreferencePair>, MaterialError> {
        let config = self.pair_config();
        // No limit here: the tokens' own limit cuts prompts below.
        let length = |_: &str| 0;
        let built = match kind {
            PairKind::Label => label_sensitive_pairs(self.task, examples, &config, length, rng)?,
            PairKind::Rationale => {
                let corruption = Corruption::OtherExample;
                corrupted_rationale_pairs(self.task, examples, corruption, &config, length, rng)?
            }
        };
        Ok(built.pairs)
    }

    /// Pairs that differ in the label word alone: the gold label with its rationale against a wrong label with the
    /// same rationale.
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit the task.
    pub fn flipped_pairs(&self, examples: &[Example]) -> Result<Vec<PreferencePair>, MaterialError> {
        let flipped = |probe: SensitivityProbe| PreferencePair {
            prompt: probe.prompt,
            chosen: probe.response,
            rejected: probe.label_flipped,
            kind: PairKind::Label,
            task: self.task.name.clone(),
            id: format!("{}:flipped", probe.id),
            chosen_by: None,
            rejected_by: None,
        };
        Ok(self.probes(examples)?.into_iter().map(flipped).collect())
    }

    /// What shows whether a reward model looks at labels or at rationales.
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit the task.
    pub fn probes(&self, examples: &[Example]) -> Result<Vec<SensitivityProbe>, MaterialError> {
        Ok(sensitivity_probes(self.task, examples, &self.pair_config())?)
    }

    /// What the policy is asked.
    ///
    /// - `max_new_tokens`: room that is left for an answer
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit the task.
    pub fn questions(
        &self,
        examples: &[Example],
        max_new_tokens: usize,
    ) -> Result<Vec<Question<'a>>, MaterialError> {
        let limit = self.max_tokens.saturating_sub(max_new_tokens);
        // A text that cannot be cut into tokens is reported below, where its tokens are wanted.
        let length = |text: &str| self.tokenizer.encode_prompt(text).map_or(0, |ids| ids.len());
        let question = |example: &Example| {
            let Prompt { text, .. } =
                self.task
                    .prompt_within(example, self.wording, self.format, limit, length)?;
            Ok(Question {
                id: example.id.clone(),
                prompt: self.tokenizer.encode_prompt(&text)?,
                gold: Gold {
                    task: self.task,
                    label: self.task.gold_label(example).map_err(PromptError::from)?,
                },
            })
        };
        examples.iter().map(question).collect()
    }

    fn pair_config(&self) -> PairConfig {
        PairConfig {
            format: self.format,
            wording: self.wording,
            ..PairConfig::default()
        }
    }

    fn tokens(&self, prompt: &str, response: &str) -> Result<PromptAndResponse, MaterialError> {
        let limit = limit(self.max_tokens);
        let (tokens, _) = PromptAndResponse::from_texts(self.tokenizer, prompt, response, &limit)?;
        Ok(tokens)
    }

    /// The rationale for the gold label; empty where the format has none.
    fn rationale(&self, example: &Example, gold: Label) -> Result<String, MaterialError> {
        if self.format == ResponseFormat::LabelOnly {
            return Ok(String::new());
        }
        let word = self.task.word(gold);
        let texts = explanations(example);
        match texts.into_iter().find(|text| text.label == word) {
            Some(found) => Ok(found.text),
            None => Err(MaterialError::NoRationale {
                id: example.id.clone(),
                label: word.to_owned(),
            }),
        }
    }
}

/// Pairs as tokens; prompts are cut to `max_tokens`, responses never.
///
/// # Errors
///
/// [`MaterialError`] for responses that are too long.
pub fn pair_tokens(
    tokenizer: &Tokenizer,
    max_tokens: usize,
    pairs: &[PreferencePair],
) -> Result<Vec<RewardPair>, MaterialError> {
    let tokens = |pair: &PreferencePair| {
        let sides = [&pair.chosen[..], &pair.rejected[..]];
        RewardPair::from_texts(
            tokenizer,
            pair.id.clone(),
            &pair.prompt,
            sides,
            &limit(max_tokens),
        )
    };
    Ok(pairs.iter().map(tokens).collect::<Result<_, _>>()?)
}

/// Probes as tokens; see [`pair_tokens`].
///
/// # Errors
///
/// [`MaterialError`] for responses that are too long.
pub fn probe_tokens(
    tokenizer: &Tokenizer,
    max_tokens: usize,
    probes: &[SensitivityProbe],
) -> Result<Vec<SensitivityRows>, MaterialError> {
    let rows = |probe: &SensitivityProbe| -> Result<SensitivityRows, MaterialError> {
        let tokens = |response: &str| -> Result<Vec<u32>, MaterialError> {
            let limit = limit(max_tokens);
            let (tokens, _) = PromptAndResponse::from_texts(tokenizer, &probe.prompt, response, &limit)?;
            Ok(tokens.tokens())
        };
        Ok(SensitivityRows {
            response: tokens(&probe.response)?,
            label_flipped: tokens(&probe.label_flipped)?,
            rationale_swapped: tokens(&probe.rationale_swapped)?,
        })
    };
    probes.iter().map(rows).collect()
}

fn limit(max_tokens: usize) -> LengthLimit {
    LengthLimit {
        max_tokens,
        cut: Cut::Start,
    }
}
