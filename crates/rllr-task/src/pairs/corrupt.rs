//! Rationale-sensitive pairs out of rationales that are made not to fit.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde::{Deserialize, Serialize};

use super::builder::{Builder, Side};
use super::{DropReason, PairConfig, PairError, PairKind, Pairs, wrong_labels};
use crate::answer::ResponseFormat;
use crate::example::{Example, Explanation};
use crate::rationale::explanations;
use crate::task::Task;

/// What is wrong with the rejected rationale of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Corruption {
    /// It was written for another example with the same gold label: style and label fit, the content does not.
    OtherExample,
    /// It argues for a wrong label of the same example: the content fits, the conclusion does not.
    WrongLabel,
    /// Its words are in random order: the content fits, the language does not.
    ShuffledWords,
}

/// Rationale-sensitive pairs: the gold label twice, with its own rationale and with a corrupted one by the same writer.
///
/// Every text that an example has for its gold label is a candidate; the first writer that allows a pair is taken.
/// `length` is as in [`label_sensitive_pairs`](super::label_sensitive_pairs).
///
/// # Errors
///
/// [`PairError::NoRationaleInFormat`], and as for [`label_sensitive_pairs`](super::label_sensitive_pairs).
pub fn corrupted_rationale_pairs(
    task: &Task,
    examples: &[Example],
    corruption: Corruption,
    config: &PairConfig,
    length: impl FnMut(&str) -> usize,
    rng: &mut impl Rng,
) -> Result<Pairs, PairError> {
    if config.format == ResponseFormat::LabelOnly {
        return Err(PairError::NoRationaleInFormat);
    }
    let written: Vec<Vec<Explanation>> = examples.iter().map(explanations).collect();
    let pool = match corruption {
        Corruption::OtherExample => Pool::of(task, examples, &written)?,
        Corruption::WrongLabel | Corruption::ShuffledWords => Pool::default(),
    };
    let mut builder = Builder::new(task, config, length);
    for (example, written) in examples.iter().zip(&written) {
        let gold = task.gold_label(example)?;
        builder.start(example)?;
        let word = task.word(gold);
        let mut for_gold = written.iter().filter(|text| text.label == word).peekable();
        if for_gold.peek().is_none() {
            builder.drop_pair(DropReason::NoRationale);
            continue;
        }
        let corrupted = for_gold.find_map(|text| {
            let bad = match corruption {
                Corruption::OtherExample => pool.draw(text, rng).map(str::to_owned),
                Corruption::WrongLabel => wrong_labels(task, example, gold).find_map(|wrong| {
                    let by_writer =
                        |other: &&Explanation| other.label == task.word(wrong) && other.by == text.by;
                    written.iter().find(by_writer).map(|other| other.text.clone())
                }),
                Corruption::ShuffledWords => shuffled(&text.text, rng),
            };
            Some((text, bad?))
        });
        let Some((good, bad)) = corrupted else {
            builder.drop_pair(DropReason::NoCorruption);
            continue;
        };
        let id = format!("{}:rationale", example.id);
        let by = Some(good.by.as_str());
        let sides = [Side::by(gold, &good.text, by), Side::by(gold, &bad, by)];
        builder.push(example, PairKind::Rationale, id, sides)?;
    }
    Ok(builder.finish())
}

/// Rationales for gold labels, by label and writer.
#[derive(Default)]
struct Pool<'a>(BTreeMap<(&'a str, &'a str), Vec<&'a str>>);

impl<'a> Pool<'a> {
    fn of(task: &'a Task, examples: &[Example], written: &'a [Vec<Explanation>]) -> Result<Self, PairError> {
        let mut texts: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (example, written) in examples.iter().zip(written) {
            let gold = task.word(task.gold_label(example)?);
            for Explanation { by, label, text } in written.iter().filter(|text| text.label == gold) {
                texts.entry((label, by)).or_default().push(text);
            }
        }
        Ok(Self(texts))
    }

    /// Another text by the same writer for the same label.
    fn draw(&self, text: &Explanation, rng: &mut impl Rng) -> Option<&'a str> {
        // Generic texts repeat ("a man is not a woman."): a few draws, then the first that differs.
        const DRAWS: usize = 8;
        let texts = self.0.get(&(text.label.as_str(), text.by.as_str()))?;
        let drawn = (0..DRAWS)
            .filter_map(|_| texts.choose(rng))
            .find(|other| **other != text.text);
        drawn
            .or_else(|| texts.iter().find(|other| **other != text.text))
            .copied()
    }
}

/// The words in another order; `None` if no other order exists.
fn shuffled(text: &str, rng: &mut impl Rng) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut order = words.clone();
    if words.iter().all(|word| *word == words[0]) {
        return None;
    }
    while order == words {
        order.shuffle(rng);
    }
    Some(order.join(" "))
}
