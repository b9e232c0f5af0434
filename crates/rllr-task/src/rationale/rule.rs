//! Rationales by rule: made of the example's own words, one for each label, all in one style.

use std::collections::HashSet;
use std::future::{Future, ready};

use super::overlap::Overlap;
use super::words::{Word, quoted, words};
use super::{RULE, RationaleError, RationaleWriter, TellingWords};
use crate::example::{Example, Input};
use crate::task::{Fields, Task};

/// Which words of an example a rule quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// One text: the phrases that people marked for the label, else the telling words.
    Evidence,
    /// One text: the words that speak most for the label in the training texts.
    TellingWords,
    /// Two texts: their shared and their differing words and numbers.
    Overlap,
    /// Answer options: the option beside the rarest words of the question.
    Choices,
}

/// Writes rationales out of the example's own words.
///
/// A rule has no opinion on which label is right: it writes for any label, in the same form, with the same number of
/// quotations, so that neither style nor length tells the gold label's text from a wrong label's. What is quoted
/// still does, to a degree that [`crate::giveaway`] measures.
#[derive(Clone, Debug)]
pub struct RuleWriter {
    labels: Vec<String>,
    kind: RuleKind,
    telling: TellingWords,
    overlap: Overlap,
}

/// Quotations in a rationale about one text.
const QUOTED: usize = 2;

/// Longest marked phrase that is quoted whole, in words; of longer ones the telling words are quoted.
const LONGEST_PHRASE_WORDS: usize = 3;

impl RuleWriter {
    /// Learns the rule from a task's training examples.
    ///
    /// The kind follows from the task and its data: options, two texts, marked phrases, or plain text.
    ///
    /// # Errors
    ///
    /// [`RationaleError::NoExamples`] if there are none, [`RationaleError::Example`] and
    /// [`RationaleError::UnknownLabel`] if one does not fit the task.
    pub fn fit(task: &Task, train: &[Example]) -> Result<Self, RationaleError> {
        if train.is_empty() {
            return Err(RationaleError::NoExamples);
        }
        let kind = match task.fields {
            Fields::Choices => RuleKind::Choices,
            Fields::Pair => RuleKind::Overlap,
            Fields::Text if train.iter().any(|example| !example.evidence.is_empty()) => RuleKind::Evidence,
            Fields::Text => RuleKind::TellingWords,
        };
        let labels: Vec<String> = task.labels.iter().map(|label| label.word.clone()).collect();
        let mut pairs = Vec::new();
        let mut texts = Vec::new();
        for example in train {
            let label = task.gold_label(example)?.0;
            match (&example.input, kind) {
                (Input::Pair { text_a, text_b }, _) => pairs.push((label, text_a.as_str(), text_b.as_str())),
                // Letters mean another option in every example; only how rare a word is matters there.
                (Input::Text(text), RuleKind::Choices) => pairs.push((label, text.as_str(), "")),
                (Input::Text(text), _) => texts.push((label, text.as_str())),
            }
            for (marked, phrases) in &example.evidence {
                let marked = place_of(&labels, example, marked)?;
                texts.extend(phrases.iter().map(|phrase| (marked, phrase.as_str())));
            }
        }
        let telling = TellingWords::fit(labels.len(), texts);
        let overlap = Overlap::fit(labels.len(), pairs);
        Ok(Self {
            labels,
            kind,
            telling,
            overlap,
        })
    }

    /// Which rule it is.
    pub fn kind(&self) -> RuleKind {
        self.kind
    }

    /// The labels that the example could have: the task's, without options that the example does not offer.
    pub fn labels_of(&self, example: &Example) -> Vec<&str> {
        let offered = |label: &&str| example.choices.is_empty() || example.choices.contains_key(*label);
        self.labels.iter().map(String::as_str).filter(offered).collect()
    }

    /// The rationale that argues for `label`, right or wrong.
    ///
    /// # Errors
    ///
    /// [`RationaleError::UnknownLabel`] if the task has no such label; [`RationaleError::OtherInput`] if the example
    /// is of another form than the training examples.
    pub fn write_text(&self, example: &Example, label: &str) -> Result<String, RationaleError> {
        let place = place_of(&self.labels, example, label)?;
        let other_input = || RationaleError::OtherInput {
            id: example.id.clone(),
            kind: self.kind,
        };
        match (&example.input, self.kind) {
            (Input::Pair { text_a, text_b }, RuleKind::Overlap) => {
                Ok(self.overlap.rationale(text_a, text_b, place))
            }
            (Input::Text(text), RuleKind::Evidence) => Ok(self.evidence_rationale(example, text, place)),
            (Input::Text(text), RuleKind::TellingWords) => {
                Ok(says(&self.telling.most_telling(text, place, QUOTED)))
            }
            (Input::Text(text), RuleKind::Choices) => {
                let option = example.choices.get(label).ok_or_else(other_input)?;
                let question = self.overlap.rarest_words(text, QUOTED);
                Ok(format!("{} goes with {}.", quoted(&[option]), quoted(&question)))
            }
            _ => Err(other_input()),
        }
    }

