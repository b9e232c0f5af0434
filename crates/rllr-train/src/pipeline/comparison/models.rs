//! The models of a comparison: what they begin as, and what is left of them.

use burn::module::Module as _;
use burn::tensor::Device;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, LoraAdapter, LoraConfig, Tokenizer, initial_weights,
};

use super::Comparison;
use crate::actor_critic::{Actor, ActorCritic, Critic, CriticKind, PpoModels, Reference, ReferenceKind};
use crate::pipeline::comparison_error::ComparisonError;
use crate::pipeline::measured_reward_model::RewardModelPair;
use crate::pipeline::method::Method;
use crate::pipeline::ppo_stage::PpoStage;
use crate::pipeline::recipe::{Recipe, Training};
use crate::pipeline::sft_stage::SftStage;
use crate::ppo_config::PpoConfig;
use crate::random_stream::{Purpose, random_stream};
use crate::reward_models::TrainedReward;

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

/// The model that fine-tuning left; an adapter is merged into its base.
///
/// # Panics
///
/// Never: adapters come with their base.
#[must_use]
pub fn fine_tuned(stage: &SftStage<'_>) -> CausalLm {
    merged(stage.models().trained(), stage.models().base())
}

/// The model that reinforcement learning left; an adapter is merged into its base.
///
/// # Panics
///
/// Never: adapters come with their base.
#[must_use]
pub fn reinforced(stage: &PpoStage<'_>) -> CausalLm {
    let models = stage.trainer().models();
    merged(&models.trained().actor, models.base())
}

fn merged(actor: &Actor, base: Option<&CausalLm>) -> CausalLm {
    match actor {
        Actor::Full(lm) => lm.clone(),
        Actor::Adapter(adapter) => base.expect("adapters come with their base").merged(adapter),
    }
}

/// Most tokens of a prompt with its response: positions of the model, or less where the recipe says so.
#[must_use]
pub fn max_tokens(recipe: &Recipe, config: &CausalLmConfig) -> usize {
    let positions = config.max_position_embeddings;
    recipe
        .data
        .max_tokens
        .map_or(positions, |most| most.min(positions))
}

impl Comparison<'_> {
    /// Policy, value model and reference of a method.
    pub(super) fn ppo_models(
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
            (_, None) => Some(self.new_critic(sft)?),
        };
        let critic = critic.map(|critic| match critic {
            TrainedReward::Full(model) => Critic::OwnModel(model),
            TrainedReward::Adapter(critic) => Critic::OwnAdapter(critic),
        });
        let (base, actor) = match &self.recipe.training {
            Training::Full => (None, Actor::Full(sft.clone())),
            Training::Adapter(lora) => {
                let adapter = self.adapter(lora, sft, Purpose::PolicyAdapter, 0)?;
                (Some(sft.clone()), Actor::Adapter(adapter))
            }
        };
        let reference = match (config.reference, &self.recipe.training) {
            (ReferenceKind::Absent, _) => Reference::Absent,
            (_, Training::Full) => Reference::FrozenCopy(sft.clone()),
            (_, Training::Adapter(_)) => Reference::AdaptersOff,
        };
        Ok(PpoModels::new(base, ActorCritic { actor, critic }, reference)?)
    }

    /// A value model that knows nothing: its head is zero, so that the policy is not pushed by noise.
    fn new_critic(&self, sft: &CausalLm) -> Result<TrainedReward, ComparisonError> {
        let mut rng = random_stream(self.recipe.seed, Purpose::ValueHead, 0, 0);
        let head = HeadInitialization::Zero;
        Ok(match &self.recipe.training {
            Training::Full => TrainedReward::full(sft.clone(), head, &mut rng),
            Training::Adapter(lora) => {
                let adapter = self.adapter(lora, sft, Purpose::ValueAdapter, 0)?;
                TrainedReward::adapter(adapter, self.config.hidden_size, head, &mut rng)
            }
        })
    }

    /// A new adapter, which changes nothing yet. It is trained, so it lies on the base's device with autodiff.
    pub(super) fn adapter(
        &self,
        lora: &LoraConfig,
        base: &CausalLm,
        purpose: Purpose,
        kind: u64,
    ) -> Result<LoraAdapter, ComparisonError> {
        let device = base.devices()[0].clone().inner().autodiff();
        let mut rng = random_stream(self.recipe.seed, purpose, kind, 0);
        Ok(LoraAdapter::new(lora, self.config, &mut rng, &device)?)
    }
}
