//! What the events of a run come to.

use std::collections::BTreeMap;

use crate::live::{Answers, Inspection, LiveEvent, Metrics, StageName, TimedEvent};
use crate::page::numbers;

/// The shown speed is the median of this many last steps: single steps jump.
const RECENT: usize = 20;

/// A run as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunView {
    /// Numbers that the model learns; `None` before the run has begun.
    pub parameters: Option<u64>,
    /// The task's label words.
    pub labels: Vec<String>,
    /// Accuracy of the best method without a network.
    pub floor: Option<f64>,
    /// The stages that have begun.
    stages: BTreeMap<StageName, StageView>,
    /// The stage of the last step.
    pub current: Option<StageName>,
    /// What the model wrote last.
    pub sample: Option<SampleView>,
    /// Where the run goes on from if it breaks: the last checkpoint.
    pub saved: Option<(StageName, usize)>,
    /// What a person should know, the newest last.
    pub warnings: Vec<String>,
    /// What the reward models say.
    pub inspection: Option<Inspection>,
    /// What the models answer.
    pub answers: Option<Answers>,
    /// Milliseconds of work so far.
    pub at_ms: f64,
}

/// A stage as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageView {
    /// Steps of the whole stage.
    pub total: usize,
    /// One per step so far.
    pub steps: Vec<Point>,
    /// One per evaluation so far.
    pub evaluations: Vec<Point>,
}

/// Numbers at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Steps that were done.
    pub step: usize,
    /// The numbers.
    pub metrics: Metrics,
    /// Milliseconds that it took.
    pub milliseconds: f64,
}

/// A text that the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleView {
    /// The stage.
    pub stage: StageName,
    /// Steps that were done.
    pub step: usize,
    /// What it was asked about.
    pub prompt: String,
    /// What it wrote.
    pub response: String,
    /// What its reward model gave for it.
    pub score: Option<f64>,
}

impl StageView {
    /// Steps that were done.
    pub fn done(&self) -> usize {
        self.steps.last().map_or(0, |point| point.step)
    }

    /// The last value of a number.
    pub fn last(&self, name: &str) -> Option<f64> {
        let mut points = self.steps.iter().chain(&self.evaluations).collect::<Vec<_>>();
        points.sort_by_key(|point| point.step);
        points
            .iter()
            .rev()
            .find_map(|point| point.metrics.get(name).copied())
    }
}

impl RunView {
    /// The run after these events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a TimedEvent>) -> Self {
        let mut view = Self::default();
        events.into_iter().for_each(|event| view.apply(event));
        view
    }

    /// A stage, if it has begun.
    pub fn stage(&self, stage: StageName) -> Option<&StageView> {
        self.stages.get(&stage)
    }

    /// Steps that were done, and steps of the stage; both 0 before it begins.
    pub fn progress(&self, stage: StageName) -> (usize, usize) {
        self.stage(stage).map_or((0, 0), |view| (view.done(), view.total))
    }

    /// The last step of the stage in progress.
    pub fn last_step(&self) -> Option<usize> {
        Some(self.stage(self.current?)?.done())
    }

    /// Whether all models are trained.
    pub fn is_whole(&self) -> bool {
        self.answers.is_some()
    }

    /// Whether there is a checkpoint, and something left to do after it.
    pub fn can_go_on(&self) -> bool {
        self.saved.is_some() && !self.is_whole()
    }

    /// Median milliseconds of the last steps of the stage in progress.
    pub fn step_ms(&self) -> Option<f64> {
        let steps = &self.stage(self.current?)?.steps;
        numbers::median(steps.iter().rev().take(RECENT).map(|point| point.milliseconds))
    }

    /// Median tokens per second of the last steps of the stage in progress, where steps count their tokens.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let steps = &self.stage(self.current?)?.steps;
        let speed = |point: &Point| Some(point.metrics.get("tokens")? / point.milliseconds * 1000.0);
        numbers::median(
            steps
                .iter()
                .rev()
                .take(RECENT)
                .filter_map(speed)
                .filter(|speed| speed.is_finite()),
        )
    }

    /// Takes the next event.
    ///
    /// A run that broke goes on from a checkpoint, and steps after that one come a second time: they replace the first.
    pub fn apply(&mut self, timed: &TimedEvent) {
        let TimedEvent { at_ms, event } = timed;
        let milliseconds = (at_ms - self.at_ms).max(0.0);
        self.at_ms = *at_ms;
        match event {
            LiveEvent::Began {
                parameters,
                labels,
                floor,
            } => {
                self.parameters = Some(*parameters);
                self.labels.clone_from(labels);
                self.floor = *floor;
            }
            LiveEvent::Stage { stage, step, total } => {
                let view = self.stages.entry(*stage).or_default();
                view.total = *total;
                view.steps.retain(|point| point.step <= *step);
                view.evaluations.retain(|point| point.step <= *step);
            }
            LiveEvent::Step { stage, step, metrics } => {
                self.current = Some(*stage);
                let point = point(*step, metrics, milliseconds);
                replace(&mut self.stages.entry(*stage).or_default().steps, point);
            }
            LiveEvent::Evaluated { stage, step, metrics } => {
                let point = point(*step, metrics, milliseconds);
                replace(&mut self.stages.entry(*stage).or_default().evaluations, point);
            }
            LiveEvent::Sample {
                stage,
                step,
                prompt,
                response,
                score,
            } => {
                self.sample = Some(SampleView {
                    stage: *stage,
                    step: *step,
                    prompt: prompt.clone(),
                    response: response.clone(),
                    score: *score,
                });
            }
            LiveEvent::Saved { stage, step } => self.saved = Some((*stage, *step)),
            LiveEvent::Warning { message, .. } => self.warnings.push(message.clone()),
            LiveEvent::Inspected(inspection) => self.inspection = Some(inspection.clone()),
            LiveEvent::Answered(answers) => self.answers = Some(answers.clone()),
        }
    }
}

