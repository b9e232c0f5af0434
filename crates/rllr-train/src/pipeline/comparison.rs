//! The parts of a comparison: what every method is trained on, begins from and is measured by.
//!
//! One comparison goes so; the caller drives each stage with [`Run`](crate::Run) and keeps what comes out of it:
//!
//! ```text
//! examples ── tokenizer ── new_model ─┬─ sft_stage(LabelOnly) ── measured: sft-label
//!                                     └─ sft_stage(rationale) ─┬─ measured: sft-rationale
//!                                                              ├─ reward_stage(Label), reward_stage(Rationale)
//!                                                              └─ ppo_stage(method, reward models) ── measured
//! ```
//!
//! Every random number is a function of the recipe's seed and its purpose, so stages may be run in any order, by other
//! processes, and again.

use rllr_eval::{Answering, AnsweringConfig, AnsweringError, Evaluation, EvaluationError, Prediction};
use rllr_model::tokenizer::train_byte_level_bpe;
use rllr_model::{CausalLm, CausalLmConfig, HeadInitialization, Tokenizer};
use rllr_task::pairs::{PairKind, PreferencePair, SensitivityProbe};
use rllr_task::{Example, ResponseFormat};

use crate::actor_critic::Actor;
use crate::pipeline::comparison_error::ComparisonError;
use crate::pipeline::examples::{Split, TaskExamples};
use crate::pipeline::held_out::HeldOut;
use crate::pipeline::judge::Judge;
use crate::pipeline::material::{Material, pair_tokens, probe_tokens};
use crate::pipeline::measured_reward_model::RewardModelPair;
use crate::pipeline::method::Method;
use crate::pipeline::ppo_stage::{PpoQuestions, PpoStage};
use crate::pipeline::recipe::{LabelPairs, LabelThreshold, Recipe, Training};
use crate::pipeline::reward_stage::{HeldOutPairs, RewardStage};
use crate::pipeline::sft_stage::SftStage;
use crate::ppo::PpoTrainer;
use crate::ppo_config::PpoConfig;
use crate::prompt_and_response::PromptAndResponse;
use crate::random_stream::{Purpose, random_stream, shuffled};
use crate::reward_config::RewardConfig;
use crate::reward_models::{RewardModels, TrainedReward};
use crate::sft_config::SftConfig;
use crate::sft_models::SftModels;

mod models;

pub use models::{fine_tuned, max_tokens, new_model, reinforced};

/// What all methods of a comparison share.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The settings.
    pub recipe: &'a Recipe,
    /// The tasks that one model learns: one, or several together.
    pub tasks: &'a [TaskExamples],
    /// Cuts texts into tokens.
    pub tokenizer: &'a Tokenizer,
    /// The configuration of the model that every method begins with.
    pub config: &'a CausalLmConfig,
    /// Most tokens of a prompt with its response; see [`max_tokens`].
    pub max_tokens: usize,
}

/// What reward models are measured on, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldOutTexts {
    /// Pairs of both kinds.
    pub pairs: Vec<PreferencePair>,
    /// Responses with only the label flipped, and with only the rationale swapped.
    pub probes: Vec<SensitivityProbe>,
}

/// A tokenizer of everything that models will read and write in training.
///
/// # Errors
///
/// [`ComparisonError::Prompt`] for examples that do not fit their task, [`ComparisonError::Tokenizer`] for settings that
/// mean nothing.
pub fn train_tokenizer(recipe: &Recipe, tasks: &[TaskExamples]) -> Result<Tokenizer, ComparisonError> {
    let mut texts = Vec::new();
    for TaskExamples { task, sft, .. } in tasks {
        for example in sft {
            for format in [recipe.data.format, ResponseFormat::LabelOnly] {
                texts.push(task.prompt(example, recipe.data.wording, format)?.text);
            }
            texts.extend(example.rationales.values().cloned());
            texts.extend(example.rationale.clone());
            texts.push(example.label.clone());
        }
    }
    Ok(train_byte_level_bpe(texts, &recipe.tokenizer)?)
}

