//! By how much reward models prefer the chosen response.

use rllr_eval::RunRecord;

use super::{KIND_COLORS, file_name, or_dash, percent};
use crate::report::document::{Block, DataTable, Figure, Section};
use crate::report::figures::{HistogramPlot, histogram_plot};

/// `None` when no margin was recorded.
pub(super) fn section(record: &RunRecord) -> anyhow::Result<Option<Section>> {
    let mut figures = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for model in &record.reward_models {
        let key = (model.task.as_str(), model.trained_on.as_str());
        if !seen.contains(&key) {
            seen.push(key);
            figures.extend(figure(record, key)?);
        }
    }
    Ok((!figures.is_empty()).then(|| Section {
        id: "margins",
        title: "By how much does a reward model prefer the better response?".to_owned(),
        explanation: "The margin of a pair is the score of the chosen response minus that of the rejected one. Right of zero \
                      the model agrees with the pair. Look whether label-sensitive pairs lie clearly to the right, or in a \
                      heap around zero: then the reward says nothing about labels."
            .to_owned(),
        blocks: vec![Block::Figures(figures)],
    }))
}

/// A row of the table: how many margins, how many above zero, and their quartiles.
fn quartiles(name: &str, margins: &[f64]) -> Vec<String> {
    let mut sorted = margins.to_vec();
    sorted.sort_by(f64::total_cmp);
    let right = sorted.iter().filter(|margin| **margin > 0.0).count();
    let share = (!sorted.is_empty()).then(|| percent(right as f64 / sorted.len() as f64));
    let at = |quarters: usize| {
        let place = sorted.len().saturating_sub(1) * quarters / 4;
        or_dash(sorted.get(place).map(|margin| format!("{margin:.2}")))
    };
    let mut row = vec![name.to_owned(), sorted.len().to_string(), or_dash(share)];
    row.extend((0..=4).map(at));
    row
}

fn figure(record: &RunRecord, (task, trained_on): (&str, &str)) -> anyhow::Result<Option<Figure>> {
    let models = || {
        let models = record.reward_models.iter();
        models.filter(move |model| model.task == task && model.trained_on == trained_on)
    };
    let label: Vec<f64> = models().flat_map(|model| &model.label_margins).copied().collect();
    let rationale: Vec<f64> = models()
        .flat_map(|model| &model.rationale_margins)
        .copied()
        .collect();
    if label.is_empty() && rationale.is_empty() {
        return Ok(None);
    }
    let kinds = [
        ("label-sensitive pairs", &label),
        ("rationale-sensitive pairs", &rationale),
    ];
    let svg = histogram_plot(&HistogramPlot {
        kinds: kinds
            .iter()
            .zip(KIND_COLORS)
            .map(|((name, values), color)| (*name, color, values.as_slice()))
            .collect(),
        axis: "margin",
    })?;
    let rows = kinds.into_iter().map(|(name, values)| quartiles(name, values));
    Ok(Some(Figure {
        name: format!("margins-{}-{}", file_name(task), file_name(trained_on)),
        title: format!("Reward model of {trained_on}-sensitive pairs, {task}"),
        svg,
        numbers: DataTable::new(
            "Margins over all seeds",
            &[
                "pairs",
                "number",
                "above zero, %",
                "smallest",
                "lower quartile",
                "median",
                "upper quartile",
                "largest",
            ],
            rows.collect(),
        ),
    }))
}
