//! Next-token training on one long text, as a stage of a run.

use burn::module::Module as _;
use burn::tensor::ExecutionError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_model::{BatchError, CausalLm, PaddingSide, Scoring, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{ConfigKeys, config_keys};
use crate::checkpoint_error::CheckpointError;
use crate::learning_rate::{LrPlan, LrSchedule};
use crate::lm_trainer::{LmStepMetrics, LmTrainer, LmTrainerConfig};
use crate::run::{Stage, StepReport};
use crate::run_event::Metrics;
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

#[cfg(test)]
pub(crate) mod tests;

/// The model's name in a checkpoint.
const MODEL: &str = "model";

/// Settings of next-token training on one long text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NextTokenConfig {
    /// Optimiser steps. Default 1,000.
    pub steps: usize,
    /// Pieces of text in one step. Default 16.
    pub batch_size: usize,
    /// Tokens of a piece. Default 128.
    pub seq_len: usize,
    /// Steps in which the learning rate rises from 0. Default 0.
    pub warmup_steps: usize,
    /// Course of the learning rate. Default a cosine to 0.
    pub lr_schedule: LrSchedule,
    /// The optimiser; its learning rate is the highest.
    pub trainer: LmTrainerConfig,
    /// Share of the text, at its end, that is not trained on but measured. Default 0.05.
    pub eval_share: f64,
    /// Pieces that are measured, at most. Default 32.
    pub eval_pieces: usize,
    /// Seed of the order in which pieces are drawn. Default 0.
    pub seed: u64,
}

impl Default for NextTokenConfig {
    fn default() -> Self {
        Self {
            steps: 1_000,
            batch_size: 16,
            seq_len: 128,
            warmup_steps: 0,
            lr_schedule: LrSchedule::Cosine,
            trainer: LmTrainerConfig::default(),
            eval_share: 0.05,
            eval_pieces: 32,
            seed: 0,
        }
    }
}

/// Why next-token training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum NextTokenError {
    /// Settings that mean nothing.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The text is shorter than one piece.
    #[error("the text has {found} tokens to train on, expected at least {expected}, one piece")]
    TooShort {
        /// Tokens to train on.
        found: usize,
        /// Tokens of a piece.
        expected: usize,
    },
    /// A token that the model does not have.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

/// Next-token training on one long text. Pieces are drawn at random places, with replacement.
pub struct NextTokenStage {
    trainer: LmTrainer,
    config: NextTokenConfig,
    /// The text: what is trained on, then what is measured.
    tokens: Vec<u32>,
    train_len: usize,
    vocab_size: usize,
    step: usize,
    /// What else a checkpoint must have been written with.
    more_settings: ConfigKeys,
}

/// What is remembered beside model and optimiser. Every step has a stream of random numbers of its own, so the step is
/// also the position in the data and in those streams.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NextTokenState {
    step: usize,
}

impl NextTokenStage {
    /// Trains `model` on `tokens`.
    ///
    /// # Errors
    ///
    /// [`NextTokenError`] for settings that mean nothing, a text that is too short, and ids that the model has not.
    pub fn new(model: CausalLm, tokens: Vec<u32>, config: NextTokenConfig) -> Result<Self, NextTokenError> {
        config.check()?;
        let vocab_size = model.output_weight().dims()[1];
        let train_len = tokens.len() - config.eval_len(tokens.len());
        if train_len < config.seq_len {
            return Err(NextTokenError::TooShort {
                found: train_len,
                expected: config.seq_len,
            });
        }
        TokenBatch::from_rows(&[&tokens], PaddingSide::Right, vocab_size)?;
        Ok(Self {
            trainer: LmTrainer::new(model, config.trainer),
            config,
            tokens,
            train_len,
            vocab_size,
            step: 0,
            more_settings: ConfigKeys::new(),
        })
    }

    /// Settings that are not the stage's own and that a checkpoint must have been written with: the model's.
    #[must_use]
    pub fn with_settings(mut self, settings: ConfigKeys) -> Self {
        self.more_settings.extend(settings);
        self
    }

    /// The model in its present state.
    #[must_use]
    pub fn model(&self) -> &CausalLm {
        self.trainer.model()
    }

    /// The pieces of the step after `step` steps.
    fn batch(&self, step: usize) -> Result<TokenBatch, BatchError> {
        let NextTokenConfig {
            batch_size,
            seq_len,
            seed,
            ..
        } = self.config;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step as u64);
        let places = (self.train_len - seq_len + 1) as u64;
        let rows: Vec<&[u32]> = (0..batch_size)
            .map(|_| {
                let start = below(places, rng.next_u64());
                &self.tokens[start..start + seq_len]
            })
            .collect();
        TokenBatch::from_rows(&rows, PaddingSide::Right, self.vocab_size)
    }

    fn learning_rate(&self) -> f64 {
        let plan = LrPlan {
            schedule: self.config.lr_schedule,
            warmup_steps: self.config.warmup_steps,
            total_steps: self.config.steps,
        };
        self.config.trainer.learning_rate * plan.factor(self.step)
    }
}

