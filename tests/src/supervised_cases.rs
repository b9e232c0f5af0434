//! Supervised fine-tuning and reward-model training against PyTorch: every number of three steps, and the weights after
//! each.

mod trace;

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use rllr_model::{
    CausalLm, CausalLmConfig, ParameterLayout, ParameterName, ScalarHead, ScalarModel, Weights,
};
use rllr_train::{
    Actor, MicroBatching, RewardConfig, RewardMetrics, RewardModels, RewardPair, RewardTrainer, SftConfig,
    SftModels, SftTrainer, TrainedReward,
};

use crate::golden::supervised::SupervisedFiles;
use crate::numbers::{close, largest_difference, read};
use trace::{Step, Trace};

/// How far numbers may be from PyTorch's.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of a loss: `|a − b| ≤ losses · max(1, |b|)`.
    pub losses: f32,
    /// Of a score, likewise.
    pub scores: f32,
    /// Of a gradient, in parts of its tensor's largest entry; of the norm of all, in parts of the norm.
    pub gradients: f32,
    /// Of a weight after a step, absolute; a step moves it by 1e-3 to 3e-3.
    pub weights: f32,
}

impl Tolerance {
    /// float32 differs from float64 in the reference by 1e-6 in losses, 2e-6 in gradients and 1.4e-6 in weights.
    pub const CPU: Self = Self {
        losses: 1e-5,
        scores: 1e-4,
        gradients: 1e-4,
        weights: 2e-5,
    };
    /// Shading languages let a GPU round exponentials and quotients more coarsely.
    pub const GPU: Self = Self {
        losses: 1e-3,
        scores: 1e-3,
        gradients: 5e-3,
        weights: 5e-4,
    };
}

/// How the steps are cut: as they are, one by one, and by slots. The numbers must not change.
const CUTS: [MicroBatching; 3] = [
    MicroBatching::Rows(100),
    MicroBatching::Rows(1),
    MicroBatching::Tokens(24),
];

/// The names of TRL's value head, and those of ours.
const HEAD_NAMES: [(&str, &str); 2] = [
    ("v_head.summary.weight", "score.weight"),
    ("v_head.summary.bias", "score.bias"),
];

/// Trains every golden case again on `device` and compares.
///
/// # Errors
///
/// When a golden file is missing or damaged, or a number is further from PyTorch's than the tolerance.
pub async fn check_all(
    cases: &[SupervisedFiles],
    device: &Device,
    tolerance: Tolerance,
) -> anyhow::Result<()> {
    for files in cases {
        let trace: Trace = serde_json::from_str(&files.trace).context("trace.json")?;
        let run = Run {
            config: CausalLmConfig::from_hugging_face(&files.config)?,
            initial: files.weights("initial")?,
            files,
            trace,
            device: device.clone().autodiff(),
            tolerance,
        };
        ensure!(run.trace.steps.len() == 3, "a case has three steps");
        for cut in CUTS {
            let checked = if run.trace.is_sft() {
                run.check_sft(cut).await
            } else {
                run.check_reward(cut).await
            };
            checked.with_context(|| format!("golden case {}, {cut:?}", files.name))?;
        }
    }
    Ok(())
}

/// One case on one device.
struct Run<'a> {
    files: &'a SupervisedFiles,
    trace: Trace,
    config: CausalLmConfig,
    initial: Weights,
    device: Device,
    tolerance: Tolerance,
}

