//! `rllr data inspect`.

use crate::terminal::say;
use std::collections::BTreeMap;

use rllr_task::{Example, Input};
use serde::Serialize;

use super::InspectArgs;
use super::load::Part;
use super::output::{print_json, table};

/// What one part holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Summary {
    task: String,
    split: String,
    rows: usize,
    labels: BTreeMap<String, usize>,
    /// Rows with a rationale for the gold label.
    rationale: usize,
    /// Rows with a rationale for each label.
    rationales: usize,
    /// Rows with marked phrases.
    evidence: usize,
    /// Characters of a row's texts together: half of the rows have fewer.
    chars_median: usize,
    /// Characters that 95 % of the rows do not exceed.
    chars_95: usize,
    chars_longest: usize,
}

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let loaded = args.source.load()?;
    let summaries: Vec<Summary> = loaded.parts.iter().map(summarise).collect();
    if args.json {
        return summaries.iter().try_for_each(print_json);
    }
    let header = [
        "part",
        "rows",
        "rationale",
        "for each label",
        "evidence",
        "chars: median",
        "95 %",
        "longest",
        "labels",
    ];
    say!("{}", table(&header, summaries.iter().map(row).collect()));
    for line in loaded.skipped() {
        say!("{line}");
    }
    Ok(())
}

fn summarise(part: &Part) -> Summary {
    let Part {
        task,
        split,
        examples,
    } = part;
    let mut labels = BTreeMap::new();
    for example in examples {
        *labels.entry(example.label.clone()).or_default() += 1;
    }
    let mut chars: Vec<usize> = examples.iter().map(characters).collect();
    chars.sort_unstable();
    let count = |test: fn(&Example) -> bool| examples.iter().filter(|example| test(example)).count();
    Summary {
        task: task.clone(),
        split: split.clone(),
        rows: examples.len(),
        labels,
        rationale: count(|example| example.rationale.is_some()),
        rationales: count(|example| !example.rationales.is_empty()),
        evidence: count(|example| !example.evidence.is_empty()),
        chars_median: nearest_rank(&chars, 50),
        chars_95: nearest_rank(&chars, 95),
        chars_longest: chars.last().copied().unwrap_or(0),
    }
}

fn characters(example: &Example) -> usize {
    match &example.input {
        Input::Text(text) => text.chars().count(),
        Input::Pair { text_a, text_b } => text_a.chars().count() + text_b.chars().count(),
    }
}

/// The smallest value that `percent` % of the sorted values do not exceed; 0 without values.
fn nearest_rank(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

fn row(summary: &Summary) -> Vec<String> {
    const SHOWN: usize = 6;
    let counts: Vec<String> = summary
        .labels
        .iter()
        .take(SHOWN)
        .map(|(label, count)| format!("{label} {count}"))
        .collect();
    let more = summary.labels.len().saturating_sub(SHOWN);
    let rest = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    vec![
        format!("{}/{}", summary.task, summary.split),
        summary.rows.to_string(),
        summary.rationale.to_string(),
        summary.rationales.to_string(),
        summary.evidence.to_string(),
        summary.chars_median.to_string(),
        summary.chars_95.to_string(),
        summary.chars_longest.to_string(),
        format!("{}{rest}", counts.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_definition() {
        let values: Vec<usize> = (1..=20).collect();
        assert_eq!(nearest_rank(&values, 50), 10, "10 of 20 do not exceed 10");
        assert_eq!(nearest_rank(&values, 95), 19, "19 of 20 do not exceed 19");
        assert_eq!(nearest_rank(&[4], 95), 4);
        assert_eq!(nearest_rank(&[], 50), 0);
    }
}
