//! What the policy writes: a rationale and a label, and how a response is read.
//!
//! | format | an answer |
//! |---|---|
//! | [`RationaleThenLabel`](ResponseFormat::RationaleThenLabel) | `A lab is not a boat.⏎Label: contradiction` |
//! | [`LabelThenRationale`](ResponseFormat::LabelThenRationale) | `Label: contradiction⏎A lab is not a boat.` |
//! | [`LabelOnly`](ResponseFormat::LabelOnly) | `contradiction` |
//!
//! A rationale is one line, and only a line that begins with [`MARKER`] holds a label, so a rationale may
//! name any label without being taken for one. A response with two such lines, or with text where the
//! label should be last or first, is an [`AnswerError`]: it is counted as invalid, never guessed.
//!
//! This module does not judge whether the label is right or the rationale fits it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::task::{Label, Task};

#[cfg(test)]
mod tests;

/// What the line with the label begins with.
pub const MARKER: &str = "Label:";

/// Longest piece of a response that an error repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// The layout of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// The rationale, then the label on a line of its own. The project's default.
    #[default]
    RationaleThenLabel,
    /// The label on the first line, then the rationale.
    LabelThenRationale,
    /// The label word and nothing else: the `sft-label` baseline.
    LabelOnly,
}

/// A parsed response.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    rationale: String,
    label: Label,
}

/// Why a response is not an answer. All of these count as wrong, and are reported as invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// No line holds a label, or the label is empty.
    #[error("missing label: found {found:?}, expected {expected}")]
    Missing {
        /// End of the response.
        found: String,
        /// Where a label should stand.
        expected: &'static str,
    },
    /// The label is not a word of the task.
    #[error("unknown label: found {found:?}, expected {expected}")]
    Unknown {
        /// What stands in the label's place.
        found: String,
        /// The task's label words.
        expected: String,
    },
    /// More than one label is given, be they equal or not.
    #[error("several labels: found {}, expected one of {expected}", .found.join(", "))]
    Several {
        /// The labels, in the order of the response.
        found: Vec<String>,
        /// The task's label words.
        expected: String,
    },
    /// There is one label, but other text stands where the label should be alone.
    #[error("misplaced label: found {found:?} beyond the label, expected {expected}")]
    Misplaced {
        /// The text that should not be there.
        found: String,
        /// Where the label should stand.
        expected: &'static str,
    },
}

impl Answer {
    /// An answer with this rationale and label.
    ///
    /// The rationale becomes one line: runs of white space become one space.
    /// Should it begin with the [`MARKER`], the marker is written in small letters, because a line that
    /// begins with the marker is a label.
    pub fn new(rationale: &str, label: Label) -> Self {
        let mut one_line = String::with_capacity(rationale.len());
        for word in rationale.split_whitespace() {
            if !one_line.is_empty() {
                one_line.push(' ');
            }
            one_line.push_str(word);
        }
        if one_line.starts_with(MARKER) {
            one_line.replace_range(..MARKER.len(), &MARKER.to_lowercase());
        }
        Self {
            rationale: one_line,
            label,
        }
    }

    /// The rationale, one line; empty for [`ResponseFormat::LabelOnly`].
    pub fn rationale(&self) -> &str {
        &self.rationale
    }

    /// The label.
    pub fn label(&self) -> Label {
        self.label
    }

    /// The response that this answer is, for training and for preference pairs.
    ///
    /// [`Answer::parse`] gives the same answer back ([`ResponseFormat::LabelOnly`] leaves the rationale out).
    pub fn print(&self, task: &Task, format: ResponseFormat) -> String {
        let Self { rationale, label } = self;
        let word = task.word(*label);
        match format {
            ResponseFormat::LabelOnly => word.to_owned(),
            _ if rationale.is_empty() => format!("{MARKER} {word}"),
            ResponseFormat::RationaleThenLabel => format!("{rationale}\n{MARKER} {word}"),
            ResponseFormat::LabelThenRationale => format!("{MARKER} {word}\n{rationale}"),
        }
    }

