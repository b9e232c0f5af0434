//! One task and seed: the stages in their order, then every method.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_eval::AnsweringConfig;
use rllr_model::tokenizer::train_byte_level_bpe;
use rllr_model::{AdaptedLm, CausalLm, Tokenizer, initial_weights};
use rllr_task::floors::{FloorConfig, LabelledInput, best_floor, floors};
use rllr_task::generate::{TaskKind, generate};
use rllr_task::pairs::PairKind;
use rllr_task::{Example, ResponseFormat, Task, Tasks};
use rllr_train::pipeline::{HeldOut, Recipe};

use super::method::{Method, MethodResult};
use super::show::Talk;
use super::stages::{RewardModelPair, TrainedRewardModel};
use crate::devices;

/// What all methods share.
pub(super) struct Shared<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) task: &'a Task,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) sft: &'a [Example],
    pub(super) prompts: &'a [Example],
    pub(super) held_out: &'a [Example],
    pub(super) test: &'a [Example],
    pub(super) floor: f64,
    pub(super) device: Device,
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
            let judges = RewardModelPair {
                label: label.as_ref(),
                rationale: rationale.as_ref(),
            };
            results.push(self.reinforce(method, &sft, judges)?);
        }
        Ok(results)
    }

    pub(super) fn result(
        &self,
        method: Method,
        lm: AdaptedLm<'_>,
        start: Instant,
    ) -> anyhow::Result<MethodResult> {
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
}
