//! The PPO trainer against recorded runs of TRL 1.12: every number of an update, and the weights after it.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_train::{Actor, Critic, PpoStep, PpoTrainer, Responses, truncated};
use serde::Deserialize;

use crate::golden::PpoFiles;
use crate::ppo_trace::{Array, Tolerance, check_weights, close};

mod settings;

use settings::Trace;

#[derive(Deserialize)]
struct Update {
    queries: Array,
    responses: Array,
    postprocessed_responses: Array,
    sequence_lengths: Array,
    contain_eos_token: Array,
    padding_mask: Array,
    padding_mask_p1: Array,
    full_values: Array,
    context_length: usize,
    raw_scores: Array,
    scores: Array,
    logprobs: Array,
    ref_logprobs: Array,
    values: Array,
    kl: Array,
    non_score_reward: Array,
    rewards: Array,
    advantages: Array,
    returns: Array,
    permutations: Vec<Vec<usize>>,
    microbatches: Vec<MicroBatch>,
    optimizer_steps: Vec<OptimizerStep>,
    per_slot_stats: BTreeMap<String, Array>,
    metrics: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct MicroBatch {
    indices: Vec<usize>,
    new_logprobs: Array,
    vpred: Array,
    policy_loss: f64,
    value_loss: f64,
    loss: f64,
    value_clipfrac: f64,
    ratio_mean: f64,
}

#[derive(Deserialize)]
struct OptimizerStep {
    lr: f64,
    grad_norm: f64,
}

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
    let models = trace.models(files, device)?;
    let mut trainer = PpoTrainer::new(models, trace.config()?, trace.ppo_config.num_total_batches)?;
    ensure!(
        trace.updates.len() == trace.ppo_config.num_total_batches,
        "number of updates"
    );
    for (number, update) in trace.updates.iter().enumerate() {
        let context = || format!("update {}", number + 1);
        let found = trainer
            .step_in_order(update.arguments(&trace)?, &update.scores(), &update.permutations)
            .await
            .with_context(context)?;
        update.check_arrays(&found, tolerance).with_context(context)?;
        let scale = trace.gradient_scale();
        update
            .check_micro_batches(&found, tolerance)
            .with_context(context)?;
        update.check_tables(&found, tolerance).with_context(context)?;
        update
            .check_optimizer_steps(&found, scale, tolerance)
            .with_context(context)?;
        update.check_metrics(&found, tolerance).with_context(context)?;
        let Actor::Full(policy) = &trainer.models().trained().actor else {
            anyhow::bail!("the policy is a whole model");
        };
        let Some(Critic::OwnModel(value)) = &trainer.models().trained().critic else {
            anyhow::bail!("the value model is a whole model");
        };
        for (stem, weights) in [
            ("policy", policy.weights().await?),
            ("value", value.weights().await?),
        ] {
            let recorded = files.weights(&format!("{stem}_after_update_{}", number + 1))?;
            check_weights(
                &format!("{stem}, {}", context()),
                &weights,
                &recorded,
                tolerance.weights,
            )?;
        }
    }
    Ok(())
}

/// Token ids of a row.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the trace's numbers are token ids"
)]
fn ids(row: &[f64]) -> Vec<u32> {
    row.iter().map(|id| *id as u32).collect()
}

