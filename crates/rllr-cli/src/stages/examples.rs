//! Examples in files, by what they are used for.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use rllr_task::read::{ReadOptions, labelled_examples};
use rllr_task::{Example, Task, Tasks};
use rllr_train::pipeline::{DataRecipe, PromptRows, Recipe, TaskExamples};

use crate::data::load::{DataSource, Loaded, Part, bad_input};
use crate::data::output::write_json_lines;

/// The files of one task's examples.
#[derive(Clone, Debug)]
pub struct ExampleFiles {
    /// What demonstrations and pairs are made of.
    pub sft: PathBuf,
    /// Whose prompts policies see.
    pub prompts: PathBuf,
    /// What nothing is trained on.
    pub held_out: PathBuf,
    /// Further examples that nothing is trained on.
    pub test: PathBuf,
}

impl ExampleFiles {
    /// The files of a task below a directory.
    #[must_use]
    pub fn of(root: &Path, task: &str) -> Self {
        let file = |name: &str| root.join(task).join(name);
        Self {
            sft: file("sft.jsonl"),
            prompts: file("prompts.jsonl"),
            held_out: file("held_out.jsonl"),
            test: file("test.jsonl"),
        }
    }
}

/// Writes a task's examples below a directory.
///
/// # Errors
///
/// If the disk cannot be written.
pub fn write_examples(root: &Path, examples: &TaskExamples) -> anyhow::Result<()> {
    let files = ExampleFiles::of(root, &examples.task.name);
    let parts = [
        (&files.sft, &examples.sft),
        (&files.prompts, &examples.prompts),
        (&files.held_out, &examples.held_out),
        (&files.test, &examples.test),
    ];
    parts
        .into_iter()
        .try_for_each(|(path, rows)| write_json_lines(path, rows))
}

/// Reads what [`write_examples`] wrote.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a file that is missing or has a bad line.
pub fn read_examples(root: &Path, task: &Task) -> anyhow::Result<TaskExamples> {
    let files = ExampleFiles::of(root, &task.name);
    let mut tasks = Tasks::default();
    tasks.insert(task.clone());
    Ok(TaskExamples {
        task: task.clone(),
        sft: read(&files.sft, &tasks)?,
        prompts: read(&files.prompts, &tasks)?,
        held_out: read(&files.held_out, &tasks)?,
        test: read(&files.test, &tasks)?,
    })
}

fn read(path: &Path, tasks: &Tasks) -> anyhow::Result<Vec<Example>> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| bad_input(format!("{name}: {error}")))?;
    let rows = labelled_examples(BufReader::new(file), tasks, ReadOptions::new(name)).read_all();
    Ok(rows.map_err(|error| bad_input(error.to_string()))?.0)
}

/// The examples of a stage that only trains: all rows of a split, with rationales, as demonstrations and prompts alike.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for data that cannot be used, and when there is none.
pub(super) fn training_examples(
    source: &DataSource,
    split: &str,
    recipe: &Recipe,
) -> anyhow::Result<Vec<TaskExamples>> {
    let loaded = source.load()?;
    let everything = DataRecipe {
        sft: usize::MAX,
        prompts: usize::MAX,
        prompt_rows: PromptRows::Last,
        held_out: 1,
        limits: std::collections::BTreeMap::new(),
        ..recipe.data.clone()
    };
    let mut found = Vec::new();
    for Part { task, examples, .. } in parts(&loaded, split)? {
        let task = loaded.tasks.get(task)?;
        let prepared = TaskExamples::from_rows(task, examples, &examples[..1], &everything);
        let (prepared, _) = prepared.map_err(|error| bad_input(error.to_string()))?;
        found.push(TaskExamples {
            held_out: Vec::new(),
            ..prepared
        });
    }
    Ok(found)
}

/// The parts of a split; where there is one part for each task, its name does not matter.
fn parts<'a>(loaded: &'a Loaded, split: &str) -> anyhow::Result<Vec<&'a Part>> {
    let filled = || loaded.parts.iter().filter(|part| !part.examples.is_empty());
    let named: Vec<&Part> = filled().filter(|part| part.split == split).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let all: Vec<&Part> = filled().collect();
    let mut tasks: Vec<&str> = all.iter().map(|part| part.task.as_str()).collect();
    tasks.dedup();
    if !all.is_empty() && tasks.len() == all.len() {
        return Ok(all);
    }
    let names: Vec<String> = all.iter().map(|part| part.name()).collect();
    Err(bad_input(format!(
        "--data and --split: found the parts [{}], expected one named {split} for each task",
        names.join(", ")
    )))
}
