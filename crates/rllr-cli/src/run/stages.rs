//! The stages of a comparison: fine-tuning, reward models, reinforcement learning.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::{CausalLm, HeadInitialization};
use rllr_reward::{Part, Reward, label_threshold_at_quantile};
use rllr_task::ResponseFormat;
use rllr_task::pairs::PairKind;
use rllr_train::pipeline::{
    HeldOutPairs, Judge, LabelPairs, Material, PpoQuestions, PpoStage, RewardStage, SftStage,
};
use rllr_train::{
    Actor, ActorCritic, Critic, CriticKind, Metrics, PpoConfig, PpoModels, PpoTrainer, Reference,
    RewardConfig, RewardModels, SftConfig, SftModels, Stage as _, TrainedReward,
};

use super::compare::Shared;
use super::method::{Method, MethodResult};

/// A reward model with what it is worth.
pub(super) struct TrainedRewardModel {
    models: RewardModels,
    metrics: Metrics,
    /// Scores of held-out chosen answers.
    chosen_scores: Vec<f32>,
}

/// The reward models of a run.
#[derive(Clone, Copy)]
pub(super) struct RewardModelPair<'a> {
    pub(super) label: Option<&'a TrainedRewardModel>,
    pub(super) rationale: Option<&'a TrainedRewardModel>,
}

