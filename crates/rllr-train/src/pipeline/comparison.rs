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

use burn::tensor::Device;
use rllr_eval::{Answering, AnsweringConfig, AnsweringError, Evaluation, EvaluationError, Prediction};
use rllr_model::tokenizer::train_byte_level_bpe;
use rllr_model::{CausalLm, HeadInitialization, Tokenizer, initial_weights};
use rllr_task::pairs::PairKind;
use rllr_task::{Example, ResponseFormat};

use crate::actor_critic::{Actor, ActorCritic, Critic, CriticKind, PpoModels, Reference};
use crate::pipeline::comparison_error::ComparisonError;
use crate::pipeline::examples::{Split, TaskExamples};
use crate::pipeline::held_out::HeldOut;
use crate::pipeline::judge::Judge;
use crate::pipeline::material::Material;
use crate::pipeline::measured_reward_model::RewardModelPair;
use crate::pipeline::method::Method;
use crate::pipeline::ppo_stage::{PpoQuestions, PpoStage};
use crate::pipeline::recipe::{LabelPairs, Recipe};
use crate::pipeline::reward_stage::{HeldOutPairs, RewardStage};
use crate::pipeline::sft_stage::SftStage;
use crate::ppo::PpoTrainer;
use crate::ppo_config::PpoConfig;
use crate::random_stream::{Purpose, random_stream};
use crate::reward_config::RewardConfig;
use crate::reward_models::{RewardModels, TrainedReward};
use crate::reward_pair::RewardPair;
use crate::sft_config::SftConfig;
use crate::sft_models::SftModels;

/// What all methods of a comparison share.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The settings.
    pub recipe: &'a Recipe,
    /// The tasks that one model learns: one, or several together.
    pub tasks: &'a [TaskExamples],
    /// Cuts texts into tokens.
    pub tokenizer: &'a Tokenizer,
    /// Most tokens of a prompt with its response: positions of the model.
    pub max_tokens: usize,
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

