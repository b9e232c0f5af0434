//! Pairs of answers: those that reward models are trained and measured on, and those that a model draws.

use std::path::Path;

use rllr_model::CausalLm;
use rllr_task::pairs::{PairKind, PreferencePair};
use rllr_train::pipeline::{PairSampling, mismatch};
use serde::Serialize;
use serde_json::{Value, json};

use super::directory::{StagePlan, WholeStage, write_json};
use super::methods::Ready;
use crate::data::output::write_json_lines;

/// Number of preference pairs of a task.
#[derive(Debug, Serialize)]
struct PairCount {
    task: String,
    kind: PairKind,
    set: &'static str,
    pairs: usize,
}

impl Ready<'_> {
    /// Answers that the fine-tuned model draws, two to each question, and how many of them differ in the label.
    pub(super) fn sampled(&self, sft_path: &Path, lm: &CausalLm) -> anyhow::Result<WholeStage> {
        let recipe = &self.group.recipe;
        let mut inputs = self.group.files(&self.data, |files| files.prompts.clone());
        inputs.push(("sft".to_owned(), sft_path.to_owned()));
        let plan = StagePlan {
            path: self.group.path("sampled"),
            settings: self.settings(&json!({
                "sampled_pairs": recipe.data.sampled_pairs, "max_new_tokens": recipe.ppo.max_new_tokens,
                "temperature": recipe.ppo.temperature, "top_k": recipe.ppo.top_k, "top_p": recipe.ppo.top_p,
            })),
            inputs,
        };
        self.group.stage(plan, |open| {
            let mut sampling = self.comparison.pair_sampling()?;
            let layout = lm.without_adapter().for_decoding();
            let driver = self.group.context.driver("sampled");
            driver.pull("questions", &mut sampling, PairSampling::progress, |sampling| {
                Ok(pollster::block_on(sampling.step(layout.as_lm()))?)
            })?;
            write_json_lines(&open.directory.join("pairs.jsonl"), sampling.pairs())?;
            let counts = self.group.tasks.iter().map(|task| {
                let counts = mismatch(sampling.pairs(), task);
                json!({ "task": task, "label_sensitive": counts.label_sensitive,
                    "rationale_sensitive": counts.rationale_sensitive, "identical": counts.identical,
                    "unparsable": counts.unparsable })
            });
            write_json(
                &open.directory.join("statistics.json"),
                &counts.collect::<Vec<Value>>(),
            )
        })
    }

    /// Preference pairs of both kinds, for training and for measuring.
    pub(super) fn pairs(&self) -> anyhow::Result<WholeStage> {
        let recipe = &self.group.recipe;
        let mut inputs = self.group.files(&self.data, |files| files.sft.clone());
        inputs.extend(self.group.files(&self.data, |files| files.held_out.clone()));
        // Texts are cut to what this tokenizer leaves room for.
        inputs.push(("tokenizer".to_owned(), self.base_path.join("tokenizer.json")));
        let plan = StagePlan {
            path: self.group.path("pairs"),
            settings: self.settings(&json!({
                "label_pairs": recipe.label_pairs, "reward_pairs": recipe.data.reward_pairs,
            })),
            inputs,
        };
        self.group.stage(plan, |open| {
            let directory = &open.directory;
            let held_out = self.comparison.held_out_texts()?;
            let mut counts = self.counts("held_out", &held_out.pairs);
            for kind in [PairKind::Label, PairKind::Rationale] {
                let pairs = self.comparison.training_pairs(kind)?;
                counts.extend(self.counts("train", &pairs));
                write_json_lines(&directory.join(pair_file(kind)), &pairs)?;
            }
            write_json_lines(&directory.join("held_out.jsonl"), &held_out.pairs)?;
            write_json_lines(&directory.join("probes.jsonl"), &held_out.probes)?;
            write_json(&directory.join("statistics.json"), &counts)
        })
    }

    /// How many pairs of each task and kind there are; none of a kind that is not there.
    fn counts(&self, set: &'static str, pairs: &[PreferencePair]) -> Vec<PairCount> {
        let mut found = Vec::new();
        for task in &self.group.tasks {
            for kind in [PairKind::Label, PairKind::Rationale] {
                let of_both = pairs
                    .iter()
                    .filter(|pair| pair.task == *task && pair.kind == kind);
                let count = PairCount {
                    task: task.clone(),
                    kind,
                    set,
                    pairs: of_both.count(),
                };
                found.extend((count.pairs > 0).then_some(count));
            }
        }
        found
    }
}

/// File of the pairs that a reward model of one kind is trained on.
pub(super) fn pair_file(kind: PairKind) -> &'static str {
    match kind {
        PairKind::Label => "label.jsonl",
        PairKind::Rationale => "rationale.jsonl",
    }
}
