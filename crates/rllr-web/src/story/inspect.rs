//! What the two reward models reward.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{CausalLm, GenerationConfig};
use rllr_task::Example;
use rllr_task::pairs::{
    Corruption, PairConfig, PairKind, WrongLabels, corrupted_rationale_pairs, label_sensitive_pairs,
};
use rllr_train::Metrics;
use rllr_train::pipeline::{Comparison, MeasuredRewardModel, Method, RewardModelPair};

use super::StoryError;
use super::scoring::{printed, scored, scores, text};
use super::telling::rounded;
use crate::live::{
    ByModel, DrawnPair, InspectedInput, InspectedPair, Inspection, PairDifference, PairScores,
};

/// Texts with a matrix of rewards.
const INPUTS: usize = 6;
/// Pairs of each kind with a margin.
const PAIRS: usize = 14;
/// Texts that the fine-tuned model answers twice.
const DRAWN: usize = 24;

/// Shows both reward models the same answers.
pub(super) async fn inspect(
    comparison: &Comparison<'_>,
    sft: &CausalLm,
    rewards: RewardModelPair<'_>,
) -> Result<Inspection, StoryError> {
    let measured = [rewards.rationale, rewards.label].map(|model| model.expect("a story trains both"));
    let [ordinary, label_sensitive] = measured;
    let threshold = comparison.label_threshold(Method::RllrMixed, rewards)?;
    let threshold = threshold.expect("RLLR-mixed has one");
    let of_both = |number: fn(&Metrics) -> f64| ByModel {
        ordinary: number(&ordinary.metrics),
        label_sensitive: number(&label_sensitive.metrics),
    };
    Ok(Inspection {
        labels: comparison.tasks[0]
            .task
            .labels
            .iter()
            .map(|label| label.word.clone())
            .collect(),
        inputs: inputs(comparison, rewards).await?,
        pairs: pairs(comparison, rewards).await?,
        drawn: drawn(comparison, sft, rewards).await?,
        sensitivity: of_both(|metrics| named(metrics, "eval_label_sensitivity")),
        pair_accuracy: ByModel {
            ordinary: pair_accuracy(ordinary),
            label_sensitive: pair_accuracy(label_sensitive),
        },
        label_threshold: rounded(f64::from(threshold)),
    })
}

fn pair_accuracy(model: &MeasuredRewardModel) -> PairScores {
    PairScores {
        label: named(&model.metrics, "eval_label_accuracy"),
        rationale: named(&model.metrics, "eval_rationale_accuracy"),
    }
}

/// A number that was measured; 0 where it is not defined, as JSON has no other word for it.
fn named(metrics: &Metrics, name: &str) -> f64 {
    let found = metrics.get(name).copied().filter(|value| value.is_finite());
    rounded(found.unwrap_or(0.0))
}

/// Rewards of all combinations of rationale and label.
async fn inputs(
    comparison: &Comparison<'_>,
    rewards: RewardModelPair<'_>,
) -> Result<Vec<InspectedInput>, StoryError> {
    let task = &comparison.tasks[0].task;
    let labels = task.labels.len();
    let rationales = |example: &Example| -> Option<Vec<String>> {
        let of = |label: usize| {
            example
                .rationales
                .get(task.word(rllr_task::Label(label)))
                .cloned()
        };
        (0..labels).map(of).collect()
    };
    let held_out = &comparison.tasks[0].held_out;
    let shown: Vec<(&Example, Vec<String>)> = held_out
        .iter()
        .filter_map(|example| Some((example, rationales(example)?)))
        .take(INPUTS)
        .collect();
    let mut answers = Vec::new();
    for (example, rationales) in &shown {
        for rationale in rationales {
            answers.extend((0..labels).map(|label| (*example, printed(comparison, rationale, label))));
        }
    }
    let scores = scores(comparison, rewards, &answers).await?;
    let mut found = Vec::new();
    for ((example, rationales), scores) in shown.into_iter().zip(scores.chunks(labels * labels)) {
        let matrix = |model: fn(&ByModel<f64>) -> f64| {
            let rows = scores.chunks(labels);
            rows.map(|row| row.iter().map(model).collect()).collect()
        };
        found.push(InspectedInput {
            text: text(example),
            gold: task.gold_label(example).map_err(rllr_task::PromptError::from)?.0,
            rationales,
            scores: ByModel {
                ordinary: matrix(|scores| scores.ordinary),
                label_sensitive: matrix(|scores| scores.label_sensitive),
            },
        });
    }
    Ok(found)
}

