//! One optimiser step of next-token training.

use burn::module::Module as _;
use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};
use rllr_model::{CausalLm, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::checkpointing::{Checkpointing, DecoderPass, gradients};
use crate::gradients::{StepGradients, gather_gradients};
use crate::learning_rate::{LrPlan, LrSchedule};
use crate::next_token_loss::next_token_loss_of;
use crate::optimization::{Optimization, OptimizationSettings};
use crate::ppo_config::{AdamSettings, GradientClipping, OptimizerConfig};

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

/// A language model with the optimiser that trains it: every token is learnt, at a constant rate.
///
/// For responses to prompts, adapters, several micro-batches and schedules there is [`SftTrainer`](crate::SftTrainer);
/// both update through the same code.
pub struct LmTrainer {
    model: CausalLm,
    optimization: Optimization,
    checkpointing: Checkpointing,
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
        assert!(
            model.devices().into_iter().all(|device| device.is_autodiff()),
            "a model is trained on a device with autodiff"
        );
        let settings = OptimizationSettings {
            optimizer: OptimizerConfig::AdamW(AdamSettings {
                beta_1: config.beta_1,
                beta_2: config.beta_2,
                epsilon: config.epsilon,
                weight_decay: config.weight_decay,
            }),
            learning_rate: config.learning_rate,
            lr_plan: LrPlan {
                schedule: LrSchedule::Constant,
                warmup_steps: 0,
                total_steps: 0,
            },
            clipping: GradientClipping::EveryStep {
                max_grad_norm: config.max_grad_norm,
            },
        };
        Self {
            model,
            optimization: Optimization::new(settings),
            checkpointing: config.checkpointing,
        }
    }

    /// The model in its present state.
    #[must_use]
    pub fn model(&self) -> &CausalLm {
        &self.model
    }

    /// One optimiser step on one batch.
    pub fn step(&mut self, batch: &TokenBatch) -> LmStep {
        // 1. Loss and gradients: how surprised is the model by each next token?
        let devices = self.model.devices();
        let input = batch.to_device(&devices[0]);
        let pass = DecoderPass {
            decoder: self.model.decoder(),
            adapter: None,
            input: &input,
        };
        let (gradients, loss) = gradients(self.checkpointing, pass, &self.model, |hidden| {
            let loss = next_token_loss_of(hidden, self.model.output_weight(), &input, batch);
            (loss.surrogate, loss.value)
        });

        // 2. All gradients are scaled down together when their norm is too large.
        let max_grad_norm = self.optimization.max_grad_norm();
        let StepGradients { gradients, norm } = gather_gradients(&self.model, [gradients], max_grad_norm);

        // 3. Update.
        self.model = self.optimization.update(&self.model, gradients);
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
