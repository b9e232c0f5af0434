//! The examples of a task, by what they are used for.

use rllr_model::Tokenizer;
use rllr_task::floors::{FloorConfig, LabelledInput, best_floor, floors};
use rllr_task::generate::{GenerateError, TaskKind, generate};
use rllr_task::metrics::MetricError;
use rllr_task::task::ExampleError;
use rllr_task::{Example, PromptError, Task, Tasks};

use crate::pipeline::recipe::{DataRecipe, Recipe};
use crate::random_stream::{Purpose, random_stream};

/// The examples of one task, by what they are used for.
#[derive(Clone, Debug)]
pub struct TaskExamples {
    /// The task.
    pub task: Task,
    /// What demonstrations and pairs are made of.
    pub sft: Vec<Example>,
    /// Whose prompts policies see in reinforcement learning, and whose labels rules know.
    pub prompts: Vec<Example>,
    /// What nothing is trained on.
    pub held_out: Vec<Example>,
    /// Further examples that nothing is trained on, such as the hand-written ones of an embedded task. May be empty.
    pub test: Vec<Example>,
}

/// Examples that nothing is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// [`TaskExamples::held_out`].
    HeldOut,
    /// [`TaskExamples::test`].
    Test,
}

/// Why there is no floor.
#[derive(Debug, thiserror::Error)]
pub enum TaskFloorError {
    /// An example does not fit the task.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// There is nothing to count or to compare.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

impl TaskExamples {
    /// Examples of an embedded task, drawn by its grammar, with its hand-written test items.
    ///
    /// # Errors
    ///
    /// [`GenerateError`] when the grammar has not so many distinct texts.
    pub fn generated(kind: TaskKind, data: &DataRecipe, seed: u64) -> Result<Self, GenerateError> {
        let mut rng = random_stream(seed, Purpose::GeneratedExamples, 0, 0);
        let count = data.sft + data.prompts + data.held_out;
        let mut sft = generate(kind, data.level.mix(), count, &mut rng)?;
        let held_out = sft.split_off(data.sft + data.prompts);
        let prompts = sft.split_off(data.sft);
        let task = Tasks::builtin().get(kind.name()).cloned();
        Ok(Self {
            task: task.expect("embedded tasks are built in"),
            sft,
            prompts,
            held_out,
            test: kind.test_examples(),
        })
    }

    /// Cuts texts so that every prompt leaves room for an answer, and returns how many examples were cut. All that is
    /// made of the examples is then made of what the models read.
    ///
    /// - `max_tokens`: of a prompt with its answer
    ///
    /// # Errors
    ///
    /// [`PromptError`] for examples that do not fit the task, and when a prompt is too long without any of its texts.
    pub fn cut(
        &mut self,
        recipe: &Recipe,
        tokenizer: &Tokenizer,
        max_tokens: usize,
    ) -> Result<usize, PromptError> {
        let limit = recipe.prompt_tokens(max_tokens);
        let DataRecipe { wording, format, .. } = recipe.data;
        let Self {
            task,
            sft,
            prompts,
            held_out,
            test,
        } = self;
        // A text that has no tokens is reported where they are wanted.
        let length = |text: &str| tokenizer.encode_prompt(text).map_or(0, |ids| ids.len());
        let mut count = 0;
        for example in [sft, prompts, held_out, test].into_iter().flatten() {
            if let Some(cut) = task.cut_example(example, wording, format, limit, length)? {
                *example = cut;
                count += 1;
            }
        }
        Ok(count)
    }

    /// The examples of a split.
    #[must_use]
    pub fn split(&self, split: Split) -> &[Example] {
        match split {
            Split::HeldOut => &self.held_out,
            Split::Test => &self.test,
        }
    }

    /// Accuracy of the best method without a network that learns from [`TaskExamples::sft`], on
    /// [`TaskExamples::held_out`].
    ///
    /// # Errors
    ///
    /// [`TaskFloorError`] for examples that do not fit the task, and when there is none.
    pub fn floor(&self) -> Result<f64, TaskFloorError> {
        let classes = |examples: &[Example]| -> Result<Vec<usize>, ExampleError> {
            let labels = examples.iter().map(|example| self.task.gold_label(example));
            labels.map(|label| Ok(label?.0)).collect()
        };
        let (train_classes, held_out_classes) = (classes(&self.sft)?, classes(&self.held_out)?);
        let found = floors(
            &labelled(&self.sft, &train_classes),
            &labelled(&self.held_out, &held_out_classes),
            self.task.labels.len(),
            &FloorConfig::default(),
        )?;
        Ok(best_floor(&found).map_or(f64::NAN, |floor| floor.accuracy))
    }
}

fn labelled<'a>(examples: &'a [Example], classes: &[usize]) -> Vec<LabelledInput<'a>> {
    let rows = examples.iter().zip(classes);
    rows.map(|(example, &class)| LabelledInput {
        input: &example.input,
        class,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// As many as asked for, none in two parts, the same again for the same seed.
    #[wasm_bindgen_test(unsupported = test)]
    fn generated_parts_are_disjoint_and_repeatable() {
        let data = DataRecipe {
            sft: 30,
            prompts: 20,
            held_out: 10,
            ..DataRecipe::default()
        };
        let drawn = TaskExamples::generated(TaskKind::FilmSentiment, &data, 4).unwrap();
        let counts = [&drawn.sft, &drawn.prompts, &drawn.held_out].map(Vec::len);
        assert_eq!(counts, [30, 20, 10]);
        let all = drawn.sft.iter().chain(&drawn.prompts).chain(&drawn.held_out);
        let texts: BTreeSet<String> = all.map(|example| format!("{:?}", example.input)).collect();
        assert_eq!(texts.len(), 60);
        let again = TaskExamples::generated(TaskKind::FilmSentiment, &data, 4).unwrap();
        assert_eq!(again.held_out, drawn.held_out);
        let other = TaskExamples::generated(TaskKind::FilmSentiment, &data, 5).unwrap();
        assert_ne!(other.held_out, drawn.held_out);
        assert!((0.0..=1.0).contains(&drawn.floor().unwrap()));
        assert!(!drawn.split(Split::Test).is_empty());
    }
}
