//! Rationale-sensitive pairs out of people's votes.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom as _;

use super::builder::{Builder, Side};
use super::{PairConfig, PairError, PairKind, Pairs};
use crate::answer::ResponseFormat;
use crate::example::Example;
use crate::read::RationaleJudgement;
use crate::task::Tasks;

/// Rationale-sensitive pairs: the gold label with the rationale that people preferred against the same label with the
/// other one.
///
/// Of several rows with one `item`, at most `per_item` are taken, drawn at random: they share an input, and an input
/// with many rows should not count for many. A row without `item` is an item of its own. `length` is as in
/// [`label_sensitive_pairs`](super::label_sensitive_pairs).
///
/// # Errors
///
/// [`PairError::NoRationaleInFormat`], [`PairError::Task`] for an unknown base task, and as for
/// [`label_sensitive_pairs`](super::label_sensitive_pairs).
pub fn judged_rationale_pairs(
    tasks: &Tasks,
    rows: &[RationaleJudgement],
    per_item: usize,
    config: &PairConfig,
    mut length: impl FnMut(&str) -> usize,
    rng: &mut impl Rng,
) -> Result<Pairs, PairError> {
    if config.format == ResponseFormat::LabelOnly {
        return Err(PairError::NoRationaleInFormat);
    }
    let mut by_task: BTreeMap<&str, BTreeMap<&str, Vec<&RationaleJudgement>>> = BTreeMap::new();
    for row in rows {
        let item = row.item.as_ref().unwrap_or(&row.id);
        by_task
            .entry(&row.base)
            .or_default()
            .entry(item)
            .or_default()
            .push(row);
    }
    let mut all = Pairs::default();
    for (name, items) in by_task {
        let task = tasks.get(name)?;
        let mut builder = Builder::new(task, config, &mut length);
        for mut rows in items.into_values() {
            rows.shuffle(rng);
            rows.truncate(per_item);
            for row in rows {
                let example = example_of(row);
                let gold = task.gold_label(&example)?;
                builder.start(&example)?;
                let by = row.by.as_deref();
                let sides = [Side::by(gold, &row.better, by), Side::by(gold, &row.worse, by)];
                builder.push(&example, PairKind::Rationale, row.id.clone(), sides)?;
            }
        }
        let Pairs { pairs, report } = builder.finish();
        all.report.add(&report);
        all.pairs.extend(pairs);
    }
    Ok(all)
}

/// The input of a row as an example of its base task.
fn example_of(row: &RationaleJudgement) -> Example {
    Example {
        id: row.id.clone(),
        task: row.base.clone(),
        input: row.input.clone(),
        label: row.label.clone(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices: row.choices.clone(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: row.source.clone(),
    }
}
