//! From responses to the parts of their scores.

use std::collections::BTreeMap;

use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{Tokenizer, TokenizerError};
use rllr_reward::{Part, Reward, RewardError, ScoreParts, UnparsableResponse, Verdict};
use rllr_task::{Answer, Label, Metric, ResponseFormat};

use crate::micro_batching::MicroBatching;
use crate::pipeline::material::Gold;
use crate::responses::Responses;
use crate::reward_models::RewardModels;
use crate::reward_step::RewardTrainingError;
use crate::workers::{OneByOne, Workers};

/// Scores the responses of a policy: two reward models, and a rule that reads the label.
///
/// Only the parts that the reward reads are computed, and the verdicts, which cost nothing and are logged.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// What the policy is rewarded for.
    pub reward: Reward,
    /// What a response without a label earns from reward models. The rule has an answer of its own.
    pub unparsable: UnparsableResponse,
    /// The label-sensitive reward model.
    pub label_model: Option<&'a RewardModels>,
    /// The rationale-sensitive reward model.
    pub rationale_model: Option<&'a RewardModels>,
    /// Makes text of the responses.
    pub tokenizer: &'a Tokenizer,
    /// Layout of the responses.
    pub format: ResponseFormat,
    /// How many responses go through a reward model at once. Memory only.
    pub micro_batching: MicroBatching,
}

/// Why responses have no score.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// Tokens are no text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A reward model cannot score.
    #[error(transparent)]
    Model(#[from] RewardTrainingError),
    /// The parts make no score.
    #[error(transparent)]
    Reward(#[from] RewardError),
}

/// Scores of a rollout, and what they are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What the responses earn, `[batch]`.
    pub scores: Vec<f32>,
    /// The parts.
    pub parts: ScoreParts,
    /// The responses as text, `[batch]`.
    pub texts: Vec<String>,
    /// How many responses have each label, by its word: of all labels of the tasks that were asked, 0 included. Responses
    /// without a label count nowhere.
    pub label_counts: BTreeMap<String, usize>,
}

impl Judge<'_> {
    /// Scores responses.
    ///
    /// - `gold`: the right label of each, with the task whose labels the rule knows, `[batch]`
    /// - `group_size`: number of responses to each prompt, which stand together
    ///
    /// # Errors
    ///
    /// [`JudgeError`] when a reward model is missing or fails.
    pub async fn judge(
        &self,
        responses: &Responses,
        gold: &[Gold<'_>],
        group_size: usize,
    ) -> Result<Judged, JudgeError> {
        self.judge_with(&OneByOne, responses, gold, group_size).await
    }

    /// [`Judge::judge`] with reward models that `workers` compute.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn judge_with(
        &self,
        workers: &dyn Workers,
        responses: &Responses,
        gold: &[Gold<'_>],
        group_size: usize,
    ) -> Result<Judged, JudgeError> {
        let decode = |tokens: &Vec<u32>| self.tokenizer.decode(tokens, SpecialTokens::Skip);
        let texts: Vec<String> = responses
            .responses()
            .iter()
            .map(decode)
            .collect::<Result<_, _>>()?;
        let answered = texts.iter().zip(gold);
        let labels: Vec<Option<Label>> = answered
            .map(|(text, gold)| Some(Answer::parse(text, gold.task, self.format).ok()?.label()))
            .collect();
        let verdicts: Vec<Verdict> = labels
            .iter()
            .zip(gold)
            .map(|(found, gold)| verdict(*found, *gold))
            .collect();
        let parts = ScoreParts {
            label_scores: self
                .part(workers, Part::LabelScores, self.label_model, responses)
                .await?,
            rationale_scores: self
                .part(workers, Part::RationaleScores, self.rationale_model, responses)
                .await?,
            verdicts: Some(verdicts.clone()),
        };
        let scores = self.reward.scores(&parts, group_size)?;
        Ok(Judged {
            scores: match self.reward {
                Reward::ExactLabel => scores,
                _ => self.unparsable.apply(&scores, &verdicts),
            },
            parts,
            texts,
            label_counts: label_counts(&labels, gold),
        })
    }

    /// Scores of one reward model, where the reward reads them.
    async fn part(
        &self,
        workers: &dyn Workers,
        part: Part,
        model: Option<&RewardModels>,
        responses: &Responses,
    ) -> Result<Option<Vec<f32>>, JudgeError> {
        let Some(model) = model.filter(|_| self.reward.reads().contains(&part)) else {
            return Ok(None);
        };
        let rows: Vec<Vec<u32>> = responses
            .prompts()
            .iter()
            .zip(responses.responses())
            .map(|(prompt, response)| [&prompt[..], response].concat())
            .collect();
        Ok(Some(model.score_with(workers, &rows, self.micro_batching).await?))
    }
}

/// What a rule says of a response's label, `None` when it has none.
#[expect(clippy::cast_possible_truncation, reason = "grades are small numbers")]
fn verdict(found: Option<Label>, gold: Gold<'_>) -> Verdict {
    let Gold { task, label: gold } = gold;
    let graded = matches!(task.metric, Metric::Correlation);
    let grade = |label: Label| task.value(label).map(|value| value as f32);
    match (found, graded) {
        (None, false) => Verdict::Unparsable,
        (None, true) => Verdict::UnparsableGrade,
        (Some(found), true) => match (grade(found), grade(gold)) {
            (Some(predicted), Some(gold)) => Verdict::Graded { predicted, gold },
            _ => Verdict::UnparsableGrade,
        },
        (Some(found), false) if found == gold => Verdict::Right,
        (Some(_), false) => Verdict::Wrong,
    }
}

/// See [`Judged::label_counts`].
fn label_counts(found: &[Option<Label>], gold: &[Gold<'_>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (found, gold) in found.iter().zip(gold) {
        for word in &gold.task.labels {
            counts.entry(word.word.clone()).or_insert(0);
        }
        if let Some(label) = found {
            *counts.entry(gold.task.word(*label).to_owned()).or_insert(0) += 1;
        }
    }
    counts
}
