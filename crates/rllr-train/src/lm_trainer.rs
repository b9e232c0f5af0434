//! One optimiser step of next-token training.

use std::sync::Arc;

use burn::module::Module as _;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};
use rllr_model::{CausalLm, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::checkpointing::{Checkpointing, DecoderPass, gradients};
use crate::gradients::{StepGradients, gather_gradients};
use crate::micro_batching::MicroBatching;
use crate::next_token_loss::{next_token_loss_part, num_predicted};
use crate::resumable_optimizer::resumable;
use crate::workers::{OneByOne, SharedWorkers, map_in_turns, with_own_graph};

/// Settings of next-token training.
///
/// The defaults are those of PyTorch's `AdamW` (2.15) but for the weight decay, which language-model fine-tuning
/// leaves out (TRL's `SFTConfig`: 0), and the learning rate, TRL's for supervised fine-tuning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LmTrainerConfig {
    /// Step size of AdamW. Default 2e-5 (TRL `SFTConfig`).
    pub learning_rate: f64,
    /// Decay of the mean gradient, AdamW's beta 1. Default 0.9.
    pub beta_1: f32,
    /// Decay of the mean squared gradient, AdamW's beta 2. Default 0.999.
    pub beta_2: f32,
    /// Added to the root of the mean squared gradient. Default 1e-8; Burn's own default of 1e-5 differs.
    pub epsilon: f32,
    /// Decoupled weight decay on every parameter. Default 0.
    pub weight_decay: f32,
    /// Largest global gradient norm; larger gradients are scaled down to it. Default 1 (transformers `Trainer`).
    pub max_grad_norm: f64,
    /// What goes through the model at once; a step's parts are accumulated. Default the whole step.
    pub micro_batching: MicroBatching,
    /// What is kept of the forward pass for the backward pass. Default everything.
    pub checkpointing: Checkpointing,
}

impl Default for LmTrainerConfig {
    fn default() -> Self {
        Self {
            learning_rate: 2e-5,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            micro_batching: MicroBatching::Whole,
            checkpointing: Checkpointing::None,
        }
    }
}

impl LmTrainerConfig {
    /// The optimiser, which has seen no gradient yet; its state can be kept in a checkpoint.
    #[must_use]
    pub fn optimizer(&self) -> ModuleOptimizer {
        let adamw = AdamWConfig::new()
            .with_beta_1(self.beta_1)
            .with_beta_2(self.beta_2)
            .with_epsilon(self.epsilon)
            .with_weight_decay(self.weight_decay);
        resumable(adamw.build())
    }
}

/// A language model with the optimiser that trains it: every token is learnt, at a constant rate.
///
/// For responses to prompts, adapters, several micro-batches and schedules there is [`SftTrainer`](crate::SftTrainer);
/// gradients go the same way from backward to optimiser.
pub struct LmTrainer {
    model: CausalLm,
    optimizer: ModuleOptimizer,
    config: LmTrainerConfig,
    workers: SharedWorkers,
}

/// What one step did, still on the device: nothing was waited for.
pub struct LmStep {
    /// Mean loss over the predicted tokens, before the update, `[1]`.
    pub loss: Tensor<1>,
    /// Global gradient norm before clipping, `[1]`.
    pub grad_norm: Tensor<1>,
}

/// What one step did, as numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LmStepMetrics {
    /// Mean loss over the predicted tokens in nats, before the update.
    pub loss: f32,
    /// Global gradient norm before clipping.
    pub grad_norm: f32,
}

impl LmTrainer {
    /// Trains `model`, whose device must have autodiff.
    #[must_use]
    pub fn new(model: CausalLm, config: LmTrainerConfig) -> Self {
        let optimizer = config.optimizer();
        Self::resume(model, optimizer, config)
    }

    /// Goes on with a model and the optimiser that has trained it.
    #[must_use]
    pub fn resume(model: CausalLm, optimizer: ModuleOptimizer, config: LmTrainerConfig) -> Self {
        assert!(
            model.devices().into_iter().all(|device| device.is_autodiff()),
            "a model is trained on a device with autodiff"
        );
        Self {
            model,
            optimizer,
            config,
            workers: Arc::new(OneByOne),
        }
    }

    /// From now on these compute the micro-batches of a step; results stay what they are. At the start there is
    /// [`OneByOne`].
    #[must_use]
    pub fn with_workers(mut self, workers: SharedWorkers) -> Self {
        self.set_workers(workers);
        self
    }

    /// See [`Self::with_workers`].
    pub fn set_workers(&mut self, workers: SharedWorkers) {
        self.workers = workers;
    }

    /// Who computes the micro-batches of a step.
    #[must_use]
    pub fn workers(&self) -> SharedWorkers {
        Arc::clone(&self.workers)
    }

    /// The model in its present state.
    #[must_use]
    pub fn model(&self) -> &CausalLm {
        &self.model
    }

    /// The optimiser in its present state.
    #[must_use]
    pub fn optimizer(&self) -> &ModuleOptimizer {
        &self.optimizer
    }

    /// One optimiser step on one batch.
    pub fn step(&mut self, batch: &TokenBatch) -> LmStep {
        self.step_with(batch, self.config.learning_rate)
    }

