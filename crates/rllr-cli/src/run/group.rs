//! The stages of one group of tasks and one seed, in their order, each in a directory of its own.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rllr_train::pipeline::{Comparison, Recipe, TaskExamples};
use serde_json::json;

use super::data::{Examples, TaskSummary};
use super::directory::{OpenStage, RunDirectory, StagePlan, WholeStage};
use super::methods::Ready;
use super::results::RunResult;
use crate::models::{read_model, write_model};
use crate::stages::{Context, ExampleFiles, cut, new_base, read_examples};

/// One group of tasks that share their models, and one seed.
pub(super) struct Group<'a> {
    pub(super) context: &'a Context,
    pub(super) directory: &'a RunDirectory,
    pub(super) examples: &'a Examples,
    /// Its name: the task's, or `all-tasks`.
    pub(super) name: String,
    /// Names of its tasks.
    pub(super) tasks: Vec<String>,
    /// The settings, with the seed.
    pub(super) recipe: Recipe,
    /// The pretrained model, if there is one.
    pub(super) model: Option<&'a Path>,
}

impl Group<'_> {
    /// Runs all stages that the methods need. `found` is told of each result.
    ///
    /// # Errors
    ///
    /// When a stage fails, and after Ctrl-C.
    pub(super) fn run(
        &self,
        mut found: impl FnMut(Vec<RunResult>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // 1. Data.
        let data = self.data()?;
        let summaries: Vec<TaskSummary> = read_json(&data.directory.join("summary.json"))?;
        let mut tasks = Vec::new();
        for name in &self.tasks {
            tasks.push(read_examples(&data.directory, self.examples.task(name)?)?);
        }

        // 2. The model that everything begins with.
        let base_path = self.base(&data.directory, &tasks)?;
        let base = read_model(&base_path, &self.context.device.clone().autodiff())?;
        let max_tokens = cut(&mut tasks, &self.recipe, &base)?;
        let ready = Ready {
            group: self,
            data: data.directory,
            base_path,
            base: &base,
            comparison: Comparison {
                recipe: &self.recipe,
                tasks: &tasks,
                tokenizer: &base.tokenizer,
                config: &base.config,
                max_tokens,
            },
        };

        // 3. The methods.
        ready.methods(&summaries, &mut found)
    }

    fn data(&self) -> anyhow::Result<WholeStage> {
        let Recipe { data, seed, .. } = &self.recipe;
        let content = self.examples.content(&self.tasks)?;
        let plan = StagePlan {
            path: self.path("data"),
            settings: json!({ "data": data, "seed": seed, "rows": content }),
            inputs: Vec::new(),
        };
        self.stage(plan, |open| {
            self.examples.write(&self.tasks, &self.recipe, &open.directory)
        })
    }

    /// The directory of the model that everything begins with.
    fn base(&self, data: &Path, tasks: &[TaskExamples]) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.model {
            return Ok(path.to_owned());
        }
        let recipe = &self.recipe;
        let plan = StagePlan {
            path: self.path("base"),
            settings: json!({
                "tokenizer": recipe.tokenizer, "model": recipe.model, "format": recipe.data.format,
                "wording": recipe.data.wording, "seed": recipe.seed,
            }),
            inputs: self.files(data, |files| files.sft.clone()),
        };
        let whole = self.stage(plan, |open| {
            let new = new_base(recipe, tasks, &self.context.device.clone().autodiff())?;
            write_model(
                &open.directory.join("model"),
                &new.lm,
                &new.config,
                Some(&new.tokenizer),
            )
        })?;
        Ok(whole.directory.join("model"))
    }

    /// One file of each task, as inputs of a stage.
    pub(super) fn files(
        &self,
        data: &Path,
        file: impl Fn(&ExampleFiles) -> PathBuf,
    ) -> Vec<(String, PathBuf)> {
        let of_task = |task: &String| {
            let path = file(&ExampleFiles::of(data, task));
            let name = path.strip_prefix(data).unwrap_or(&path).display().to_string();
            (name, path)
        };
        self.tasks.iter().map(of_task).collect()
    }

    /// Directory of a stage, from the run's.
    pub(super) fn path(&self, stage: &str) -> String {
        format!("{}/seed-{}/{stage}", self.name, self.recipe.seed)
    }

    /// Makes a stage, and says so.
    pub(super) fn stage(
        &self,
        plan: StagePlan,
        work: impl FnOnce(&OpenStage) -> anyhow::Result<()>,
    ) -> anyhow::Result<WholeStage> {
        let path = plan.path.clone();
        let whole = self.directory.stage(plan, work).with_context(|| path.clone())?;
        let how = if whole.was_there { "unchanged" } else { "done" };
        self.context
            .talk
            .tell(&format!("{path}: {how}, {:.1} s", whole.record.seconds));
        Ok(whole)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let at = || format!("reading {}", path.display());
    let text = std::fs::read_to_string(path).with_context(at)?;
    serde_json::from_str(&text).with_context(at)
}
