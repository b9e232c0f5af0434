//! What both reward models give for answers.

use rllr_model::tokenizer::{Cut, LengthLimit};
use rllr_task::{Answer, Example, Input, Label};
use rllr_train::PromptAndResponse;
use rllr_train::pipeline::{Comparison, RewardModelPair};

use super::StoryError;
use super::telling::rounded;
use crate::live::{ByModel, ScoredAnswer};

/// The text of an example, or its two texts on a line each.
pub(super) fn text(example: &Example) -> String {
    match &example.input {
        Input::Text(text) => text.clone(),
        Input::Pair { text_a, text_b } => format!("{text_a}\n{text_b}"),
    }
}

/// An answer as it is written.
pub(super) fn printed(comparison: &Comparison<'_>, rationale: &str, label: usize) -> String {
    let task = &comparison.tasks[0].task;
    Answer::new(rationale, Label(label)).print(task, comparison.recipe.data.format)
}

/// What both reward models give for responses to examples, in their order.
pub(super) async fn scores(
    comparison: &Comparison<'_>,
    rewards: RewardModelPair<'_>,
    answers: &[(&Example, String)],
) -> Result<Vec<ByModel<f64>>, StoryError> {
    let limit = LengthLimit {
        max_tokens: comparison.max_tokens,
        cut: Cut::Start,
    };
    let data = &comparison.recipe.data;
    let mut rows = Vec::with_capacity(answers.len());
    for (example, response) in answers {
        let prompt = comparison.tasks[0]
            .task
            .prompt(example, data.wording, data.format)?
            .text;
        let (tokens, _) = PromptAndResponse::from_texts(comparison.tokenizer, &prompt, response, &limit)?;
        rows.push(tokens.tokens());
    }
    let batching = comparison.recipe.sft.micro_batching;
    let [ordinary, label_sensitive] =
        [rewards.rationale, rewards.label].map(|model| model.expect("a story trains both reward models"));
    let ordinary = ordinary.models.score(&rows, batching).await?;
    let label_sensitive = label_sensitive.models.score(&rows, batching).await?;
    let both = ordinary.iter().zip(&label_sensitive);
    Ok(both
        .map(|(ordinary, label_sensitive)| ByModel {
            ordinary: rounded(f64::from(*ordinary)),
            label_sensitive: rounded(f64::from(*label_sensitive)),
        })
        .collect())
}

/// Responses of models with their labels and scores.
pub(super) async fn scored(
    comparison: &Comparison<'_>,
    rewards: RewardModelPair<'_>,
    answers: &[(&Example, String)],
) -> Result<Vec<ScoredAnswer>, StoryError> {
    let task = &comparison.tasks[0].task;
    let label = |response: &str| {
        let answer = Answer::parse(response, task, comparison.recipe.data.format);
        answer.ok().map(|answer| answer.label().0)
    };
    // What is no text has no tokens: an empty response is scored as one with a space.
    let written = answers.iter().map(|(example, response)| {
        let response = if response.trim().is_empty() { " " } else { response };
        (*example, response.to_owned())
    });
    let scores = scores(comparison, rewards, &written.collect::<Vec<_>>()).await?;
    let both = answers.iter().zip(scores);
    Ok(both
        .map(|((_, response), scores)| ScoredAnswer {
            response: response.clone(),
            label: label(response),
            scores,
        })
        .collect())
}
