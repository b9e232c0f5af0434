//! From the directory of a run (`docs/formats.md`) to what a report shows.
//!
//! Only results are needed; whatever else is missing is not shown, and a note says so.

mod stages;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use rllr_eval::{DataFile, Evaluation, MethodRecord, Outcome, Prediction, RunRecord, SamplePair};
use serde::Deserialize;
use serde_json::Value;

use crate::data::load::bad_input;
use stages::StageDirectory;

/// Questions of a task whose answers are shown, at most.
const MOST_SAMPLES: usize = 6;

/// A line of `results.jsonl`, as far as it is read here.
#[derive(Clone, Debug, Deserialize)]
struct ResultLine {
    task: String,
    method: String,
    seed: u64,
    #[serde(default)]
    group: String,
    held_out: Evaluation,
    #[serde(default)]
    test: Option<Evaluation>,
    #[serde(default)]
    floor: Option<f64>,
    #[serde(default)]
    label_threshold: Option<f64>,
    #[serde(default)]
    seconds: Option<f64>,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    evaluation: Option<String>,
}

/// An example of `held_out.jsonl`, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct ShownExample {
    id: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    text_a: Option<String>,
    #[serde(default)]
    text_b: Option<String>,
}

/// What one method answered to the held-out examples, with the texts of these.
struct Answered {
    task: String,
    method: String,
    seed: u64,
    predictions: Vec<Prediction>,
}

/// Reads a run, finished or not.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a directory without results, or with files of another form.
pub fn read_run(directory: &Path) -> anyhow::Result<RunRecord> {
    let results = read_results(directory)?;
    let mut record = RunRecord {
        title: title(&results),
        config: fs::read_to_string(directory.join("config.toml")).unwrap_or_default(),
        ..RunRecord::default()
    };
    about(directory, &mut record)?;
    let mut texts = Texts::default();
    let mut answered = Vec::new();
    for result in &results {
        let predictions = match &result.evaluation {
            Some(path) => {
                let path = directory
                    .join(path)
                    .join(format!("{}.held_out.jsonl", result.task));
                read_lines::<Prediction>(&path)?.unwrap_or_default()
            }
            None => Vec::new(),
        };
        texts.read(directory, result)?;
        record.methods.push(method(result, &predictions, &texts));
        answered.push(Answered {
            task: result.task.clone(),
            method: result.method.clone(),
            seed: result.seed,
            predictions,
        });
    }
    record.samples = samples(&record, &answered, &texts);
    stages::read_all(directory, &stage_directories(&results), &mut record)?;
    if record.methods.iter().all(|row| row.outcomes.is_empty()) {
        let text = "the answers to single examples are missing, so no paired test could be made";
        record.notes.push(text.to_owned());
    }
    Ok(record)
}

fn read_results(directory: &Path) -> anyhow::Result<Vec<ResultLine>> {
    let path = directory.join("results.jsonl");
    let results = read_lines::<ResultLine>(&path)?.unwrap_or_default();
    if results.is_empty() {
        return Err(bad_input(format!(
            "{}: found no results, expected the directory of a run (`rllr run --out`) in which a method was evaluated",
            path.display()
        )));
    }
    Ok(in_order(results))
}

/// Methods in the order of tables, whatever was done first; seeds in their order.
fn in_order(mut results: Vec<ResultLine>) -> Vec<ResultLine> {
    const ORDER: [&str; 7] = [
        "sft-label",
        "sft-rationale",
        "rlhf",
        "rllr",
        "rllr-mixed",
        "exact-label",
        "grpo",
    ];
    let place = |name: &str| {
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    };
    results.sort_by_key(|result| (place(&result.method), result.seed));
    results
}

fn title(results: &[ResultLine]) -> String {
    let mut tasks: Vec<&str> = results.iter().map(|result| result.task.as_str()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    match &tasks[..] {
        [] => String::new(),
        few if few.len() <= 4 => format!("Rewards compared on {}", few.join(", ")),
        many => format!("Rewards compared on {} tasks", many.len()),
    }
}

/// Versions, device and data of `run.json`.
fn about(directory: &Path, record: &mut RunRecord) -> anyhow::Result<()> {
    let path = directory.join("run.json");
    let Ok(text) = fs::read_to_string(&path) else {
        record
            .notes
            .push("run.json is missing, so versions and data are not shown".to_owned());
        return Ok(());
    };
    let run: Value =
        serde_json::from_str(&text).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    for name in ["program", "burn", "device", "system", "command", "model"] {
        match run.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(words)) => {
                let words: Vec<String> = words.iter().map(plain).collect();
                record.versions.insert(name.to_owned(), words.join(" "));
            }
            Some(value) => drop(record.versions.insert(name.to_owned(), plain(value))),
        }
    }
    for (name, version) in run
        .get("versions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        record.versions.insert(name.clone(), plain(version));
    }
    record.data = data_files(run.get("data").unwrap_or(&Value::Null));
    Ok(())
}

