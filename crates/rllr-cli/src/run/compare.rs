//! One task and seed: the stages in their order, then every method.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Device;
use rllr_model::{AdaptedLm, CausalLm};
use rllr_reward::Reward;
use rllr_task::ResponseFormat;
use rllr_task::generate::TaskKind;
use rllr_task::pairs::PairKind;
use rllr_train::Metrics;
use rllr_train::pipeline::{
    Comparison, MeasuredRewardModel, Method, Recipe, RewardModelPair, Split, TaskExamples, fine_tuned,
    new_model, train_tokenizer,
};

use super::method::MethodResult;
use super::show::Talk;
use crate::devices;

/// What all methods share.
pub(super) struct Shared<'a> {
    pub(super) comparison: Comparison<'a>,
    examples: &'a TaskExamples,
    floor: f64,
    device: Device,
    pub(super) talk: Talk,
}

/// Runs the methods on one task.
pub(super) fn compare(
    kind: TaskKind,
    recipe: &Recipe,
    methods: &[Method],
    talk: Talk,
) -> anyhow::Result<Vec<MethodResult>> {
    // 1. Data: what is demonstrated, what is asked, what is measured.
    let examples = TaskExamples::generated(kind, &recipe.data, recipe.seed)?;
    let tasks = std::slice::from_ref(&examples);

    // 2. A tokenizer, and what a method without a network reaches.
    let tokenizer = train_tokenizer(recipe, tasks)?;
    let shared = Shared {
        comparison: Comparison {
            recipe,
            tasks,
            tokenizer: &tokenizer,
            max_tokens: recipe.model.max_position_embeddings,
        },
        examples: &examples,
        floor: examples.floor()?,
        device: devices::cpu().autodiff(),
        talk,
    };
    shared.methods(methods)
}

impl Shared<'_> {
    fn methods(&self, methods: &[Method]) -> anyhow::Result<Vec<MethodResult>> {
        let Comparison {
            recipe, tokenizer, ..
        } = self.comparison;
        let base = new_model(recipe, tokenizer, &self.device)?;
        let mut results = Vec::new();

        // 3. Supervised fine-tuning, without and with rationales.
        if methods.contains(&Method::SftLabel) {
            let start = Instant::now();
            let stage = self
                .comparison
                .sft_stage(base.clone(), ResponseFormat::LabelOnly)?;
            let lm = fine_tuned(&self.drive(stage)?);
            results.push(self.result(Method::SftLabel, lm.without_adapter(), start)?);
        }
        let start = Instant::now();
        let stage = self.comparison.sft_stage(base, recipe.data.format)?;
        let sft = fine_tuned(&self.drive(stage)?);
        if methods.contains(&Method::SftRationale) {
            results.push(self.result(Method::SftRationale, sft.without_adapter(), start)?);
        }

        // 4. Reward models, as far as a method reads them. Each begins as the fine-tuned model.
        let reward = |kind: PairKind| -> anyhow::Result<Option<MeasuredRewardModel>> {
            let wanted = methods
                .iter()
                .any(|method| method.reward_models().contains(&kind));
            wanted.then(|| self.reward(&sft, kind)).transpose()
        };
        let (label, rationale) = (reward(PairKind::Label)?, reward(PairKind::Rationale)?);
        let rewards = RewardModelPair {
            label: label.as_ref(),
            rationale: rationale.as_ref(),
        };

        // 5. Reinforcement learning.
        for &method in methods.iter().filter(|method| method.is_reinforced()) {
            let start = Instant::now();
            let stage = self.comparison.ppo_stage(method, &sft, rewards)?;
            let reward = stage.reward();
            let stage = self.drive(stage)?;
            let mut result = self.result(method, stage.trainer().models().policy(), start)?;
            result.reward_models = used_metrics(method, rewards);
            result.label_threshold = label_threshold(reward);
            results.push(result);
        }
        Ok(results)
    }

    fn reward(&self, sft: &CausalLm, kind: PairKind) -> anyhow::Result<MeasuredRewardModel> {
        let stage = self.drive(self.comparison.reward_stage(sft, kind)?)?;
        let model = pollster::block_on(MeasuredRewardModel::measure(&stage))?;
        self.tell(&format!(
            "reward model of {kind:?} pairs: accuracy {:.3} on label-sensitive and {:.3} on rationale-sensitive held-out pairs, \
             label sensitivity {:.2}",
            model.metrics["eval_label_accuracy"],
            model.metrics["eval_rationale_accuracy"],
            model.metrics["eval_label_sensitivity"]
        ));
        Ok(model)
    }

    fn result(&self, method: Method, lm: AdaptedLm<'_>, start: Instant) -> anyhow::Result<MethodResult> {
        let seconds = start.elapsed().as_secs_f64();
        let measure = |split: Split| -> anyhow::Result<_> {
            let answering = self.comparison.answering(method, self.examples, split)?;
            let predictions = pollster::block_on(answering.run(lm))?;
            Ok(self.comparison.evaluation(self.examples, split, &predictions)?)
        };
        let recipe = self.comparison.recipe;
        let result = MethodResult {
            method,
            seed: recipe.seed,
            held_out: measure(Split::HeldOut)?,
            test: measure(Split::Test)?,
            reward_models: BTreeMap::new(),
            floor: self.floor,
            label_threshold: None,
            seconds,
        };
        self.tell(&format!(
            "{} {method} seed {}: accuracy {:.3} held out, {:.3} on test items; {:.1} % no answer; {seconds:.0} s",
            self.examples.task.name,
            recipe.seed,
            result.held_out.accuracy,
            result.test.accuracy,
            100.0 * result.held_out.invalid_rate,
        ));
        Ok(result)
    }
}

fn label_threshold(reward: Reward) -> Option<f32> {
    match reward {
        Reward::Mixed { label_threshold } => Some(label_threshold),
        _ => None,
    }
}

/// What the reward models that a method reads are worth.
fn used_metrics(method: Method, rewards: RewardModelPair<'_>) -> BTreeMap<&'static str, Metrics> {
    let named = method.reward_models().iter().map(|&kind| match kind {
        PairKind::Label => ("label", rewards.label),
        PairKind::Rationale => ("rationale", rewards.rationale),
    });
    named
        .filter_map(|(name, model)| Some((name, model?.metrics.clone())))
        .collect()
}
