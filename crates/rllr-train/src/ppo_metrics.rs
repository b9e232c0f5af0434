//! A PPO step's numbers by their published names.

use std::collections::{BTreeMap, BTreeSet};

use crate::group_advantage::groups_that_differ;
use crate::masked_stats::{Variance, mean, mean_of_row_sums, variance};
use crate::ppo_config::{AdvantageSource, LossMeans, PpoConfig};
use crate::ppo_experience::Experience;
use crate::ppo_stats::PpoStats;
use crate::ppo_step::ScoredRollout;
use crate::ppo_update::Updates;

/// Metrics that TRL does not have, or does not have so, each with its meaning.
pub const OWN_METRICS: [(&str, &str); 18] = [
    (
        "objective/kl",
        "mean over responses of the summed log π − log π_ref (k1), whatever is penalised",
    ),
    (
        "objective/kl_penalty",
        "mean over responses of the summed KL that is penalised",
    ),
    (
        "objective/scores",
        "mean score as it was given; ppo/mean_scores is after penalties and normalisation (TRL 1.12: after penalties)",
    ),
    (
        "policy/entropy_avg",
        "mean entropy over the tokens of responses, in nats; TRL 1.12 counts padding too",
    ),
    (
        "policy/approxkl_avg",
        "½ mean (log π_new − log π_old)² over the tokens of responses; TRL 1.12 counts padding too",
    ),
    (
        "val/ratio",
        "mean π_new / π_old over the tokens of responses; TRL 1.12 counts padding too",
    ),
    ("val/ratio_var", "variance of the mean ratio between minibatches"),
    ("val/num_eos_tokens", "responses that a stop token ended"),
    (
        "ppo/distinct_responses",
        "different responses for each one written; near 0 the policy says the same to every prompt",
    ),
    (
        "ppo/missing_eos_rate",
        "share of responses that no stop token ended",
    ),
    (
        "ppo/policy/dual_clipfrac",
        "share of tokens whose dual clip decided",
    ),
    (
        "ppo/skipped_minibatches",
        "micro-batches that taught nothing because their mean ratio was too large",
    ),
    ("ppo/grad_norm", "mean global gradient norm before clipping"),
    (
        "ppo/epochs",
        "passes over the rollout, fewer when the step ended early",
    ),
    ("ppo/optimizer_steps", "optimiser steps"),
    (
        "ppo/tokens_learned_from",
        "tokens of the responses that were learned from",
    ),
    (
        "ppo/left_out_rate",
        "share of responses that were left out because their group was equally good",
    ),
    (
        "ppo/sampler_difference",
        "largest difference between a token's log-probability and the sampler's, in nats",
    ),
];

/// Numbers by name; what is not defined (the variance of one number) is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PpoMetrics(pub BTreeMap<&'static str, f64>);

/// Rows, and means over their tokens.
type Group = (Vec<usize>, PpoStats);

/// What metrics are made of.
pub(crate) struct StepNumbers<'a> {
    pub(crate) scored: &'a ScoredRollout,
    pub(crate) updates: &'a Updates,
    pub(crate) config: &'a PpoConfig,
    pub(crate) lr_factor: f64,
    pub(crate) epochs: usize,
    pub(crate) episodes: usize,
}

impl Experience {
    /// Mean over responses of the summed `log π − log π_ref`: TRL 0.7.2's `objective/kl`, which the controller sees.
    #[must_use]
    pub fn kl_from_reference(&self) -> f64 {
        let pairs = self.rollout.log_probs.iter().zip(&self.rollout.ref_log_probs);
        let sum: f64 = pairs
            .map(|(policy, reference)| f64::from(*policy) - f64::from(*reference))
            .sum();
        sum / self.rollout.responses.batch() as f64
    }
}

impl Updates {
    /// What was averaged over: optimiser steps with all their rows, or micro-batches.
    fn groups(&self, means: LossMeans) -> Vec<Group> {
        let mut groups = Vec::new();
        for micro_batches in &self.steps {
            match means {
                LossMeans::MicroBatch => groups.extend(micro_batches.iter().cloned()),
                LossMeans::OptimizerStep => {
                    let mut all = (Vec::new(), PpoStats::default());
                    for (rows, stats) in micro_batches {
                        all.0.extend(rows);
                        all.1 += *stats;
                    }
                    groups.push(all);
                }
            }
        }
        groups
    }

    /// The statistics of what was averaged over.
    pub(crate) fn means(&self, means: LossMeans) -> Vec<PpoStats> {
        self.groups(means).into_iter().map(|(_, stats)| stats).collect()
    }
}