/// A number below `bound`, from 64 random bits; for bounds far below 2⁶⁴ as good as uniform.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is below bound, an index"
)]
fn below(bound: u64, bits: u64) -> usize {
    ((u128::from(bits) * u128::from(bound)) >> 64) as usize
}

impl NextTokenConfig {
    fn check(&self) -> Result<(), NextTokenError> {
        let wrong = |field, found: String, expected| {
            Err(NextTokenError::Config {
                field,
                found,
                expected,
            })
        };
        if self.batch_size == 0 {
            return wrong("batch_size", "0".to_owned(), "at least 1");
        }
        if self.seq_len < 2 {
            return wrong("seq_len", self.seq_len.to_string(), "at least 2");
        }
        if self.trainer.micro_batching.size() == 0 {
            return wrong("micro_batching", "0".to_owned(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.eval_share) {
            return wrong(
                "eval_share",
                self.eval_share.to_string(),
                "at least 0 and below 1",
            );
        }
        let rate = self.trainer.learning_rate;
        if !(rate.is_finite() && rate >= 0.0) {
            return wrong("learning_rate", rate.to_string(), "a finite number, not negative");
        }
        Ok(())
    }

    /// Tokens at the end of the text that are measured; none when they are not even one piece.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is one"
    )]
    fn eval_len(&self, len: usize) -> usize {
        let eval = (len as f64 * self.eval_share) as usize;
        if eval < self.seq_len { 0 } else { eval }
    }
}

impl Stage for NextTokenStage {
    type Error = NextTokenError;

    fn phase(&self) -> &'static str {
        "pretrain"
    }

    fn config(&self) -> ConfigKeys {
        let mut keys = config_keys(&self.config).expect("these settings are plain data");
        let bytes: Vec<u8> = self.tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        keys.extend(self.more_settings.clone());
        keys.insert("tokens".to_owned(), self.tokens.len().to_string());
        keys.insert(
            "tokens_crc32c".to_owned(),
            format!("{:08x}", crc32c::crc32c(&bytes)),
        );
        keys
    }

    fn set_workers(&mut self, workers: SharedWorkers) {
        self.trainer.set_workers(workers);
    }

    fn total_steps(&self) -> usize {
        self.config.steps
    }

    fn steps_done(&self) -> usize {
        self.step
    }

    async fn step(&mut self) -> Result<StepReport, NextTokenError> {
        let batch = self.batch(self.step)?;
        let learning_rate = self.learning_rate();
        let step = self.trainer.step_with(&batch, learning_rate);
        let LmStepMetrics { loss, grad_norm } = step.read().await.map_err(NextTokenError::Device)?;
        self.step += 1;
        let seen = (self.step * self.config.batch_size * self.config.seq_len) as f64;
        let metrics = [
            ("loss", f64::from(loss)),
            ("grad_norm", f64::from(grad_norm)),
            ("learning_rate", learning_rate),
            ("num_tokens", seen),
            ("epoch", seen / self.train_len as f64),
        ];
        Ok(StepReport {
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
            ..StepReport::default()
        })
    }

    /// `eval_loss`: mean over the measured pieces, in nats per token.
    async fn evaluate(&mut self) -> Result<Metrics, NextTokenError> {
        let model = self.trainer.model().valid();
        let device = model.devices()[0].clone();
        let (mut sum, mut count) = (0.0, 0usize);
        let pieces = self.tokens[self.train_len..].chunks_exact(self.config.seq_len);
        for piece in pieces.take(self.config.eval_pieces) {
            let batch = TokenBatch::from_rows(&[piece], PaddingSide::Right, self.vocab_size)?;
            let input = batch.to_device(&device);
            let scored = model
                .without_adapter()
                .score(&input, 1..piece.len(), Scoring::default());
            let log_probs = scored.log_probs().mean().into_data_async().await;
            let log_probs = log_probs.map_err(NextTokenError::Device)?;
            sum -= log_probs.iter::<f64>().next().unwrap_or(f64::NAN);
            count += 1;
        }
        if count == 0 {
            return Ok(Metrics::new());
        }
        Ok(Metrics::from([("eval_loss".to_owned(), sum / count as f64)]))
    }

    fn snapshot(&self) -> Result<Snapshot, CheckpointError> {
        let model = self.trainer.model();
        Snapshot::new(&NextTokenState { step: self.step })?
            .with_module(MODEL, model)
            .with_optimizer(MODEL, model, self.trainer.optimizer())
    }

    fn restore(&mut self, saved: &mut Restored) -> Result<(), CheckpointError> {
        let NextTokenState { step } = saved.state()?;
        let model = saved.module(MODEL, self.trainer.model().clone())?;
        let optimizer = saved.optimizer(MODEL, &model, self.config.trainer.optimizer())?;
        let workers = self.trainer.workers();
        self.trainer = LmTrainer::resume(model, optimizer, self.config.trainer).with_workers(workers);
        self.step = step;
        Ok(())
    }
}