    /// Quotes marked phrases for the label; where there are fewer than [`QUOTED`], telling words outside the other
    /// labels' phrases.
    ///
    /// A telling word is quoted with words around it, as many as the other labels' phrase has: otherwise the
    /// label with marked phrases, mostly the gold one, would have the longer rationale.
    fn evidence_rationale(&self, example: &Example, text: &str, place: usize) -> String {
        let mut phrases = self.short_phrases(example, place);
        let others = || (0..self.labels.len()).filter(|other| *other != place);
        let lengths: Vec<usize> = others()
            .map(|other| self.short_phrases(example, other))
            .max_by_key(Vec::len)
            .unwrap_or_default()
            .into_iter()
            .map(|phrase| words(phrase).len())
            .collect();
        let of_others: HashSet<String> = others()
            .filter_map(|other| example.evidence.get(&self.labels[other]))
            .flatten()
            .flat_map(|phrase| words(phrase))
            .map(|word| word.key)
            .collect();
        let all = words(text);
        for (at, word) in self.telling.ranked(text, place) {
            if phrases.len() >= QUOTED {
                break;
            }
            let is_quoted = phrases
                .iter()
                .any(|phrase| words(phrase).iter().any(|other| other.key == word.key));
            if !is_quoted && !of_others.contains(&word.key) {
                let length = lengths.get(phrases.len()).copied().unwrap_or(1);
                phrases.push(span_around(text, &all, at, length, &of_others));
            }
        }
        says(&phrases)
    }

    /// The first phrases marked for the label, at most [`QUOTED`], long ones reduced to their telling word.
    fn short_phrases<'a>(&self, example: &'a Example, place: usize) -> Vec<&'a str> {
        let mut phrases = Vec::new();
        for phrase in example
            .evidence
            .get(&self.labels[place])
            .into_iter()
            .flatten()
            .take(QUOTED)
        {
            let phrase = trim_phrase(phrase);
            match words(phrase).len() {
                0 => {}
                1..=LONGEST_PHRASE_WORDS => phrases.push(phrase),
                _ => phrases.extend(self.telling.most_telling(phrase, place, 1)),
            }
        }
        phrases
    }
}

impl RationaleWriter for RuleWriter {
    fn name(&self) -> &str {
        RULE
    }

    fn write(&self, example: &Example, label: &str) -> impl Future<Output = Result<String, RationaleError>> {
        ready(self.write_text(example, label))
    }
}

/// A sentence that quotes phrases of one text.
fn says(phrases: &[&str]) -> String {
    match phrases {
        [] => "It says little.".to_owned(),
        _ => format!("It says {}.", quoted(phrases)),
    }
}

/// The piece of the text around word number `at` that has `length` words, mostly before it, as adjectives stand before
/// nouns; shorter where punctuation, a word to `avoid` or the end of the text stands in the way.
fn span_around<'a>(
    text: &'a str,
    words: &[Word<'a>],
    at: usize,
    length: usize,
    avoid: &HashSet<String>,
) -> &'a str {
    let end = |word: &Word<'_>| word.start + word.text.len();
    let joins = |before: usize, after: usize, added: usize| {
        let between = &text[end(&words[before])..words[after].start];
        between.chars().all(char::is_whitespace) && !avoid.contains(&words[added].key)
    };
    let (mut first, mut last) = (at, at);
    while last - first + 1 < length && first > 0 && joins(first - 1, first, first - 1) {
        first -= 1;
    }
    while last - first + 1 < length && last + 1 < words.len() && joins(last, last + 1, last + 1) {
        last += 1;
    }
    &text[words[first].start..end(&words[last])]
}

/// A marked phrase without the punctuation around it.
fn trim_phrase(phrase: &str) -> &str {
    phrase.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'')
}

fn place_of(labels: &[String], example: &Example, label: &str) -> Result<usize, RationaleError> {
    labels
        .iter()
        .position(|word| word == label)
        .ok_or_else(|| RationaleError::UnknownLabel {
            id: example.id.clone(),
            found: label.to_owned(),
            expected: labels.to_vec(),
        })
}

#[cfg(test)]
mod tests;