impl Shared<'_> {
    fn material(&self, format: ResponseFormat) -> Material<'_> {
        Material {
            task: self.task,
            tokenizer: self.tokenizer,
            format,
            wording: self.recipe.data.wording,
            max_tokens: self.recipe.model.max_position_embeddings,
        }
    }

    pub(super) fn sft(
        &self,
        base: CausalLm,
        format: ResponseFormat,
        config: &SftConfig,
    ) -> anyhow::Result<CausalLm> {
        let demonstrations = self.material(format).demonstrations(self.sft)?;
        let config = SftConfig {
            seed: self.recipe.seed,
            ..config.clone()
        };
        let models = SftModels::new(None, Actor::Full(base))?;
        let stage = self.drive(SftStage::new(models, demonstrations, config, None)?)?;
        match stage.models().trained() {
            Actor::Full(lm) => Ok(lm.clone()),
            Actor::Adapter(_) => unreachable!("a whole model was trained"),
        }
    }

    pub(super) fn reward(
        &self,
        sft: &CausalLm,
        kind: PairKind,
        config: &RewardConfig,
        rng: &mut ChaCha8Rng,
    ) -> anyhow::Result<TrainedRewardModel> {
        let material = self.material(self.recipe.data.format);
        let mut pairs = material.pairs(kind, self.sft, rng)?;
        if kind == PairKind::Label && self.recipe.label_pairs == LabelPairs::WithFlippedLabels {
            pairs.extend(material.flipped_pairs(self.sft)?);
        }
        let held_out = HeldOutPairs {
            label: material.pairs(PairKind::Label, self.held_out, rng)?,
            rationale: material.pairs(PairKind::Rationale, self.held_out, rng)?,
            probes: material.probes(self.held_out)?,
        };
        let config = RewardConfig {
            seed: self.recipe.seed,
            ..config.clone()
        };
        let trained = TrainedReward::full(sft.clone(), HeadInitialization::Normal, rng);
        let chosen: Vec<Vec<u32>> = held_out.label.iter().map(|pair| pair.chosen().tokens()).collect();
        let batching = config.micro_batching;
        let stage = RewardStage::new(RewardModels::new(None, trained)?, pairs, config, held_out)?;
        let mut stage = self.drive(stage)?;
        let metrics = pollster::block_on(stage.evaluate())?;
        self.tell(&format!(
            "reward model of {kind:?} pairs: accuracy {:.3} on label-sensitive and {:.3} on rationale-sensitive held-out pairs, \
             label sensitivity {:.2}",
            metrics["eval_label_accuracy"],
            metrics["eval_rationale_accuracy"],
            metrics["eval_label_sensitivity"]
        ));
        let scores = pollster::block_on(stage.models().score(&chosen, batching))?;
        Ok(TrainedRewardModel {
            models: stage.models().clone(),
            metrics,
            chosen_scores: scores,
        })
    }

    pub(super) fn reinforce(
        &self,
        method: Method,
        sft: &CausalLm,
        judges: RewardModelPair<'_>,
    ) -> anyhow::Result<MethodResult> {
        let start = Instant::now();
        let RewardModelPair { label, rationale } = judges;
        let (reward, threshold) = self.reward_of(method, label)?;
        let template = if method == Method::Grpo {
            &self.recipe.grpo
        } else {
            &self.recipe.ppo
        };
        let config = PpoConfig {
            seed: self.recipe.seed,
            ..template.clone()
        };
        let critic_from = match method {
            Method::Rlhf => rationale,
            Method::Rllr | Method::RllrMixed => label,
            _ => None,
        };
        let models = self.ppo_models(sft, critic_from, &config)?;
        let trainer = PpoTrainer::new(models, config, self.recipe.ppo_steps)?;
        let judge = Judge {
            reward,
            label_model: label.map(|model| &model.models),
            rationale_model: rationale.map(|model| &model.models),
            task: self.task,
            tokenizer: self.tokenizer,
            format: self.recipe.data.format,
            micro_batching: self.recipe.sft.micro_batching,
        };
        let material = self.material(self.recipe.data.format);
        let questions = PpoQuestions {
            questions: material.questions(self.prompts, trainer.config().max_new_tokens)?,
            total_steps: self.recipe.ppo_steps,
        };
        let stage = self.drive(PpoStage::new(trainer, questions, judge, None))?;
        let mut result = self.result(method, stage.trainer().models().policy(), start)?;
        result.reward_models = used_metrics(reward, judges);
        result.label_threshold = threshold;
        Ok(result)
    }

    /// What the policy is rewarded for, and the label threshold of RLLR-mixed.
    fn reward_of(
        &self,
        method: Method,
        label: Option<&TrainedRewardModel>,
    ) -> anyhow::Result<(Reward, Option<f32>)> {
        Ok(match method {
            Method::Rlhf => (Reward::Rationale, None),
            Method::Rllr => (Reward::Label, None),
            Method::RllrMixed => {
                let label = label.context("RLLR-mixed needs a label-sensitive reward model")?;
                let quantile = self.recipe.label_threshold_quantile;
                let label_threshold = label_threshold_at_quantile(&label.chosen_scores, quantile)?;
                (Reward::Mixed { label_threshold }, Some(label_threshold))
            }
            Method::SftLabel | Method::SftRationale | Method::ExactLabel | Method::Grpo => {
                (Reward::ExactLabel, None)
            }
        })
    }

    /// The policy begins as the fine-tuned model; the value model as the reward model, where there is one.
    fn ppo_models(
        &self,
        sft: &CausalLm,
        critic_from: Option<&TrainedRewardModel>,
        config: &PpoConfig,
    ) -> anyhow::Result<PpoModels> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.seed);
        let critic = match (config.critic, critic_from) {
            (CriticKind::Absent, _) => None,
            (_, Some(model)) => Some(model.models.trained().clone()),
            // Zero: nothing is known of values yet, and the policy must not be pushed by noise.
            (_, None) => Some(TrainedReward::full(
                sft.clone(),
                HeadInitialization::Zero,
                &mut rng,
            )),
        };
        let critic = match critic {
            None => None,
            Some(TrainedReward::Full(model)) => Some(Critic::OwnModel(model)),
            Some(TrainedReward::Adapter(critic)) => Some(Critic::OwnAdapter(critic)),
        };
        let trained = ActorCritic {
            actor: Actor::Full(sft.clone()),
            critic,
        };
        Ok(PpoModels::new(None, trained, Reference::FrozenCopy(sft.clone()))?)
    }
}

/// What the reward models that a reward reads are worth.
fn used_metrics(reward: Reward, judges: RewardModelPair<'_>) -> BTreeMap<&'static str, Metrics> {
    let named = [
        ("label", Part::LabelScores, judges.label),
        ("rationale", Part::RationaleScores, judges.rationale),
    ];
    named
        .into_iter()
        .filter(|(_, part, _)| reward.reads().contains(part))
        .filter_map(|(name, _, model)| Some((name, model?.metrics.clone())))
        .collect()
}
