//! From what a run came to, to what a report shows.

mod scores;
mod mismatch;
mod margins;
mod curves;
mod answers;
mod making;

use plotters::style::RGBColor;
use rllr_eval::{Comparison, RunRecord};

pub use curves::CURVE_METRICS;

use super::document::{Document, Section};
use super::figures::SERIES;

/// The whole report.
///
/// # Errors
///
/// When a figure cannot be drawn.
pub fn document(record: &RunRecord, comparison: &Comparison) -> anyhow::Result<Document> {
    let sections: Vec<Option<Section>> = vec![
        Some(scores::section(record, comparison)?),
        mismatch::section(record)?,
        margins::section(record)?,
        curves::section(record)?,
        scores::confusions(record),
        answers::section(record),
        Some(making::section(record)),
    ];
    let title = if record.title.is_empty() {
        "A comparison of rewards".to_owned()
    } else {
        record.title.clone()
    };
    Ok(Document {
        title,
        summary: scores::summary(record, comparison),
        // What a run did not measure has no section.
        sections: sections.into_iter().flatten().collect(),
    })
}

/// A method's name for people.
fn method_title(name: &str) -> &str {
    match name {
        "sft-label" => "SFT, label only",
        "sft-rationale" => "SFT with rationales",
        "rlhf" => "RLHF",
        "rllr" => "RLLR",
        "rllr-mixed" => "RLLR-mixed",
        "exact-label" => "PPO, exact label",
        "grpo" => "GRPO, exact label",
        "label-reward" => "label reward model",
        "rationale-reward" => "rationale reward model",
        other => other,
    }
}

/// What a method is, in one sentence.
fn method_explanation(name: &str) -> Option<&'static str> {
    Some(match name {
        "sft-label" => "supervised fine-tuning on labels alone",
        "sft-rationale" => {
            "supervised fine-tuning on a rationale and then the label; every method below begins here"
        }
        "rlhf" => {
            "PPO with a reward model that learned from pairs with the same label: it judges how a rationale is written"
        }
        "rllr" => {
            "PPO with a reward model that learned from pairs with different labels: it judges what the answer is"
        }
        "rllr-mixed" => {
            "PPO with both reward models; the label reward is capped, so that the rationale counts too"
        }
        "exact-label" => "PPO with a rule that knows the right label, in place of a reward model",
        "grpo" => "group relative policy optimisation with the same rule, without a value model",
        _ => return None,
    })
}

/// The same colour for a method in every figure.
fn method_color(name: &str, place: usize) -> RGBColor {
    let known = [
        "sft-label",
        "sft-rationale",
        "rlhf",
        "rllr",
        "rllr-mixed",
        "exact-label",
        "grpo",
    ];
    let index = match name {
        "label-reward" => 3,
        "rationale-reward" => 2,
        _ => known.iter().position(|known| *known == name).unwrap_or(place),
    };
    SERIES[index % SERIES.len()]
}

/// Colours of the two kinds of pairs, label-sensitive first.
const KIND_COLORS: [RGBColor; 2] = [SERIES[3], SERIES[2]];

/// A share in percent with one decimal.
fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A value or a dash.
fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

/// A name that can be part of a file's name.
fn file_name(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    text.chars().map(safe).collect()
}

/// The mean, `None` of nothing.
fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        (sum, count) = (sum + value, count + 1);
    }
    (count > 0).then(|| sum / count as f64)
}
