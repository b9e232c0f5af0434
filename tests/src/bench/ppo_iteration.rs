//! One PPO iteration as it is measured: models, settings, and the time of each phase.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use clap::ValueEnum;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_cli::threads;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, LoraAdapter, LoraConfig, ScalarHead, ScalarModel,
    SpecialTokenIds, WeightStorage, initial_weights,
};
use rllr_train::{
    Actor, ActorCritic, AdamSettings, AdapterCritic, Critic, CriticKind, GradientClipping, MicroBatching,
    OldLogProbs, OptimizerConfig, PpoConfig, PpoModels, PpoTrainer, Reference, ReferenceKind, RewardModels,
    SharedWorkers, TrainedReward,
};
use serde::{Deserialize, Serialize};

/// How large an iteration is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Size {
    /// Responses of an iteration, and of its one optimiser step.
    #[arg(long, default_value_t = 16)]
    pub(super) ppo_batch: usize,
    /// Responses that go through the models at a time, when measured and when learned from.
    #[arg(long, default_value_t = 4)]
    pub(super) micro_batch: usize,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 128)]
    pub(super) prompt: usize,
    /// Tokens of each response; none ends early.
    #[arg(long, default_value_t = 64)]
    pub(super) new_tokens: usize,
    /// Parts of our steps that are computed side by side.
    #[arg(long, default_value_t = 2)]
    pub(super) workers: usize,
}

impl Size {
    /// As it is written on a command line.
    pub(super) fn arguments(&self) -> [String; 10] {
        let Self {
            ppo_batch,
            micro_batch,
            prompt,
            new_tokens,
            workers,
        } = self;
        let number = |size: &usize| size.to_string();
        [
            "--ppo-batch".to_owned(),
            number(ppo_batch),
            "--micro-batch".to_owned(),
            number(micro_batch),
            "--prompt".to_owned(),
            number(prompt),
            "--new-tokens".to_owned(),
            number(new_tokens),
            "--workers".to_owned(),
            number(workers),
        ]
    }
}

impl Size {
    /// The trainer's settings.
    pub(super) fn config(&self, models: Models) -> PpoConfig {
        PpoConfig {
            batch_size: self.ppo_batch,
            minibatch_size: self.ppo_batch,
            micro_batch_size: self.micro_batch,
            ppo_epochs: 1,
            max_new_tokens: self.new_tokens,
            learning_rate: LEARNING_RATE,
            // TRL clips no gradient unless told, and its Adam decays no weight.
            optimizer: OptimizerConfig::Adam(AdamSettings {
                weight_decay: 0.0,
                ..AdamSettings::default()
            }),
            gradient_clipping: GradientClipping::Never,
            critic: models.critic(),
            reference: models.reference(),
            // As TRL 1.12; TRL 0.7.2 measures them.
            old_log_probs: OldLogProbs::Sampled,
            generation_batch_size: self.ppo_batch.div_ceil(self.workers.max(1)),
            ..PpoConfig::default()
        }
    }
}

/// Which models take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Models {
    /// A policy with a value head, a reference and a reward model, all whole: TRL 0.7.2.
    SharedHead,
    /// Policy, value model, reference and reward model, all whole: TRL 1.12.
    OwnModel,
    /// Three adapters on one frozen base, which is the reference: RLLR.
    Adapters,
}

impl Models {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SharedHead => "shared-head",
            Self::OwnModel => "own-model",
            Self::Adapters => "adapters",
        }
    }

    fn critic(self) -> CriticKind {
        match self {
            Self::SharedHead => CriticKind::SharedHead,
            Self::OwnModel => CriticKind::OwnModel,
            Self::Adapters => CriticKind::OwnAdapter,
        }
    }

    fn reference(self) -> ReferenceKind {
        match self {
            Self::SharedHead | Self::OwnModel => ReferenceKind::FrozenCopy,
            Self::Adapters => ReferenceKind::AdaptersOff,
        }
    }
}

/// What one iteration took, in seconds, and what was done in it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Turn {
    /// Writing the responses.
    pub(super) rollout: f64,
    /// Reward model; policy, reference and value model on the responses; rewards and advantages.
    pub(super) scores: f64,
    /// Forward and backward passes, and the optimiser.
    pub(super) update: f64,
    /// Tokens that were written.
    pub(super) new_tokens: usize,
    /// Times that weights changed.
    pub(super) optimizer_steps: usize,
    /// Of policy and value model together.
    pub(super) loss: f64,
}

impl Turn {
    /// Seconds of all phases.
    pub(super) fn total(&self) -> f64 {
        self.rollout + self.scores + self.update
    }
}

/// The model of about 5 million parameters that the bench `train-step` has, for longer rows.
pub(super) fn model_config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 4096,
        hidden_size: 256,
        intermediate_size: 680,
        num_hidden_layers: 5,
        num_attention_heads: 8,
        num_key_value_heads: 4,
        head_dim: 32,
        max_position_embeddings: 256,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    }
}

