//! What the three models answer.

use rllr_eval::Prediction;
use rllr_model::AdaptedLm;
use rllr_task::Example;
use rllr_train::pipeline::{Comparison, Method, RewardModelPair, Split};

use super::StoryError;
use super::scoring::{scored, text};
use super::telling::rounded;
use crate::live::{AnsweredInput, Answers, ModelAnswer};

/// Texts with the answers to them.
const INPUTS: usize = 10;

/// The three models.
pub(super) struct Models<'a> {
    pub(super) sft: AdaptedLm<'a>,
    pub(super) ordinary: AdaptedLm<'a>,
    pub(super) label_sensitive: AdaptedLm<'a>,
}

/// Asks the three models all held-out questions, and shows some: first those where the labels of RLHF and RLLR differ.
pub(super) async fn answers(
    comparison: &Comparison<'_>,
    models: Models<'_>,
    rewards: RewardModelPair<'_>,
) -> Result<Answers, StoryError> {
    let examples = &comparison.tasks[0];
    let mut predictions: Vec<Vec<Prediction>> = Vec::new();
    for lm in [models.sft, models.ordinary, models.label_sensitive] {
        let answering = comparison.answering(Method::SftRationale, examples, Split::HeldOut)?;
        predictions.push(answering.run(lm).await?);
    }
    let accuracy = |predictions: &[Prediction]| {
        let right = predictions.iter().filter(|prediction| prediction.correct).count();
        rounded(right as f64 / predictions.len() as f64)
    };
    let differ = |row: usize| predictions[1][row].prediction != predictions[2][row].prediction;
    let mut rows: Vec<usize> = (0..examples.held_out.len()).collect();
    rows.sort_by_key(|row| !differ(*row));
    rows.truncate(INPUTS);

    let asked: Vec<(&Example, String)> = rows
        .iter()
        .flat_map(|&row| {
            let example = &examples.held_out[row];
            predictions
                .iter()
                .map(move |of_model| (example, of_model[row].response.clone()))
        })
        .collect();
    let scored = scored(comparison, rewards, &asked).await?;
    let mut inputs = Vec::new();
    for (&row, three) in rows.iter().zip(scored.chunks(3)) {
        let example = &examples.held_out[row];
        inputs.push(AnsweredInput {
            text: text(example),
            gold: examples
                .task
                .gold_label(example)
                .map_err(rllr_task::PromptError::from)?
                .0,
            answers: ModelAnswer {
                sft: three[0].clone(),
                ordinary: three[1].clone(),
                label_sensitive: three[2].clone(),
            },
        });
    }
    Ok(Answers {
        inputs,
        examples: examples.held_out.len(),
        accuracy: ModelAnswer {
            sft: accuracy(&predictions[0]),
            ordinary: accuracy(&predictions[1]),
            label_sensitive: accuracy(&predictions[2]),
        },
    })
}
