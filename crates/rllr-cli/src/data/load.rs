//! From `--data` to examples: which files are meant, and reading them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use rllr_task::read::{OnBadLine, ReadError, ReadOptions, ReadReport, labelled_examples};
use rllr_task::{Example, Tasks};

use crate::exit::ExitError;
use crate::hub;

/// Which labelled texts to use.
#[derive(Clone, Debug, clap::Args)]
pub struct DataSource {
    /// A JSONL file, or a directory with `tasks/`, `<task>/<split>.jsonl` or `<split>.jsonl`; or a data set of the hub,
    /// `hub:org/name`. May be repeated.
    #[arg(long = "data", required = true, value_name = "PATH")]
    pub data: Vec<PathBuf>,
    /// Only these tasks.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub tasks: Vec<String>,
    /// Definitions of further tasks, in TOML. May be repeated.
    #[arg(long, value_name = "FILE.toml")]
    pub task_file: Vec<PathBuf>,
    /// Count rows that cannot be used instead of stopping at the first.
    #[arg(long)]
    pub skip_bad_lines: bool,
}

/// The examples of one task in one file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of the task.
    pub task: String,
    /// The file's name without its endings, such as `train`.
    pub split: String,
    /// The rows, in the order of the file.
    pub examples: Vec<Example>,
}

impl Part {
    /// What tables call the part.
    pub fn name(&self) -> String {
        format!("{}/{}", self.task, self.split)
    }
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The tasks that are known: built in and from files.
    pub tasks: Tasks,
    /// The examples, by task and split.
    pub parts: Vec<Part>,
    /// What each file held.
    pub files: Vec<(PathBuf, ReadReport)>,
}

impl Loaded {
    /// The parts of one split.
    pub fn split<'a>(&'a self, split: &'a str) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(move |part| part.split == split)
    }

    /// One line for each file with rows that were skipped.
    pub fn skipped(&self) -> Vec<String> {
        let with_bad = self.files.iter().filter(|(_, report)| report.bad > 0);
        with_bad
            .map(|(path, report)| {
                let first = report
                    .errors
                    .first()
                    .map_or(String::new(), |error| format!("; the first: {error}"));
                format!("{}: {} rows skipped{first}", path.display(), report.bad)
            })
            .collect()
    }
}

impl DataSource {
    /// Reads what the arguments name.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`] for unknown tasks, paths without data and rows that cannot be used.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let tasks = self.tasks()?;
        for name in &self.tasks {
            tasks
                .get(name)
                .map_err(|error| bad_input(format!("--tasks: {error}")))?;
        }
        let mut rows: BTreeMap<(String, String), Vec<Example>> = BTreeMap::new();
        let mut files = Vec::new();
        for path in &self.data {
            let path = &hub::data_path(path)?;
            let found = self.files_in(path, &tasks)?;
            if found.is_empty() {
                let expected = "expected a JSONL file, or a directory with <task>/<split>.jsonl";
                return Err(bad_input(format!(
                    "--data {}: no data of these tasks found, {expected}",
                    path.display()
                )));
            }
            for file in found {
                let (examples, report) = self.read(&file, &tasks)?;
                let split = split_name(&file);
                for example in examples.into_iter().filter(|example| self.wants(&example.task)) {
                    rows.entry((example.task.clone(), split.clone()))
                        .or_default()
                        .push(example);
                }
                files.push((file, report));
            }
        }
        let parts = rows
            .into_iter()
            .map(|((task, split), examples)| Part {
                task,
                split,
                examples,
            })
            .collect();
        Ok(Loaded { tasks, parts, files })
    }

    /// The built-in tasks and those of `--task-file`.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`] for a definition that cannot be used.
    pub fn tasks(&self) -> anyhow::Result<Tasks> {
        let mut tasks = Tasks::builtin();
        for path in &self.task_file {
            let at = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| at(&error))?;
            tasks.extend(Tasks::from_toml(&text).map_err(|error| at(&error))?);
        }
        Ok(tasks)
    }

    fn wants(&self, task: &str) -> bool {
        self.tasks.is_empty() || self.tasks.iter().any(|name| name == task)
    }

    /// The data files under a path. Of a directory's folders, those that have a task's name.
    fn files_in(&self, path: &Path, tasks: &Tasks) -> anyhow::Result<Vec<PathBuf>> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let root = if path.join("tasks").is_dir() {
            path.join("tasks")
        } else {
            path.to_owned()
        };
        let mut files = Vec::new();
        for entry in sorted_entries(&root)? {
            let name = entry
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if entry.is_dir() && tasks.get(&name).is_ok() && self.wants(&name) {
                files.extend(sorted_entries(&entry)?.into_iter().filter(|file| is_data(file)));
            } else if is_data(&entry) {
                files.push(entry);
            }
        }
        Ok(files)
    }

    fn read(&self, path: &Path, tasks: &Tasks) -> anyhow::Result<(Vec<Example>, ReadReport)> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| bad_input(format!("{name}: {error}")))?;
        let on_bad_line = if self.skip_bad_lines {
            OnBadLine::SkipAndCount
        } else {
            OnBadLine::Stop
        };
        let options = ReadOptions::new(name).on_bad_line(on_bad_line);
        labelled_examples(BufReader::new(file), tasks, options)
            .read_all()
            .map_err(|error| match error {
                ReadError::Bad(bad) => bad_input(bad.to_string()),
                ReadError::Io { .. } => bad_input(error.to_string()),
            })
    }
}

