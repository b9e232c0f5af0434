//! A recorded run: settings, batches and what PyTorch made of them.

use anyhow::Context as _;
use rllr_model::SpecialTokenIds;
use rllr_reward::WindowEnd;
use rllr_train::{
    AdamSettings, GradientClipping, LrSchedule, OptimizerConfig, PromptAndResponse, RewardConfig, RewardLoss,
    RewardPair, SftConfig, Warmup,
};
use serde::Deserialize;

use crate::numbers::{Array, token_rows};

#[derive(Deserialize)]
pub(super) struct Trace {
    loss_definition: String,
    optimizer: Optimizer,
    batches: Vec<Vec<MicroBatch>>,
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Optimizer {
    betas: [f32; 2],
    eps: f32,
    lr: f64,
    weight_decay: f32,
    max_grad_norm: Option<f64>,
    scheduler: Option<Scheduler>,
}

#[derive(Deserialize)]
struct Scheduler {
    num_warmup_steps: usize,
    num_training_steps: usize,
}

#[derive(Deserialize)]
struct MicroBatch {
    input_ids: Array,
    attention_mask: Array,
    labels: Option<Array>,
    margin: Option<Array>,
}

#[derive(Deserialize)]
pub(super) struct Step {
    pub(super) lr: f64,
    pub(super) loss: f32,
    pub(super) grad_norm: f32,
    #[serde(default)]
    token_accuracy_per_microbatch: Vec<f64>,
    #[serde(default, alias = "end_scores")]
    scores: Vec<Array>,
    #[serde(default)]
    pub(super) accuracy: Vec<f64>,
}

/// Ids of the recorded runs; their rows have no BOS.
const SPECIAL: SpecialTokenIds = SpecialTokenIds {
    bos: None,
    eos: Some(2),
    pad: None,
    stop: Vec::new(),
};

impl Trace {
    pub(super) fn is_sft(&self) -> bool {
        self.batches.iter().flatten().any(|batch| batch.labels.is_some())
    }

    pub(super) fn total_steps(&self) -> usize {
        let scheduler = self.optimizer.scheduler.as_ref();
        scheduler.map_or(self.steps.len(), |scheduler| scheduler.num_training_steps)
    }

    /// Sum of the learning rates of the first `steps` steps.
    #[expect(clippy::cast_possible_truncation, reason = "it is a tolerance")]
    pub(super) fn rate_until(&self, steps: usize) -> f32 {
        self.steps[..steps].iter().map(|step| step.lr).sum::<f64>() as f32
    }

    fn optimizer(&self) -> OptimizerConfig {
        let Optimizer {
            betas: [beta_1, beta_2],
            eps: epsilon,
            weight_decay,
            ..
        } = self.optimizer;
        OptimizerConfig::AdamW(AdamSettings {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        })
    }

    fn clipping(&self) -> GradientClipping {
        match self.optimizer.max_grad_norm {
            Some(max_grad_norm) => GradientClipping::EveryStep { max_grad_norm },
            None => GradientClipping::Never,
        }
    }

    /// Without a scheduler the rate stays; the recorded ones are cosines.
    fn schedule(&self) -> (LrSchedule, Warmup) {
        match &self.optimizer.scheduler {
            None => (LrSchedule::Constant, Warmup::None),
            Some(scheduler) => (LrSchedule::Cosine, Warmup::Steps(scheduler.num_warmup_steps)),
        }
    }

    pub(super) fn sft_config(&self) -> SftConfig {
        let (lr_schedule, warmup) = self.schedule();
        SftConfig {
            optimizer: self.optimizer(),
            learning_rate: self.optimizer.lr,
            lr_schedule,
            warmup,
            gradient_clipping: self.clipping(),
            ..SftConfig::default()
        }
    }

    pub(super) fn reward_config(&self, token_averaged: bool) -> RewardConfig {
        let (lr_schedule, warmup) = self.schedule();
        let loss = if token_averaged {
            RewardLoss::TokenAveraged {
                window_end: WindowEnd::LongerAnswer,
                bpr_temperature: 1.0,
                padding_id: 0,
            }
        } else {
            let is_centered = self.loss_definition.contains("0.01*mean((chosen+rejected)^2)");
            RewardLoss::LastToken {
                center_rewards_coefficient: if is_centered { 0.01 } else { 0.0 },
            }
        };
        RewardConfig {
            loss,
            optimizer: self.optimizer(),
            learning_rate: self.optimizer.lr,
            lr_schedule,
            warmup,
            gradient_clipping: self.clipping(),
            ..RewardConfig::default()
        }
    }

    /// All examples of a step; the labelled tokens are the response.
    pub(super) fn examples(&self, step: usize) -> anyhow::Result<Vec<PromptAndResponse>> {
        let mut examples = Vec::new();
        for batch in &self.batches[step] {
            let labels = batch.labels.as_ref().context("no labels")?;
            let rows = token_rows(&batch.input_ids, &batch.attention_mask);
            for (row, labels) in rows.into_iter().zip(labels.rows()) {
                let first = labels
                    .iter()
                    .position(|&label| label >= 0.0)
                    .context("no label")?;
                let (prompt, response) = row.split_at(first);
                examples.push(PromptAndResponse::new(
                    prompt.to_vec(),
                    response.to_vec(),
                    &SPECIAL,
                )?);
            }
        }
        Ok(examples)
    }

    /// Share of all labelled tokens of a step.
    pub(super) fn token_accuracy(&self, step: usize) -> f64 {
        let (mut right, mut all) = (0.0, 0.0);
        let accuracies = &self.steps[step].token_accuracy_per_microbatch;
        for (batch, accuracy) in self.batches[step].iter().zip(accuracies) {
            let labels = batch.labels.iter().flat_map(Array::rows).flatten();
            let count = labels.filter(|label| **label >= 0.0).count() as f64;
            right += accuracy * count;
            all += count;
        }
        right / all
    }

    /// All pairs of a step; what both sides begin with is the prompt.
    pub(super) fn pairs(&self, step: usize) -> anyhow::Result<Vec<RewardPair>> {
        let mut pairs = Vec::new();
        for batch in &self.batches[step] {
            let rows = token_rows(&batch.input_ids, &batch.attention_mask);
            let (chosen, rejected) = rows.split_at(rows.len() / 2);
            let margins = batch.margin.as_ref().map(Array::numbers);
            for (index, (chosen, rejected)) in chosen.iter().zip(rejected).enumerate() {
                let common = chosen.iter().zip(rejected).take_while(|(c, r)| c == r).count();
                let side = |row: &[u32]| {
                    let (prompt, response) = row.split_at(common);
                    PromptAndResponse::new(prompt.to_vec(), response.to_vec(), &SPECIAL)
                };
                let mut pair = RewardPair::new(format!("{step}-{index}"), side(chosen)?, side(rejected)?)?;
                if let Some(margins) = &margins {
                    pair.margin = margins[index];
                }
                pairs.push(pair);
            }
        }
        Ok(pairs)
    }
}

impl Step {
    /// Scores of all chosen, then of all rejected answers; the recorded steps have one micro-batch.
    pub(super) fn scores(&self) -> Option<Vec<f32>> {
        self.scores.first().map(Array::numbers)
    }
}
