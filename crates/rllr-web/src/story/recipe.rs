//! From the settings of the page to the recipe of a run.

use rllr_task::generate::TaskKind;
use rllr_train::pipeline::{DataRecipe, LabelPairs, Level, ModelRecipe, Recipe};
use rllr_train::{KlController, MicroBatching, PpoConfig, RewardConfig, SftConfig, Warmup};

use crate::live::{LabelPairsChoice, LevelChoice, LiveSettings, TaskChoice};

/// Width of one attention head.
const HEAD_DIM: usize = 16;

/// The embedded task of this name.
pub fn task_kind(task: TaskChoice) -> TaskKind {
    match task {
        TaskChoice::NewsTopic => TaskKind::NewsTopic,
        TaskChoice::FilmSentiment => TaskKind::FilmSentiment,
        TaskChoice::SceneNli => TaskKind::SceneNli,
        TaskChoice::QuestionParaphrase => TaskKind::QuestionParaphrase,
    }
}

/// The recipe of these settings. What they do not name is the recipe's default, and the reward models are trained with
/// equal effort: as many pairs, as many of them at a time.
pub fn recipe(settings: &LiveSettings) -> Recipe {
    let default = Recipe::default();
    let epochs = settings.reward_epochs;
    Recipe {
        seed: settings.seed,
        data: DataRecipe {
            sft: settings.demonstrations,
            // Answered once each, as long as there are so many different texts.
            prompts: (settings.ppo_steps * settings.ppo_batch_size).min(1_200),
            held_out: settings.held_out,
            level: level(settings.level),
            ..default.data
        },
        model: ModelRecipe {
            hidden_size: settings.hidden_size,
            intermediate_size: (settings.hidden_size * 8 / 3).next_multiple_of(16),
            num_hidden_layers: settings.layers,
            num_attention_heads: (settings.hidden_size / HEAD_DIM).max(1),
            ..default.model
        },
        sft: SftConfig {
            epochs: settings.sft_epochs,
            learning_rate: settings.sft_learning_rate,
            warmup: Warmup::Steps(10),
            ..default.sft.clone()
        },
        label_pairs: label_pairs(settings.label_pairs),
        label_reward: reward(settings, epochs, &default.label_reward),
        rationale_reward: reward(
            settings,
            epochs * pairs_per_example(settings),
            &default.rationale_reward,
        ),
        ppo: ppo(settings, &default.ppo),
        ppo_steps: settings.ppo_steps,
        ..default
    }
}

fn reward(settings: &LiveSettings, epochs: usize, default: &RewardConfig) -> RewardConfig {
    RewardConfig {
        epochs,
        learning_rate: settings.reward_learning_rate,
        // Pairs have two sides, so this is as much at a time as fine-tuning has.
        micro_batching: MicroBatching::Rows(16),
        ..default.clone()
    }
}

fn ppo(settings: &LiveSettings, default: &PpoConfig) -> PpoConfig {
    PpoConfig {
        batch_size: settings.ppo_batch_size,
        minibatch_size: settings.ppo_batch_size,
        micro_batch_size: settings.ppo_batch_size.min(32),
        ppo_epochs: 1,
        learning_rate: settings.ppo_learning_rate,
        kl_controller: KlController::Fixed {
            kl_coef: settings.kl_coef,
        },
        ..default.clone()
    }
}

/// Label-sensitive pairs that one example gives, beside one rationale-sensitive pair.
fn pairs_per_example(settings: &LiveSettings) -> usize {
    let labels = task_kind(settings.task).labels().len();
    let each = match settings.label_pairs {
        LabelPairsChoice::Published => 1,
        LabelPairsChoice::WithFlippedLabels => 2,
    };
    (labels - 1) * each
}

fn level(level: LevelChoice) -> Level {
    match level {
        LevelChoice::Easy => Level::Easy,
        LevelChoice::Medium => Level::Medium,
        LevelChoice::Hard => Level::Hard,
        LevelChoice::Mixed => Level::Mixed,
    }
}

fn label_pairs(pairs: LabelPairsChoice) -> LabelPairs {
    match pairs {
        LabelPairsChoice::Published => LabelPairs::Published,
        LabelPairsChoice::WithFlippedLabels => LabelPairs::WithFlippedLabels,
    }
}
