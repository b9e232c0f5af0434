//! From the rows of a task's files to examples that can be learnt from.

use std::collections::BTreeMap;

use rllr_task::example::Explanation;
use rllr_task::rationale::{GENERATED, RULE, RationaleError, RuleWriter, explanations, fill_rationales};
use rllr_task::{Example, Task};
use serde::{Deserialize, Serialize};

use crate::pipeline::examples::TaskExamples;
use crate::pipeline::recipe::{DataRecipe, PromptRows, RationaleTexts};

/// What was made of a task's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// Who wrote the rationales of the demonstrations, and of how many: `human`, `generated` or a name that the data
    /// gives; `rule` is a rule of this program.
    pub rationales_by: BTreeMap<String, usize>,
    /// Rows that were left out because a rationale is too long.
    pub dropped: usize,
}

/// Why rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PreparationError {
    /// An example does not fit its task, or a rule cannot be learnt.
    #[error(transparent)]
    Rationale(#[from] RationaleError),
    /// A part has no row.
    #[error("task {task}: found {found}, expected {expected}")]
    TooFew {
        /// Name of the task.
        task: String,
        /// How many rows there are.
        found: String,
        /// How many it would take.
        expected: String,
    },
}

impl TaskExamples {
    /// Examples from rows: `train` gives demonstrations and prompts, `dev` what nothing is trained on.
    ///
    /// Where no writer wrote a rationale for every label, a rule does. It learns from the training rows.
    ///
    /// # Errors
    ///
    /// [`PreparationError`] for rows that do not fit the task, and when a part has none.
    pub fn from_rows(
        task: &Task,
        train: &[Example],
        dev: &[Example],
        data: &DataRecipe,
    ) -> Result<(Self, Preparation), PreparationError> {
        let [n_sft, n_prompts, n_held_out] = data.counts(&task.name);
        let mut prepared = Preparation::default();
        let rule = RuleWriter::fit(task, train)?;

        // 1. Enough rows with rationales that are short enough.
        let wanted = match data.prompt_rows {
            PromptRows::Further => n_sft + n_prompts,
            PromptRows::Last => train.len(),
        };
        let mut take = |rows: &[Example], most: usize| -> Result<Vec<Example>, PreparationError> {
            let mut kept = Vec::new();
            for row in rows {
                if kept.len() == most {
                    break;
                }
                let mut example = row.clone();
                fill_rationales(&mut example, &rule)?;
                if data.rationales == RationaleTexts::OneWriter {
                    keep_one_writer(&mut example, &rule.labels_of(row));
                }
                if is_too_long(&example, data.max_rationale_chars) {
                    prepared.dropped += 1;
                } else {
                    kept.push(example);
                }
            }
            Ok(kept)
        };
        let train_kept = take(train, wanted)?;
        let held_out = take(dev, n_held_out)?;

        // 2. The parts.
        let n_sft = n_sft.min(train_kept.len());
        let first_prompt = match data.prompt_rows {
            PromptRows::Further => n_sft,
            PromptRows::Last => train_kept.len().saturating_sub(n_prompts),
        };
        let sft = train_kept[..n_sft].to_vec();
        let prompts: Vec<Example> = train_kept[first_prompt..]
            .iter()
            .take(n_prompts)
            .cloned()
            .collect();
        check_counts(task, [sft.len(), prompts.len(), held_out.len()], n_prompts)?;
        for example in &sft {
            let gold = explanations(example)
                .into_iter()
                .find(|text| text.label == example.label);
            let by = gold.map_or_else(|| "nobody".to_owned(), |text| text.by);
            *prepared.rationales_by.entry(by).or_default() += 1;
        }
        let examples = Self {
            task: task.clone(),
            sft,
            prompts,
            held_out,
            test: Vec::new(),
        };
        Ok((examples, prepared))
    }
}

fn check_counts(
    task: &Task,
    [sft, prompts, held_out]: [usize; 3],
    n_prompts: usize,
) -> Result<(), PreparationError> {
    let too_few = |found: String, expected: &str| {
        Err(PreparationError::TooFew {
            task: task.name.clone(),
            found,
            expected: expected.to_owned(),
        })
    };
    if sft == 0 {
        return too_few("no row to train on".to_owned(), "rows of a split named train");
    }
    if held_out == 0 {
        return too_few("no row to measure on".to_owned(), "rows of a split named dev");
    }
    if prompts == 0 && n_prompts > 0 {
        let found = format!("{sft} training rows, all of them demonstrations");
        return too_few(found, "more than data.sft, or data.prompt_rows = \"last\"");
    }
    Ok(())
}

/// Leaves the texts of one writer who wrote for all of `labels`; there is one, because a rule wrote where there was none.
fn keep_one_writer(example: &mut Example, labels: &[&str]) {
    let written = explanations(example);
    let wrote_all = |by: &str| {
        labels
            .iter()
            .all(|label| written.iter().any(|text| text.by == by && text.label == *label))
    };
    let Some(by) = written
        .iter()
        .map(|text| text.by.clone())
        .find(|by| wrote_all(by))
    else {
        return;
    };
    let mut texts: Vec<Explanation> = Vec::new();
    for text in written.into_iter().filter(|text| text.by == by) {
        if !texts.iter().any(|kept| kept.label == text.label) {
            texts.push(text);
        }
    }
    (example.rationale, example.rationale_by) = (None, None);
    example.rationales.clear();
    example.others.clear();
    if by == GENERATED || by == RULE {
        example.rationales = texts.into_iter().map(|text| (text.label, text.text)).collect();
        if by == RULE {
            // This is how an example says who wrote the texts for all labels.
            example.rationale = example.rationales.get(&example.label).cloned();
            example.rationale_by = Some(RULE.to_owned());
        }
    } else {
        example.others = texts;
    }
}

