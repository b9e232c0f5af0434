//! The stages after the data: fine-tuning, pairs, reward models, policies, and what they are worth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rllr_model::CausalLm;
use rllr_task::ResponseFormat;
use rllr_task::pairs::{PairKind, PreferencePair};
use rllr_train::Metrics;
use rllr_train::pipeline::{Comparison, HeldOutTexts, MeasuredRewardModel, Method, RewardModelPair};
use serde_json::{Value, json};

use super::data::TaskSummary;
use super::directory::{StagePlan, WholeStage};
use super::group::Group;
use super::pairs::pair_file;
use super::results::RunResult;
use crate::data::rows::read_rows;
use crate::models::{LoadedModel, read_model, read_reward_model};
use crate::stages::{
    answer, described, fine_tune, read_evaluations, read_reward, reinforce, train_reward_model,
};

/// What the stages after the data share.
pub(super) struct Ready<'a> {
    pub(super) group: &'a Group<'a>,
    /// Directory of the data stage.
    pub(super) data: PathBuf,
    /// Directory of the model that everything begins with.
    pub(super) base_path: PathBuf,
    /// That model.
    pub(super) base: &'a LoadedModel,
    pub(super) comparison: Comparison<'a>,
}

impl Ready<'_> {
    /// Runs all stages that the methods need; `found` is told of each result.
    ///
    /// # Errors
    ///
    /// When a stage fails, and after Ctrl-C.
    pub(super) fn methods(
        &self,
        summaries: &[TaskSummary],
        found: &mut impl FnMut(Vec<RunResult>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let methods = &self.group.recipe.compare.methods;
        let wants = |method: Method| methods.contains(&method);
        let mut tell = |method: Method, trained: &WholeStage, rewards: RewardModelPair<'_>| {
            found(self.measured(method, trained, rewards, summaries)?)
        };
        let none = RewardModelPair::default();

        // 1. Supervised fine-tuning, without and with rationales.
        if wants(Method::SftLabel) {
            let trained = self.sft(Method::SftLabel)?;
            tell(Method::SftLabel, &trained, none)?;
        }
        if !methods.iter().any(|&method| method != Method::SftLabel) {
            return Ok(());
        }
        let sft = self.sft(Method::SftRationale)?;
        if wants(Method::SftRationale) {
            tell(Method::SftRationale, &sft, none)?;
        }
        if !methods.iter().any(|method| method.is_reinforced()) {
            return Ok(());
        }

        // 2. How ordinary preference data of this model would look.
        let sft_path = sft.directory.join("model");
        let device = self.group.context.device.clone().autodiff();
        let sft_model = read_model(&sft_path, &device)?;
        self.sampled(&sft_path, &sft_model.lm)?;

        // 3. Reward models, as far as a method reads them. Each begins as the fine-tuned model.
        let wanted = |kind: PairKind| {
            methods
                .iter()
                .any(|method| method.reward_models().contains(&kind))
        };
        let (mut models, mut places) = ([None, None], Vec::new());
        if wanted(PairKind::Label) || wanted(PairKind::Rationale) {
            let pairs = self.pairs()?;
            for (slot, kind) in models.iter_mut().zip([PairKind::Label, PairKind::Rationale]) {
                if wanted(kind) {
                    let stage = self.reward(kind, &pairs.directory, &sft_path, &sft_model.lm)?;
                    *slot = Some(read_reward_model(&stage.directory, &sft_model, &device)?);
                    places.push((kind, stage.directory));
                }
            }
        }
        let [label, rationale]: [Option<MeasuredRewardModel>; 2] = models;
        let rewards = RewardModelPair {
            label: label.as_ref(),
            rationale: rationale.as_ref(),
        };

        // 4. Reinforcement learning.
        for &method in methods.iter().filter(|method| method.is_reinforced()) {
            let trained = self.policy(method, (&sft_path, &sft_model.lm), rewards, &places)?;
            tell(method, &trained, rewards)?;
        }
        Ok(())
    }

    fn sft(&self, method: Method) -> anyhow::Result<WholeStage> {
        let recipe = &self.group.recipe;
        let format = method.format(recipe.data.format);
        let settings = match format {
            ResponseFormat::LabelOnly => &recipe.sft_label,
            _ => &recipe.sft,
        };
        let mut inputs = self.group.files(&self.data, |files| files.sft.clone());
        inputs.push(("base".to_owned(), self.base_path.clone()));
        let plan = StagePlan {
            path: self.group.path(method.name()),
            settings: self
                .settings(&json!({ "sft": settings, "format": format, "training": recipe.training })),
            inputs,
        };
        self.group.stage(plan, |open| {
            let base = self.base.lm.clone();
            let driver = self.group.context.driver(method.name());
            fine_tune(
                driver,
                &self.comparison,
                base,
                format,
                &open.directory,
                open.begin,
            )
        })
    }

    fn reward(
        &self,
        kind: PairKind,
        pairs: &Path,
        sft_path: &Path,
        sft: &CausalLm,
    ) -> anyhow::Result<WholeStage> {
        let recipe = &self.group.recipe;
        let (name, settings) = match kind {
            PairKind::Label => ("reward-label", &recipe.label_reward),
            PairKind::Rationale => ("reward-rationale", &recipe.rationale_reward),
        };
        let file = |name: &str| (name.to_owned(), pairs.join(name));
        let plan = StagePlan {
            path: self.group.path(name),
            settings: self.settings(&json!({ "reward": settings, "training": recipe.training })),
            inputs: vec![
                file(pair_file(kind)),
                file("held_out.jsonl"),
                file("probes.jsonl"),
                ("sft".to_owned(), sft_path.to_owned()),
            ],
        };
        self.group.stage(plan, |open| {
            let texts: Vec<PreferencePair> = read_rows(&pairs.join(pair_file(kind)))?;
            let held_out = HeldOutTexts {
                pairs: read_rows(&pairs.join("held_out.jsonl"))?,
                probes: read_rows(&pairs.join("probes.jsonl"))?,
            };
            let driver = self.group.context.driver(name);
            let directory = &open.directory;
            let texts = (&texts[..], &held_out);
            let reward =
                train_reward_model(driver, &self.comparison, sft, kind, texts, directory, open.begin)?;
            self.group.context.talk.tell(&format!("  {}", described(&reward)));
            Ok(())
        })
    }

    fn policy(
        &self,
        method: Method,
        (sft_path, sft): (&Path, &CausalLm),
        rewards: RewardModelPair<'_>,
        places: &[(PairKind, PathBuf)],
    ) -> anyhow::Result<WholeStage> {
        let recipe = &self.group.recipe;
        let mut inputs = self.group.files(&self.data, |files| files.prompts.clone());
        inputs.push(("sft".to_owned(), sft_path.to_owned()));
        for (kind, place) in places
            .iter()
            .filter(|(kind, _)| method.reward_models().contains(kind))
        {
            let name = if *kind == PairKind::Label {
                "reward-label"
            } else {
                "reward-rationale"
            };
            let weights = if place.join("model").is_dir() {
                "model"
            } else {
                "adapter"
            };
            inputs.push((name.to_owned(), place.join(weights)));
            inputs.push((format!("{name}-scores"), place.join("pair_scores.jsonl")));
        }
        let mut settings = json!({
            "ppo": self.comparison.ppo_config(method), "ppo_steps": recipe.ppo_steps,
            "unparsable": recipe.unparsable,
            "training": recipe.training,
        });
        if method == Method::RllrMixed {
            settings["label_threshold"] = json!(recipe.label_threshold);
        }
        let plan = StagePlan {
            path: self.group.path(method.name()),
            settings: self.settings(&settings),
            inputs,
        };
        self.group.stage(plan, |open| {
            let driver = self.group.context.driver(method.name());
            reinforce(
                driver,
                &self.comparison,
                method,
                sft,
                rewards,
                &open.directory,
                open.begin,
            )
        })
    }

    /// Measures a method's model, and says what it reached on each task.
    fn measured(
        &self,
        method: Method,
        trained: &WholeStage,
        rewards: RewardModelPair<'_>,
        summaries: &[TaskSummary],
    ) -> anyhow::Result<Vec<RunResult>> {
        let recipe = &self.group.recipe;
        let mut inputs = self.group.files(&self.data, |files| files.held_out.clone());
        inputs.extend(self.group.files(&self.data, |files| files.test.clone()));
        let model = trained.directory.join("model");
        inputs.push(("model".to_owned(), model.clone()));
        let name = format!("eval-{method}");
        let plan = StagePlan {
            path: self.group.path(&name),
            settings: self.settings(&json!({ "answering": self.comparison.answering_config(method) })),
            inputs,
        };
        let whole = self.group.stage(plan, |open| {
            let lm = read_model(&model, &self.group.context.device)?.lm;
            let driver = self.group.context.driver(&name);
            answer(driver, &self.comparison, method, &lm, &open.directory)
        })?;
        let reward = read_reward(&trained.directory)?;
        let evaluations = read_evaluations(&whole.directory)?;
        let root = self.group.directory.root();
        let of = |task: &str, split: &str| {
            let found = evaluations.iter().find(|found| found.is_of(task, split));
            found.cloned()
        };
        let result = |summary: &TaskSummary| {
            let held_out = of(&summary.task, "held_out")?;
            Some(RunResult {
                task: summary.task.clone(),
                method,
                seed: recipe.seed,
                group: self.group.name.clone(),
                held_out,
                test: of(&summary.task, "test"),
                floor: summary.floor,
                label_threshold: reward.as_ref().and_then(|reward| reward.label_threshold),
                reward_models: used_metrics(method, rewards),
                seconds: trained.record.seconds,
                stage: from_root(root, &trained.directory),
                evaluation: from_root(root, &whole.directory),
            })
        };
        Ok(summaries.iter().filter_map(result).collect())
    }

    /// Settings of a stage with those that all stages after the data read.
    pub(super) fn settings(&self, own: &Value) -> Value {
        let recipe = &self.group.recipe;
        json!({
            "own": own, "format": recipe.data.format, "wording": recipe.data.wording,
            "max_tokens": self.comparison.max_tokens,
            "prompt_tokens": recipe.prompt_tokens(self.comparison.max_tokens), "seed": recipe.seed,
        })
    }
}

/// A directory as files name it.
fn from_root(root: &Path, directory: &Path) -> String {
    let below = directory.strip_prefix(root).unwrap_or(directory);
    below.to_string_lossy().replace('\\', "/")
}

/// What the reward models that a method reads are worth.
fn used_metrics(method: Method, rewards: RewardModelPair<'_>) -> BTreeMap<String, Metrics> {
    let named = method.reward_models().iter().map(|&kind| match kind {
        PairKind::Label => ("label", rewards.label),
        PairKind::Rationale => ("rationale", rewards.rationale),
    });
    named
        .filter_map(|(name, model)| Some((name.to_owned(), model?.metrics.clone())))
        .collect()
}