/// Step size on both sides.
pub(super) const LEARNING_RATE: f64 = 5e-6;

/// Our side.
pub(super) struct Iteration {
    trainer: PpoTrainer,
    reward_models: RewardModels,
    prompts: Vec<Vec<u32>>,
    micro_batching: MicroBatching,
    workers: SharedWorkers,
}

impl Iteration {
    /// Random weights and prompts, seed 0.
    pub(super) fn new(size: &Size, models: Models, device: &Device) -> anyhow::Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (ppo_models, reward_models) = match models {
            Models::SharedHead | Models::OwnModel => whole_models(models, device, &mut rng)?,
            Models::Adapters => adapters(device, &mut rng)?,
        };
        let config = size.config(models);
        let workers = threads::workers(size.workers);
        let vocab_size = u32::try_from(model_config().vocab_size)?;
        let mut prompt = || (0..size.prompt).map(|_| rng.next_u32() % vocab_size).collect();
        Ok(Self {
            trainer: PpoTrainer::new(ppo_models, config, 1_000_000)?.with_workers(Arc::clone(&workers)),
            reward_models,
            prompts: (0..size.ppo_batch).map(|_| prompt()).collect(),
            micro_batching: MicroBatching::Rows(size.micro_batch),
            workers,
        })
    }

    /// Writes, scores and learns.
    pub(super) fn run(&mut self) -> anyhow::Result<Turn> {
        let start = Instant::now();
        // No token ends a response, and none is forbidden.
        let responses = block_on(self.trainer.write(&self.prompts, &SpecialTokenIds::default(), 0))?;
        let rollout = start.elapsed().as_secs_f64();
        let new_tokens = responses.responses().iter().map(Vec::len).sum();

        let start = Instant::now();
        let texts = responses.prompts().iter().zip(responses.responses());
        let rows: Vec<Vec<u32>> = texts
            .map(|(prompt, response)| [&prompt[..], response].concat())
            .collect();
        let raw_scores = block_on(
            self.reward_models
                .score_with(&*self.workers, &rows, self.micro_batching),
        )?;
        let scored = block_on(self.trainer.score(responses, &raw_scores))?;
        let scores = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let order = self.trainer.order(rows.len());
        let step = block_on(self.trainer.learn(scored, &order))?;
        Ok(Turn {
            rollout,
            scores,
            update: start.elapsed().as_secs_f64(),
            new_tokens,
            optimizer_steps: step.grad_norms.len(),
            loss: f64::from(step.minibatches[0].total_loss),
        })
    }
}

/// Models of their own for everything, on the same weights.
fn whole_models(
    models: Models,
    device: &Device,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<(PpoModels, RewardModels)> {
    let config = model_config();
    let weights = initial_weights(&config, 0.02, rng);
    let training = device.clone().autodiff();
    let lm = || CausalLm::from_weights(&config, &weights, &training);
    let policy = lm()?;
    let reference = Reference::FrozenCopy(CausalLm::from_weights(&config, &weights, device)?);
    let head = ScalarHead::new(config.hidden_size, HeadInitialization::Normal, rng, &training);
    let critic = match models {
        Models::SharedHead => Critic::SharedHead(head),
        _ => Critic::OwnModel(ScalarModel::new(lm()?, head)),
    };
    let trained = ActorCritic {
        actor: Actor::Full(policy),
        critic: Some(critic),
    };
    let reward = TrainedReward::full(lm()?, HeadInitialization::Normal, rng);
    Ok((
        PpoModels::new(None, trained, reference)?,
        RewardModels::new(None, reward)?,
    ))
}

/// Adapters of policy, value model and reward model on one base.
fn adapters(device: &Device, rng: &mut ChaCha8Rng) -> anyhow::Result<(PpoModels, RewardModels)> {
    let config = model_config();
    let weights = initial_weights(&config, 0.02, rng);
    let base = CausalLm::frozen_from_weights(&config, &weights, WeightStorage::F32, device)?;
    let training = device.clone().autodiff();
    let mut adapter = || LoraAdapter::new(&LoraConfig::default(), &config, rng, &training);
    let (policy, value, reward) = (adapter()?, adapter()?, adapter()?);
    let trained = ActorCritic {
        actor: Actor::Adapter(policy),
        critic: Some(Critic::OwnAdapter(AdapterCritic {
            adapter: value,
            head: ScalarHead::new(config.hidden_size, HeadInitialization::Normal, rng, &training),
        })),
    };
    let reward = TrainedReward::adapter(reward, config.hidden_size, HeadInitialization::Normal, rng);
    Ok((
        PpoModels::new(Some(base.clone()), trained, Reference::AdaptersOff)?,
        RewardModels::new(Some(base), reward)?,
    ))
}