impl<'a> Comparison<'a> {
    /// How the examples of one task become tokens.
    #[must_use]
    pub fn material(&self, examples: &'a TaskExamples, format: ResponseFormat) -> Material<'a> {
        Material {
            task: &examples.task,
            tokenizer: self.tokenizer,
            format,
            wording: self.recipe.data.wording,
            max_tokens: self.max_tokens,
        }
    }

    /// What fine-tuning learns, of all tasks.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples without rationale or too long.
    pub fn demonstrations(&self, format: ResponseFormat) -> Result<Vec<PromptAndResponse>, ComparisonError> {
        let mut demonstrations = Vec::new();
        for examples in self.tasks {
            demonstrations.extend(self.material(examples, format).demonstrations(&examples.sft)?);
        }
        Ok(demonstrations)
    }

    /// Supervised fine-tuning; without rationales with the settings of `sft_label`, else with those of `sft`.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples without rationale or too long, and settings that mean nothing.
    pub fn sft_stage(&self, base: CausalLm, format: ResponseFormat) -> Result<SftStage<'a>, ComparisonError> {
        let demonstrations = self.demonstrations(format)?;
        let settings = match format {
            ResponseFormat::LabelOnly => &self.recipe.sft_label,
            ResponseFormat::RationaleThenLabel | ResponseFormat::LabelThenRationale => &self.recipe.sft,
        };
        let config = SftConfig {
            seed: self.recipe.seed,
            ..settings.clone()
        };
        let models = match &self.recipe.training {
            Training::Full => SftModels::new(None, Actor::Full(base))?,
            Training::Adapter(lora) => {
                let adapter = self.adapter(lora, &base, Purpose::SftAdapter, 0)?;
                SftModels::new(Some(base), Actor::Adapter(adapter))?
            }
        };
        Ok(SftStage::new(models, demonstrations, config, None)?)
    }

    /// What a reward model of one kind is trained on.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples that do not fit their task.
    pub fn training_pairs(&self, kind: PairKind) -> Result<Vec<PreferencePair>, ComparisonError> {
        let mut rng = random_stream(self.recipe.seed, Purpose::TrainingPairs, kind as u64, 0);
        let with_flipped = self.recipe.label_pairs == LabelPairs::WithFlippedLabels;
        let mut pairs = Vec::new();
        for examples in self.tasks {
            let material = self.material(examples, self.recipe.data.format);
            pairs.extend(material.preference_pairs(kind, &examples.sft, &mut rng)?);
            if kind == PairKind::Label && with_flipped {
                pairs.extend(material.flipped_pairs(&examples.sft)?);
            }
        }
        let Some(most) = self.recipe.data.reward_pairs else {
            return Ok(pairs);
        };
        let mut drawn = shuffled(pairs.len(), &mut rng);
        drawn.truncate(most);
        Ok(drawn.into_iter().map(|index| pairs[index].clone()).collect())
    }

    /// What every reward model is measured on.
    ///
    /// # Errors
    ///
    /// As [`Comparison::training_pairs`].
    pub fn held_out_texts(&self) -> Result<HeldOutTexts, ComparisonError> {
        let mut rng = random_stream(self.recipe.seed, Purpose::HeldOutPairs, 0, 0);
        let mut found = HeldOutTexts::default();
        for examples in self.tasks {
            let material = self.material(examples, self.recipe.data.format);
            for kind in [PairKind::Label, PairKind::Rationale] {
                let pairs = material.preference_pairs(kind, &examples.held_out, &mut rng)?;
                found.pairs.extend(pairs);
            }
            found.probes.extend(material.probes(&examples.held_out)?);
        }
        Ok(found)
    }

    /// Training of a reward model on the pairs of these examples; it begins as the fine-tuned model.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples that do not fit their task, and settings that mean nothing.
    pub fn reward_stage(&self, sft: &CausalLm, kind: PairKind) -> Result<RewardStage, ComparisonError> {
        self.reward_stage_of(sft, kind, &self.training_pairs(kind)?, &self.held_out_texts()?)
    }

    /// Training of a reward model on any pairs, with the settings for one kind.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for responses that are too long, and settings that mean nothing.
    pub fn reward_stage_of(
        &self,
        sft: &CausalLm,
        kind: PairKind,
        pairs: &[PreferencePair],
        held_out: &HeldOutTexts,
    ) -> Result<RewardStage, ComparisonError> {
        let settings = match kind {
            PairKind::Label => &self.recipe.label_reward,
            PairKind::Rationale => &self.recipe.rationale_reward,
        };
        let config = RewardConfig {
            seed: self.recipe.seed,
            ..settings.clone()
        };
        let mut rng = random_stream(self.recipe.seed, Purpose::RewardHead, kind as u64, 0);
        let head = HeadInitialization::Normal;
        let models = match &self.recipe.training {
            Training::Full => RewardModels::new(None, TrainedReward::full(sft.clone(), head, &mut rng))?,
            Training::Adapter(lora) => {
                let adapter = self.adapter(lora, sft, Purpose::RewardAdapter, kind as u64)?;
                let trained = TrainedReward::adapter(adapter, self.config.hidden_size, head, &mut rng);
                RewardModels::new(Some(sft.clone()), trained)?
            }
        };
        let tokens = |pairs: &[PreferencePair]| pair_tokens(self.tokenizer, self.max_tokens, pairs);
        let of_kind = |kind| -> Vec<PreferencePair> {
            let pairs = held_out.pairs.iter().filter(|pair| pair.kind == kind);
            pairs.cloned().collect()
        };
        let held_out = HeldOutPairs {
            label: tokens(&of_kind(PairKind::Label))?,
            rationale: tokens(&of_kind(PairKind::Rationale))?,
            probes: probe_tokens(self.tokenizer, self.max_tokens, &held_out.probes)?,
        };
        Ok(RewardStage::new(models, tokens(pairs)?, config, held_out)?)
    }

