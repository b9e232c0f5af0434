//! The PPO trainer against recorded runs of TRL 0.7.2: every number of three steps, and the weights after each.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_model::Weights;
use rllr_reward::ScoreNormalization;
use rllr_train::{Actor, Critic, PpoModels, PpoStats, PpoStep, PpoTrainer, Responses};
use serde::Deserialize;

use crate::golden::PpoFiles;
use crate::ppo_trace::{Array, Statistic, Tolerance, check_weights, close};

mod settings;

use settings::{Config, Trace};

#[derive(Deserialize)]
struct Step {
    queries: Vec<Vec<u32>>,
    responses: Vec<Vec<u32>>,
    scores: Vec<f32>,
    scores_used: Array,
    logprobs: Array,
    ref_logprobs: Array,
    values_unmasked: Array,
    values: Array,
    masks: Array,
    non_score_rewards: Array,
    rewards: Array,
    advantages: Array,
    returns: Array,
    permutations: Vec<Vec<usize>>,
    minibatches: Vec<BTreeMap<String, Statistic>>,
    grad_norms_at_optimizer_step: Array,
    lr_at_optimizer_step: Array,
    clip_calls: Vec<ClipCall>,
    kl_coef_before: f64,
    kl_coef_after: f64,
    running_moments: Moments,
    stats: BTreeMap<String, Statistic>,
}

#[derive(Deserialize)]
struct ClipCall {
    norm_before: f64,
}

#[derive(Deserialize)]
struct Moments {
    mean: f64,
    std: f64,
    var: f64,
    count: f64,
}

/// Statistics of the trace that are arrays over tokens; the arrays that they are made of are compared instead.
const ARRAYS: [&str; 4] = [
    "ppo/policy/advantages",
    "ppo/policy/ratio",
    "tokens/queries_dist",
    "tokens/responses_dist",
];

/// Trains every recorded run again on `device` and compares.
///
/// # Errors
///
/// When a file is damaged, or a number is further from TRL's than the tolerance.
pub async fn check_all(cases: &[PpoFiles], device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    for files in cases {
        check(files, device, tolerance)
            .await
            .with_context(|| format!("recorded run {}", files.name))?;
    }
    Ok(())
}

async fn check(files: &PpoFiles, device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    let trace: Trace = serde_json::from_str(&files.trace).context("trace.json")?;
    let config = trace.config()?;
    let total_steps = trace
        .optimizer
        .scheduler
        .as_ref()
        .map_or(1, |s| s.num_training_steps);
    let models = trace.models(files, device)?;
    let mut trainer = PpoTrainer::new(models, config, total_steps)?;
    ensure!(trace.steps.len() == 3, "{} steps, expected 3", trace.steps.len());
    for (number, expected) in trace.steps.iter().enumerate() {
        let context = || format!("step {}", number + 1);
        close(
            "coefficient before",
            trainer.state().kl_controller.kl_coef(),
            expected.kl_coef_before,
            1e-6,
        )?;
        let found = trainer
            .step_in_order(expected.arguments()?, &expected.scores, &expected.permutations)
            .await
            .with_context(context)?;
        expected.check_arrays(&found, tolerance).with_context(context)?;
        expected
            .check_minibatches(&found, &trace.ppo_config, tolerance)
            .with_context(context)?;
        expected.check_stats(&found, tolerance).with_context(context)?;
        expected.check_state(&trainer, tolerance).with_context(context)?;
        let stem = if trace.lora.is_some() { "adapter" } else { "policy" };
        let recorded = files.weights(&format!("{stem}_after_step_{}", number + 1))?;
        let weights = trained_weights(trainer.models()).await?;
        check_weights(&context(), &weights, &recorded, tolerance.weights)?;
    }
    Ok(())
}

