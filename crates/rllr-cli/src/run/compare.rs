//! One task and seed: the stages in their order, then every method.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context as _;
use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_eval::{AnsweringConfig, Evaluation};
use rllr_model::tokenizer::train_byte_level_bpe;
use rllr_model::{AdaptedLm, CausalLm, HeadInitialization, Tokenizer, initial_weights};
use rllr_reward::{Reward, label_threshold_at_quantile};
use rllr_task::floors::{FloorConfig, LabelledInput, best_floor, floors};
use rllr_task::generate::{TaskKind, generate};
use rllr_task::pairs::PairKind;
use rllr_task::{Example, ResponseFormat, Task, Tasks};
use rllr_train::pipeline::{
    HeldOut, HeldOutPairs, Judge, Material, PpoQuestions, PpoStage, Recipe, RewardStage, SftStage,
};
use rllr_train::{
    Actor, ActorCritic, CheckpointConfig, Critic, CriticKind, MemoryStore, Metrics, PpoConfig, PpoModels,
    PpoTrainer, Reference, RewardConfig, RewardModels, Run, RunConfig, RunEvent, SftConfig, SftModels, Stage,
    TrainedReward,
};
use serde::Serialize;

use crate::devices;
use crate::terminal::say;

/// A method of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Supervised fine-tuning on labels alone.
    SftLabel,
    /// Supervised fine-tuning on rationale and label.
    SftRationale,
    /// PPO with the rationale-sensitive reward model.
    Rlhf,
    /// PPO with the label-sensitive reward model.
    Rllr,
    /// PPO with both: the label reward is capped.
    RllrMixed,
    /// PPO with a rule that knows the right label.
    ExactLabel,
    /// Group relative policy optimisation with the same rule.
    Grpo,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 7] = [
        Self::SftLabel,
        Self::SftRationale,
        Self::Rlhf,
        Self::Rllr,
        Self::RllrMixed,
        Self::ExactLabel,
        Self::Grpo,
    ];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SftLabel => "sft-label",
            Self::SftRationale => "sft-rationale",
            Self::Rlhf => "rlhf",
            Self::Rllr => "rllr",
            Self::RllrMixed => "rllr-mixed",
            Self::ExactLabel => "exact-label",
            Self::Grpo => "grpo",
        }
    }
}

/// What is printed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Json,
    Lines,
    Nothing,
}

/// What one method came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MethodResult {
    pub(super) method: Method,
    pub(super) seed: u64,
    /// On examples of the generator that nothing was trained on.
    pub(super) held_out: Evaluation,
    /// On the hand-written test items.
    pub(super) test: Evaluation,
    /// The last evaluation of the reward models that it used, by their kind.
    pub(super) reward_models: BTreeMap<&'static str, Metrics>,
    /// The score of the best method without a network, on the held-out examples.
    pub(super) floor: f64,
    /// The label threshold of RLLR-mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label_threshold: Option<f32>,
    pub(super) seconds: f64,
}

/// What all methods share.
struct Shared<'a> {
    recipe: &'a Recipe,
    task: &'a Task,
    tokenizer: &'a Tokenizer,
    sft: &'a [Example],
    prompts: &'a [Example],
    held_out: &'a [Example],
    test: &'a [Example],
    floor: f64,
    device: Device,
    talk: Talk,
}

/// Runs the methods on one task.
pub(super) fn compare(
    kind: TaskKind,
    recipe: &Recipe,
    methods: &[Method],
    talk: Talk,
) -> anyhow::Result<Vec<MethodResult>> {
    // 1. Data: what is demonstrated, what is asked, what is measured.
    let tasks = Tasks::builtin();
    let task = tasks.get(kind.name())?;
    let data = recipe.data;
    let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
    let all = generate(
        kind,
        data.level.mix(),
        data.sft + data.prompts + data.held_out,
        &mut rng,
    )?;
    let (sft, rest) = all.split_at(data.sft);
    let (prompts, held_out) = rest.split_at(data.prompts);
    let test = kind.test_examples();

    // 2. A tokenizer, and what a method without a network reaches.
    let tokenizer = train_tokenizer(task, sft, recipe)?;
    let shared = Shared {
        recipe,
        task,
        tokenizer: &tokenizer,
        sft,
        prompts,
        held_out,
        test: &test,
        floor: floor(task, sft, held_out)?,
        device: devices::cpu().autodiff(),
        talk,
    };
    shared.methods(methods, &mut rng)
}