    /// Reinforcement learning: the policy begins as the fine-tuned model, the value model as the reward model where the
    /// method reads one.
    ///
    /// # Errors
    ///
    /// [`ComparisonError::NoRewardModel`] when one is missing, [`ComparisonError::NotReinforced`] for methods of
    /// fine-tuning; otherwise for examples and settings that do not fit.
    pub fn ppo_stage(
        &self,
        method: Method,
        sft: &CausalLm,
        rewards: RewardModelPair<'a>,
    ) -> Result<PpoStage<'a>, ComparisonError> {
        let recipe = self.recipe;
        for &kind in method.reward_models() {
            if rewards.of(kind).is_none() {
                return Err(ComparisonError::NoRewardModel { method, kind });
            }
        }
        let threshold = self.label_threshold(method, rewards)?.unwrap_or(f32::NAN);
        let reward = method
            .reward(threshold)
            .ok_or(ComparisonError::NotReinforced { method })?;
        let config = self.ppo_config(method);
        let mut questions = Vec::new();
        for examples in self.tasks {
            let material = self.material(examples, recipe.data.format);
            questions.extend(material.questions(&examples.prompts, config.max_new_tokens)?);
        }
        let total_steps = self.ppo_steps(questions.len(), &config);
        let models = self.ppo_models(method, sft, rewards, &config)?;
        let trainer = PpoTrainer::new(models, config, total_steps)?;
        let judge = Judge {
            reward,
            unparsable: recipe.unparsable,
            label_model: rewards.label.map(|model| &model.models),
            rationale_model: rewards.rationale.map(|model| &model.models),
            tokenizer: self.tokenizer,
            format: recipe.data.format,
            micro_batching: recipe.sft.micro_batching,
        };
        let questions = PpoQuestions {
            questions,
            total_steps,
        };
        Ok(PpoStage::new(trainer, questions, judge, None))
    }

    /// The cap of RLLR-mixed; `None` for the other methods.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] without a label-sensitive reward model, and for a quantile outside 0 to 1.
    pub fn label_threshold(
        &self,
        method: Method,
        rewards: RewardModelPair<'_>,
    ) -> Result<Option<f32>, ComparisonError> {
        if method != Method::RllrMixed {
            return Ok(None);
        }
        match self.recipe.label_threshold {
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            LabelThreshold::Fixed(score) => Ok(Some(score as f32)),
            LabelThreshold::Quantile(quantile) => {
                let kind = PairKind::Label;
                let model = rewards.of(kind);
                let model = model.ok_or(ComparisonError::NoRewardModel { method, kind })?;
                Ok(Some(model.label_threshold(quantile)?))
            }
        }
    }

    /// PPO steps: as many as the recipe says, or as it takes to ask every question once.
    fn ppo_steps(&self, questions: usize, config: &PpoConfig) -> usize {
        match self.recipe.ppo_steps {
            0 => (questions * config.advantage.group_size()).div_ceil(config.batch_size),
            steps => steps,
        }
    }

    /// The settings of a method's reinforcement learning.
    #[must_use]
    pub fn ppo_config(&self, method: Method) -> PpoConfig {
        let settings = match method {
            Method::Grpo => &self.recipe.grpo,
            _ => &self.recipe.ppo,
        };
        PpoConfig {
            seed: self.recipe.seed,
            ..settings.clone()
        }
    }

    /// How a method's model is asked when it is measured.
    #[must_use]
    pub fn answering_config(&self, method: Method) -> AnsweringConfig {
        AnsweringConfig {
            format: method.format(self.recipe.data.format),
            wording: self.recipe.data.wording,
            ..self.recipe.answering.clone()
        }
    }

    /// Questions to a method's model, which the caller asks a batch at a time ([`Answering::step`]); their predictions
    /// go to [`Comparison::evaluation`].
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] for examples that do not fit the task.
    pub fn answering(
        &self,
        method: Method,
        examples: &'a TaskExamples,
        split: Split,
    ) -> Result<Answering<'a>, AnsweringError> {
        Answering::new(
            &examples.task,
            self.tokenizer,
            examples.split(split),
            Some(self.max_tokens),
            &self.answering_config(method),
        )
    }

    /// Compares predictions with the gold labels.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] when they are not those of the examples, or there is none.
    pub fn evaluation(
        &self,
        examples: &TaskExamples,
        split: Split,
        predictions: &[Prediction],
    ) -> Result<Evaluation, EvaluationError> {
        let rows: &[Example] = examples.split(split);
        HeldOut::compare(&examples.task, rows, predictions, self.recipe.seed)
    }
}
