//! A method's model answers what it was not trained on, and is measured.

use std::path::Path;
use std::time::Instant;

use rllr_eval::Evaluation;
use rllr_model::CausalLm;
use rllr_train::pipeline::{Comparison, Method, Split};
use serde::{Deserialize, Serialize};

use super::driver::Driver;
use crate::answering::SideBySide;
use crate::data::load::bad_input;
use crate::data::output::write_json_lines;
use crate::data::rows::read_rows;

/// What a model reached on one task and split: a line of `evaluations.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// `held_out` or `test`.
    pub split: String,
    /// How good the answers are.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// Time for all answers.
    pub seconds: f64,
    /// Tokens that the model wrote, by second.
    pub tokens_per_second: f64,
}

impl Measured {
    /// Whether it is of this task and split.
    #[must_use]
    pub fn is_of(&self, task: &str, split: &str) -> bool {
        self.evaluation.task == task && self.split == split
    }
}

/// Name of a split in files.
fn name(split: Split) -> &'static str {
    match split {
        Split::HeldOut => "held_out",
        Split::Test => "test",
    }
}

/// Lets a model answer all held-out examples, and writes predictions and evaluations into a directory.
///
/// # Errors
///
/// If the model cannot answer, the disk cannot be written, or after Ctrl-C.
pub fn answer(
    driver: Driver<'_>,
    comparison: &Comparison<'_>,
    method: Method,
    lm: &CausalLm,
    directory: &Path,
) -> anyhow::Result<()> {
    let decoding = lm.without_adapter().for_decoding();
    let mut measured = Vec::new();
    for examples in comparison.tasks {
        for split in [Split::HeldOut, Split::Test] {
            if examples.split(split).is_empty() {
                continue;
            }
            let answering = comparison.answering(method, examples, split);
            let answering = answering.map_err(|error| bad_input(error.to_string()))?;
            let mut answering = SideBySide::new(answering, &driver.context.device);
            let start = Instant::now();
            driver.pull("examples", &mut answering, SideBySide::progress, |answering| {
                Ok(answering.step(decoding.as_lm())?)
            })?;
            let answering = answering.finish();
            let seconds = start.elapsed().as_secs_f64();
            let predictions = answering.predictions();
            let file = format!("{}.{}.jsonl", examples.task.name, name(split));
            write_json_lines(&directory.join(file), &predictions)?;
            measured.push(Measured {
                split: name(split).to_owned(),
                evaluation: comparison.evaluation(examples, split, &predictions)?,
                seconds,
                tokens_per_second: answering.new_tokens() as f64 / seconds.max(f64::MIN_POSITIVE),
            });
        }
    }
    write_json_lines(&directory.join("evaluations.jsonl"), &measured)
}

/// Reads the evaluations that [`answer`] wrote.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) when they are not there.
pub fn read_evaluations(directory: &Path) -> anyhow::Result<Vec<Measured>> {
    read_rows(&directory.join("evaluations.jsonl"))
}
