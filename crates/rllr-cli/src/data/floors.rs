//! `rllr data floors`.

use crate::terminal::say;
use rllr_task::floors::{
    Floor, FloorConfig, GradedFloor, GradedInput, LabelledInput, best_floor, floors, graded_overlap_floor,
};
use rllr_task::{Example, Metric, Task};
use serde::Serialize;

use super::FloorsArgs;
use super::load::{Part, bad_input};
use super::output::{percent, print_json, table};

/// What one baseline reaches on one task.
#[derive(Clone, Debug, Serialize)]
struct FloorLine {
    task: String,
    n: usize,
    baseline: String,
    accuracy: f64,
    macro_f1: f64,
    /// Whether it is the task's floor: the best of its baselines.
    is_floor: bool,
}

/// What the word overlap reaches on a graded task.
#[derive(Clone, Debug, Serialize)]
struct GradedLine {
    task: String,
    n: usize,
    #[serde(flatten)]
    floor: GradedFloor,
}

pub(super) fn run(args: &FloorsArgs) -> anyhow::Result<()> {
    let loaded = args.source.load()?;
    let mut lines = Vec::new();
    let mut graded = Vec::new();
    for train in loaded.split(&args.train) {
        let Some(eval) = loaded.split(&args.eval).find(|part| part.task == train.task) else {
            continue;
        };
        let task = loaded.tasks.get(&train.task)?;
        lines.extend(floors_of(task, train, eval)?);
        graded.extend(graded_floor_of(task, train, eval)?);
    }
    if lines.is_empty() {
        let message = format!(
            "--data: found no task with both splits, expected {} and {}",
            args.train, args.eval
        );
        return Err(bad_input(message));
    }
    if args.json {
        lines.iter().try_for_each(print_json)?;
        return graded.iter().try_for_each(print_json);
    }
    let rows = lines.iter().map(|line| {
        let mark = if line.is_floor { "<- floor" } else { "" };
        let numbers = [
            line.n.to_string(),
            percent(line.accuracy),
            percent(line.macro_f1),
            mark.to_owned(),
        ];
        [vec![line.task.clone(), line.baseline.clone()], numbers.to_vec()].concat()
    });
    say!(
        "{}",
        table(
            &["task", "baseline", "rows", "accuracy", "macro F1", ""],
            rows.collect()
        )
    );
    for GradedLine { task, floor, .. } in &graded {
        say!(
            "{task}: word overlap alone reaches Pearson {:.3}, Spearman {:.3}, {} on the rounded grade.",
            floor.pearson,
            floor.spearman,
            percent(floor.rounded_accuracy)
        );
    }
    Ok(())
}

fn floors_of(task: &Task, train: &Part, eval: &Part) -> anyhow::Result<Vec<FloorLine>> {
    let overlap_class = match &task.metric {
        // The positive class of a pair task is the one that overlap speaks for.
        Metric::F1(label) => task.label(label).map(|label| label.0),
        _ => None,
    };
    let config = FloorConfig {
        overlap_class,
        ..FloorConfig::default()
    };
    let [train, eval_rows] = [&train.examples, &eval.examples].map(|examples| labelled(task, examples));
    let found = floors(&train?, &eval_rows?, task.labels.len(), &config)?;
    let best = best_floor(&found);
    let line = |floor: Floor| FloorLine {
        task: task.name.clone(),
        n: eval.examples.len(),
        baseline: floor.baseline.to_string(),
        accuracy: floor.accuracy,
        macro_f1: floor.macro_f1,
        is_floor: best == Some(floor),
    };
    Ok(found.into_iter().map(line).collect())
}

fn labelled<'a>(task: &Task, examples: &'a [Example]) -> anyhow::Result<Vec<LabelledInput<'a>>> {
    let row = |example: &'a Example| {
        Ok(LabelledInput {
            input: &example.input,
            class: task.gold_label(example)?.0,
        })
    };
    examples.iter().map(row).collect()
}

fn graded_floor_of(task: &Task, train: &Part, eval: &Part) -> anyhow::Result<Option<GradedLine>> {
    if task.metric != Metric::Correlation {
        return Ok(None);
    }
    let [train, eval] =
        [train, eval].map(|part| part.examples.iter().filter_map(graded_input).collect::<Vec<_>>());
    let floor = graded_overlap_floor(&train, &eval)?;
    Ok(Some(GradedLine {
        task: task.name.clone(),
        n: eval.len(),
        floor,
    }))
}

fn graded_input(example: &Example) -> Option<GradedInput<'_>> {
    Some(GradedInput {
        input: &example.input,
        score: example.score?,
    })
}
