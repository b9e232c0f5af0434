//! From prompts to scored responses, with further draws for groups that teach nothing.

use rllr_model::SpecialTokenIds;

use crate::group_advantage::{GroupError, groups_that_differ};
use crate::ppo::PpoTrainer;
use crate::ppo_config::{AdvantageSource, EqualGroups, PpoConfig};
use crate::ppo_error::PpoError;
use crate::responses::Responses;

#[cfg(test)]
mod tests;

/// Responses with their scores.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredResponses {
    /// Prompts and responses; those to one prompt together.
    pub responses: Responses,
    /// One score per response, `[batch]`.
    pub scores: Vec<f32>,
    /// How often the policy wrote.
    pub draws: usize,
    /// Share of the groups of all draws whose answers were equally good; TRL's `frac_reward_zero_std`. None without
    /// groups.
    pub equal_groups: Option<f64>,
}

/// Groups that are worth learning from, collected over a few draws.
///
/// Source: DAPO (arXiv 2503.14476), section 3.2, "dynamic sampling"; there without a bound on the draws.
#[derive(Clone, Debug)]
pub struct GroupCollector {
    group_size: usize,
    /// Groups that are wanted.
    wanted: usize,
    max_draws: usize,
    draws: usize,
    seen: usize,
    /// Of those the ones whose answers were equally good.
    equal: usize,
    kept: Option<(Responses, Vec<f32>)>,
    /// The last draw, for when no group is worth anything.
    last: Option<(Responses, Vec<f32>)>,
}

impl GroupCollector {
    /// A collector for settings that ask for further draws; none for others.
    #[must_use]
    pub fn new(config: &PpoConfig) -> Option<Self> {
        let AdvantageSource::Group {
            group_size,
            equal_groups: EqualGroups::DrawAgain { max_draws },
            ..
        } = config.advantage
        else {
            return None;
        };
        Some(Self {
            group_size,
            wanted: config.batch_size / group_size,
            max_draws,
            draws: 0,
            seen: 0,
            equal: 0,
            kept: None,
            last: None,
        })
    }

    /// Whether another draw is wanted and allowed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let kept = self.kept.as_ref().map_or(0, |(responses, _)| responses.batch());
        kept < self.wanted * self.group_size && self.draws < self.max_draws
    }

    /// Draws so far.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// Takes in a draw: groups whose scores differ are kept, as far as they are wanted.
    ///
    /// # Errors
    ///
    /// [`GroupError`] when the responses are no whole groups.
    pub fn add(&mut self, responses: Responses, scores: Vec<f32>) -> Result<(), GroupError> {
        let size = self.group_size;
        let differing = groups_that_differ(&scores, size)?;
        self.seen += scores.len() / size;
        self.equal += scores.len() / size - differing.len();
        let kept = self.kept.as_ref().map_or(0, |(kept, _)| kept.batch() / size);
        let rows: Vec<usize> = differing
            .into_iter()
            .take(self.wanted.saturating_sub(kept))
            .flat_map(|group| group * size..(group + 1) * size)
            .collect();
        self.draws += 1;
        if !rows.is_empty() {
            let new = (
                responses.select(&rows),
                rows.iter().map(|&row| scores[row]).collect(),
            );
            self.kept = Some(match self.kept.take() {
                None => new,
                Some((responses, scores)) => (responses.followed_by(new.0), [scores, new.1].concat()),
            });
        }
        self.last = Some((responses, scores));
        Ok(())
    }

    /// What was collected: the groups that differ, even when they are fewer than wanted; the last draw when there is
    /// none. `None` before the first draw.
    #[must_use]
    pub fn finish(self) -> Option<ScoredResponses> {
        let (responses, scores) = self.kept.or(self.last)?;
        let seen = self.seen.max(1) as f64;
        Some(ScoredResponses {
            responses,
            scores,
            draws: self.draws,
            equal_groups: Some(self.equal as f64 / seen),
        })
    }
}

impl PpoTrainer {
    /// Writes responses and has them scored; where settings say so ([`EqualGroups::DrawAgain`]) once more with other
    /// prompts, until enough groups differ.
    ///
    /// Stages that are to be timed apart can be called one by one: [`PpoTrainer::write`], the caller's scores,
    /// [`GroupCollector`], [`PpoTrainer::score`], [`PpoTrainer::learn`].
    ///
    /// - `prompts`: those of a draw, counted from 0; [`PromptOrder`](crate::PromptOrder) has them
    /// - `score`: one score for each response
    ///
    /// # Errors
    ///
    /// What writing or `score` returns.
    pub async fn sample<E: From<PpoError>>(
        &self,
        tokens: &SpecialTokenIds,
        mut prompts: impl FnMut(usize) -> Vec<Vec<u32>>,
        mut score: impl AsyncFnMut(&Responses) -> Result<Vec<f32>, E>,
    ) -> Result<ScoredResponses, E> {
        let Some(mut collector) = GroupCollector::new(&self.config) else {
            let responses = self.write(&prompts(0), tokens, 0).await?;
            let scores = score(&responses).await?;
            return Ok(ScoredResponses {
                responses,
                scores,
                draws: 1,
                equal_groups: None,
            });
        };
        while collector.is_open() {
            let draw = collector.draws();
            let responses = self.write(&prompts(draw), tokens, draw).await?;
            let scores = score(&responses).await?;
            let (found, expected) = (scores.len(), responses.batch());
            if found != expected {
                return Err(PpoError::ScoreCount { found, expected }.into());
            }
            collector.add(responses, scores).map_err(PpoError::from)?;
        }
        Ok(collector.finish().expect("settings allow at least one draw"))
    }
}
