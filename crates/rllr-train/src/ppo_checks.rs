//! What must hold in every PPO step. Most reports of users of other trainers are of silent wrongness; these are loud.

use crate::fingerprint::Fingerprint;
use crate::ppo_config::{OldLogProbs, PpoConfig};
use crate::ppo_error::PpoError;
use crate::ppo_experience::Experience;
use crate::ppo_update::Updates;
use crate::responses::{Responses, Sample, Sampled};
use crate::rollout::Rollout;
use crate::trained_parts::POLICY;

#[cfg(test)]
mod tests;

/// How far `log π_new − log π_old` may be from 0 before the first update: measuring and training run the same sums in
/// other shapes. float32 on a CPU is within 1e-5; a wrong mask, token or temperature is far above.
const LOG_RATIO_TOLERANCE: f32 = 1e-3;

/// How far below 0 a mean entropy may be by rounding, in nats.
const ENTROPY_TOLERANCE: f32 = 1e-5;

/// One finite score per response.
pub(crate) fn check_scores(responses: &Responses, scores: &[f32]) -> Result<(), PpoError> {
    let (found, expected) = (scores.len(), responses.batch());
    if found != expected {
        return Err(PpoError::ScoreCount { found, expected });
    }
    if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
        return Err(PpoError::NotFinite {
            what: "score",
            slot: responses.responses()[row].len() - 1,
            found: scores[row],
            sample: responses.sample(row, scores[row]),
        });
    }
    Ok(())
}

/// Every row once in every epoch.
pub(crate) fn check_order(order: &[Vec<usize>], expected: usize) -> Result<(), PpoError> {
    for (epoch, rows) in order.iter().enumerate() {
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..expected) {
            return Err(PpoError::Order {
                epoch,
                found: rows.clone(),
                expected,
            });
        }
    }
    Ok(())
}

/// The mask is as long as the responses, and the sampler said of their tokens what the policy says; how far they are
/// apart at most, where that is known.
pub(crate) fn check_rollout(
    rollout: &Rollout,
    scores: &[f32],
    config: &PpoConfig,
) -> Result<Option<f64>, PpoError> {
    let responses = &rollout.responses;
    for (row, response) in responses.responses().iter().enumerate() {
        let mask = &rollout.mask[rollout.row(row)];
        let (found, expected) = (mask.iter().filter(|&&counts| counts).count(), response.len());
        if found != expected {
            let sample = responses.sample(row, scores[row]);
            return Err(PpoError::Mask {
                found,
                expected,
                sample,
            });
        }
    }
    let of_temperature = |sampled: &&Sampled| sampled.temperature == config.temperature;
    let Some(sampled) = responses.sampled().filter(of_temperature) else {
        return Ok(None);
    };
    if config.old_log_probs == OldLogProbs::Sampled {
        // They are the same numbers; the first update compares them with the policy's.
        return Ok(None);
    }
    let tolerance = config.checks.sampler_tolerance;
    let mut largest = 0.0_f64;
    for (row, sampled) in sampled.log_probs.iter().enumerate() {
        let found = &rollout.log_probs[rollout.row(row)];
        for (slot, (&found, &sampled)) in found.iter().zip(sampled).enumerate() {
            let difference = f64::from(found - sampled).abs();
            if difference.is_nan() || difference > tolerance {
                return Err(PpoError::SamplerDiffers {
                    slot,
                    found,
                    sampled,
                    tolerance,
                    sample: responses.sample(row, scores[row]),
                });
            }
            largest = largest.max(difference);
        }
    }
    Ok(Some(largest))
}

