//! The stages of a comparison from their settings.

use rllr_eval::AnsweringConfig;
use rllr_model::LoraError;

use super::memory::{
    MemoryPhase, MemoryPlan, ModelInMemory, activation_bytes, backward_bytes, cache_bytes,
    decoding_copy_bytes, inference_bytes, logits_bytes, model_terms, trained_parameters,
};
use super::work::{forward_flops, passes_of_training};
use super::{PassSize, PlannedModel, StagePlan, TrainedPart};
use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::checkpointing::Checkpointing;
use crate::micro_batching::MicroBatching;
use crate::ppo_config::{PpoConfig, RolloutModel};
use crate::reward_config::RewardConfig;
use crate::sft_config::SftConfig;

/// How many rows a stage has, and how long they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageRows {
    /// Examples, pairs or questions.
    pub count: usize,
    /// Tokens of the longest prompt.
    pub longest_prompt: usize,
    /// Tokens of the longest response.
    pub longest_response: usize,
    /// Mean tokens of prompt and response together, for work; the longest ones decide memory.
    pub mean_len: f64,
}

impl StageRows {
    fn longest(&self) -> usize {
        self.longest_prompt + self.longest_response
    }
}

/// Supervised fine-tuning.
///
/// # Errors
///
/// [`LoraError`] for an adapter that the model cannot have.
pub fn sft_stage(
    name: &str,
    model: &PlannedModel<'_>,
    config: &SftConfig,
    rows: &StageRows,
) -> Result<StagePlan, LoraError> {
    let steps = rows.count.div_ceil(config.batch_size) * config.epochs;
    let pass = micro_batch(config.micro_batching, config.batch_size, rows.longest());
    let parts = config.batch_size.min(rows.count).div_ceil(pass.rows.max(1));
    let all = mean_pass(rows, rows.count);
    let passes = passes_of_training(model.trained, config.checkpointing);
    Ok(StagePlan {
        stage: name.to_owned(),
        steps,
        parameters: model.config.num_parameters(),
        trained_parameters: trained_parameters(model.config, model.trained)?,
        memory: training_memory(model, pass, response_share(rows), parts, config.checkpointing)?,
        flops: config.epochs as f64 * passes * forward_flops(model.config, all, response_share(rows)),
    })
}

/// Training of a reward model on pairs; two rows each. It begins as a copy of the fine-tuned model, which is still there.
///
/// # Errors
///
/// As [`sft_stage`].
pub fn reward_stage(
    name: &str,
    model: &PlannedModel<'_>,
    config: &RewardConfig,
    pairs: &StageRows,
) -> Result<StagePlan, LoraError> {
    let steps = pairs.count.div_ceil(config.batch_size) * config.epochs;
    let one_side = micro_batch(config.micro_batching, config.batch_size, pairs.longest());
    let pass = match config.micro_batching {
        MicroBatching::Whole | MicroBatching::Rows(_) => PassSize {
            rows: 2 * one_side.rows,
            ..one_side
        },
        // Slots are counted of both sides.
        MicroBatching::Tokens(_) => one_side,
    };
    let parts = config
        .batch_size
        .min(pairs.count)
        .div_ceil((pass.rows / 2).max(1));
    let all = mean_pass(pairs, 2 * pairs.count);
    let passes = passes_of_training(model.trained, config.checkpointing);
    Ok(StagePlan {
        stage: name.to_owned(),
        steps,
        parameters: model.config.num_parameters(),
        trained_parameters: trained_parameters(model.config, model.trained)?,
        memory: training_memory(model, pass, response_share(pairs), parts, config.checkpointing)?,
        // A head of one number a token is no work.
        flops: config.epochs as f64 * passes * forward_flops(model.config, all, 0.0),
    })
}

/// PPO and its relatives. `reward_models` are frozen beside policy, value model and reference.
///
/// # Errors
///
/// As [`sft_stage`].
pub fn ppo_stage(
    name: &str,
    model: &PlannedModel<'_>,
    config: &PpoConfig,
    reward_models: usize,
    steps: usize,
    questions: &StageRows,
) -> Result<StagePlan, LoraError> {
    let models = ppo_models(model, config, reward_models)?;
    let trained: f64 = models.iter().map(|model| model.trained).sum();
    let len = questions.longest_prompt + config.max_new_tokens;
    let micro = PassSize {
        rows: config.micro_batch_size.min(config.minibatch_size),
        len,
    };
    let parts = config.minibatch_size.div_ceil(micro.rows.max(1));
    #[expect(clippy::cast_possible_truncation, reason = "parameters of a model")]
    let trained_parameters = trained as u64;
    Ok(StagePlan {
        stage: name.to_owned(),
        steps,
        parameters: model.config.num_parameters(),
        trained_parameters,
        memory: MemoryPlan {
            phases: ppo_phases(model, config, &models, micro, parts),
        },
        flops: steps as f64 * ppo_step_flops(model, config, reward_models, questions),
    })
}

