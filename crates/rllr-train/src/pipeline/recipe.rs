//! The settings of a whole run, from data to policies.

use rllr_eval::AnsweringConfig;
use rllr_model::tokenizer::BpeTrainingConfig;
use rllr_model::{CausalLmConfig, LoraConfig};
use rllr_reward::UnparsableResponse;
use serde::{Deserialize, Serialize};

use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::batch_plan::BatchOrder;
use crate::distillation_config::DistillationConfig;
use crate::kl_controller::KlController;
use crate::micro_batching::MicroBatching;
use crate::pipeline::method::Method;
use crate::ppo_config::{PpoConfig, PpoPreset, Warmup};
use crate::reward_config::{RewardConfig, RewardLoss};
use crate::sft_config::SftConfig;

mod check;
mod data;

pub use check::RecipeError;
pub use data::{DataRecipe, Level, ModelPlan, PromptRows, RationaleTexts, TaskLimits};

/// The settings of a whole run: every method learns from the same data, model and seed.
///
/// The defaults are for a model of some 0.4 million parameters on two cores; they were chosen on held-out examples that
/// the generator made, never on the hand-written test items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Seed of everything that is drawn. Default 0. A run sets it to each of `compare.seeds`.
    pub seed: u64,
    /// What is compared.
    pub compare: CompareRecipe,
    /// The examples.
    pub data: DataRecipe,
    /// How texts are cut into tokens. Default a byte-level BPE of 600 tokens.
    pub tokenizer: BpeTrainingConfig,
    /// The model that every method begins with, where there is no pretrained one; and the student of a distillation.
    pub model: ModelRecipe,
    /// What is trained of a model. Default all of it.
    pub training: Training,
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
    /// Where RLLR-mixed caps the label reward: the paper's λ. Default the median of held-out chosen answers.
    pub label_threshold: LabelThreshold,
    /// What a response without a label earns from reward models, which were never shown one. Default what they say, as
    /// in the released code of RLLR.
    pub unparsable: UnparsableResponse,
    /// PPO with a value model.
    pub ppo: PpoConfig,
    /// Group relative policy optimisation.
    pub grpo: PpoConfig,
    /// Steps of both; 0 for one pass over all questions. Default 60.
    pub ppo_steps: usize,
    /// Distillation into a smaller model, `rllr distill`.
    pub distillation: DistillationConfig,
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

/// What is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompareRecipe {
    /// Names of the tasks. Default `film_sentiment`.
    pub tasks: Vec<String>,
    /// The methods. Default all.
    pub methods: Vec<Method>,
    /// Everything is done once for each seed, and reported over seeds. Default 0 alone.
    pub seeds: Vec<u64>,
}

/// What is trained of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Training {
    /// All weights.
    #[default]
    Full,
    /// A low-rank adapter on frozen weights: the paper. After fine-tuning it is merged; reward models, value model and
    /// policy are adapters on the merged model.
    Adapter(LoraConfig),
}

/// Where RLLR-mixed caps the label reward.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelThreshold {
    /// At this score, on the scale of the label-sensitive reward model: the paper. Another model needs another one.
    Fixed(f64),
    /// At this quantile, 0 to 1, of the scores of held-out chosen answers.
    Quantile(f64),
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

impl Recipe {
    /// Most tokens of a prompt, where prompt and response have `max_tokens`: the rest is for the longest answer that is
    /// ever asked for, but never more than three quarters.
    #[must_use]
    pub fn prompt_tokens(&self, max_tokens: usize) -> usize {
        let lengths = [
            self.answering.max_new_tokens,
            self.ppo.max_new_tokens,
            self.grpo.max_new_tokens,
        ];
        let longest = lengths.into_iter().max().unwrap_or(0);
        max_tokens - longest.min(max_tokens - max_tokens / 4)
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

impl Default for CompareRecipe {
    fn default() -> Self {
        Self {
            tasks: vec!["film_sentiment".to_owned()],
            methods: Method::ALL.to_vec(),
            seeds: vec![0],
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

/// Examples of one forward and backward pass: what fits well into a processor's cache, and leaves a part of each step for
/// every core.
const ROWS: MicroBatching = MicroBatching::Rows(MICRO_BATCH);

/// See [`ROWS`].
const MICRO_BATCH: usize = 8;

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
            compare: CompareRecipe::default(),
            data: DataRecipe::default(),
            tokenizer: BpeTrainingConfig {
                vocab_size: 600,
                ..BpeTrainingConfig::default()
            },
            model: ModelRecipe::default(),
            training: Training::Full,
            sft_label: sft.clone(),
            sft,
            label_pairs: LabelPairs::Published,
            label_reward: reward.clone(),
            rationale_reward: reward,
            label_threshold: LabelThreshold::Quantile(0.5),
            unparsable: UnparsableResponse::Keep,
            ppo: ppo(),
            grpo: grpo(),
            ppo_steps: 60,
            distillation: DistillationConfig::default(),
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
        micro_batch_size: MICRO_BATCH,
        generation_batch_size: 16,
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
        micro_batch_size: MICRO_BATCH,
        generation_batch_size: 16,
        learning_rate: 1e-4,
        kl_controller: KlController::Fixed { kl_coef: 0.05 },
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: MAX_NEW_TOKENS,
        ..PpoPreset::Grpo.config()
    }
}