fn point(step: usize, metrics: &Metrics, milliseconds: f64) -> Point {
    Point {
        step,
        metrics: metrics.clone(),
        milliseconds,
    }
}

/// Appends a point, and removes those that it comes before or replaces.
fn replace(points: &mut Vec<Point>, point: Point) {
    points.retain(|other| other.step < point.step);
    points.push(point);
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn step(at_ms: f64, step: usize, loss: f64) -> TimedEvent {
        let metrics = Metrics::from([("loss".to_owned(), loss), ("tokens".to_owned(), 50.0)]);
        let stage = StageName::Sft;
        TimedEvent {
            at_ms,
            event: LiveEvent::Step { stage, step, metrics },
        }
    }

    fn begins(done: usize) -> TimedEvent {
        let stage = StageName::Sft;
        TimedEvent {
            at_ms: 0.0,
            event: LiveEvent::Stage {
                stage,
                step: done,
                total: 4,
            },
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn steps_make_progress_and_speed() {
        let view = RunView::of(&[
            begins(0),
            step(100.0, 1, 5.0),
            step(150.0, 2, 4.0),
            step(210.0, 3, 3.0),
        ]);
        assert_eq!(view.progress(StageName::Sft), (3, 4));
        assert_eq!(view.progress(StageName::LabelPpo), (0, 0));
        assert_eq!(view.step_ms(), Some(60.0), "the median of 100, 50 and 60");
        let speed = view.tokens_per_second().expect("steps count their tokens");
        assert!((speed - 50.0 / 0.06).abs() < 1e-9, "{speed}");
        assert_eq!(
            view.stage(StageName::Sft).and_then(|stage| stage.last("loss")),
            Some(3.0)
        );
    }

    /// A checkpoint of step 1, then the worker is lost in step 3.
    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_done_again_replaces_what_was_done() {
        let first = [begins(0), step(1.0, 1, 5.0), step(2.0, 2, 4.0), step(3.0, 3, 3.0)];
        let mut view = RunView::of(&first);
        view.apply(&begins(1));
        assert_eq!(view.progress(StageName::Sft), (1, 4));
        view.apply(&step(5.0, 2, 4.5));
        let losses: Vec<_> = view.stage(StageName::Sft).map_or_else(Vec::new, |stage| {
            stage
                .steps
                .iter()
                .map(|point| (point.step, point.metrics["loss"]))
                .collect()
        });
        assert_eq!(losses, [(1, 5.0), (2, 4.5)]);
    }
}