impl Update {
    /// Prompts without their padding, responses up to their end.
    fn arguments(&self, trace: &Trace) -> anyhow::Result<Responses> {
        let stop = [trace.eos_token_id];
        let rows = 0..self.queries.shape[0];
        let (mut prompts, mut responses, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let mut prompt = ids(self.queries.row(row));
            prompt.retain(|id| *id != trace.pad_token_id);
            let written = ids(self.responses.row(row));
            let response = truncated(&written, &stop).to_vec();
            let expected = ids(self.postprocessed_responses.row(row));
            ensure!(expected.starts_with(&response), "row {row}: truncated response");
            let last = self.sequence_lengths.data[row];
            ensure!(
                response.len() as f64 == last + 1.0,
                "row {row}: length of the response"
            );
            let has_ended = response.ends_with(&stop);
            ensure!(
                has_ended == (self.contain_eos_token.data[row] == 1.0),
                "row {row}: end"
            );
            prompts.push(prompt);
            responses.push(response);
            ended.push(has_ended);
        }
        Ok(Responses::new(
            prompts,
            responses,
            ended,
            trace.ppo_config.response_length,
        )?)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the trace's numbers are float32")]
    fn scores(&self) -> Vec<f32> {
        self.raw_scores.data.iter().map(|score| *score as f32).collect()
    }

    /// Every slot of every array. Where a response has no token, TRL's log-probabilities are 1 and ours 0.
    fn check_arrays(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        let (experience, rollout) = (&found.experience, &found.experience.rollout);
        let (log_probs, losses) = (tolerance.log_probs, tolerance.losses);
        let arrays = [
            ("logprobs", &self.logprobs, &rollout.log_probs, log_probs),
            (
                "ref_logprobs",
                &self.ref_logprobs,
                &rollout.ref_log_probs,
                log_probs,
            ),
            ("values", &self.values, &rollout.values, log_probs),
            ("kl", &self.kl, &found.rewards.kl, losses),
            (
                "non_score_reward",
                &self.non_score_reward,
                &found.rewards.non_score_rewards,
                losses,
            ),
            ("rewards", &self.rewards, &found.rewards.rewards, losses),
            ("advantages", &self.advantages, &experience.advantages, losses),
            ("returns", &self.returns, &experience.returns, losses),
        ];
        for (name, expected, found, tolerance) in arrays {
            let slots = expected.data.iter().zip(found).zip(&self.padding_mask.data);
            for (place, ((expected, found), padding)) in slots.enumerate() {
                let is_invalid = *padding == 1.0 && name.ends_with("logprobs");
                let expected = if is_invalid { 0.0 } else { *expected };
                close(
                    &format!("{name}[{place}]"),
                    f64::from(*found),
                    expected,
                    tolerance,
                )?;
            }
        }
        // Values are read from the whole rollout there, and from the truncated response here.
        let len = self.values.shape[1];
        for (place, value) in rollout.values.iter().enumerate() {
            let (row, slot) = (place / len, place % len);
            ensure!(
                rollout.mask[place] == (self.padding_mask.data[place] == 0.0),
                "mask[{place}]"
            );
            let counts = self.padding_mask_p1.data[place] == 0.0;
            ensure!(rollout.reward_mask[place] == counts, "mask of values[{place}]");
            if counts {
                let full = self.full_values.row(row)[self.context_length - 1 + slot];
                close(
                    &format!("full_values of row {row}, slot {slot}"),
                    f64::from(*value),
                    full,
                    log_probs,
                )?;
            }
        }
        for (row, score) in found.scores.iter().enumerate() {
            close("score", f64::from(*score), self.scores.data[row], 1e-5)?;
        }
        Ok(())
    }

    /// Where rows have tokens, and the slots that there are.
    fn tokens(&self, rows: &[usize], padding: &Array) -> (Vec<bool>, f64) {
        let mask: Vec<bool> = rows
            .iter()
            .flat_map(|&row| padding.row(row).iter().map(|padding| *padding == 0.0))
            .collect();
        let share = mask.iter().filter(|counts| **counts).count() as f64 / mask.len() as f64;
        (mask, share)
    }

    fn check_micro_batches(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        ensure!(
            found.minibatches.len() == self.microbatches.len(),
            "number of micro-batches"
        );
        let slots = self.filled_slots();
        let all = found.minibatches.iter().zip(&self.microbatches).zip(&slots);
        for (number, ((stats, expected), &slot)) in all.enumerate() {
            let (mask, share) = self.tokens(&expected.indices, &self.padding_mask);
            let (value_mask, _) = self.tokens(&expected.indices, &self.padding_mask_p1);
            let old = expected.indices.iter().flat_map(|&row| self.logprobs.row(row));
            let pairs = expected.new_logprobs.data.iter().zip(old);
            let policy_kl = mean(&pairs.map(|(new, old)| old - new).collect::<Vec<_>>(), &mask);
            let value_prediction = mean(&expected.vpred.data, &value_mask);
            let table = |name: &str| self.per_slot_stats[name].data[slot];
            let mut numbers = vec![
                ("policy loss", stats.policy_loss, expected.policy_loss),
                ("value loss", stats.value_loss, expected.value_loss),
                ("loss", stats.total_loss, expected.loss),
                ("clipped", stats.value_clip_fraction, expected.value_clipfrac),
                ("value prediction", stats.value_prediction, value_prediction),
                ("KL to the old policy", stats.policy_kl, policy_kl),
                ("pg_loss", stats.policy_loss, table("pg_loss")),
                ("vf_loss", stats.value_loss, table("vf_loss")),
                ("pg_clipfrac", stats.clip_fraction, table("pg_clipfrac")),
                ("vf_clipfrac", stats.value_clip_fraction, table("vf_clipfrac")),
            ];
            // Entropies of padding are not computed here.
            if share == 1.0 {
                numbers.push(("entropy", stats.entropy, table("entropy")));
            }
            for (name, found, expected) in numbers {
                close(name, f64::from(found), expected, tolerance.losses)
                    .with_context(|| format!("micro-batch {number}"))?;
            }
        }
        Ok(())
    }

    /// Ratios and approximate KL, which TRL averages over slots without a token too, where they are 1 and 0, and over
    /// places of its tables without a micro-batch, which stay 0.
    fn check_tables(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        let empty = vec![0.0; self.per_slot_stats["ratio"].data.len()];
        let (mut ratios, mut approx_kls) = (empty.clone(), empty);
        let all = found.minibatches.iter().zip(&self.microbatches);
        for ((stats, expected), slot) in all.zip(self.filled_slots()) {
            let (_, share) = self.tokens(&expected.indices, &self.padding_mask);
            ratios[slot] = f64::from(stats.ratio) * share + (1.0 - share);
            approx_kls[slot] = f64::from(stats.approx_kl) * share;
            close("mean ratio", ratios[slot], expected.ratio_mean, tolerance.losses)?;
        }
        for (name, found) in [("ratio", &ratios), ("approxkl", &approx_kls)] {
            for (found, expected) in found.iter().zip(&self.per_slot_stats[name].data) {
                close(name, *found, *expected, tolerance.losses)?;
            }
        }
        let of_all = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
        let mean_ratio = of_all(&ratios);
        let squares = ratios.iter().map(|ratio| (ratio - mean_ratio).powi(2));
        let variance = squares.sum::<f64>() / (ratios.len() - 1) as f64;
        for (name, found) in [
            ("val/ratio", mean_ratio),
            ("policy/approxkl_avg", of_all(&approx_kls)),
            ("val/ratio_var", variance),
        ] {
            // The variance of one number is not defined.
            if found.is_finite() {
                close(name, found, self.metrics[name], tolerance.losses)?;
            }
        }
        Ok(())
    }

    fn check_optimizer_steps(&self, found: &PpoStep, scale: f64, tolerance: Tolerance) -> anyhow::Result<()> {
        ensure!(
            found.grad_norms.len() == self.optimizer_steps.len(),
            "number of optimiser steps"
        );
        for (norm, step) in found.grad_norms.iter().zip(&self.optimizer_steps) {
            let norm = f64::from(*norm) * scale;
            close("gradient norm", norm, step.grad_norm, tolerance.relative)?;
            let lr = found.metrics.get("lr").context("no lr")?;
            close("learning rate", lr / step.lr, 1.0, 1e-6)?;
        }
        Ok(())
    }

    /// Where the statistics of each micro-batch lie in TRL's tables, `[epochs, minibatches, accumulation]`, which have
    /// more places than there are micro-batches when there is more than one minibatch.
    fn filled_slots(&self) -> Vec<usize> {
        let shape = &self.per_slot_stats["ratio"].shape;
        let per_minibatch = self.microbatches.len() / (shape[0] * shape[1]);
        let minibatches = 0..shape[0] * shape[1];
        minibatches
            .flat_map(|minibatch| (0..per_minibatch).map(move |place| minibatch * shape[2] + place))
            .collect()
    }

    /// What else TRL logs, but for the entropy, whose mean is over padding too.
    fn check_metrics(&self, found: &PpoStep, tolerance: Tolerance) -> anyhow::Result<()> {
        let slots = self.per_slot_stats["ratio"].data.len() as f64;
        let filled = self.microbatches.len() as f64 / slots;
        for (name, expected) in &self.metrics {
            // Means over TRL's table count its empty places.
            let (ours, factor) = match name.as_str() {
                "policy/entropy_avg" | "policy/approxkl_avg" | "val/ratio" | "val/ratio_var" => continue,
                "objective/kl" => ("objective/kl_penalty", 1.0),
                "objective/scores" => ("ppo/mean_scores", 1.0),
                name if name.ends_with("_avg") => (name, filled),
                name => (name, 1.0),
            };
            let value = found
                .metrics
                .get(ours)
                .with_context(|| format!("no metric {ours}"))?;
            let tolerance = match name.as_str() {
                "objective/kl" | "objective/entropy" => tolerance.log_probs,
                _ => tolerance.losses,
            };
            close(name, value * factor, *expected, tolerance)?;
        }
        Ok(())
    }
}

/// Mean of the numbers that count.
fn mean(numbers: &[f64], mask: &[bool]) -> f64 {
    let counting: Vec<f64> = numbers
        .iter()
        .zip(mask)
        .filter(|(_, counts)| **counts)
        .map(|(number, _)| *number)
        .collect();
    counting.iter().sum::<f64>() / counting.len() as f64
}