/// Everything that is in memory throughout: policy, value model, reference, reward models.
fn ppo_models(
    model: &PlannedModel<'_>,
    config: &PpoConfig,
    reward_models: usize,
) -> Result<Vec<ModelInMemory>, LoraError> {
    let policy = ModelInMemory::of(model)?;
    let another = policy.another(model.trained);
    let mut models = vec![policy];
    match config.critic {
        CriticKind::OwnModel => models.push(ModelInMemory::of(&PlannedModel {
            trained: TrainedPart::Full,
            ..*model
        })?),
        CriticKind::OwnAdapter => models.push(another),
        CriticKind::SharedHead | CriticKind::Absent => {}
    }
    match config.reference {
        ReferenceKind::FrozenCopy => models.push(policy.frozen()),
        ReferenceKind::FrozenAdapter => models.push(another.frozen()),
        ReferenceKind::AdaptersOff | ReferenceKind::Absent => {}
    }
    models.extend(std::iter::repeat_n(another.frozen(), reward_models));
    Ok(models)
}

fn ppo_phases(
    model: &PlannedModel<'_>,
    config: &PpoConfig,
    models: &[ModelInMemory],
    micro: PassSize,
    parts: usize,
) -> Vec<MemoryPhase> {
    let lm = model.config;
    let with = |gradient_sets: f64, more: Vec<(&'static str, f64)>| {
        let mut terms = model_terms(models, gradient_sets);
        terms.extend(more);
        terms
    };
    // 1. Writing: a copy laid out for it, and the cache of all rows that are written at once.
    let copy = match config.rollout_model {
        RolloutModel::Copy => decoding_copy_bytes(lm),
        RolloutModel::Policy => 0.0,
    };
    let written = PassSize {
        rows: config.generation_batch_size.min(config.batch_size),
        len: micro.len,
    };
    let prompts = PassSize {
        len: micro.len.saturating_sub(config.max_new_tokens).max(1),
        ..written
    };
    let writing = with(
        0.0,
        vec![
            ("decoding copy", copy),
            ("keys and values", cache_bytes(lm, written)),
            ("activations", inference_bytes(lm, prompts)),
        ],
    );
    // 2. Measuring: one model after the other, on as many parts as there are workers.
    let rollout_parts = config.batch_size.div_ceil(micro.rows.max(1));
    let measured = at_once(model, rollout_parts);
    let measuring = with(
        0.0,
        vec![
            ("activations", measured * inference_bytes(lm, micro)),
            ("logits", measured * logits_bytes(lm, model.trained, micro)),
        ],
    );
    // 3. Learning: what the policy keeps is there while the value model learns.
    let passes = match config.critic {
        CriticKind::OwnModel | CriticKind::OwnAdapter => 2.0,
        CriticKind::SharedHead | CriticKind::Absent => 1.0,
    };
    let mut phases = vec![
        MemoryPhase::new("writing", writing),
        MemoryPhase::new("measuring", measuring),
    ];
    let terms = model_terms(models, gradient_sets(model, parts));
    phases.extend(learning_phases(
        model,
        &terms,
        micro,
        config.max_new_tokens as f64 / micro.len as f64,
        passes * at_once(model, parts),
        at_once(model, parts),
        config.checkpointing,
    ));
    phases
}