    /// Reads a response.
    ///
    /// The label has to be a word of the task; white space around it and one full stop after it are
    /// ignored, and so is case where the exact word is not found. White space lines are ignored.
    ///
    /// # Errors
    /// [`AnswerError`]: missing, unknown, several or misplaced label.
    pub fn parse(response: &str, task: &Task, format: ResponseFormat) -> Result<Self, AnswerError> {
        match format {
            ResponseFormat::RationaleThenLabel => {
                parse_marked(response, task, LAST_LINE, |lines| lines.split_last())
            }
            ResponseFormat::LabelThenRationale => {
                parse_marked(response, task, FIRST_LINE, |lines| lines.split_first())
            }
            ResponseFormat::LabelOnly if response.trim().is_empty() => Err(AnswerError::Missing {
                found: String::new(),
                expected: "a label word",
            }),
            ResponseFormat::LabelOnly => Ok(Self::new("", parse_word(response.trim(), task)?)),
        }
    }
}

const LAST_LINE: &str = "`Label: <word>` on the last line";
const FIRST_LINE: &str = "`Label: <word>` on the first line";

/// Reads a response whose label stands on a marked line; `split` parts that line from the rationale.
fn parse_marked<'a>(
    response: &'a str,
    task: &Task,
    place: &'static str,
    split: impl for<'l> Fn(&'l [&'a str]) -> Option<(&'l &'a str, &'l [&'a str])>,
) -> Result<Answer, AnswerError> {
    let lines: Vec<&str> = response
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let marked: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix(MARKER))
        .map(str::trim)
        .collect();
    let word = match marked[..] {
        [] | [""] => {
            return Err(AnswerError::Missing {
                found: quote_end(response),
                expected: place,
            });
        }
        [word] => word,
        _ => {
            let found = marked.iter().map(|word| quote_start(word)).collect();
            return Err(AnswerError::Several {
                found,
                expected: task.expected_labels(),
            });
        }
    };
    let label = parse_word(word, task)?;
    match split(&lines) {
        Some((line, rationale)) if line.starts_with(MARKER) => Ok(Answer::new(&rationale.join(" "), label)),
        Some((line, _)) => Err(AnswerError::Misplaced {
            found: quote_start(line),
            expected: place,
        }),
        None => Err(AnswerError::Missing {
            found: String::new(),
            expected: place,
        }),
    }
}

/// The label that `text` is, when it is one label word and nothing else.
fn parse_word(text: &str, task: &Task) -> Result<Label, AnswerError> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let same_but_case = || {
        let lower = bare.to_lowercase();
        task.labels
            .iter()
            .position(|label| label.word.to_lowercase() == lower)
            .map(Label)
    };
    if let Some(label) = task
        .label(text)
        .or_else(|| task.label(bare))
        .or_else(same_but_case)
    {
        return Ok(label);
    }
    let mut found = words_within(text, task);
    found.truncate(16);
    if found.len() < 2 {
        return Err(AnswerError::Unknown {
            found: quote_start(text),
            expected: task.expected_labels(),
        });
    }
    Err(AnswerError::Several {
        found,
        expected: task.expected_labels(),
    })
}

/// The label words that occur in `text` as whole words, in order; of two at one place the longer one.
fn words_within(text: &str, task: &Task) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(first) = rest.chars().next() {
        let starts = !before.is_some_and(is_word_char);
        let fits = |word: &&str| {
            rest.strip_prefix(*word)
                .is_some_and(|after| !after.chars().next().is_some_and(is_word_char))
        };
        let words = task.labels.iter().map(|label| label.word.as_str()).filter(fits);
        let longest = if starts {
            words.max_by_key(|word| word.len())
        } else {
            None
        };
        let step = longest.map_or(first.len_utf8(), str::len);
        found.extend(longest.map(str::to_owned));
        before = rest[..step].chars().next_back();
        rest = &rest[step..];
    }
    found
}

/// Whether a character next to a word makes it another word. `_` and `-` count: `pay_bill` is not `pay`.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn quote_start(text: &str) -> String {
    text.chars().take(QUOTED_CHARS).collect()
}

fn quote_end(text: &str) -> String {
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(QUOTED_CHARS);
    text.chars().skip(skip).collect()
}
