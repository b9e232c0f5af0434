//! All stages of a comparison.

use rllr_eval::AnsweringConfig;
use rllr_model::LoraError;
use rllr_task::ResponseFormat;
use rllr_task::pairs::PairKind;

use super::stages::{StageRows, answering_stage, ppo_stage, reward_stage, sft_stage};
use super::{PlannedModel, StagePlan};
use crate::pipeline::{Method, Recipe};
use crate::ppo_config::PpoConfig;

/// The rows of a comparison's stages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComparisonRows {
    /// Demonstrations without rationales.
    pub labels: StageRows,
    /// Demonstrations with rationales.
    pub rationales: StageRows,
    /// Label-sensitive pairs for training.
    pub label_pairs: StageRows,
    /// Rationale-sensitive pairs for training.
    pub rationale_pairs: StageRows,
    /// Questions of reinforcement learning.
    pub questions: StageRows,
    /// Questions that models are measured by.
    pub held_out: StageRows,
}

/// The stages of one seed, in the order in which they are run.
///
/// # Errors
///
/// [`LoraError`] for an adapter that the model cannot have.
pub fn comparison_stages(
    recipe: &Recipe,
    methods: &[Method],
    model: &PlannedModel<'_>,
    rows: &ComparisonRows,
) -> Result<Vec<StagePlan>, LoraError> {
    let mut stages = Vec::new();
    // 1. Fine-tuning. The model that explains is needed by every reinforced method.
    if methods.contains(&Method::SftLabel) {
        stages.push(sft_stage("sft-label", model, &recipe.sft_label, &rows.labels)?);
    }
    if methods.iter().any(|method| *method != Method::SftLabel) {
        stages.push(sft_stage("sft-rationale", model, &recipe.sft, &rows.rationales)?);
    }

    // 2. Reward models that a method reads.
    let kinds = [
        (
            PairKind::Label,
            "reward-label",
            &recipe.label_reward,
            &rows.label_pairs,
        ),
        (
            PairKind::Rationale,
            "reward-rationale",
            &recipe.rationale_reward,
            &rows.rationale_pairs,
        ),
    ];
    for (kind, name, config, pairs) in kinds {
        if methods
            .iter()
            .any(|method| method.reward_models().contains(&kind))
        {
            stages.push(reward_stage(name, model, config, pairs)?);
        }
    }

    // 3. Policies.
    for method in methods.iter().filter(|method| method.is_reinforced()) {
        let config = if *method == Method::Grpo {
            &recipe.grpo
        } else {
            &recipe.ppo
        };
        let steps = ppo_steps(recipe, config, rows.questions.count);
        let reward_models = method.reward_models().len();
        stages.push(ppo_stage(
            method.name(),
            model,
            config,
            reward_models,
            steps,
            &rows.questions,
        )?);
    }

    // 4. Measuring.
    for &method in methods {
        stages.push(measuring(recipe, method, model, rows)?);
    }
    Ok(stages)
}

/// Steps of reinforcement learning; by default one pass over all questions.
fn ppo_steps(recipe: &Recipe, config: &PpoConfig, questions: usize) -> usize {
    match recipe.ppo_steps {
        0 => questions.div_ceil(config.prompt_order(questions.max(1)).batch),
        steps => steps,
    }
}

/// The answers that a method is measured by.
fn measuring(
    recipe: &Recipe,
    method: Method,
    model: &PlannedModel<'_>,
    rows: &ComparisonRows,
) -> Result<StagePlan, LoraError> {
    let answering = AnsweringConfig {
        format: method.format(recipe.data.format),
        ..recipe.answering.clone()
    };
    let held_out = match answering.format {
        // A label has few tokens.
        ResponseFormat::LabelOnly => StageRows {
            longest_response: rows.labels.longest_response,
            mean_len: rows.labels.mean_len,
            ..rows.held_out
        },
        _ => rows.held_out,
    };
    answering_stage(&format!("eval-{method}"), model, &answering, &held_out)
}