    /// One optimiser step on one batch with another learning rate than the configured one.
    pub fn step_with(&mut self, batch: &TokenBatch, learning_rate: f64) -> LmStep {
        // 1. Loss and gradients: how surprised is the model by each next token? Parts of the step are added up.
        let LmTrainerConfig {
            micro_batching,
            checkpointing,
            max_grad_norm,
            ..
        } = self.config;
        let [rows, seq_len] = batch.dims();
        let step_tokens = num_predicted(batch);
        let parts = micro_batching.cut(&vec![seq_len; rows]).into_iter();
        let parts = parts.map(|rows| batch.select(&rows));
        let model = &self.model;
        let mut losses = Vec::new();
        let found = map_in_turns(&*self.workers, parts, |part| {
            backward(&with_own_graph(model), &part, step_tokens, checkpointing)
        });
        let found = found.map(|(gradients, loss)| {
            losses.push(loss);
            gradients
        });

        // 2. All gradients are scaled down together when their norm is too large.
        let StepGradients { gradients, norm } = gather_gradients(model, found, Some(max_grad_norm));

        // 3. Update.
        let model = self.model.clone();
        self.model = self.optimizer.step(learning_rate, model, gradients);
        LmStep {
            loss: Tensor::cat(losses, 0).sum(),
            grad_norm: norm,
        }
    }
}

/// Gradients of a part of the step's loss, and that part, `[1]`.
fn backward(
    model: &CausalLm,
    batch: &TokenBatch,
    step_tokens: usize,
    checkpointing: Checkpointing,
) -> (GradientsParams, Tensor<1>) {
    let input = batch.to_device(&model.devices()[0]);
    let pass = DecoderPass::of_all_columns(model.decoder(), None, &input);
    gradients(checkpointing, pass, model, |hidden| {
        let loss = next_token_loss_part(hidden, model.output_weight(), &input, batch, step_tokens);
        (loss.surrogate, loss.value)
    })
}

impl LmStep {
    /// Waits for the step and reads its numbers, both in one read.
    ///
    /// # Errors
    ///
    /// The device's error when it cannot be read.
    pub async fn read(self) -> Result<LmStepMetrics, ExecutionError> {
        let data = Transaction::default()
            .register(self.loss)
            .register(self.grad_norm)
            .execute_async()
            .await?;
        let number = |data: &TensorData| data.iter::<f32>().next().unwrap_or(f32::NAN);
        Ok(LmStepMetrics {
            loss: number(&data[0]),
            grad_norm: number(&data[1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use pollster::block_on;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;
    use rllr_model::{CausalLmConfig, PaddingSide, initial_weights};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::trained_parts::total_change;
    use crate::workers::tests::Threads;

    fn trainer(micro_batching: MicroBatching) -> LmTrainer {
        let config = CausalLmConfig {
            vocab_size: 12,
            hidden_size: 8,
            intermediate_size: 16,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            num_key_value_heads: 2,
            head_dim: 4,
            max_position_embeddings: 16,
            ..CausalLmConfig::default()
        };
        let weights = initial_weights(&config, 0.3, &mut ChaCha8Rng::seed_from_u64(1));
        let model = CausalLm::from_weights(&config, &weights, &Device::flex().autodiff()).unwrap();
        let settings = LmTrainerConfig {
            learning_rate: 1e-2,
            micro_batching,
            ..LmTrainerConfig::default()
        };
        LmTrainer::new(model, settings)
    }

    /// Seven rows of 2 to 8 tokens.
    fn batch() -> TokenBatch {
        let rows = (2..9u32).map(|len| (0..len).map(|t| (3 * len + 5 * t) % 12).collect());
        TokenBatch::from_rows(&rows.collect::<Vec<Vec<u32>>>(), PaddingSide::Right, 12).unwrap()
    }

    fn steps(mut trainer: LmTrainer) -> (LmTrainer, [LmStepMetrics; 2]) {
        let mut step = || block_on(trainer.step(&batch()).read()).unwrap();
        let metrics = [step(), step()];
        (trainer, metrics)
    }

    fn distance(a: &LmTrainer, b: &LmTrainer) -> f32 {
        total_change(a.model(), b.model()).into_scalar::<f32>()
    }

    /// Rows of different lengths: parts are weighted by their tokens, not by their rows.
    #[wasm_bindgen_test(unsupported = test)]
    fn how_a_step_is_cut_does_not_matter() {
        let (whole, of_whole) = steps(trainer(MicroBatching::Whole));
        for cut in [MicroBatching::Rows(1), MicroBatching::Rows(3)] {
            let (parts, of_parts) = steps(trainer(cut));
            assert!(distance(&whole, &parts) < 1e-3, "{cut:?}");
            for (a, b) in of_whole.iter().zip(&of_parts) {
                assert!((a.loss - b.loss).abs() < 1e-5, "{cut:?}: {a:?} {b:?}");
                assert!(
                    (a.grad_norm / b.grad_norm - 1.0).abs() < 1e-4,
                    "{cut:?}: {a:?} {b:?}"
                );
            }
        }
        assert!(distance(&whole, &trainer(MicroBatching::Whole)) > 1e-2);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn workers_change_no_bit_of_a_step() {
        let (alone, of_alone) = steps(trainer(MicroBatching::Rows(1)));
        let helped = trainer(MicroBatching::Rows(1)).with_workers(Arc::new(Threads));
        let (helped, of_helped) = steps(helped);
        assert_eq!(of_alone, of_helped);
        assert_eq!(distance(&alone, &helped), 0.0);
    }
}