/// What is trained, under the names of the recorded files.
async fn trained_weights(models: &PpoModels) -> anyhow::Result<Weights> {
    let mut weights = match &models.trained().actor {
        Actor::Full(policy) => policy.weights().await?,
        Actor::Adapter(adapter) => adapter.weights().await?,
    };
    let Some(Critic::SharedHead(head)) = &models.trained().critic else {
        anyhow::bail!("the value model of TRL 0.7.2 is a head on the policy");
    };
    weights.0.extend(head.to_value_head().await?.0);
    Ok(weights)
}

impl Step {
    fn arguments(&self) -> anyhow::Result<Responses> {
        let response_len = self.responses.iter().map(Vec::len).max().unwrap_or(0);
        let ended = vec![true; self.responses.len()];
        Ok(Responses::new(
            self.queries.clone(),
            self.responses.clone(),
            ended,
            response_len,
        )?)
    }

    /// Where the response tokens of row `row` stand in the trace.
    fn columns(&self, row: usize) -> Vec<usize> {
        let mask = self.masks.row(row).iter().enumerate();
        mask.filter(|(_, counts)| **counts == 1.0)
            .map(|(column, _)| column)
            .collect()
    }

    /// Every array over tokens, at the tokens of the responses; elsewhere the trace's numbers have no use.
    fn check_arrays(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        let (experience, rollout) = (&found.experience, &found.experience.rollout);
        let arrays = [
            (
                "logprobs",
                &self.logprobs,
                &rollout.log_probs,
                tolerance.log_probs,
            ),
            (
                "ref_logprobs",
                &self.ref_logprobs,
                &rollout.ref_log_probs,
                tolerance.log_probs,
            ),
            (
                "values_unmasked",
                &self.values_unmasked,
                &rollout.values,
                tolerance.log_probs,
            ),
            ("values", &self.values, &rollout.values, tolerance.log_probs),
            (
                "non_score_rewards",
                &self.non_score_rewards,
                &found.rewards.non_score_rewards,
                tolerance.losses,
            ),
            ("rewards", &self.rewards, &found.rewards.rewards, tolerance.losses),
            (
                "advantages",
                &self.advantages,
                &experience.advantages,
                tolerance.losses,
            ),
            ("returns", &self.returns, &experience.returns, tolerance.losses),
        ];
        for row in 0..self.responses.len() {
            let columns = self.columns(row);
            ensure!(
                columns.len() == self.responses[row].len(),
                "row {row}: tokens of the mask"
            );
            for (name, expected, array, tolerance) in arrays {
                let numbers = &array[rollout.row(row)];
                for (slot, &column) in columns.iter().enumerate() {
                    let what = format!("{name} of row {row}, slot {slot}");
                    close(
                        &what,
                        f64::from(numbers[slot]),
                        expected.row(row)[column],
                        tolerance,
                    )?;
                }
            }
            let score = f64::from(found.scores[row]);
            close("score used", score, self.scores_used.data[row], 1e-5)?;
        }
        Ok(())
    }

    fn check_minibatches(
        &self,
        found: &PpoStep,
        config: &Config,
        tolerance: Tolerance,
    ) -> anyhow::Result<()> {
        ensure!(
            found.minibatches.len() == self.minibatches.len(),
            "number of minibatches"
        );
        let rows = self
            .permutations
            .iter()
            .flat_map(|order| order.chunks(config.mini_batch_size));
        for (number, ((stats, expected), rows)) in found
            .minibatches
            .iter()
            .zip(&self.minibatches)
            .zip(rows)
            .enumerate()
        {
            let context = || format!("minibatch {number}");
            for (name, value) in named(stats) {
                let Some(Statistic::Number(recorded)) = expected.get(name) else {
                    anyhow::bail!("minibatch {number} has no number {name}");
                };
                close(name, f64::from(value), *recorded, tolerance.losses).with_context(context)?;
            }
            let Some(Statistic::Array(ratios)) = expected.get("policy/ratio") else {
                anyhow::bail!("minibatch {number} has no policy/ratio");
            };
            let places = rows.iter().enumerate();
            let ratios: Vec<f64> = places
                .flat_map(|(place, &row)| self.columns(row).into_iter().map(move |c| (place, c)))
                .map(|(place, column)| ratios.row(place)[column])
                .collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            close("mean ratio", f64::from(stats.ratio), mean, tolerance.losses).with_context(context)?;
        }
        let norms = &self.grad_norms_at_optimizer_step.data;
        ensure!(found.grad_norms.len() == norms.len(), "number of optimiser steps");
        for (step, (found, after)) in found.grad_norms.iter().zip(norms).enumerate() {
            let before = self.clip_calls.get(step).map_or(*after, |call| call.norm_before);
            close("gradient norm", f64::from(*found), before, tolerance.relative)?;
        }
        Ok(())
    }