fn is_too_long(example: &Example, most: Option<usize>) -> bool {
    let Some(most) = most else {
        return false;
    };
    let texts = explanations(example);
    texts.iter().any(|text| text.text.chars().count() > most)
}

#[cfg(test)]
mod tests {
    use rllr_task::read::{ReadOptions, examples};
    use rllr_task::{Input, Tasks};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::pipeline::recipe::TaskLimits;

    fn rows(lines: &[String]) -> Vec<Example> {
        let text = lines.join("\n");
        examples(text.as_bytes(), ReadOptions::new("rows"))
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn films(count: usize) -> Vec<Example> {
        let line = |n: usize| {
            let label = if n.is_multiple_of(2) {
                "positive"
            } else {
                "negative"
            };
            let word = if n.is_multiple_of(2) { "lively" } else { "dull" };
            format!(r#"{{"id":"sst2-{n}","task":"sst2","text":"film {n} is {word}","label":"{label}"}}"#)
        };
        rows(&(0..count).map(line).collect::<Vec<_>>())
    }

    fn data(sft: usize, prompts: usize, held_out: usize) -> DataRecipe {
        DataRecipe {
            sft,
            prompts,
            held_out,
            ..DataRecipe::default()
        }
    }

    fn ids(examples: &[Example]) -> Vec<&str> {
        examples.iter().map(|example| example.id.as_str()).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn rows_are_divided_in_their_order_and_a_rule_writes() {
        let task = Tasks::builtin().get("sst2").unwrap().clone();
        let (train, dev) = (films(10), films(3));
        let (found, prepared) = TaskExamples::from_rows(&task, &train, &dev, &data(4, 3, 2)).unwrap();
        assert_eq!(ids(&found.sft), ids(&train[..4]));
        assert_eq!(ids(&found.prompts), ids(&train[4..7]));
        assert_eq!(ids(&found.held_out), ids(&dev[..2]));
        assert_eq!(prepared.rationales_by, [("rule".to_owned(), 4)].into());
        for example in found.sft.iter().chain(&found.held_out) {
            assert_eq!(example.rationales.len(), 2, "for every label");
            assert_eq!(example.rationale.as_ref(), example.rationales.get(&example.label));
        }

        let mut limited = data(4, 3, 2);
        limited.prompt_rows = PromptRows::Last;
        let limits = TaskLimits {
            sft: Some(9),
            ..TaskLimits::default()
        };
        limited.limits.insert("sst2".to_owned(), limits);
        let (found, _) = TaskExamples::from_rows(&task, &train, &dev, &limited).unwrap();
        assert_eq!((found.sft.len(), ids(&found.prompts)), (9, ids(&train[7..])));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn one_writer_stays_and_others_go() {
        let task = Tasks::builtin().get("esnli").unwrap().clone();
        let line = |n: usize, by_hand: &str| {
            format!(
                r#"{{"id":"esnli-{n}","task":"esnli","text_a":"a man sleeps","text_b":"a man rests","label":"entailment","rationale":"{by_hand}","rationales":{{"entailment":"it follows","neutral":"who knows","contradiction":"it cannot be"}}}}"#
            )
        };
        let train = rows(&[line(1, "sleeping is resting"), line(2, &"long ".repeat(40))]);
        let mut recipe = data(2, 0, 2);
        let (found, prepared) = TaskExamples::from_rows(&task, &train, &train, &recipe).unwrap();
        assert_eq!(prepared.rationales_by, [("generated".to_owned(), 2)].into());
        assert_eq!(
            (found.sft[0].rationale.as_ref(), found.sft[0].rationales.len()),
            (None, 3)
        );

        recipe.rationales = RationaleTexts::All;
        recipe.max_rationale_chars = Some(60);
        let (found, prepared) = TaskExamples::from_rows(&task, &train, &train, &recipe).unwrap();
        assert_eq!(
            (ids(&found.sft), prepared.dropped),
            (vec!["esnli-1"], 2),
            "of train and of dev"
        );
        assert_eq!(prepared.rationales_by, [("human".to_owned(), 1)].into());
        assert!(matches!(found.sft[0].input, Input::Pair { .. }));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn parts_without_rows_are_errors() {
        let task = Tasks::builtin().get("sst2").unwrap().clone();
        let rows = films(4);
        let error = |train: &[Example], dev: &[Example], recipe: &DataRecipe| {
            TaskExamples::from_rows(&task, train, dev, recipe)
                .unwrap_err()
                .to_string()
        };
        let message = error(&rows, &rows, &data(4, 3, 2));
        assert!(
            message.contains("prompt_rows") && message.contains("4 training rows"),
            "{message}"
        );
        let message = error(&rows, &[], &data(2, 2, 2));
        assert!(message.contains("dev"), "{message}");
        assert!(error(&[], &rows, &data(2, 2, 2)).contains("training examples"));
    }
}