/// Exit code 2, with this message.
pub fn bad_input(message: String) -> anyhow::Error {
    ExitError::BadInput(message).into()
}

/// `train` for `train.jsonl` and `train.jsonl.gz`.
pub fn split_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn is_data(path: &Path) -> bool {
    let name = path.to_string_lossy();
    path.is_file() && (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz"))
}

/// Sorted, so that the order of a file system decides nothing.
fn sorted_entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let at = |error: std::io::Error| bad_input(format!("{}: {error}", directory.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        entries.push(entry.map_err(at)?.path());
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(data: &Path, tasks: &[&str]) -> DataSource {
        DataSource {
            data: vec![data.to_owned()],
            tasks: tasks.iter().map(|&task| task.to_owned()).collect(),
            task_file: Vec::new(),
            skip_bad_lines: false,
        }
    }

    /// A fresh directory with these files.
    fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("rllr-load-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("below the root")).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const ROW: &str = r#"{"id":"sst2-1","task":"sst2","text":"a gem","label":"positive"}"#;

    #[test]
    fn a_directory_is_searched_by_task_and_split() {
        let files = [
            ("tasks/sst2/train.jsonl", ROW),
            ("tasks/sst2/README.md", "x"),
            ("tasks/other/a.jsonl", "x"),
        ];
        let root = directory("tree", &files);
        let loaded = source(&root, &[]).load().unwrap();
        let names: Vec<String> = loaded.parts.iter().map(Part::name).collect();
        assert_eq!(names, ["sst2/train"], "folders that are no task are left alone");
        assert_eq!(loaded.split("train").count(), 1);
        let file = source(&root.join("tasks/sst2/train.jsonl"), &["mr"])
            .load()
            .unwrap();
        assert!(file.parts.is_empty(), "rows of other tasks are not wanted");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn bad_input_names_file_line_field_found_and_expected() {
        let bad = ROW.replace("positive", "great");
        let root = directory("bad", &[("sst2.jsonl", &format!("{ROW}\n{bad}\n"))]);
        let error = source(&root, &[]).load().unwrap_err();
        let message = error.to_string();
        for part in [
            "sst2.jsonl, line 2, field `label`",
            "found `great`",
            "expected negative or positive",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(
            matches!(error.downcast_ref(), Some(ExitError::BadInput(_))),
            "exit code 2"
        );
        let skipping = DataSource {
            skip_bad_lines: true,
            ..source(&root, &[])
        };
        let loaded = skipping.load().unwrap();
        assert_eq!((loaded.parts[0].examples.len(), loaded.skipped().len()), (1, 1));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn paths_and_tasks_that_do_not_exist_are_bad_input() {
        let root = directory("empty", &[("note.txt", "x")]);
        for bad in [
            source(&root, &[]),
            source(&root.join("none.jsonl"), &[]),
            source(&root, &["nope"]),
        ] {
            let error = bad.load().unwrap_err();
            assert!(
                matches!(error.downcast_ref(), Some(ExitError::BadInput(_))),
                "{error}"
            );
        }
        fs::remove_dir_all(root).unwrap();
    }
}