/// Held-out pairs of both kinds.
async fn pairs(
    comparison: &Comparison<'_>,
    rewards: RewardModelPair<'_>,
) -> Result<Vec<InspectedPair>, StoryError> {
    let examples = &comparison.tasks[0];
    let data = &comparison.recipe.data;
    let config = PairConfig {
        format: data.format,
        wording: data.wording,
        wrong_labels: WrongLabels::Sample(1),
        ..PairConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(comparison.recipe.seed);
    // Not those with a matrix, where there are others.
    let first = INPUTS.min(examples.held_out.len().saturating_sub(PAIRS));
    let rows = &examples.held_out[first..];
    let rows = &rows[..rows.len().min(2 * PAIRS)];
    // No limit: the tokens' own limit cuts prompts.
    let length = |_: &str| 0;
    let mut answers = Vec::new();
    let mut found = Vec::new();
    for kind in [PairKind::Label, PairKind::Rationale] {
        let built = match kind {
            PairKind::Label => label_sensitive_pairs(&examples.task, rows, &config, length, &mut rng)?,
            PairKind::Rationale => {
                let corruption = Corruption::OtherExample;
                corrupted_rationale_pairs(&examples.task, rows, corruption, &config, length, &mut rng)?
            }
        };
        for pair in built.pairs.into_iter().take(PAIRS) {
            // A pair's id begins with its example's.
            let of_pair = |example: &&Example| {
                pair.id
                    .strip_prefix(&example.id)
                    .is_some_and(|rest| rest.starts_with(':'))
            };
            let Some(example) = rows.iter().find(of_pair) else {
                continue;
            };
            answers.push((example, pair.chosen.clone()));
            answers.push((example, pair.rejected.clone()));
            found.push(InspectedPair {
                text: text(example),
                kind: match kind {
                    PairKind::Label => PairDifference::Label,
                    PairKind::Rationale => PairDifference::Rationale,
                },
                chosen: pair.chosen,
                rejected: pair.rejected,
                scores: ByModel::default(),
            });
        }
    }
    let scores = scores(comparison, rewards, &answers).await?;
    for (pair, scores) in found.iter_mut().zip(scores.chunks(2)) {
        pair.scores = ByModel {
            ordinary: [scores[0].ordinary, scores[1].ordinary],
            label_sensitive: [scores[0].label_sensitive, scores[1].label_sensitive],
        };
    }
    Ok(found)
}

/// Pairs as RLHF collects them: two answers of the fine-tuned model to the same text.
async fn drawn(
    comparison: &Comparison<'_>,
    sft: &CausalLm,
    rewards: RewardModelPair<'_>,
) -> Result<Vec<DrawnPair>, StoryError> {
    let examples = &comparison.tasks[0];
    let shown = &examples.held_out[..examples.held_out.len().min(DRAWN)];
    let config: GenerationConfig = comparison
        .ppo_config(Method::Rlhf)
        .generation_config(comparison.tokenizer.special_token_ids());
    let material = comparison.material(examples, comparison.recipe.data.format);
    let questions = material.questions(shown, config.max_new_tokens)?;
    let prompts: Vec<Vec<u32>> = questions
        .iter()
        .flat_map(|question| [question.prompt.clone(), question.prompt.clone()])
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(comparison.recipe.seed);
    let written = sft
        .without_adapter()
        .generate(&prompts, &config, &mut rng)
        .await?;
    let mut answers = Vec::new();
    for (row, example) in written
        .rows
        .iter()
        .zip(shown.iter().flat_map(|example| [example, example]))
    {
        let response = comparison.tokenizer.decode(&row.tokens, SpecialTokens::Skip)?;
        answers.push((example, response));
    }
    let scored = scored(comparison, rewards, &answers).await?;
    let mut found = Vec::new();
    for (example, two) in shown.iter().zip(scored.chunks(2)) {
        found.push(DrawnPair {
            text: text(example),
            gold: examples
                .task
                .gold_label(example)
                .map_err(rllr_task::PromptError::from)?
                .0,
            answers: [two[0].clone(), two[1].clone()],
        });
    }
    Ok(found)
}