/// Trained on everything that models will read and write in training.
fn train_tokenizer(task: &Task, examples: &[Example], recipe: &Recipe) -> anyhow::Result<Tokenizer> {
    let mut texts = Vec::new();
    for example in examples {
        for format in [recipe.data.format, ResponseFormat::LabelOnly] {
            texts.push(task.prompt(example, recipe.data.wording, format)?.text);
        }
        texts.extend(example.rationales.values().cloned());
        texts.extend(example.rationale.clone());
        texts.push(example.label.clone());
    }
    Ok(train_byte_level_bpe(texts, &recipe.tokenizer)?)
}

/// Accuracy of the best method without a network.
fn floor(task: &Task, train: &[Example], held_out: &[Example]) -> anyhow::Result<f64> {
    let rows = |examples: &'_ [Example]| -> anyhow::Result<Vec<usize>> {
        let classes = examples.iter().map(|example| Ok(task.gold_label(example)?.0));
        classes.collect()
    };
    let (train_classes, held_out_classes) = (rows(train)?, rows(held_out)?);
    let found = floors(
        &labelled(train, &train_classes),
        &labelled(held_out, &held_out_classes),
        task.labels.len(),
        &FloorConfig::default(),
    )?;
    Ok(best_floor(&found).map_or(f64::NAN, |floor| floor.accuracy))
}

fn labelled<'a>(examples: &'a [Example], classes: &[usize]) -> Vec<LabelledInput<'a>> {
    let rows = examples.iter().zip(classes);
    rows.map(|(example, &class)| LabelledInput {
        input: &example.input,
        class,
    })
    .collect()
}

