//! What the stages of a run left behind: curves, reward models, counts of pairs, warnings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rllr_eval::{Curve, DataFile, PairCounts, RewardModelRecord, RunRecord};
use rllr_task::mismatch::Mismatch;
use serde::Deserialize;
use serde_json::Value;

use super::{ResultLine, read_lines};
use crate::data::load::bad_input;
use crate::report::sections::CURVE_METRICS;

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StageDirectory {
    /// From the directory of the run.
    pub(super) path: String,
    /// A method's name, or what the stage makes.
    stage: String,
    /// The task or the group of tasks.
    task: String,
    seed: u64,
}

/// A line of `pair_scores.jsonl`.
#[derive(Deserialize)]
struct PairScore {
    kind: String,
    chosen: f64,
    rejected: f64,
}

/// An entry of `statistics.json` of `sampled`.
#[derive(Deserialize)]
struct SampledCounts {
    task: String,
    #[serde(default)]
    label_sensitive: usize,
    #[serde(default)]
    rationale_sensitive: usize,
    #[serde(default)]
    identical: usize,
    #[serde(default)]
    unparsable: usize,
}

impl StageDirectory {
    pub(super) fn new(path: &str, stage: &str, result: &ResultLine) -> Self {
        let task = if result.group.is_empty() {
            &result.task
        } else {
            &result.group
        };
        Self {
            path: path.to_owned(),
            stage: stage.to_owned(),
            task: task.clone(),
            seed: result.seed,
        }
    }
}

/// Adds what the stages hold to the record.
///
/// # Errors
///
/// When a file is there and has another form.
pub(super) fn read_all(
    directory: &Path,
    stages: &[StageDirectory],
    record: &mut RunRecord,
) -> anyhow::Result<()> {
    let mut warnings: BTreeMap<(String, String), usize> = BTreeMap::new();
    for stage in stages {
        let path = directory.join(&stage.path);
        match stage.stage.as_str() {
            "sampled" => sampled(&path, stage, record)?,
            "data" => data(&path, stage, record)?,
            _ => {
                read_events(&path, stage, record, &mut warnings)?;
                if let Some(trained_on) = stage.stage.strip_suffix("-reward") {
                    record
                        .reward_models
                        .extend(reward_model(&path, trained_on, stage)?);
                }
            }
        }
    }
    for ((stage, message), count) in warnings {
        let times = if count == 1 {
            String::new()
        } else {
            format!(" ({count} times)")
        };
        record.notes.push(format!("{stage}: {message}{times}"));
    }
    Ok(())
}

/// Curves and warnings. Events are many: only what is shown is kept.
fn read_events(
    path: &Path,
    stage: &StageDirectory,
    record: &mut RunRecord,
    warnings: &mut BTreeMap<(String, String), usize>,
) -> anyhow::Result<()> {
    let events = read_lines::<Value>(&path.join("events.jsonl"))?.unwrap_or_default();
    let mut curves: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for event in &events {
        match event.get("event").and_then(Value::as_str) {
            Some("step") => {
                let step = event.get("step").and_then(Value::as_u64).unwrap_or_default();
                let Ok(step) = usize::try_from(step) else { continue };
                let metrics = event.get("metrics");
                for name in CURVE_METRICS {
                    let value = metrics
                        .and_then(|metrics| metrics.get(name))
                        .and_then(Value::as_f64);
                    if let Some(value) = value {
                        curves.entry(name).or_default().push((step, value));
                    }
                }
            }
            Some("warning") => {
                let message = event.get("message").and_then(Value::as_str).unwrap_or_default();
                // Numbers differ from step to step; the same warning is told once.
                let message: String = message.chars().take(200).collect();
                *warnings.entry((stage.stage.clone(), message)).or_default() += 1;
            }
            _ => {}
        }
    }
    for (metric, points) in curves {
        record.curves.push(Curve {
            stage: stage.stage.clone(),
            task: stage.task.clone(),
            seed: stage.seed,
            metric: metric.to_owned(),
            points,
        });
    }
    Ok(())
}

fn reward_model(
    path: &Path,
    trained_on: &str,
    stage: &StageDirectory,
) -> anyhow::Result<Option<RewardModelRecord>> {
    let Some(metrics) = read_json::<BTreeMap<String, Option<f64>>>(&path.join("metrics.json"))? else {
        return Ok(None);
    };
    let scores = read_lines::<PairScore>(&path.join("pair_scores.jsonl"))?.unwrap_or_default();
    let margins = |kind: &str| -> Vec<f64> {
        let of_kind = scores.iter().filter(|score| score.kind == kind);
        of_kind.map(|score| score.chosen - score.rejected).collect()
    };
    let of = |name: &str| metrics.get(name).copied().flatten();
    Ok(Some(RewardModelRecord {
        trained_on: trained_on.to_owned(),
        task: stage.task.clone(),
        seed: stage.seed,
        label_accuracy: of("eval_label_accuracy"),
        rationale_accuracy: of("eval_rationale_accuracy"),
        label_sensitivity: of("eval_label_sensitivity"),
        label_margins: margins("label"),
        rationale_margins: margins("rationale"),
    }))
}

fn sampled(path: &Path, stage: &StageDirectory, record: &mut RunRecord) -> anyhow::Result<()> {
    let counts = read_json::<Vec<SampledCounts>>(&path.join("statistics.json"))?;
    for counts in counts.into_iter().flatten() {
        record.sampled_pairs.push(PairCounts {
            task: counts.task,
            seed: stage.seed,
            counts: Mismatch {
                label_sensitive: counts.label_sensitive,
                rationale_sensitive: counts.rationale_sensitive,
                identical: counts.identical,
                unparsable: counts.unparsable,
            },
        });
    }
    Ok(())
}

/// Files, what was made of them, and who wrote the rationales.
fn data(path: &Path, stage: &StageDirectory, record: &mut RunRecord) -> anyhow::Result<()> {
    // Drawn examples come from no file: their own hashes say which they were.
    let made = read_json::<Value>(&path.join("stage.json"))?.unwrap_or_default();
    let outputs = made.get("outputs").and_then(Value::as_object);
    for (file, hash) in outputs
        .into_iter()
        .flatten()
        .filter(|(file, _)| file.ends_with(".jsonl"))
    {
        record.data.push(DataFile {
            name: format!("{file}, seed {}", stage.seed),
            hash: format!("sha256:{}", hash.as_str().unwrap_or_default()),
            rows: None,
        });
    }
    let tasks = read_json::<Vec<Value>>(&path.join("summary.json"))?.unwrap_or_default();
    for task in &tasks {
        let files = super::data_files(task.get("files").unwrap_or(&Value::Null));
        for file in files {
            if !record.data.iter().any(|known: &DataFile| known.hash == file.hash) {
                record.data.push(file);
            }
        }
        let name = task.get("task").and_then(Value::as_str).unwrap_or_default();
        let writers = task.get("rationales_by").and_then(Value::as_object);
        let writers: Vec<String> = writers
            .into_iter()
            .flatten()
            .map(|(writer, count)| format!("{count} by {writer}"))
            .collect();
        if !writers.is_empty() {
            let note = format!(
                "rationales of the demonstrations of {name}: {}",
                writers.join(", ")
            );
            if !record.notes.contains(&note) {
                record.notes.push(note);
            }
        }
    }
    Ok(())
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| bad_input(format!("{}: {error}", path.display())))
}
