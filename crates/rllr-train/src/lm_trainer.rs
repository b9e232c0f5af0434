//! One optimiser step of next-token training.

use burn::module::Module as _;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};
use rllr_model::{CausalLm, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::checkpointing::{Checkpointing, DecoderPass, gradients};
use crate::gradients::{StepGradients, gather_gradients};
use crate::next_token_loss::next_token_loss_of;
use crate::resumable_optimizer::resumable;

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
        }
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
        // 1. Loss and gradients: how surprised is the model by each next token?
        let devices = self.model.devices();
        let input = batch.to_device(&devices[0]);
        let pass = DecoderPass {
            decoder: self.model.decoder(),
            adapter: None,
            input: &input,
        };
        let (gradients, loss) = gradients(self.config.checkpointing, pass, &self.model, |hidden| {
            let loss = next_token_loss_of(hidden, self.model.output_weight(), &input, batch);
            (loss.surrogate, loss.value)
        });

        // 2. All gradients are scaled down together when their norm is too large.
        let max_grad_norm = Some(self.config.max_grad_norm);
        let StepGradients { gradients, norm } = gather_gradients(&self.model, [gradients], max_grad_norm);

        // 3. Update.
        let model = self.model.clone();
        self.model = self.optimizer.step(learning_rate, model, gradients);
        let grad_norm = norm;
        LmStep { loss, grad_norm }
    }
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