impl Shared<'_> {
    fn methods(&self, methods: &[Method], rng: &mut ChaCha8Rng) -> anyhow::Result<Vec<MethodResult>> {
        let recipe = self.recipe;
        let config = recipe.model.config(self.tokenizer.vocab_size());
        let weights = initial_weights(&config, recipe.model.initializer_range, rng);
        let base = || CausalLm::from_weights(&config, &weights, &self.device);
        let mut results = Vec::new();

        // 3. Supervised fine-tuning, without and with rationales.
        if methods.contains(&Method::SftLabel) {
            let start = Instant::now();
            let lm = self.sft(base()?, ResponseFormat::LabelOnly, &recipe.sft_label)?;
            let result = self.result(Method::SftLabel, lm.without_adapter(), start)?;
            results.push(result);
        }
        let start = Instant::now();
        let sft = self.sft(base()?, recipe.data.format, &recipe.sft)?;
        if methods.contains(&Method::SftRationale) {
            results.push(self.result(Method::SftRationale, sft.without_adapter(), start)?);
        }

        // 4. Reward models, as far as a method reads them. Each begins as the fine-tuned model.
        let wants = |some: &[Method]| some.iter().any(|method| methods.contains(method));
        let mut reward = |kind, config, wanted: bool| -> anyhow::Result<Option<TrainedRewardModel>> {
            if wanted {
                Ok(Some(self.reward(&sft, kind, config, rng)?))
            } else {
                Ok(None)
            }
        };
        let label = reward(
            PairKind::Label,
            &recipe.label_reward,
            wants(&[Method::Rllr, Method::RllrMixed]),
        )?;
        let rationale = reward(
            PairKind::Rationale,
            &recipe.rationale_reward,
            wants(&[Method::Rlhf, Method::RllrMixed]),
        )?;

        // 5. Reinforcement learning.
        for &method in methods {
            if matches!(method, Method::SftLabel | Method::SftRationale) {
                continue;
            }
            let judges = RewardPair {
                label: label.as_ref(),
                rationale: rationale.as_ref(),
            };
            results.push(self.reinforce(method, &sft, judges)?);
        }
        Ok(results)
    }

    fn material(&self, format: ResponseFormat) -> Material<'_> {
        Material {
            task: self.task,
            tokenizer: self.tokenizer,
            format,
            wording: self.recipe.data.wording,
            max_tokens: self.recipe.model.max_position_embeddings,
        }
    }

    fn sft(&self, base: CausalLm, format: ResponseFormat, config: &SftConfig) -> anyhow::Result<CausalLm> {
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

    fn reward(
        &self,
        sft: &CausalLm,
        kind: PairKind,
        config: &RewardConfig,
        rng: &mut ChaCha8Rng,
    ) -> anyhow::Result<TrainedRewardModel> {
        let material = self.material(self.recipe.data.format);
        let pairs = material.pairs(kind, self.sft, rng)?;
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

    fn reinforce(
        &self,
        method: Method,
        sft: &CausalLm,
        judges: RewardPair<'_>,
    ) -> anyhow::Result<MethodResult> {
        let start = Instant::now();
        let RewardPair { label, rationale } = judges;
        let threshold = match (method, label) {
            (Method::RllrMixed, Some(label)) => Some(label_threshold_at_quantile(
                &label.chosen_scores,
                self.recipe.label_threshold_quantile,
            )?),
            _ => None,
        };
        let reward = match method {
            Method::Rlhf => Reward::Rationale,
            Method::Rllr => Reward::Label,
            Method::RllrMixed => Reward::Mixed {
                label_threshold: threshold.context("RLLR-mixed needs a label-sensitive reward model")?,
            },
            _ => Reward::ExactLabel,
        };
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
        let used = [("label", label), ("rationale", rationale)];
        let reads = |kind: &str| match reward {
            Reward::Rationale => kind == "rationale",
            Reward::Label => kind == "label",
            Reward::Mixed { .. } => true,
            Reward::Stratified(_) | Reward::ExactLabel => false,
        };
        result.reward_models = used
            .into_iter()
            .filter(|(kind, _)| reads(kind))
            .filter_map(|(kind, model)| Some((kind, model?.metrics.clone())))
            .collect();
        result.label_threshold = threshold;
        Ok(result)
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

    fn result(&self, method: Method, lm: AdaptedLm<'_>, start: Instant) -> anyhow::Result<MethodResult> {
        let seconds = start.elapsed().as_secs_f64();
        let format = if method == Method::SftLabel {
            ResponseFormat::LabelOnly
        } else {
            self.recipe.data.format
        };
        let config = AnsweringConfig {
            format,
            wording: self.recipe.data.wording,
            ..self.recipe.answering.clone()
        };
        let measure = |examples: &[Example]| {
            let held_out = HeldOut {
                task: self.task,
                tokenizer: self.tokenizer,
                examples,
                config: &config,
                seed: self.recipe.seed,
            };
            pollster::block_on(held_out.evaluate(lm)).map(|(evaluation, _)| evaluation)
        };
        let result = MethodResult {
            method,
            seed: self.recipe.seed,
            held_out: measure(self.held_out)?,
            test: measure(self.test)?,
            reward_models: BTreeMap::new(),
            floor: self.floor,
            label_threshold: None,
            seconds,
        };
        self.tell(&format!(
            "{} {} seed {}: accuracy {:.3} held out, {:.3} on test items; {:.1} % no answer; {seconds:.0} s",
            self.task.name,
            method.name(),
            self.recipe.seed,
            result.held_out.accuracy,
            result.test.accuracy,
            100.0 * result.held_out.invalid_rate,
        ));
        Ok(result)
    }

    /// Runs a stage to its end.
    fn drive<S: Stage>(&self, stage: S) -> anyhow::Result<S> {
        let config = RunConfig {
            evaluate_every: 0,
            checkpoints: CheckpointConfig {
                every: 0,
                keep: 1,
                best: None,
            },
        };
        let failed = |error: &dyn std::fmt::Display| anyhow::anyhow!("{error}");
        let run = pollster::block_on(Run::start(stage, MemoryStore::default(), config));
        let mut run = run.map_err(|error| failed(&error))?;
        while let Some(event) = pollster::block_on(run.next_event()).map_err(|error| failed(&error))? {
            self.show(&event)?;
        }
        Ok(run.into_parts().0)
    }

    fn show(&self, event: &RunEvent) -> anyhow::Result<()> {
        if self.talk == Talk::Json {
            say!("{}", serde_json::to_string(event)?);
            return Ok(());
        }
        match event {
            RunEvent::Step {
                phase,
                step,
                total,
                metrics,
            } if step % (total / 6).max(1) == 0 => {
                let names = [
                    "loss",
                    "mean_token_accuracy",
                    "accuracy",
                    "objective/scores",
                    "objective/kl",
                    "rollout/accuracy",
                ];
                let shown: Vec<String> = names
                    .iter()
                    .filter_map(|name| Some(format!("{name} {:.3}", metrics.get(*name)?)))
                    .collect();
                self.tell(&format!("  {phase} {step}/{total}: {}", shown.join(", ")));
            }
            RunEvent::Warning { message, .. } => self.tell(&format!("  warning: {message}")),
            _ => {}
        }
        Ok(())
    }

    fn tell(&self, text: &str) {
        if self.talk == Talk::Lines {
            say!("{text}");
        }
    }
}

/// A reward model with what it is worth.
struct TrainedRewardModel {
    models: RewardModels,
    metrics: Metrics,
    /// Scores of held-out chosen answers.
    chosen_scores: Vec<f32>,
}

/// The reward models of a run.
#[derive(Clone, Copy)]
struct RewardPair<'a> {
    label: Option<&'a TrainedRewardModel>,
    rationale: Option<&'a TrainedRewardModel>,
}