/// A list of objects with a name, a hash and perhaps a number of rows; or an object name → hash or such an object.
fn data_files(data: &Value) -> Vec<DataFile> {
    let file = |name: Option<&str>, value: &Value| -> Option<DataFile> {
        let of = |keys: &[&str]| keys.iter().find_map(|key| value.get(key).map(plain));
        let hash = match value {
            Value::String(hash) => hash.clone(),
            _ => of(&["sha256", "hash"])?,
        };
        Some(DataFile {
            name: name
                .map(str::to_owned)
                .or_else(|| of(&["path", "name", "file", "task"]))?,
            hash: if hash.contains(':') {
                hash
            } else {
                format!("sha256:{hash}")
            },
            rows: value
                .get("rows")
                .and_then(Value::as_u64)
                .and_then(|rows| usize::try_from(rows).ok()),
        })
    };
    match data {
        Value::Array(list) => list.iter().filter_map(|value| file(None, value)).collect(),
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, value)| file(Some(name), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// A text without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Texts of examples. Generated tasks have the same ids in every seed, with other texts.
#[derive(Default)]
struct Texts {
    by_id: BTreeMap<(String, u64, String), String>,
    first: BTreeMap<(String, String), String>,
}

impl Texts {
    fn read(&mut self, directory: &Path, result: &ResultLine) -> anyhow::Result<()> {
        let known = (result.task.clone(), result.seed, String::new());
        if self.by_id.contains_key(&known) || result.group.is_empty() {
            return Ok(());
        }
        self.by_id.insert(known, String::new());
        let path = directory
            .join(&result.group)
            .join(format!("seed-{}", result.seed))
            .join("data")
            .join(&result.task)
            .join("held_out.jsonl");
        for example in read_lines::<ShownExample>(&path)?.unwrap_or_default() {
            let parts = [example.text, example.text_a, example.text_b];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let text = parts.join("\n");
            self.first
                .entry((result.task.clone(), example.id.clone()))
                .or_insert_with(|| text.clone());
            self.by_id
                .insert((result.task.clone(), result.seed, example.id), text);
        }
        Ok(())
    }

    fn of(&self, task: &str, seed: u64, id: &str) -> Option<&String> {
        self.by_id.get(&(task.to_owned(), seed, id.to_owned()))
    }

    /// The id, with the seed where it means another text than with the first seed.
    fn unique_id(&self, task: &str, seed: u64, id: &str) -> String {
        let first = self.first.get(&(task.to_owned(), id.to_owned()));
        if self.of(task, seed, id) == first {
            id.to_owned()
        } else {
            format!("{id} of seed {seed}")
        }
    }
}

fn method(result: &ResultLine, predictions: &[Prediction], texts: &Texts) -> MethodRecord {
    let outcomes = predictions.iter().map(|prediction| Outcome {
        id: texts.unique_id(&result.task, result.seed, &prediction.id),
        correct: prediction.correct,
    });
    MethodRecord {
        method: result.method.clone(),
        seed: result.seed,
        held_out: result.held_out.clone(),
        test: result.test.clone(),
        outcomes: outcomes.collect(),
        floor: result.floor,
        label_threshold: result.label_threshold,
        seconds: result.seconds,
    }
}

/// A few questions of each task with the answers of every reinforced method, with the first seed.
fn samples(record: &RunRecord, answered: &[Answered], texts: &Texts) -> Vec<SamplePair> {
    let (Some(baseline), Some(&seed)) = (record.baseline(), record.seeds().first()) else {
        return Vec::new();
    };
    let mut samples = Vec::new();
    for task in record.tasks() {
        let of_task = |row: &&Answered| row.task == task && row.seed == seed;
        let Some(before) = answered.iter().filter(of_task).find(|row| row.method == baseline) else {
            continue;
        };
        let after: Vec<&Answered> = answered
            .iter()
            .filter(of_task)
            .filter(|row| !row.method.starts_with("sft") && row.predictions.len() == before.predictions.len())
            .collect();
        if after.is_empty() {
            continue;
        }
        let differs = |row: usize| {
            after
                .iter()
                .any(|method| method.predictions[row].correct != before.predictions[row].correct)
        };
        let mut rows: Vec<usize> = (0..before.predictions.len()).collect();
        rows.sort_by_key(|&row| !differs(row));
        for row in rows.into_iter().take(MOST_SAMPLES) {
            let old = &before.predictions[row];
            for method in &after {
                let new = &method.predictions[row];
                samples.push(SamplePair {
                    task: task.to_owned(),
                    seed,
                    method: method.method.clone(),
                    id: old.id.clone(),
                    prompt: texts.of(task, seed, &old.id).unwrap_or(&old.id).clone(),
                    label: old.label.clone(),
                    before: old.response.clone(),
                    before_correct: old.correct,
                    after: new.response.clone(),
                    after_correct: new.correct,
                });
            }
        }
    }
    samples
}

/// Each stage of a method once, and the stages that methods share.
fn stage_directories(results: &[ResultLine]) -> Vec<StageDirectory> {
    let mut found: Vec<StageDirectory> = Vec::new();
    let mut add = |stage: StageDirectory| {
        if !found.iter().any(|other| other.path == stage.path) {
            found.push(stage);
        }
    };
    for result in results {
        let seed_directory = format!("{}/seed-{}", result.group, result.seed);
        if let Some(path) = &result.stage {
            add(StageDirectory::new(path, &result.method, result));
        }
        if result.group.is_empty() {
            continue;
        }
        let shared = [
            ("reward-label", "label-reward"),
            ("reward-rationale", "rationale-reward"),
            ("sampled", "sampled"),
            ("data", "data"),
        ];
        for (name, stage) in shared {
            add(StageDirectory::new(
                &format!("{seed_directory}/{name}"),
                stage,
                result,
            ));
        }
    }
    found
}

/// The lines of a file; `None` where there is no file.
fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<Vec<T>>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let rows: Result<Vec<T>, _> = lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| bad_input(format!("{}, line {}: {error}", path.display(), number + 1)))
        })
        .collect();
    rows.map(Some)
}

#[cfg(test)]
mod tests;
