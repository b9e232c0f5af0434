//! Training curves.

use std::collections::BTreeMap;

use rllr_eval::{Curve, RunRecord};

use super::{file_name, method_color, method_title, or_dash};
use crate::report::document::{Block, DataTable, Figure, Section};
use crate::report::figures::{CurvePlot, Series, curve_plot};

/// Points of a drawn curve at most, and rows of its table.
const MOST_POINTS: usize = 60;

/// What is drawn, in this order: published name, name of the axis, what to look at.
const METRICS: [(&str, &str, &str); 8] = [
    (
        "objective/scores",
        "reward",
        "it should rise; the scales of two reward models cannot be compared",
    ),
    (
        "objective/kl",
        "KL to the start",
        "how far the policy has gone from the model that it began with; an explosion is a warning",
    ),
    (
        "rollout/accuracy",
        "accuracy of samples",
        "what counts in the end: does the reward lead to right labels?",
    ),
    (
        "policy/entropy_avg",
        "entropy",
        "near zero the policy has stopped to explore",
    ),
    ("rollout/invalid_rate", "samples without answer", "it should fall"),
    (
        "loss",
        "loss",
        "of supervised training and reward models; it should fall",
    ),
    ("mean_token_accuracy", "token accuracy", "of supervised training"),
    (
        "accuracy",
        "pair accuracy",
        "of reward models, on their training pairs",
    ),
];

/// Published names of the numbers that are drawn.
pub const CURVE_METRICS: [&str; METRICS.len()] = {
    let mut names = [""; METRICS.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = METRICS[place].0;
        place += 1;
    }
    names
};

/// `None` without curves.
pub(super) fn section(record: &RunRecord) -> anyhow::Result<Option<Section>> {
    let mut tasks: Vec<&str> = Vec::new();
    for curve in &record.curves {
        if !tasks.contains(&curve.task.as_str()) {
            tasks.push(&curve.task);
        }
    }
    let mut blocks = Vec::new();
    for task in tasks {
        let mut figures = Vec::new();
        for (metric, axis, _) in METRICS {
            figures.extend(figure(record, task, metric, axis)?);
        }
        if !figures.is_empty() {
            blocks.push(Block::Figures(figures));
        }
    }
    if blocks.is_empty() {
        return Ok(None);
    }
    let shown = METRICS
        .iter()
        .filter(|(metric, ..)| record.curves.iter().any(|curve| curve.metric == *metric));
    let meaning =
        shown.map(|(metric, axis, text)| vec![(*axis).to_owned(), (*metric).to_owned(), (*text).to_owned()]);
    blocks.push(Block::Details(DataTable::new(
        "What the curves are",
        &["curve", "published name", "what to look at"],
        meaning.collect(),
    )));
    Ok(Some(Section {
        id: "curves",
        title: "How did training go?".to_owned(),
        explanation: "Means over seeds, step by step. Read reward and accuracy together: a reward that rises while the accuracy \
                      of the samples stands still is a policy that learned to please its reward model."
            .to_owned(),
        blocks,
    }))
}

fn figure(record: &RunRecord, task: &str, metric: &str, axis: &str) -> anyhow::Result<Option<Figure>> {
    let curves = || {
        let curves = record.curves.iter();
        curves.filter(move |curve| curve.task == task && curve.metric == metric)
    };
    let mut stages: Vec<&str> = Vec::new();
    for curve in curves() {
        if !stages.contains(&curve.stage.as_str()) {
            stages.push(&curve.stage);
        }
    }
    let longest = curves()
        .flat_map(|curve| &curve.points)
        .map(|point| point.0)
        .max();
    let Some(longest) = longest else {
        return Ok(None);
    };
    let bin = longest.div_ceil(MOST_POINTS).max(1);
    let drawn: Vec<(&str, Vec<(f64, f64)>)> = stages
        .iter()
        .map(|&stage| (stage, thinned(curves().filter(|curve| curve.stage == stage), bin)))
        .collect();
    let series = drawn.iter().enumerate().map(|(place, (stage, points))| Series {
        name: method_title(stage),
        color: method_color(stage, place),
        points,
    });
    let svg = curve_plot(&CurvePlot {
        series: series.collect(),
        axis,
    })?;
    let mut header = vec!["step"];
    header.extend(drawn.iter().map(|(stage, _)| method_title(stage)));
    let caption = if bin == 1 {
        format!("{metric} by step")
    } else {
        format!("{metric}, means of {bin} steps; report.json has every step")
    };
    Ok(Some(Figure {
        name: format!("curve-{}-{}", file_name(task), file_name(metric)),
        title: format!("{}, {task}", capitalised(axis)),
        svg,
        numbers: DataTable::new(caption, &header, by_step(&drawn)),
    }))
}

/// The table behind a figure: a row a step, a column a curve.
fn by_step(drawn: &[(&str, Vec<(f64, f64)>)]) -> Vec<Vec<String>> {
    let mut rows: BTreeMap<usize, Vec<Option<f64>>> = BTreeMap::new();
    for (column, (_, points)) in drawn.iter().enumerate() {
        for (index, &(_, value)) in points.iter().enumerate() {
            rows.entry(index).or_insert_with(|| vec![None; drawn.len()])[column] = Some(value);
        }
    }
    let step = |index: usize| {
        drawn
            .iter()
            .find_map(|(_, points)| points.get(index))
            .map(|point| point.0)
    };
    let rows = rows.into_iter().map(|(index, values)| {
        let mut row = vec![or_dash(step(index).map(|step| format!("{step:.0}")))];
        row.extend(
            values
                .into_iter()
                .map(|value| or_dash(value.map(|value| format!("{value:.4}")))),
        );
        row
    });
    rows.collect()
}

/// Means over seeds and over `bin` steps each; a point lies at the last step of its bin.
fn thinned<'a>(curves: impl Iterator<Item = &'a Curve>, bin: usize) -> Vec<(f64, f64)> {
    let mut bins: BTreeMap<usize, (usize, f64, usize)> = BTreeMap::new();
    for &(step, value) in curves.flat_map(|curve| &curve.points) {
        if value.is_finite() {
            let entry = bins.entry(step.saturating_sub(1) / bin).or_default();
            *entry = (entry.0.max(step), entry.1 + value, entry.2 + 1);
        }
    }
    bins.into_values()
        .map(|(step, sum, count)| (step as f64, sum / count as f64))
        .collect()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_means_over_seeds_and_steps() {
        let curve = |values: &[f64]| Curve {
            points: values
                .iter()
                .enumerate()
                .map(|(index, value)| (index + 1, *value))
                .collect(),
            ..Curve::default()
        };
        let (first, second) = (curve(&[1.0, 2.0, 3.0]), curve(&[3.0, f64::NAN, 5.0]));
        let both = || [&first, &second].into_iter();
        assert_eq!(thinned(both(), 1), [(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)]);
        // Steps 1 and 2 hold 1, 2 and 3; step 3 is alone.
        assert_eq!(thinned(both(), 2), [(2.0, 2.0), (3.0, 4.0)]);
    }
}
