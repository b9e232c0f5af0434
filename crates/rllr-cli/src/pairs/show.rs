//! What `rllr pairs` reports about the pairs of a task.

use crate::terminal::say;
use rand_chacha::ChaCha8Rng;
use rllr_task::giveaway::{CueAccuracy, Giveaway, giveaway};
use rllr_task::mismatch::{Mismatch, PairClass, classify_pair};
use rllr_task::pairs::{DropReason, PairReport, PreferencePair};
use rllr_task::{Answer, ResponseFormat, Task};
use serde::Serialize;

use crate::data::output::{percent, table};

/// Everything about the pairs of one task.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TaskSummary {
    pub(super) task: String,
    pub(super) pairs: usize,
    /// Examples whose rationales a rule wrote.
    pub(super) written_by_rule: usize,
    /// How they were built, if they were built just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) build: Option<PairReport>,
    pub(super) mismatch: Mismatch,
    /// `None` if there are too few prompts to measure it.
    pub(super) giveaway: Option<Giveaway>,
    /// What a user should know before training on the pairs.
    pub(super) warnings: Vec<String>,
}

/// Classifies pairs and measures what they give away; `task_of` finds the task by which a response is read.
pub(super) fn summarise<'a>(
    name: &str,
    pairs: &[PreferencePair],
    task_of: impl Fn(&PreferencePair) -> Option<&'a Task>,
    format: ResponseFormat,
    rng: &mut ChaCha8Rng,
) -> TaskSummary {
    let label_of = |pair: &PreferencePair, response: &str| {
        let task = task_of(pair)?;
        let answer = Answer::parse(response, task, format).ok()?;
        Some(task.word(answer.label()).to_owned())
    };
    let classify = |pair: &PreferencePair| {
        classify_pair(&pair.chosen, &pair.rejected, |response: &str| {
            label_of(pair, response)
        })
    };
    let mismatch: Mismatch = pairs.iter().map(classify).collect();
    let (giveaway, warnings) = match giveaway(pairs, label_of, rng) {
        Ok(giveaway) => {
            let warnings = giveaway.warnings();
            (Some(giveaway), warnings)
        }
        Err(error) => (None, vec![error.to_string()]),
    };
    TaskSummary {
        task: name.to_owned(),
        pairs: pairs.len(),
        written_by_rule: 0,
        build: None,
        mismatch,
        giveaway,
        warnings,
    }
}

/// Prints tables: how the pairs were built, what they are about, what they give away; then the warnings.
pub(super) fn print_summaries(summaries: &[TaskSummary]) {
    if summaries.iter().any(|summary| summary.build.is_some()) {
        print_build(summaries);
    }
    let rows = summaries.iter().map(|summary| {
        let share = |class| summary.mismatch.share(class).map_or("-".to_owned(), percent);
        vec![
            summary.task.clone(),
            summary.pairs.to_string(),
            share(PairClass::LabelSensitive),
            share(PairClass::RationaleSensitive),
            share(PairClass::Identical),
            share(PairClass::Unparsable),
        ]
    });
    say!("\nWhat the two responses differ in:");
    let header = [
        "task",
        "pairs",
        "label-sensitive",
        "rationale-sensitive",
        "identical",
        "unparsable",
    ];
    say!("{}", table(&header, rows.collect()));

    say!("\nHow often chosen is told from rejected without the prompt (cross-validated, 50 % is chance):");
    let rows = summaries.iter().filter_map(|summary| {
        let Giveaway {
            words,
            words_with_label,
            label,
            writer,
            longer,
            ..
        } = summary.giveaway.as_ref()?;
        let cues = [
            Some(words),
            Some(words_with_label),
            Some(label),
            writer.as_ref(),
            Some(longer),
        ];
        let cells = cues.map(|cue| cue.map_or("-".to_owned(), interval));
        Some([vec![summary.task.clone()], cells.to_vec()].concat())
    });
    let header = [
        "task",
        "words",
        "words with label",
        "label alone",
        "author",
        "the longer one",
    ];
    say!("{}", table(&header, rows.collect()));
    for TaskSummary { task, warnings, .. } in summaries {
        for warning in warnings {
            say!("{task}: {warning}");
        }
    }
}

fn print_build(summaries: &[TaskSummary]) {
    let reports = || summaries.iter().filter_map(|summary| summary.build.as_ref());
    // A column for each reason that occurs.
    let reasons: Vec<DropReason> = DropReason::ALL
        .into_iter()
        .filter(|reason| reports().any(|report| report.dropped.contains_key(reason)))
        .collect();
    let mut header = vec!["task", "rows", "pairs", "rationales by rule", "prompts cut"];
    header.extend(reasons.iter().map(|reason| reason.describe()));
    let rows = summaries.iter().filter_map(|summary| {
        let report = summary.build.as_ref()?;
        let mut row = vec![summary.task.clone()];
        row.extend(
            [
                report.examples,
                report.pairs,
                summary.written_by_rule,
                report.prompts_cut,
            ]
            .map(|n| n.to_string()),
        );
        row.extend(
            reasons
                .iter()
                .map(|reason| report.dropped.get(reason).unwrap_or(&0).to_string()),
        );
        Some(row)
    });
    say!("Pairs built, and pairs dropped by reason:");
    say!("{}", table(&header, rows.collect()));
}

/// `62.4 (61.6-63.2) %`.
fn interval(cue: &CueAccuracy) -> String {
    let [low, high] = cue.ci95;
    format!(
        "{:.1} ({:.1}-{:.1}) %",
        100.0 * cue.accuracy,
        100.0 * low,
        100.0 * high
    )
}
