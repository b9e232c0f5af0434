//! Pairs of answers as ordinary preference data has them: two samples of one model to one question.

use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{AdaptedLm, GenerateError, GenerationConfig, LogProbs, TokenizerError, Uniforms};
use rllr_task::Answer;
use rllr_task::mismatch::{Mismatch, PairClass, classify_pair};
use serde::{Deserialize, Serialize};

use crate::pipeline::comparison::Comparison;
use crate::pipeline::comparison_error::ComparisonError;
use crate::pipeline::material::Question;
use crate::random_stream::{Purpose, random_stream};

/// Questions that are asked together, each twice.
const QUESTIONS: usize = 32;

/// Two answers that a model drew to one question; nobody says which is better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledPair {
    /// The example's id.
    pub id: String,
    /// Name of the task.
    pub task: String,
    /// One answer.
    pub first: String,
    /// The other.
    pub second: String,
    /// What they differ in.
    pub class: PairClass,
}

/// Questions that are being asked. Whoever holds it pulls batch after batch.
#[derive(Clone, Debug)]
pub struct PairSampling<'a> {
    comparison: Comparison<'a>,
    questions: Vec<Question<'a>>,
    pairs: Vec<SampledPair>,
}

/// Why nothing could be drawn.
#[derive(Debug, thiserror::Error)]
pub enum SamplingError {
    /// The model cannot answer.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Tokens are no text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl<'a> Comparison<'a> {
    /// The first questions of reinforcement learning, `data.sampled_pairs` of each task, to be answered twice at the
    /// temperature of PPO.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples that do not fit their task.
    pub fn pair_sampling(&self) -> Result<PairSampling<'a>, ComparisonError> {
        let mut questions = Vec::new();
        for examples in self.tasks {
            let count = self.recipe.data.sampled_pairs.min(examples.prompts.len());
            let material = self.material(examples, self.recipe.data.format);
            let asked = &examples.prompts[..count];
            questions.extend(material.questions(asked, self.recipe.ppo.max_new_tokens)?);
        }
        Ok(PairSampling {
            comparison: *self,
            questions,
            pairs: Vec::new(),
        })
    }
}

impl PairSampling<'_> {
    /// How many questions were asked, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.pairs.len(), self.questions.len())
    }

    /// Asks the next batch. Does nothing when all are asked.
    ///
    /// # Errors
    ///
    /// [`SamplingError`] when the model cannot answer or the device fails.
    pub async fn step(&mut self, lm: AdaptedLm<'_>) -> Result<(), SamplingError> {
        let Comparison {
            recipe, tokenizer, ..
        } = self.comparison;
        let done = self.pairs.len();
        let asked = &self.questions[done..(done + QUESTIONS).min(self.questions.len())];
        if asked.is_empty() {
            return Ok(());
        }
        let prompts: Vec<&[u32]> = asked
            .iter()
            .flat_map(|question| std::iter::repeat_n(&question.prompt[..], 2))
            .collect();
        let config = GenerationConfig {
            log_probs: LogProbs::Omitted,
            ..recipe.ppo.generation_config(tokenizer.special_token_ids())
        };
        let mut rng = random_stream(recipe.seed, Purpose::SampledPairs, done as u64, 0);
        let uniforms = Uniforms::draw(&config, prompts.len(), &mut rng);
        let mut generating = lm.start_generation(&prompts, &config, &uniforms)?;
        generating.run().await?;
        let generation = generating.finish().await?;
        let mut texts = Vec::with_capacity(prompts.len());
        for row in &generation.rows {
            texts.push(tokenizer.decode(&row.tokens, SpecialTokens::Skip)?);
        }
        for (question, [first, second]) in asked.iter().zip(texts.as_chunks().0) {
            let task = question.gold.task;
            let label_of = |text: &str| {
                let answer = Answer::parse(text, task, recipe.data.format).ok();
                answer.map(|answer| answer.label())
            };
            self.pairs.push(SampledPair {
                id: question.id.clone(),
                task: task.name.clone(),
                class: classify_pair(first, second, label_of),
                first: first.clone(),
                second: second.clone(),
            });
        }
        Ok(())
    }

    /// What was drawn so far.
    #[must_use]
    pub fn pairs(&self) -> &[SampledPair] {
        &self.pairs
    }
}

/// How many pairs of each class a task has.
#[must_use]
pub fn mismatch(pairs: &[SampledPair], task: &str) -> Mismatch {
    let of_task = pairs.iter().filter(|pair| pair.task == task);
    of_task.map(|pair| pair.class).collect()
}
