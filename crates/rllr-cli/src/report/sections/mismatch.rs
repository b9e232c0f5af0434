//! The mismatch: an ordinary reward model learns how a rationale is written, and the task is scored by labels.

use rllr_eval::{RewardModelRecord, RunRecord};
use rllr_task::mismatch::{Mismatch, PairClass};

use super::{KIND_COLORS, file_name, mean, or_dash, percent};
use crate::report::document::{Block, DataTable, Figure, Section};
use crate::report::figures::{Mark, Row, RowPlot, row_plot};

/// `None` when no reward model was measured and no pair counted.
pub(super) fn section(record: &RunRecord) -> anyhow::Result<Option<Section>> {
    let mut blocks = Vec::new();
    if let Some(figure) = shares(record)? {
        blocks.push(Block::Text(
            "First the data. Two responses that a model samples for one question mostly have the same label, so pairs \
             that are ranked among them say little about labels. The shorter the bars, the larger the mismatch."
                .to_owned(),
        ));
        blocks.push(Block::Figures(vec![figure]));
    }
    let mut figures = Vec::new();
    for task in tasks(record) {
        figures.extend(accuracies(record, task)?);
    }
    if !figures.is_empty() {
        blocks.push(Block::Text(
            "Then the reward models. 50 % is guessing. A model that learned from rationale-sensitive pairs is at home on \
             such pairs; look how near to guessing it is where the label alone decides."
                .to_owned(),
        ));
        blocks.push(Block::Figures(figures));
    }
    Ok((!blocks.is_empty()).then(|| Section {
        id: "mismatch",
        title: "What does a reward model learn?".to_owned(),
        explanation: "A pair is label-sensitive when its two responses have different labels, and rationale-sensitive when \
                      only their rationales differ. A task is scored by labels, so a reward should be able to tell them apart."
            .to_owned(),
        blocks,
    }))
}

fn tasks(record: &RunRecord) -> Vec<&str> {
    let mut tasks: Vec<&str> = Vec::new();
    for model in &record.reward_models {
        if !tasks.contains(&model.task.as_str()) {
            tasks.push(&model.task);
        }
    }
    tasks
}

/// A number of a reward model.
type Value = fn(&RewardModelRecord) -> Option<f64>;

/// The mean over seeds of a number of the reward models that were trained on one kind of pairs.
fn mean_of(record: &RunRecord, task: &str, trained_on: &str, value: Value) -> Option<f64> {
    let models = record.reward_models.iter();
    let models = models.filter(|model| model.task == task && model.trained_on == trained_on);
    mean(models.filter_map(value))
}

/// Accuracy of each reward model on each kind of pairs, a mean over seeds.
fn accuracies(record: &RunRecord, task: &str) -> anyhow::Result<Option<Figure>> {
    let of = |trained_on: &str, value: Value| mean_of(record, task, trained_on, value);
    let measured: [(&str, Value); 2] = [
        ("label", |model| model.label_accuracy),
        ("rationale", |model| model.rationale_accuracy),
    ];
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for trained_on in ["label", "rationale"] {
        for (place, (pairs, value)) in measured.into_iter().enumerate() {
            if let Some(accuracy) = of(trained_on, value) {
                names.push(format!("{trained_on} model, {pairs} pairs"));
                rows.push((accuracy, KIND_COLORS[place]));
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let drawn = names.iter().zip(&rows).map(|(name, &(accuracy, color))| Row {
        name,
        value: 100.0 * accuracy,
        interval: None,
        color,
    });
    let svg = row_plot(&RowPlot {
        rows: drawn.collect(),
        mark: Mark::Bar,
        percent: [0.0, 100.0],
        axis: "chosen response scores higher",
        reference: Some((50.0, "guessing")),
        legend: vec![
            ("label-sensitive pairs", KIND_COLORS[0]),
            ("rationale-sensitive pairs", KIND_COLORS[1]),
        ],
    })?;
    Ok(Some(Figure {
        name: format!("mismatch-{}", file_name(task)),
        title: format!("Reward models on {task}"),
        svg,
        numbers: accuracy_numbers(record, task),
    }))
}

/// The numbers behind [`accuracies`], with the label sensitivity.
fn accuracy_numbers(record: &RunRecord, task: &str) -> DataTable {
    let of = |trained_on: &str, value: Value| mean_of(record, task, trained_on, value);
    let numbers = ["label", "rationale"].into_iter().filter_map(|trained_on| {
        let label = of(trained_on, |model| model.label_accuracy);
        let rationale = of(trained_on, |model| model.rationale_accuracy);
        let sensitivity = of(trained_on, |model| model.label_sensitivity);
        (label.is_some() || rationale.is_some()).then(|| {
            vec![
                format!("{trained_on}-sensitive pairs"),
                or_dash(label.map(percent)),
                or_dash(rationale.map(percent)),
                or_dash(sensitivity.map(|value| format!("{value:.2}"))),
            ]
        })
    });
    DataTable::new(
        "Accuracy in percent, mean over seeds; label sensitivity: effect of a flipped label on the score against \
             that of a swapped rationale",
        &[
            "trained on",
            "on label pairs",
            "on rationale pairs",
            "label sensitivity",
        ],
        numbers.collect(),
    )
}

/// What ordinary pairs are about, by task, summed over seeds.
fn sampled_counts(record: &RunRecord) -> Vec<(&str, Mismatch)> {
    let mut counts: Vec<(&str, Mismatch)> = Vec::new();
    for pairs in &record.sampled_pairs {
        let place = counts.iter().position(|(task, _)| *task == pairs.task);
        let place = place.unwrap_or_else(|| {
            counts.push((&pairs.task, Mismatch::default()));
            counts.len() - 1
        });
        let sum = &mut counts[place].1;
        sum.label_sensitive += pairs.counts.label_sensitive;
        sum.rationale_sensitive += pairs.counts.rationale_sensitive;
        sum.identical += pairs.counts.identical;
        sum.unparsable += pairs.counts.unparsable;
    }
    counts
}

/// How many of the ordinary pairs are about labels.
fn shares(record: &RunRecord) -> anyhow::Result<Option<Figure>> {
    let counts = sampled_counts(record);
    if counts.is_empty() {
        return Ok(None);
    }
    let share = |counts: &Mismatch, class| counts.share(class).map(|share| 100.0 * share);
    let rows = counts.iter().filter_map(|(task, counts)| {
        Some(Row {
            name: task,
            value: share(counts, PairClass::LabelSensitive)?,
            interval: None,
            color: KIND_COLORS[0],
        })
    });
    let svg = row_plot(&RowPlot {
        rows: rows.collect(),
        mark: Mark::Bar,
        percent: [0.0, 100.0],
        axis: "pairs whose labels differ",
        reference: None,
        legend: Vec::new(),
    })?;
    let numbers = counts.iter().map(|(task, counts)| {
        let text = |class| or_dash(share(counts, class).map(|share| format!("{share:.1}")));
        vec![
            (*task).to_owned(),
            counts.total().to_string(),
            text(PairClass::LabelSensitive),
            text(PairClass::RationaleSensitive),
            text(PairClass::Identical),
            text(PairClass::Unparsable),
        ]
    });
    Ok(Some(Figure {
        name: "sampled-pairs".to_owned(),
        title: "Label-sensitive pairs among ordinary sampled pairs".to_owned(),
        svg,
        numbers: DataTable::new(
            "Pairs of two sampled responses to one question, summed over seeds; shares in percent",
            &[
                "task",
                "pairs",
                "label-sensitive",
                "rationale-sensitive",
                "identical",
                "without a label",
            ],
            numbers.collect(),
        ),
    }))
}