/// The model that every method begins with, where there is no pretrained one.
///
/// - `device`: with autodiff
///
/// # Errors
///
/// [`ComparisonError::Model`] for sizes that do not fit each other.
pub fn new_model(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
) -> Result<CausalLm, ComparisonError> {
    let config = recipe.model.config(tokenizer.vocab_size());
    let mut rng = random_stream(recipe.seed, Purpose::NewModel, 0, 0);
    let weights = initial_weights(&config, recipe.model.initializer_range, &mut rng);
    Ok(CausalLm::from_weights(&config, &weights, device)?)
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

    /// Supervised fine-tuning; without rationales with the settings of `sft_label`, else with those of `sft`.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples without rationale or too long, and settings that mean nothing.
    pub fn sft_stage(&self, base: CausalLm, format: ResponseFormat) -> Result<SftStage<'a>, ComparisonError> {
        let mut demonstrations = Vec::new();
        for examples in self.tasks {
            demonstrations.extend(self.material(examples, format).demonstrations(&examples.sft)?);
        }
        let settings = match format {
            ResponseFormat::LabelOnly => &self.recipe.sft_label,
            ResponseFormat::RationaleThenLabel | ResponseFormat::LabelThenRationale => &self.recipe.sft,
        };
        let config = SftConfig {
            seed: self.recipe.seed,
            ..settings.clone()
        };
        let models = SftModels::new(None, Actor::Full(base))?;
        Ok(SftStage::new(models, demonstrations, config, None)?)
    }

    /// What a reward model of one kind is trained on.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples that do not fit their task or are too long.
    pub fn reward_pairs(&self, kind: PairKind) -> Result<Vec<RewardPair>, ComparisonError> {
        let mut rng = random_stream(self.recipe.seed, Purpose::TrainingPairs, kind as u64, 0);
        let with_flipped = self.recipe.label_pairs == LabelPairs::WithFlippedLabels;
        let mut pairs = Vec::new();
        for examples in self.tasks {
            let material = self.material(examples, self.recipe.data.format);
            pairs.extend(material.pairs(kind, &examples.sft, &mut rng)?);
            if kind == PairKind::Label && with_flipped {
                pairs.extend(material.flipped_pairs(&examples.sft)?);
            }
        }
        Ok(pairs)
    }

    /// What every reward model is measured on.
    ///
    /// # Errors
    ///
    /// As [`Comparison::reward_pairs`].
    pub fn held_out_pairs(&self) -> Result<HeldOutPairs, ComparisonError> {
        let mut rng = random_stream(self.recipe.seed, Purpose::HeldOutPairs, 0, 0);
        let mut found = HeldOutPairs::default();
        for examples in self.tasks {
            let material = self.material(examples, self.recipe.data.format);
            let held_out = &examples.held_out;
            found
                .label
                .extend(material.pairs(PairKind::Label, held_out, &mut rng)?);
            found
                .rationale
                .extend(material.pairs(PairKind::Rationale, held_out, &mut rng)?);
            found.probes.extend(material.probes(held_out)?);
        }
        Ok(found)
    }

    /// Training of a reward model, which begins as the fine-tuned model.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`] for examples that do not fit their task, and settings that mean nothing.
    pub fn reward_stage(&self, sft: &CausalLm, kind: PairKind) -> Result<RewardStage, ComparisonError> {
        let settings = match kind {
            PairKind::Label => &self.recipe.label_reward,
            PairKind::Rationale => &self.recipe.rationale_reward,
        };
        let config = RewardConfig {
            seed: self.recipe.seed,
            ..settings.clone()
        };
        let mut rng = random_stream(self.recipe.seed, Purpose::RewardHead, kind as u64, 0);
        let trained = TrainedReward::full(sft.clone(), HeadInitialization::Normal, &mut rng);
        let models = RewardModels::new(None, trained)?;
        let (pairs, held_out) = (self.reward_pairs(kind)?, self.held_out_pairs()?);
        Ok(RewardStage::new(models, pairs, config, held_out)?)
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
        let models = self.ppo_models(method, sft, rewards, &config)?;
        let trainer = PpoTrainer::new(models, config, recipe.ppo_steps)?;
        let judge = Judge {
            reward,
            label_model: rewards.label.map(|model| &model.models),
            rationale_model: rewards.rationale.map(|model| &model.models),
            tokenizer: self.tokenizer,
            format: recipe.data.format,
            micro_batching: recipe.sft.micro_batching,
        };
        let mut questions = Vec::new();
        for examples in self.tasks {
            let material = self.material(examples, recipe.data.format);
            questions.extend(material.questions(&examples.prompts, trainer.config().max_new_tokens)?);
        }
        let questions = PpoQuestions {
            questions,
            total_steps: recipe.ppo_steps,
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
        let kind = PairKind::Label;
        let model = rewards.of(kind);
        let model = model.ok_or(ComparisonError::NoRewardModel { method, kind })?;
        Ok(Some(model.label_threshold(self.recipe.label_threshold_quantile)?))
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

    fn ppo_models(
        &self,
        method: Method,
        sft: &CausalLm,
        rewards: RewardModelPair<'_>,
        config: &PpoConfig,
    ) -> Result<PpoModels, ComparisonError> {
        let critic_from = method.critic_from().and_then(|kind| rewards.of(kind));
        let critic = match (config.critic, critic_from) {
            (CriticKind::Absent, _) => None,
            (_, Some(model)) => Some(model.models.trained().clone()),
            // Zero: nothing is known of values yet, and the policy must not be pushed by noise.
            (_, None) => {
                let mut rng = random_stream(self.recipe.seed, Purpose::ValueHead, 0, 0);
                Some(TrainedReward::full(
                    sft.clone(),
                    HeadInitialization::Zero,
                    &mut rng,
                ))
            }
        };
        let critic = critic.map(|critic| match critic {
            TrainedReward::Full(model) => Critic::OwnModel(model),
            TrainedReward::Adapter(critic) => Critic::OwnAdapter(critic),
        });
        let trained = ActorCritic {
            actor: Actor::Full(sft.clone()),
            critic,
        };
        Ok(PpoModels::new(None, trained, Reference::FrozenCopy(sft.clone()))?)
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

/// The model that fine-tuning left.
///
/// # Panics
///
/// Never: comparisons train whole models.
#[must_use]
pub fn fine_tuned(stage: &SftStage<'_>) -> CausalLm {
    match stage.models().trained() {
        Actor::Full(lm) => lm.clone(),
        Actor::Adapter(adapter) => {
            let base = stage.models().base().expect("adapters come with their base");
            base.merged(adapter)
        }
    }
}
