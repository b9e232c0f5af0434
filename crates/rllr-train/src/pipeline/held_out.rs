//! How good a model is on examples that it was not trained on.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_eval::{Answering, AnsweringConfig, AnsweringError, Evaluation, EvaluationError, Prediction};
use rllr_model::{AdaptedLm, Tokenizer};
use rllr_task::{Example, Task};

use crate::run_event::Metrics;

/// Held-out examples of one task, and how they are asked.
#[derive(Clone, Copy, Debug)]
pub struct HeldOut<'a> {
    /// The task.
    pub task: &'a Task,
    /// Cuts texts into tokens.
    pub tokenizer: &'a Tokenizer,
    /// The examples.
    pub examples: &'a [Example],
    /// How they are asked.
    pub config: &'a AnsweringConfig,
    /// Seed of the bootstrap interval.
    pub seed: u64,
}

/// Why a model cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum HeldOutError {
    /// The model cannot answer.
    #[error(transparent)]
    Answering(#[from] AnsweringError),
    /// There is nothing to compare.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl HeldOut<'_> {
    /// Answers all examples and compares the answers with the gold labels.
    ///
    /// # Errors
    ///
    /// [`HeldOutError`] when the model cannot answer, or there is no example.
    pub async fn evaluate(&self, lm: AdaptedLm<'_>) -> Result<(Evaluation, Vec<Prediction>), HeldOutError> {
        let positions = lm.base().decoder().max_positions();
        let answering = Answering::new(self.task, self.tokenizer, self.examples, positions, self.config)?;
        let predictions = answering.run(lm).await?;
        let evaluation = Self::compare(self.task, self.examples, &predictions, self.seed)?;
        Ok((evaluation, predictions))
    }

    /// Compares predictions with the gold labels.
    ///
    /// - `seed`: of the bootstrap interval
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] when they are not those of the examples, or there is none.
    pub fn compare(
        task: &Task,
        examples: &[Example],
        predictions: &[Prediction],
        seed: u64,
    ) -> Result<Evaluation, EvaluationError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Evaluation::new(task, examples, predictions, &mut rng)
    }

    /// The numbers of [`HeldOut::evaluate`] that a curve shows.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn metrics(&self, lm: AdaptedLm<'_>) -> Result<Metrics, HeldOutError> {
        let (evaluation, _) = self.evaluate(lm).await?;
        let numbers = [
            ("eval_accuracy", Some(evaluation.accuracy)),
            ("eval_macro_f1", Some(evaluation.macro_f1)),
            ("eval_invalid_rate", Some(evaluation.invalid_rate)),
            ("eval_pearson", evaluation.pearson),
            ("eval_spearman", evaluation.spearman),
        ];
        let known = numbers
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(known.collect())
    }
}