/// The loss with its chunk of logits, and the backward pass: one after the other, beside all that is kept.
///
/// - `read`: share of the columns whose hidden states the loss reads
/// - `kept_passes`: passes whose activations are kept at the same time
/// - `parts`: parts of a batch that are at the same point at the same time
fn learning_phases(
    model: &PlannedModel<'_>,
    terms: &[(&'static str, f64)],
    pass: PassSize,
    read: f64,
    kept_passes: f64,
    parts: f64,
    checkpointing: Checkpointing,
) -> [MemoryPhase; 2] {
    let (lm, trained) = (model.config, model.trained);
    let kept = kept_passes * activation_bytes(lm, trained, pass, read, checkpointing);
    let phase = |name, what, bytes| {
        let more = [("activations", kept), (what, bytes)];
        MemoryPhase::new(name, terms.iter().copied().chain(more))
    };
    [
        phase("loss", "logits", parts * logits_bytes(lm, trained, pass)),
        phase(
            "backward pass",
            "gradients of activations",
            parts * backward_bytes(lm, trained, pass, checkpointing),
        ),
    ]
}

/// Writing, measuring with every model, learning in every epoch.
fn ppo_step_flops(
    model: &PlannedModel<'_>,
    config: &PpoConfig,
    reward_models: usize,
    questions: &StageRows,
) -> f64 {
    let lm = model.config;
    let pass = mean_pass(questions, config.batch_size);
    let one = |scored_share: f64| forward_flops(lm, pass, scored_share);
    let share = response_share(questions);
    let critic = match config.critic {
        CriticKind::OwnModel | CriticKind::OwnAdapter => 1.0,
        CriticKind::SharedHead | CriticKind::Absent => 0.0,
    };
    let reference = match config.reference {
        ReferenceKind::Absent => 0.0,
        _ => 1.0,
    };
    let writing = one(share);
    let measuring = (1.0 + reference) * one(share) + (critic + reward_models as f64) * one(0.0);
    let learning = config.ppo_epochs as f64
        * passes_of_training(model.trained, config.checkpointing)
        * (one(share) + critic * one(0.0));
    writing + measuring + learning
}

/// Answering questions, batch by batch.
///
/// # Errors
///
/// As [`sft_stage`].
pub fn answering_stage(
    name: &str,
    model: &PlannedModel<'_>,
    config: &AnsweringConfig,
    questions: &StageRows,
) -> Result<StagePlan, LoraError> {
    let lm = model.config;
    let batch = PassSize {
        rows: config.batch_size.min(questions.count),
        len: questions.longest_prompt + config.max_new_tokens,
    };
    let prompts = PassSize {
        len: questions.longest_prompt.max(1),
        ..batch
    };
    let batches = questions.count.div_ceil(config.batch_size.max(1));
    let answered = at_once(model, batches);
    let mut terms = model_terms(&[ModelInMemory::of(model)?.frozen()], 0.0);
    terms.extend([
        ("decoding copy", decoding_copy_bytes(lm)),
        ("keys and values", answered * cache_bytes(lm, batch)),
        ("activations", answered * inference_bytes(lm, prompts)),
    ]);
    Ok(StagePlan {
        stage: name.to_owned(),
        steps: batches,
        parameters: lm.num_parameters(),
        trained_parameters: 0,
        memory: MemoryPlan {
            phases: vec![MemoryPhase::new("answering", terms)],
        },
        flops: forward_flops(
            lm,
            mean_pass(questions, questions.count),
            response_share(questions),
        ),
    })
}

/// What one model needs that learns.
fn training_memory(
    model: &PlannedModel<'_>,
    pass: PassSize,
    read: f64,
    parts: usize,
    checkpointing: Checkpointing,
) -> Result<MemoryPlan, LoraError> {
    let terms = model_terms(&[ModelInMemory::of(model)?], gradient_sets(model, parts));
    let parts = at_once(model, parts);
    Ok(MemoryPlan {
        phases: learning_phases(model, &terms, pass, read, parts, parts, checkpointing).into(),
    })
}

/// How many of so many parts are computed at the same time.
fn at_once(model: &PlannedModel<'_>, parts: usize) -> f64 {
    parts.min(model.workers).max(1) as f64
}

/// A set of gradients for each part that is computed, and another one, the sum, where further parts follow.
fn gradient_sets(model: &PlannedModel<'_>, parts: usize) -> f64 {
    parts.min(model.workers + 1).max(1) as f64
}

/// The largest micro-batch.
fn micro_batch(micro_batching: MicroBatching, batch_size: usize, longest: usize) -> PassSize {
    let len = longest.max(1);
    let rows = match micro_batching {
        MicroBatching::Whole => batch_size,
        MicroBatching::Rows(rows) => rows,
        MicroBatching::Tokens(slots) => slots / len,
    };
    PassSize {
        rows: rows.min(batch_size).max(1),
        len,
    }
}

/// All rows with their mean length, for work.
fn mean_pass(rows: &StageRows, count: usize) -> PassSize {
    #[expect(clippy::cast_possible_truncation, reason = "a number of tokens")]
    let len = rows.mean_len.ceil() as usize;
    PassSize { rows: count, len }
}

/// The share of tokens that are scored: those of the response.
fn response_share(rows: &StageRows) -> f64 {
    rows.longest_response as f64 / (rows.longest().max(1)) as f64
}