/// What is frozen is what it was.
pub(crate) fn check_unchanged(
    before: &[(&'static str, Fingerprint)],
    now: &[(&'static str, Fingerprint)],
) -> Result<(), PpoError> {
    for ((what, before), (_, now)) in before.iter().zip(now) {
        let found = now.differences(before);
        if found > 0 {
            return Err(PpoError::FrozenChanged { what, found });
        }
    }
    Ok(())
}

/// Checks what the updates of a step have shown.
///
/// - `scores`: as they were given
pub(crate) fn check_updates(
    updates: &Updates,
    experience: &Experience,
    scores: &[f32],
    config: &PpoConfig,
) -> Result<(), PpoError> {
    let sample = |row: usize| experience.rollout.responses.sample(row, scores[row]);
    check_first_step(updates, experience, config, &sample)?;
    check_numbers(updates, &sample)?;
    check_changes(updates, experience, &sample)
}

/// Before its first update the policy is the one that was measured, and so is the value model.
fn check_first_step(
    updates: &Updates,
    experience: &Experience,
    config: &PpoConfig,
    sample: &dyn Fn(usize) -> Sample,
) -> Result<(), PpoError> {
    let rollout = &experience.rollout;
    for (rows, slots, log_probs) in &updates.first_log_probs {
        let old = rollout.select(&rollout.log_probs, rows, *slots);
        let mask = rollout.select(&rollout.mask, rows, *slots);
        for place in (0..mask.len()).filter(|&place| mask[place]) {
            let found = log_probs[place] - old[place];
            if found.is_nan() || found.abs() > LOG_RATIO_TOLERANCE {
                return Err(PpoError::RatioNotOne {
                    slot: place % slots,
                    found,
                    sample: sample(rows[place / slots]),
                });
            }
        }
    }
    let smallest_range = config.loss.clip_range_low.min(config.loss.clip_range_high);
    for (rows, stats) in updates.steps.iter().take(1).flatten() {
        let found = stats.clip_fraction + stats.value_clip_fraction;
        if found > 0.0 && smallest_range > f64::from(LOG_RATIO_TOLERANCE) {
            let sample = sample(rows[0]);
            return Err(PpoError::Clipped { found, sample });
        }
    }
    Ok(())
}

/// Losses and gradients are numbers, and entropies not negative.
fn check_numbers(updates: &Updates, sample: &dyn Fn(usize) -> Sample) -> Result<(), PpoError> {
    let steps = updates.steps.iter().zip(&updates.grad_norms).enumerate();
    for (optimizer_step, (micro_batches, &found)) in steps {
        let spoiled = micro_batches
            .iter()
            .find(|(_, stats)| !stats.total_loss.is_finite());
        if !found.is_finite() || spoiled.is_some() {
            let (rows, _) = spoiled.unwrap_or(&micro_batches[0]);
            return Err(PpoError::Gradients {
                found,
                optimizer_step,
                sample: sample(rows[0]),
            });
        }
        for (rows, stats) in micro_batches {
            if stats.entropy < -ENTROPY_TOLERANCE {
                return Err(PpoError::NegativeEntropy {
                    found: stats.entropy,
                    optimizer_step,
                    sample: sample(rows[0]),
                });
            }
        }
    }
    Ok(())
}

/// What is trained has changed.
fn check_changes(
    updates: &Updates,
    experience: &Experience,
    sample: &dyn Fn(usize) -> Sample,
) -> Result<(), PpoError> {
    let skipped = updates
        .steps
        .iter()
        .flatten()
        .all(|(_, stats)| stats.skipped > 0.0);
    for &(what, change) in &updates.changes {
        // A policy has nothing to learn from answers that are all equally good, and a value model nothing from returns
        // that it foretold: a new one says 0, and so do normalised scores that are all the same.
        let could_learn = if what == POLICY {
            experience.advantages.iter().any(|advantage| *advantage != 0.0)
        } else {
            let mut foretold = experience.returns.iter().zip(&experience.rollout.values);
            foretold.any(|(found, value)| found != value)
        };
        if change == 0.0 && could_learn && !skipped {
            let sample = sample(0);
            return Err(PpoError::WeightsUnchanged { what, sample });
        }
    }
    Ok(())
}