impl PpoMetrics {
    /// A metric, if it is defined.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    pub(crate) fn new(numbers: &StepNumbers<'_>) -> Self {
        let mut metrics = Self::default();
        metrics.add_objective(numbers);
        metrics.add_groups(numbers);
        metrics.add_training(numbers);
        metrics.0.retain(|_, value| value.is_finite());
        metrics
    }

    fn add(&mut self, named: impl IntoIterator<Item = (&'static str, f64)>) {
        self.0.extend(named);
    }

    /// What the rollout shows.
    fn add_objective(&mut self, numbers: &StepNumbers<'_>) {
        let ScoredRollout {
            experience,
            rewards,
            raw_scores,
            scores,
            ..
        } = numbers.scored;
        let rollout = &experience.rollout;
        let len = rollout.responses.response_len();
        let over_rows = |values: &[f32]| mean_of_row_sums(values, &rollout.mask, len);
        let raw = moments(raw_scores.iter().copied().map(f64::from));
        let used = moments(scores.iter().copied().map(f64::from));
        let lens = |rows: &[Vec<u32>]| moments(rows.iter().map(|row| row.len() as f64));
        let (queries, responses) = (
            lens(rollout.responses.prompts()),
            lens(rollout.responses.responses()),
        );
        let penalty = over_rows(&rewards.non_score_rewards);
        let ended = rollout.responses.ended().iter().filter(|ended| **ended).count() as f64;
        let batch = rollout.responses.batch() as f64;
        let distinct: BTreeSet<&Vec<u32>> = rollout.responses.responses().iter().collect();
        let learned = experience
            .rows
            .iter()
            .map(|&row| rollout.responses.responses()[row].len());
        self.add([
            ("objective/kl", experience.kl_from_reference()),
            ("objective/kl_penalty", over_rows(&rewards.kl)),
            ("objective/kl_coef", numbers.scored.kl_coef),
            ("objective/entropy", -over_rows(&rollout.log_probs)),
            ("objective/non_score_reward", penalty),
            ("objective/rlhf_reward", penalty + used.0),
            ("objective/scores", raw.0),
            (
                "ppo/mean_non_score_reward",
                mean(&rewards.non_score_rewards, &rollout.mask),
            ),
            ("ppo/mean_scores", used.0),
            ("ppo/std_scores", used.1),
            ("tokens/queries_len_mean", queries.0),
            ("tokens/queries_len_std", queries.1),
            ("tokens/responses_len_mean", responses.0),
            ("tokens/responses_len_std", responses.1),
            ("val/num_eos_tokens", ended),
            ("ppo/distinct_responses", distinct.len() as f64 / batch),
            ("ppo/missing_eos_rate", 1.0 - ended / batch),
            ("ppo/tokens_learned_from", learned.sum::<usize>() as f64),
            ("ppo/left_out_rate", 1.0 - experience.rows.len() as f64 / batch),
            ("episode", numbers.episodes as f64),
        ]);
        self.add(
            numbers
                .scored
                .sampler_difference
                .map(|d| ("ppo/sampler_difference", d)),
        );
    }

    /// What groups show.
    fn add_groups(&mut self, numbers: &StepNumbers<'_>) {
        let raw_scores = &numbers.scored.raw_scores;
        if let AdvantageSource::Group { group_size, .. } = numbers.config.advantage
            && let Ok(differing) = groups_that_differ(raw_scores, group_size)
        {
            let groups = (raw_scores.len() / group_size) as f64;
            self.add([("frac_reward_zero_std", 1.0 - differing.len() as f64 / groups)]);
        }
    }

    /// What the updates show: plain means over what was averaged over.
    fn add_training(&mut self, numbers: &StepNumbers<'_>) {
        let StepNumbers { updates, config, .. } = numbers;
        let experience = &numbers.scored.experience;
        let groups = updates.groups(config.loss_means);
        let over_groups =
            |number: &dyn Fn(&Group) -> f64| groups.iter().map(number).sum::<f64>() / groups.len() as f64;
        let mut total = PpoStats::default();
        groups.iter().for_each(|(_, stats)| total += *stats);
        let count = groups.len() as f64;
        for (name, sum) in total.named() {
            let is_count = name == "ppo/skipped_minibatches";
            self.add([(name, f64::from(sum) / if is_count { 1.0 } else { count })]);
        }
        // Of old numbers, over the tokens of each group.
        let rollout = &experience.rollout;
        let len = rollout.responses.response_len();
        let over_tokens = |array: &[f32], statistic: &dyn Fn(&[f32], &[bool]) -> f64| {
            over_groups(&|(rows, _)| {
                statistic(
                    &rollout.select(array, rows, len),
                    &rollout.select(&rollout.mask, rows, len),
                )
            })
        };
        let spread = |values: &[f32], mask: &[bool]| variance(values, mask, Variance::Unbiased);
        let returns_var = over_tokens(&experience.returns, &spread);
        let lr = config.learning_rate * numbers.lr_factor;
        let ratios = moments(groups.iter().map(|(_, stats)| f64::from(stats.ratio)));
        let norms = moments(updates.grad_norms.iter().copied().map(f64::from));
        let average = |number: fn(&PpoStats) -> f32| over_groups(&|(_, stats)| f64::from(number(stats)));
        let value_error = average(|stats| stats.value_error);
        self.add([
            (
                "ppo/policy/advantages_mean",
                over_tokens(&experience.advantages, &mean),
            ),
            ("ppo/returns/mean", over_tokens(&experience.returns, &mean)),
            ("ppo/returns/var", returns_var),
            ("ppo/val/mean", over_tokens(&rollout.values, &mean)),
            ("ppo/val/var", over_tokens(&rollout.values, &spread)),
            ("ppo/val/var_explained", 1.0 - value_error / returns_var),
            ("ppo/learning_rate", lr),
            ("ppo/grad_norm", norms.0),
            ("ppo/epochs", numbers.epochs as f64),
            ("ppo/optimizer_steps", updates.grad_norms.len() as f64),
            ("loss/policy_avg", average(|stats| stats.policy_loss)),
            ("loss/value_avg", average(|stats| stats.value_loss)),
            ("policy/approxkl_avg", average(|stats| stats.approx_kl)),
            ("policy/clipfrac_avg", average(|stats| stats.clip_fraction)),
            ("policy/entropy_avg", average(|stats| stats.entropy)),
            ("val/clipfrac_avg", average(|stats| stats.value_clip_fraction)),
            ("val/ratio", ratios.0),
            ("val/ratio_var", ratios.1.powi(2)),
            ("lr", lr),
        ]);
    }
}

/// Mean and unbiased standard deviation; not a number where there is none.
fn moments(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let numbers: Vec<f64> = numbers.collect();
    let found = crate::group_advantage::moments(&numbers);
    (found.mean, found.std)
}
