//! Answers before and after training.

use rllr_eval::{RunRecord, SamplePair};

use super::method_title;
use crate::report::document::{Answers, Block, Section, Verdict};

/// Questions that are shown at most, by task.
const MOST_QUESTIONS: usize = 6;

/// `None` without samples.
pub(super) fn section(record: &RunRecord) -> Option<Section> {
    let baseline = record.baseline().unwrap_or("before");
    let mut tasks: Vec<&str> = Vec::new();
    for sample in &record.samples {
        if !tasks.contains(&sample.task.as_str()) {
            tasks.push(&sample.task);
        }
    }
    let mut blocks = Vec::new();
    for task in tasks {
        let mut questions: Vec<Vec<&SamplePair>> = Vec::new();
        for sample in record.samples.iter().filter(|sample| sample.task == task) {
            let same =
                |group: &&mut Vec<&SamplePair>| group[0].id == sample.id && group[0].seed == sample.seed;
            match questions.iter_mut().find(same) {
                Some(group) => group.push(sample),
                None => questions.push(vec![sample]),
            }
        }
        // What changed says more than what stayed.
        let changed = |group: &Vec<&SamplePair>| {
            group
                .iter()
                .any(|sample| sample.before_correct != sample.after_correct)
        };
        questions.sort_by_key(|group| !changed(group));
        questions.truncate(MOST_QUESTIONS);
        blocks.push(Block::Text(format!("Task {task}:")));
        blocks.push(Block::Answers(
            questions.iter().map(|group| answers(group, baseline)).collect(),
        ));
    }
    (!blocks.is_empty()).then(|| Section {
        id: "answers",
        title: "What do the models write?".to_owned(),
        explanation: "The same held-out questions before and after reinforcement learning, those first that are answered \
                      differently. Look whether a rationale still supports its label, or only sounds like it."
            .to_owned(),
        blocks,
    })
}

fn answers(group: &[&SamplePair], baseline: &str) -> Answers {
    let first = group[0];
    let before = (
        method_title(baseline).to_owned(),
        first.before.clone(),
        Verdict::of(first.before_correct),
    );
    let after = group.iter().map(|sample| {
        (
            method_title(&sample.method).to_owned(),
            sample.after.clone(),
            Verdict::of(sample.after_correct),
        )
    });
    Answers {
        prompt: first.prompt.clone(),
        gold: first.label.clone(),
        answers: std::iter::once(before).chain(after).collect(),
    }
}