    /// Everything that TRL's `step` returned, but for arrays over tokens.
    fn check_stats(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        let rollout = &found.experience.rollout;
        for (name, recorded) in self
            .stats
            .iter()
            .filter(|(name, _)| !ARRAYS.contains(&name.as_str()))
        {
            let tolerance = match name.as_str() {
                "ppo/val/var_explained" => tolerance.relative,
                "objective/kl" | "objective/kl_dist" | "objective/entropy" => tolerance.log_probs,
                _ => tolerance.losses,
            };
            match recorded {
                Statistic::Number(number) => {
                    let value = found
                        .metrics
                        .get(name)
                        .with_context(|| format!("no metric {name}"))?;
                    close(name, value, *number, tolerance)?;
                }
                Statistic::NotFinite(_) => {
                    ensure!(
                        found.metrics.get(name).is_none(),
                        "{name} is not defined in the trace"
                    );
                }
                Statistic::Array(array) => {
                    ensure!(name == "objective/kl_dist", "unexpected array {name}");
                    for (row, number) in array.data.iter().enumerate() {
                        let places = rollout.row(row);
                        let pairs = rollout.log_probs[places.clone()]
                            .iter()
                            .zip(&rollout.ref_log_probs[places]);
                        let kl = pairs
                            .map(|(policy, reference)| f64::from(policy - reference))
                            .sum();
                        close(name, kl, *number, tolerance)?;
                    }
                }
            }
        }
        for rate in &self.lr_at_optimizer_step.data {
            let found = found
                .metrics
                .get("ppo/learning_rate")
                .context("no learning rate")?;
            ensure!(
                (found / rate - 1.0).abs() < 1e-6,
                "learning rate {found}, recorded {rate}"
            );
        }
        Ok(())
    }

    fn check_state(&self, trainer: &PpoTrainer, tolerance: Tolerance) -> anyhow::Result<()> {
        let state = trainer.state();
        close(
            "coefficient after",
            state.kl_controller.kl_coef(),
            self.kl_coef_after,
            1e-6,
        )?;
        if let ScoreNormalization::RunningMeanAndStd(moments) | ScoreNormalization::RunningStd(moments) =
            &state.score_normalization
        {
            let recorded = &self.running_moments;
            close("running mean", moments.mean, recorded.mean, tolerance.scalars)?;
            close("running std", moments.std(), recorded.std, tolerance.scalars)?;
            close(
                "running variance",
                moments.variance,
                recorded.var,
                tolerance.scalars,
            )?;
            close("running count", moments.count, recorded.count, tolerance.scalars)?;
        }
        Ok(())
    }
}

/// The statistics of a minibatch that are numbers, by the trace's names.
fn named(stats: &PpoStats) -> [(&'static str, f32); 10] {
    [
        ("loss/policy", stats.policy_loss),
        ("loss/value", stats.value_loss),
        ("loss/total", stats.total_loss),
        ("policy/entropy", stats.entropy),
        ("policy/approxkl", stats.approx_kl),
        ("policy/policykl", stats.policy_kl),
        ("policy/clipfrac", stats.clip_fraction),
        ("val/vpred", stats.value_prediction),
        ("val/error", stats.value_error),
        ("val/clipfrac", stats.value_clip_fraction),
    ]
}
