//! The examples of a run: from files, or from the grammars of the embedded tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rllr_task::generate::TaskKind;
use rllr_task::{Example, Task, Tasks};
use rllr_train::pipeline::{Preparation, Recipe, TaskExamples};
use serde::{Deserialize, Serialize};

use super::directory::write_json;
use crate::data::load::{DataSource, Loaded, bad_input};
use crate::hashes;
use crate::stages::write_examples;

/// Where the examples come from.
pub(super) struct Examples {
    tasks: Tasks,
    /// What `--data` names; `None` without it.
    loaded: Option<Loaded>,
    /// The files that were read, with their hashes.
    pub(super) files: BTreeMap<String, FileUsed>,
}

/// A data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileUsed {
    /// Lines that are examples.
    rows: u64,
    /// SHA-256 of its bytes.
    sha256: String,
}

/// What the data stage says of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskSummary {
    pub(super) task: String,
    sft: usize,
    prompts: usize,
    held_out: usize,
    test: usize,
    #[serde(flatten)]
    preparation: Preparation,
    /// Accuracy of the best method without a network on the held-out examples.
    pub(super) floor: f64,
    files: BTreeMap<String, FileUsed>,
}

impl Examples {
    /// Reads what `--data` names.
    ///
    /// - `wanted`: names of tasks; empty for all that the data has
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for data that cannot be used, and tasks that are nowhere.
    pub(super) fn read(data: &[PathBuf], task_file: &[PathBuf], wanted: &[String]) -> anyhow::Result<Self> {
        let mut source = DataSource {
            data: data.to_vec(),
            tasks: Vec::new(),
            task_file: task_file.to_vec(),
            skip_bad_lines: false,
        };
        let tasks = source.tasks()?;
        for name in wanted {
            tasks
                .get(name)
                .map_err(|error| bad_input(format!("--tasks: {error}")))?;
        }
        let mut files = BTreeMap::new();
        let loaded = if data.is_empty() {
            None
        } else {
            source.tasks = wanted.to_vec();
            let loaded = source.load()?;
            for (path, report) in &loaded.files {
                let used = FileUsed {
                    rows: report.rows,
                    sha256: hashes::of_file(path)?,
                };
                files.insert(path.display().to_string(), used);
            }
            Some(loaded)
        };
        let found = Self { tasks, loaded, files };
        for name in wanted {
            found.check(name)?;
        }
        Ok(found)
    }

    /// The tasks that the data has, in the order of their names.
    pub(super) fn names(&self) -> Vec<String> {
        let parts = self.loaded.iter().flat_map(|loaded| &loaded.parts);
        let mut names: Vec<String> = parts.map(|part| part.task.clone()).collect();
        names.dedup();
        names
    }

    /// A task by name.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when there is none.
    pub(super) fn task(&self, name: &str) -> anyhow::Result<&Task> {
        self.tasks.get(name).map_err(|error| bad_input(error.to_string()))
    }

    /// What the examples of tasks are made of, for the key of the data stage: their rows, or nothing for a grammar.
    ///
    /// # Errors
    ///
    /// None that is known: examples can be written as JSON.
    pub(super) fn content(&self, tasks: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for task in tasks {
            let rows = [self.split(task, "train"), self.split(task, "dev")];
            found.insert(task.clone(), hashes::of_json(&rows)?);
        }
        Ok(found)
    }

    /// Makes the examples of tasks and writes them below a directory.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for rows that cannot be used; otherwise if the disk cannot be
    /// written.
    pub(super) fn write(&self, tasks: &[String], recipe: &Recipe, directory: &Path) -> anyhow::Result<()> {
        let mut summaries = Vec::new();
        for name in tasks {
            let (examples, preparation) = self.make(name, recipe)?;
            write_examples(directory, &examples)?;
            summaries.push(TaskSummary {
                task: name.clone(),
                sft: examples.sft.len(),
                prompts: examples.prompts.len(),
                held_out: examples.held_out.len(),
                test: examples.test.len(),
                preparation,
                floor: examples.floor()?,
                files: if self.has(name) {
                    self.files.clone()
                } else {
                    BTreeMap::new()
                },
            });
        }
        write_json(&directory.join("summary.json"), &summaries)
    }

    /// Makes the examples of a task.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for rows that cannot be used.
    pub(super) fn make(&self, name: &str, recipe: &Recipe) -> anyhow::Result<(TaskExamples, Preparation)> {
        if self.has(name) {
            let task = self.task(name)?;
            let (train, dev) = (self.split(name, "train"), self.split(name, "dev"));
            if train.is_empty() || dev.is_empty() {
                return Err(bad_input(format!(
                    "--data: found the parts [{}] of task {name}, expected {name}/train and {name}/dev; \
                     `rllr data split` makes them",
                    self.parts(name).join(", ")
                )));
            }
            let made = TaskExamples::from_rows(task, train, dev, &recipe.data);
            return made.map_err(|error| bad_input(error.to_string()));
        }
        let kind = kind_of(name).expect("checked when the data was read");
        let mut data = recipe.data.clone();
        [data.sft, data.prompts, data.held_out] = data.counts(name);
        let made = TaskExamples::generated(kind, &data, recipe.seed);
        let examples = made.map_err(|error| bad_input(error.to_string()))?;
        let preparation = Preparation {
            rationales_by: [("rule".to_owned(), examples.sft.len())].into(),
            dropped: 0,
        };
        Ok((examples, preparation))
    }

    fn check(&self, name: &str) -> anyhow::Result<()> {
        if self.has(name) || kind_of(name).is_some() {
            return Ok(());
        }
        let embedded = TaskKind::ALL.map(TaskKind::name).join(", ");
        Err(bad_input(match &self.loaded {
            None => format!(
                "--tasks: found {name:?}, which needs --data PATH with its examples; expected that, or one of the \
                 embedded tasks {embedded}"
            ),
            Some(_) => format!(
                "--tasks: found no example of {name:?} in --data, expected one of {} or one of the embedded tasks \
                 {embedded}",
                self.names().join(", ")
            ),
        }))
    }

    fn has(&self, name: &str) -> bool {
        !self.parts(name).is_empty()
    }

    fn parts(&self, name: &str) -> Vec<String> {
        let parts = self.loaded.iter().flat_map(|loaded| &loaded.parts);
        parts
            .filter(|part| part.task == name)
            .map(crate::data::load::Part::name)
            .collect()
    }

    /// The rows of a part; none where it is not there.
    fn split(&self, name: &str, split: &str) -> &[Example] {
        let parts = self.loaded.iter().flat_map(|loaded| &loaded.parts);
        parts
            .filter(|part| part.task == name && part.split == split)
            .map(|part| &part.examples[..])
            .next()
            .unwrap_or_default()
    }
}

fn kind_of(name: &str) -> Option<TaskKind> {
    TaskKind::ALL.into_iter().find(|kind| kind.name() == name)
}
