//! The settings of a whole run, from data to policies.

use rllr_eval::AnsweringConfig;
use rllr_model::CausalLmConfig;
use rllr_model::tokenizer::BpeTrainingConfig;
use rllr_task::ResponseFormat;
use rllr_task::generate::{Difficulty, DifficultyMix};
use serde::{Deserialize, Serialize};

use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::batch_plan::BatchOrder;
use crate::kl_controller::KlController;
use crate::micro_batching::MicroBatching;
use crate::ppo_config::{PpoConfig, PpoPreset, Warmup};
use crate::reward_config::{RewardConfig, RewardLoss};
use crate::sft_config::SftConfig;

/// The settings of a whole run on one embedded task: every method learns from the same data, model and seed.
///
/// The defaults are for a model of some 0.4 million parameters on two cores; they were chosen on held-out examples that
/// the generator made, never on the hand-written test items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Seed of everything that is drawn. Default 0.
    pub seed: u64,
    /// The examples.
    pub data: DataRecipe,
    /// How texts are cut into tokens. Default a byte-level BPE of 600 tokens.
    pub tokenizer: BpeTrainingConfig,
    /// The model that every method begins with.
    pub model: ModelRecipe,
    /// Supervised fine-tuning on labels alone.
    pub sft_label: SftConfig,
    /// Supervised fine-tuning on rationale and label.
    pub sft: SftConfig,
    /// What the label-sensitive reward model is trained on. Default the published pairs.
    pub label_pairs: LabelPairs,
    /// The label-sensitive reward model.
    pub label_reward: RewardConfig,
    /// The rationale-sensitive reward model.
    pub rationale_reward: RewardConfig,
    /// Quantile of the label scores of held-out chosen answers at which RLLR-mixed caps the label reward. Default 0.5.
    pub label_threshold_quantile: f64,
    /// PPO with a value model.
    pub ppo: PpoConfig,
    /// Group relative policy optimisation.
    pub grpo: PpoConfig,
    /// Steps of both. Default 60.
    pub ppo_steps: usize,
    /// How models are asked when they are measured.
    pub answering: AnsweringConfig,
}

/// What a label-sensitive reward model is trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelPairs {
    /// The gold label with its rationale against a wrong label with the rationale for it: RLLR.
    #[default]
    Published,
    /// These, and the gold label against a wrong one with the same rationale. The published pairs can be told apart by
    /// their rationales alone, so a model that is trained on nothing else need not read the label.
    WithFlippedLabels,
}

/// Which examples there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// Examples that demonstrations and pairs are made of. Default 1,500.
    pub sft: usize,
    /// Further examples, of which policies see the prompts and rules the labels. Default 1,500.
    pub prompts: usize,
    /// Examples that nothing is trained on. Default 500.
    pub held_out: usize,
    /// How hard they are. Default easy: one clause, at most one operation.
    pub level: Level,
    /// Layout of the responses. Default rationale, then label.
    pub format: ResponseFormat,
    /// Index of the prompt's wording. Default 0.
    pub wording: usize,
}

/// How hard generated examples are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One clause, at most one operation.
    #[default]
    Easy,
    /// Two clauses that pull in different directions.
    Medium,
    /// Several operations at once.
    Hard,
    /// A fifth easy, two fifths each medium and hard.
    Mixed,
}

/// The size of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelRecipe {
    /// Width. Default 96.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers. Default 256.
    pub intermediate_size: usize,
    /// Number of blocks. Default 3.
    pub num_hidden_layers: usize,
    /// Number of attention heads. Default 4.
    pub num_attention_heads: usize,
    /// Most tokens of a prompt with its response. Default 192.
    pub max_position_embeddings: usize,
    /// Standard deviation of the first weights. Default 0.05.
    pub initializer_range: f64,
}

impl Level {
    /// In which proportions the generator draws.
    #[must_use]
    pub fn mix(self) -> DifficultyMix {
        match self {
            Self::Easy => DifficultyMix::only(Difficulty::Easy),
            Self::Medium => DifficultyMix::only(Difficulty::Medium),
            Self::Hard => DifficultyMix::only(Difficulty::Hard),
            Self::Mixed => DifficultyMix::default(),
        }
    }
}

impl ModelRecipe {
    /// The configuration of the model for a tokenizer with so many ids.
    #[must_use]
    pub fn config(&self, vocab_size: usize) -> CausalLmConfig {
        let Self {
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads,
            max_position_embeddings,
            ..
        } = *self;
        CausalLmConfig {
            vocab_size,
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads: num_attention_heads,
            head_dim: hidden_size / num_attention_heads.max(1),
            max_position_embeddings,
            tie_word_embeddings: true,
            ..CausalLmConfig::default()
        }
    }
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            sft: 1_500,
            prompts: 1_500,
            held_out: 500,
            level: Level::Easy,
            format: ResponseFormat::RationaleThenLabel,
            wording: 0,
        }
    }
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            hidden_size: 96,
            intermediate_size: 256,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            max_position_embeddings: 192,
            initializer_range: 0.05,
        }
    }
}

/// Examples of one forward and backward pass: what fits well into a processor's cache.
const ROWS: MicroBatching = MicroBatching::Rows(32);

impl Default for Recipe {
    fn default() -> Self {
        let sft = SftConfig {
            epochs: 6,
            batch_size: 32,
            micro_batching: ROWS,
            order: BatchOrder::LengthBucketed { window_batches: 50 },
            learning_rate: 2e-3,
            warmup: Warmup::Steps(20),
            ..SftConfig::default()
        };
        let reward = RewardConfig {
            loss: RewardLoss::LastToken {
                center_rewards_coefficient: 0.01,
            },
            epochs: 2,
            batch_size: 32,
            micro_batching: ROWS,
            order: BatchOrder::LengthBucketed { window_batches: 50 },
            learning_rate: 5e-4,
            warmup: Warmup::Steps(10),
            ..RewardConfig::default()
        };
        Self {
            seed: 0,
            data: DataRecipe::default(),
            tokenizer: BpeTrainingConfig {
                vocab_size: 600,
                ..BpeTrainingConfig::default()
            },
            model: ModelRecipe::default(),
            sft_label: sft.clone(),
            sft,
            label_pairs: LabelPairs::Published,
            label_reward: reward.clone(),
            rationale_reward: reward,
            label_threshold_quantile: 0.5,
            ppo: ppo(),
            grpo: grpo(),
            ppo_steps: 60,
            answering: AnsweringConfig {
                max_new_tokens: MAX_NEW_TOKENS,
                batch_size: 128,
                ..AnsweringConfig::default()
            },
        }
    }
}

/// Longer than any rationale of the embedded tasks with its label.
const MAX_NEW_TOKENS: usize = 40;

/// The published method with whole models instead of adapters, and steps that fit a small model.
fn ppo() -> PpoConfig {
    PpoConfig {
        batch_size: 64,
        minibatch_size: 32,
        micro_batch_size: 32,
        ppo_epochs: 2,
        learning_rate: 1e-4,
        kl_controller: KlController::Fixed { kl_coef: 0.05 },
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: MAX_NEW_TOKENS,
        ..PpoPreset::Rllr.config()
    }
}

fn grpo() -> PpoConfig {
    PpoConfig {
        batch_size: 64,
        minibatch_size: 32,
        micro_batch_size: 32,
        learning_rate: 1e-4,
        kl_controller: KlController::Fixed { kl_coef: 0.05 },
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: MAX_NEW_TOKENS,
        ..PpoPreset::Grpo.config()
    }
}