impl Run<'_> {
    async fn check_sft(&self, micro_batching: MicroBatching) -> anyhow::Result<()> {
        let lm = CausalLm::from_weights(&self.config, &self.initial, &self.device)?;
        let config = SftConfig {
            micro_batching,
            ..self.trace.sft_config()
        };
        let models = SftModels::new(None, Actor::Full(lm))?;
        let mut trainer = SftTrainer::new(models, config, self.trace.total_steps())?;
        for (number, expected) in self.trace.steps.iter().enumerate() {
            let batch = self.trace.examples(number)?;
            if let (0, Actor::Full(lm)) = (number, trainer.models().trained()) {
                let gradients = trainer.gradients(&batch)?.gradients;
                self.check_gradients(lm, &lm.parameter_names(), &gradients)
                    .await?;
            }
            let found = trainer.step(&batch)?.read().await?;
            self.check_numbers(number, found.loss, found.grad_norm, found.learning_rate)?;
            let accuracy = self.trace.token_accuracy(number);
            let apart = (found.mean_token_accuracy - accuracy).abs();
            ensure!(
                apart < 1e-6,
                "accuracy {}, PyTorch has {accuracy}",
                found.mean_token_accuracy
            );
            ensure!(expected.scores().is_none(), "no scores in fine-tuning");
            let Actor::Full(lm) = trainer.models().trained() else {
                anyhow::bail!("a whole model is trained")
            };
            self.check_weights(number, lm.weights().await?)?;
        }
        Ok(())
    }

    async fn check_reward(&self, micro_batching: MicroBatching) -> anyhow::Result<()> {
        let config = RewardConfig {
            micro_batching,
            ..self.trace.reward_config(self.has_value_head())
        };
        let models = RewardModels::new(None, TrainedReward::Full(self.reward_model()?))?;
        let mut trainer = RewardTrainer::new(models, config, self.trace.total_steps())?;
        for (number, expected) in self.trace.steps.iter().enumerate() {
            let batch = self.trace.pairs(number)?;
            if let (0, TrainedReward::Full(model)) = (number, trainer.models().trained()) {
                let gradients = trainer.gradients(&batch)?.gradients;
                self.check_gradients(model, &model.parameter_names(), &gradients)
                    .await?;
            }
            let expected_scores = self.expected_scores(&trainer, number).await?;
            self.check_scores(&trainer, &batch, &expected_scores, micro_batching)
                .await?;
            let found = trainer.step(&batch)?.read().await?;
            self.check_numbers(number, found.loss, found.grad_norm, found.learning_rate)?;
            self.check_metrics(&found, &expected_scores, expected)?;
            let TrainedReward::Full(model) = trainer.models().trained() else {
                anyhow::bail!("a whole model is trained")
            };
            let mut weights = model.weights().await?;
            if self.has_value_head() {
                rename(&mut weights);
                // The reference keeps the output layer, which nothing reads.
                let name = "lm_head.weight".to_owned();
                let lm_head = self.initial.0[&name].clone();
                weights.0.insert(name, lm_head);
            }
            self.check_weights(number, weights)?;
        }
        Ok(())
    }

    fn has_value_head(&self) -> bool {
        self.initial.0.contains_key(HEAD_NAMES[0].0)
    }

    fn reward_model(&self) -> anyhow::Result<ScalarModel> {
        if !self.has_value_head() {
            return Ok(ScalarModel::from_weights(
                &self.config,
                &self.initial,
                &self.device,
            )?);
        }
        let mut weights = self.initial.clone();
        let head = ScalarHead::take_value_head(&mut weights, self.config.hidden_size, &self.device)?;
        let lm = CausalLm::from_weights(&self.config, &weights, &self.device)?;
        Ok(ScalarModel::new(lm, head))
    }

    fn check_numbers(&self, number: usize, loss: f32, grad_norm: f32, lr: f64) -> anyhow::Result<()> {
        let Step {
            loss: expected_loss,
            grad_norm: expected_norm,
            lr: expected_lr,
            ..
        } = &self.trace.steps[number];
        let context = |what: &str| format!("{what} of step {}", number + 1);
        close(&[loss], &[*expected_loss], self.tolerance.losses).with_context(|| context("loss"))?;
        close(&[grad_norm], &[*expected_norm], self.tolerance.gradients)
            .with_context(|| context("gradient norm"))?;
        ensure!(
            (lr - expected_lr).abs() < 1e-12,
            "learning rate {lr}, PyTorch has {expected_lr}"
        );
        Ok(())
    }

    /// PyTorch's scores before a step. They have its bias in them, whose steps are noise (see `check_weights`), so they
    /// are moved to ours.
    async fn expected_scores(&self, trainer: &RewardTrainer, number: usize) -> anyhow::Result<Vec<f32>> {
        let mut scores = self.trace.steps[number].scores().context("no scores")?;
        let (theirs, ours) = HEAD_NAMES[1];
        let recorded = match number {
            0 => self.initial.clone(),
            _ => self.files.weights(&format!("after_step_{number}"))?,
        };
        if let (Some(recorded), TrainedReward::Full(model)) =
            (recorded.0.get(theirs), trainer.models().trained())
        {
            let apart = model.weights().await?.0[ours].data[0] - recorded.data[0];
            scores.iter_mut().for_each(|score| *score += apart);
        }
        Ok(scores)
    }

    /// Scores before the step, read by themselves.
    async fn check_scores(
        &self,
        trainer: &RewardTrainer,
        batch: &[RewardPair],
        expected: &[f32],
        cut: MicroBatching,
    ) -> anyhow::Result<()> {
        let chosen = batch.iter().map(|pair| pair.chosen().tokens());
        let rejected = batch.iter().map(|pair| pair.rejected().tokens());
        let rows: Vec<Vec<u32>> = chosen.chain(rejected).collect();
        let found = trainer.models().score(&rows, cut).await?;
        close(&found, expected, self.tolerance.scores).context("scores")
    }

    fn check_metrics(
        &self,
        found: &RewardMetrics,
        expected_scores: &[f32],
        expected: &Step,
    ) -> anyhow::Result<()> {
        let of_side = |side: usize| found.scores.iter().map(move |pair| pair[side]);
        let scores: Vec<f32> = of_side(0).chain(of_side(1)).collect();
        close(&scores, expected_scores, self.tolerance.scores).context("scores of the step")?;
        let accuracy = expected.accuracy.first().copied().context("no accuracy")?;
        ensure!(
            (found.preferences.accuracy - accuracy).abs() < 1e-6,
            "accuracy {}, PyTorch has {accuracy}",
            found.preferences.accuracy
        );
        Ok(())
    }

    async fn check_gradients<M: Module>(
        &self,
        module: &M,
        names: &[ParameterName],
        gradients: &GradientsParams,
    ) -> anyhow::Result<()> {
        let mut collector = Collector {
            names,
            gradients,
            found: BTreeMap::new(),
        };
        module.visit(&mut collector);
        let expected = self.files.weights("gradients_step_1_after_clipping")?;
        ensure!(!expected.0.is_empty(), "no gradients to compare with");
        for (name, expected) in &expected.0 {
            let ours = HEAD_NAMES.iter().find(|(theirs, _)| theirs == name);
            let ours = ours.map_or(name.as_str(), |(_, ours)| ours);
            let found = collector.found.remove(ours);
            let found = read(found.with_context(|| format!("no gradient of {name}"))?).await?;
            let largest = expected.data.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            let apart = largest_difference(&found, &expected.data);
            ensure!(
                apart <= self.tolerance.gradients * largest,
                "gradient of {name} is {apart:e} apart, its largest entry is {largest:e}"
            );
        }
        Ok(())
    }

    fn check_weights(&self, number: usize, found: Weights) -> anyhow::Result<()> {
        let step = number + 1;
        let expected = self.files.weights(&format!("after_step_{step}"))?;
        ensure!(
            found.0.keys().eq(expected.0.keys()),
            "tensors {:?}, PyTorch has {:?}",
            found.0.keys(),
            expected.0.keys()
        );
        for (name, tensor) in found.0 {
            // A bias cancels in chosen − rejected: its gradient is rounding noise, of which Adam makes whole steps.
            let tolerance = if name == HEAD_NAMES[1].0 {
                self.trace.rate_until(step)
            } else {
                self.tolerance.weights
            };
            let apart = largest_difference(&tensor.data, &expected.0[&name].data);
            ensure!(apart <= tolerance, "{name} after step {step} is {apart:e} apart");
        }
        Ok(())
    }
}

/// Gives the head the names of TRL's value head.
fn rename(weights: &mut Weights) {
    for (theirs, ours) in HEAD_NAMES {
        if let Some(tensor) = weights.0.remove(ours) {
            weights.0.insert(theirs.to_owned(), tensor);
        }
    }
}

/// Gradients by the names and in the layout of files.
struct Collector<'a> {
    names: &'a [ParameterName],
    gradients: &'a GradientsParams,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let Some(name) = self.names.iter().find(|name| name.id == param.id) else {
            return;
        };
        let gradient = match name.layout {
            ParameterLayout::Transposed => gradient.swap_dims(0, 1),
            ParameterLayout::AsStored => gradient,
        };
        let len = gradient.shape().num_elements();
        self.found.insert(name.name.clone(), gradient.reshape([len]));
    }
}
