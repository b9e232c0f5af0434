//! The PPO trainer against recorded runs of TRL 0.7.2: every number of three steps, and the weights after each.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_model::{CausalLm, CausalLmConfig, PeftAdapter, ScalarHead, Weights};
use rllr_reward::{KlClamps, KlEstimator, MissingEos, RunningMoments, ScoreNormalization, ScorePosition};
use rllr_train::masked_stats::Variance;
use rllr_train::{
    Actor, ActorCritic, AdamSettings, AdvantageSource, AdvantageWhitening, Critic, CriticKind, EarlyStop,
    GaeConfig, GradientClipping, KlController, KlPenalty, KlPlace, LossAggregation, LossMeans, LrSchedule,
    OptimizerConfig, PpoConfig, PpoLossConfig, PpoModels, PpoStats, PpoStep, PpoTrainer, Reference,
    ReferenceKind, ReferenceReset, Responses, RewardWhitening, Warmup,
};
use serde::Deserialize;

use crate::golden::PpoFiles;
use crate::ppo_trace::{Array, Statistic, Tolerance, check_weights, close};

#[derive(Deserialize)]
struct Trace {
    ppo_config: Config,
    optimizer: Optimizer,
    lora: Option<serde_json::Value>,
    model_config: serde_json::Value,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Config {
    adap_kl_ctrl: bool,
    batch_size: usize,
    cliprange: f64,
    cliprange_value: f64,
    early_stopping: bool,
    gamma: f64,
    gradient_accumulation_steps: usize,
    horizon: f64,
    init_kl_coef: f64,
    kl_penalty: String,
    lam: f64,
    learning_rate: f64,
    max_grad_norm: Option<f64>,
    mini_batch_size: usize,
    ppo_epochs: usize,
    ratio_threshold: f64,
    score_clip: Option<f32>,
    target: f64,
    use_score_norm: bool,
    use_score_scaling: bool,
    vf_coef: f64,
}

#[derive(Deserialize)]
struct Optimizer {
    class: String,
    betas: [f32; 2],
    eps: f32,
    weight_decay: f32,
    scheduler: Option<Scheduler>,
}

#[derive(Deserialize)]
struct Scheduler {
    name: String,
    num_warmup_steps: usize,
    num_training_steps: usize,
}

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

impl Trace {
    fn config(&self) -> anyhow::Result<PpoConfig> {
        let Self {
            ppo_config: c,
            optimizer,
            ..
        } = self;
        let [beta_1, beta_2] = optimizer.betas;
        let adam = AdamSettings {
            beta_1,
            beta_2,
            epsilon: optimizer.eps,
            weight_decay: optimizer.weight_decay,
        };
        let moments = RunningMoments::default();
        ensure!(!c.early_stopping, "no case stops early");
        Ok(PpoConfig {
            batch_size: c.batch_size,
            ppo_epochs: c.ppo_epochs,
            minibatch_size: c.mini_batch_size * c.gradient_accumulation_steps,
            micro_batch_size: c.mini_batch_size,
            loss_means: LossMeans::MicroBatch,
            loss_aggregation: LossAggregation::TokenMean,
            optimizer: match optimizer.class.as_str() {
                "Adam" => OptimizerConfig::Adam(adam),
                "AdamW" => OptimizerConfig::AdamW(adam),
                other => anyhow::bail!("optimizer {other:?}"),
            },
            learning_rate: c.learning_rate,
            critic_learning_rate: None,
            lr_schedule: match &optimizer.scheduler {
                None => LrSchedule::Constant,
                Some(scheduler) if scheduler.name == "cosine" && scheduler.num_warmup_steps == 0 => {
                    LrSchedule::Cosine
                }
                Some(scheduler) => anyhow::bail!("scheduler {:?}", scheduler.name),
            },
            warmup: Warmup::None,
            gradient_clipping: match c.max_grad_norm {
                None => GradientClipping::Never,
                Some(max_grad_norm) => GradientClipping::FirstStepOnly { max_grad_norm },
            },
            kl_controller: self.kl_controller(),
            kl_penalty: match c.kl_penalty.as_str() {
                "kl" => KlPenalty::Estimate(KlEstimator::K1),
                "abs" => KlPenalty::Estimate(KlEstimator::Abs),
                "mse" => KlPenalty::Estimate(KlEstimator::K2),
                "full" => KlPenalty::Full,
                other => anyhow::bail!("kl_penalty {other:?}"),
            },
            kl_clamps: KlClamps::default(),
            kl_place: KlPlace::Reward,
            reference_reset: ReferenceReset::Never,
            missing_eos: MissingEos::Keep,
            score_normalization: match (c.use_score_scaling, c.use_score_norm) {
                (false, _) => ScoreNormalization::None,
                (true, false) => ScoreNormalization::RunningStd(moments),
                (true, true) => ScoreNormalization::RunningMeanAndStd(moments),
            },
            score_clip: c.score_clip,
            score_position: ScorePosition::LastResponseToken,
            reward_whitening: RewardWhitening::None,
            advantage: AdvantageSource::Gae(GaeConfig {
                gamma: c.gamma,
                lambda: c.lam,
            }),
            advantage_whitening: AdvantageWhitening::Batch(Variance::Unbiased),
            loss: PpoLossConfig {
                clip_range_low: c.cliprange,
                clip_range_high: c.cliprange,
                value_clip_range: c.cliprange_value,
                vf_coef: c.vf_coef,
                ratio_threshold: c.ratio_threshold,
                ..PpoLossConfig::default()
            },
            early_stop: EarlyStop::Never,
            critic: CriticKind::SharedHead,
            reference: match self.lora {
                None => ReferenceKind::FrozenCopy,
                Some(_) => ReferenceKind::AdaptersOff,
            },
            ..PpoConfig::default()
        })
    }

