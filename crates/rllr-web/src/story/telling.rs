//! What a stage tells, in the page's words: few numbers, all finite.

use rllr_train::RunEvent;

use super::StoryError;
use crate::live::{LiveEvent, Metrics, StageName};

/// The numbers that the page shows, by their published names.
const SHOWN: [&str; 20] = [
    "loss",
    "accuracy",
    "margin",
    "mean_token_accuracy",
    "grad_norm",
    "eval_label_accuracy",
    "eval_rationale_accuracy",
    "eval_label_margin",
    "eval_rationale_margin",
    "eval_label_sensitivity",
    "objective/kl",
    "objective/scores",
    "policy/entropy_avg",
    "policy/clipfrac_avg",
    "loss/value_avg",
    "tokens/responses_len_mean",
    "rollout/accuracy",
    "rollout/invalid_rate",
    "reward/label",
    "reward/rationale",
];

/// Samples are told every so many steps.
const SAMPLE_EVERY: usize = 2;

/// Decimal places that are kept: what a chart shows, and a recorded run need not be larger.
const PLACES: f64 = 1e4;

/// Translates what a stage tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Telling {
    stage: StageName,
    /// Tokens that were read before the next step.
    tokens: f64,
}

impl Telling {
    pub(super) fn new(stage: StageName) -> Self {
        Self { stage, tokens: 0.0 }
    }

    /// The event in the page's words, if the page shows it.
    ///
    /// # Errors
    /// [`StoryError::NotFinite`] for a step with such a number.
    pub(super) fn tell(&mut self, event: RunEvent) -> Result<Option<LiveEvent>, StoryError> {
        let stage = self.stage;
        Ok(match event {
            RunEvent::Phase { step, total, .. } => Some(LiveEvent::Stage { stage, step, total }),
            RunEvent::Step { step, metrics, .. } => {
                let mut numbers = shown(stage, step, &metrics)?;
                numbers.extend(self.tokens(&metrics).map(|tokens| ("tokens".to_owned(), tokens)));
                Some(LiveEvent::Step {
                    stage,
                    step,
                    metrics: numbers,
                })
            }
            RunEvent::Evaluated { step, metrics, .. } => Some(LiveEvent::Evaluated {
                stage,
                step,
                metrics: shown(stage, step, &metrics)?,
            }),
            RunEvent::Samples {
                step, mut samples, ..
            } if step % SAMPLE_EVERY == 1 => samples.pop().map(|sample| LiveEvent::Sample {
                stage,
                step,
                prompt: sample.prompt,
                response: sample.response,
                score: sample.score.map(rounded),
            }),
            RunEvent::Checkpoint { step, .. } => Some(LiveEvent::Saved { stage, step }),
            RunEvent::Warning { step, message } => Some(LiveEvent::Warning { stage, step, message }),
            RunEvent::Started { .. } | RunEvent::Samples { .. } | RunEvent::Finished { .. } => None,
        })
    }

    /// Tokens of this step: fine-tuning and reward models count all that they have read, reinforcement learning what it
    /// has learned from in this step.
    fn tokens(&mut self, metrics: &Metrics) -> Option<f64> {
        if let Some(&all) = metrics.get("num_tokens") {
            let before = std::mem::replace(&mut self.tokens, all);
            // After a checkpoint the first step's share is not known.
            return (before > 0.0 || metrics.get("epoch") == Some(&0.0)).then_some(all - before);
        }
        metrics.get("ppo/tokens_learned_from").copied()
    }
}

/// The numbers that the page shows.
///
/// # Errors
/// [`StoryError::NotFinite`] where one that must be finite is not.
pub(super) fn shown(stage: StageName, step: usize, metrics: &Metrics) -> Result<Metrics, StoryError> {
    let broken = metrics
        .iter()
        .find(|(name, value)| must_be_finite(name) && !value.is_finite());
    if let Some((name, value)) = broken {
        return Err(StoryError::NotFinite {
            stage,
            step,
            name: name.clone(),
            value: *value,
        });
    }
    let shown = SHOWN
        .into_iter()
        .filter_map(|name| Some((name, *metrics.get(name)?)));
    let finite = shown.filter(|(_, value)| value.is_finite());
    Ok(finite
        .map(|(name, value)| (name.to_owned(), rounded(value)))
        .collect())
}

/// Others, such as a share of nothing, may be undefined in a healthy run.
fn must_be_finite(name: &str) -> bool {
    matches!(
        name,
        "loss" | "grad_norm" | "objective/scores" | "objective/kl" | "loss/value_avg"
    )
}

/// With the places that a recorded run keeps.
pub(super) fn rounded(value: f64) -> f64 {
    (value * PLACES).round() / PLACES
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn step(number: usize, named: &[(&str, f64)]) -> RunEvent {
        RunEvent::Step {
            phase: "sft".into(),
            step: number,
            total: 9,
            metrics: named
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
        }
    }

    fn metrics(event: Option<LiveEvent>) -> Metrics {
        match event {
            Some(LiveEvent::Step { metrics, .. }) => metrics,
            other => panic!("expected a step, found {other:?}"),
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tokens_are_counted_by_step() {
        let mut telling = Telling::new(StageName::Sft);
        let first = [("loss", 1.234_56), ("num_tokens", 100.0), ("epoch", 0.0)];
        let told = metrics(telling.tell(step(1, &first)).expect("finite"));
        assert_eq!((told["loss"], told["tokens"], told.len()), (1.2346, 100.0, 2));
        let told = metrics(telling.tell(step(2, &[("num_tokens", 130.0)])).expect("finite"));
        assert_eq!(told["tokens"], 30.0);
        // After a checkpoint.
        let mut telling = Telling::new(StageName::Sft);
        let told = metrics(
            telling
                .tell(step(5, &[("num_tokens", 700.0), ("epoch", 1.5)]))
                .expect("finite"),
        );
        assert!(told.is_empty(), "{told:?}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_loss_that_is_not_finite_ends_the_run() {
        let error = Telling::new(StageName::Sft)
            .tell(step(3, &[("loss", f64::NAN)]))
            .expect_err("not finite");
        assert_eq!(error.to_string(), "sft: step 3: loss is NaN");
        assert!(!error.may_go_on());
        let told = Telling::new(StageName::LabelPpo).tell(step(3, &[("policy/clipfrac_avg", f64::NAN)]));
        assert!(metrics(told.expect("a share of nothing")).is_empty());
    }
}