    fn kl_controller(&self) -> KlController {
        let (kl_coef, c) = (self.ppo_config.init_kl_coef, &self.ppo_config);
        if c.adap_kl_ctrl {
            KlController::Adaptive {
                kl_coef,
                target: c.target,
                horizon: c.horizon,
            }
        } else {
            KlController::Fixed { kl_coef }
        }
    }

    fn models(&self, files: &PpoFiles, device: &Device) -> anyhow::Result<PpoModels> {
        let config = CausalLmConfig::from_hugging_face(&self.model_config.to_string())?;
        let trained_device = device.clone().autodiff();
        let Some(lora) = &self.lora else {
            let mut initial = files.weights("policy_initial")?;
            let head = ScalarHead::take_value_head(&mut initial, config.hidden_size, &trained_device)?;
            let policy = CausalLm::from_weights(&config, &initial, &trained_device)?;
            let mut reference = files.weights("reference")?;
            ScalarHead::take_value_head(&mut reference, config.hidden_size, device)?;
            let reference = CausalLm::from_weights(&config, &reference, device)?;
            let trained = ActorCritic {
                actor: Actor::Full(policy),
                critic: Some(Critic::SharedHead(head)),
            };
            return Ok(PpoModels::new(None, trained, Reference::FrozenCopy(reference))?);
        };
        let base = CausalLm::from_weights(&config, &files.weights("base")?, device)?;
        let mut initial = files.weights("adapter_initial")?;
        let head = ScalarHead::take_value_head(&mut initial, config.hidden_size, &trained_device)?;
        let mut peft = lora.clone();
        peft["peft_type"] = "LORA".into();
        let (peft, initial) = (peft.to_string(), initial.to_safetensors()?);
        let PeftAdapter { adapter, .. } = PeftAdapter::from_files(&peft, &initial, &config, &trained_device)?;
        let trained = ActorCritic {
            actor: Actor::Adapter(adapter),
            critic: Some(Critic::SharedHead(head)),
        };
        Ok(PpoModels::new(Some(base), trained, Reference::AdaptersOff)?)
    }
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
