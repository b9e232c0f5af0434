//! What the policy reads: a task's question about one example.
//!
//! A prompt is one of the task's [wordings](Wording) filled with the example's texts, and a last
//! line that asks for the [`ResponseFormat`]. It ends with a line break, and an answer begins with a word,
//! so the tokens of prompt and answer never melt into each other.

use thiserror::Error;

use crate::answer::ResponseFormat;
use crate::example::{Example, Input};
use crate::task::{ExampleError, LabelWord, Task};

#[cfg(test)]
mod tests;
mod wording;

pub use wording::Wording;

/// What the policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The whole text, up to where the answer begins.
    pub text: String,
    /// Characters of the example's texts that were cut to make the prompt fit; 0 if it is whole.
    pub cut_chars: usize,
}

/// Why there is no prompt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PromptError {
    /// The example does not fit the task.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// The task has fewer wordings.
    #[error("wording of task `{task}`: found {found}, expected less than {available}")]
    Wording {
        /// Name of the task.
        task: String,
        /// The index that was asked for.
        found: usize,
        /// Number of wordings.
        available: usize,
    },
    /// Even without any of the example's text the prompt is too long.
    #[error(
        "prompt of example `{id}`: found a length of {found} without its texts, expected at most {limit}"
    )]
    TooLong {
        /// The example's id.
        id: String,
        /// Length of the wording alone.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

impl Task {
    /// The prompt for one example, in the wording with this index.
    ///
    /// # Errors
    /// [`PromptError::Example`] and [`PromptError::Wording`].
    pub fn prompt(
        &self,
        example: &Example,
        wording: usize,
        format: ResponseFormat,
    ) -> Result<Prompt, PromptError> {
        self.check_input(example)?;
        let wording = self.wording(wording)?;
        Ok(Prompt {
            text: fill(self, wording, example, format, usize::MAX).0,
            cut_chars: 0,
        })
    }

    /// The prompt for one example, its texts cut so that `length` of the prompt is at most `limit`.
    ///
    /// `length` is typically the number of tokens. Texts are cut at their ends and at white space, the
    /// longest first; wording, choices and the line that asks for the format stay whole.
    ///
    /// # Errors
    /// As [`Task::prompt`], and [`PromptError::TooLong`].
    pub fn prompt_within(
        &self,
        example: &Example,
        wording: usize,
        format: ResponseFormat,
        limit: usize,
        mut length: impl FnMut(&str) -> usize,
    ) -> Result<Prompt, PromptError> {
        match self.most_chars(example, wording, format, limit, &mut length)? {
            None => self.prompt(example, wording, format),
            Some(most) => {
                let (text, cut_chars) = fill(self, self.wording(wording)?, example, format, most);
                Ok(Prompt { text, cut_chars })
            }
        }
    }

    /// The example with its texts cut as [`Task::prompt_within`] cuts them, so that everything that is made of it is
    /// made of what the model reads; `None` if it fits as it is.
    ///
    /// # Errors
    /// As [`Task::prompt_within`].
    pub fn cut_example(
        &self,
        example: &Example,
        wording: usize,
        format: ResponseFormat,
        limit: usize,
        mut length: impl FnMut(&str) -> usize,
    ) -> Result<Option<Example>, PromptError> {
        let most = self.most_chars(example, wording, format, limit, &mut length)?;
        Ok(most.map(|most| {
            let cut = |text: &str| cut_text(text, most).to_owned();
            Example {
                input: match &example.input {
                    Input::Text(text) => Input::Text(cut(text)),
                    Input::Pair { text_a, text_b } => Input::Pair {
                        text_a: cut(text_a),
                        text_b: cut(text_b),
                    },
                },
                ..example.clone()
            }
        }))
    }

    /// How many characters each text may have for the prompt to fit; `None` if it fits whole.
    fn most_chars(
        &self,
        example: &Example,
        wording: usize,
        format: ResponseFormat,
        limit: usize,
        length: &mut impl FnMut(&str) -> usize,
    ) -> Result<Option<usize>, PromptError> {
        if length(&self.prompt(example, wording, format)?.text) <= limit {
            return Ok(None);
        }
        let wording = self.wording(wording)?;
        let mut length_of = |most: usize| length(&fill(self, wording, example, format, most).0);
        let found = length_of(0);
        if found > limit {
            return Err(PromptError::TooLong {
                id: example.id.clone(),
                found,
                limit,
            });
        }
        // The largest number of characters per text that fits, by halving: `fits` does, `over` does not.
        let (mut fits, mut over) = (0, longest_text(example));
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if length_of(middle) <= limit {
                fits = middle;
            } else {
                over = middle;
            }
        }
        Ok(Some(fits))
    }

    /// Instructions for a model that was not trained on this task: the labels with their meaning, and the
    /// format of the answer. Goes before the prompt, or into the system message of a chat.
    pub fn instructions(&self, format: ResponseFormat) -> String {
        let mut text = String::from("Answer with exactly one of these labels:\n");
        for LabelWord {
            word, description, ..
        } in &self.labels
        {
            // A letter is described by the choices that the prompt lists.
            let meaning = if description == word {
                String::new()
            } else {
                format!(": {description}")
            };
            text.push_str(&format!("- {word}{meaning}\n"));
        }
        text.push_str(match format {
            ResponseFormat::RationaleThenLabel => {
                "First write your reason on one line. Then write, on a line of its own, `Label: ` and the label."
            }
            ResponseFormat::LabelThenRationale => {
                "First write, on a line of its own, `Label: ` and the label. Then write your reason on one line."
            }
            ResponseFormat::LabelOnly => "Write the label and nothing else.",
        });
        text
    }

    fn wording(&self, index: usize) -> Result<&Wording, PromptError> {
        self.prompts.get(index).ok_or_else(|| PromptError::Wording {
            task: self.name.clone(),
            found: index,
            available: self.prompts.len(),
        })
    }
}

/// The last line of a prompt: short, as it is repeated in every one.
fn request(format: ResponseFormat) -> &'static str {
    match format {
        ResponseFormat::RationaleThenLabel => "Reason, then label:\n",
        ResponseFormat::LabelThenRationale => "Label, then reason:\n",
        ResponseFormat::LabelOnly => "Label:\n",
    }
}

/// The prompt with at most `most` characters of each text, and the number of characters left out.
fn fill(
    task: &Task,
    wording: &Wording,
    example: &Example,
    format: ResponseFormat,
    most: usize,
) -> (String, usize) {
    let mut left_out = 0;
    let mut cut = |text| {
        let kept = cut_text(text, most);
        left_out += text.chars().count() - kept.chars().count();
        kept
    };
    let texts = match &example.input {
        Input::Text(text) => [cut(text), ""],
        Input::Pair { text_a, text_b } => [cut(text_a), cut(text_b)],
    };
    let mut text = wording.fill(task, texts, &example.choices);
    text.push('\n');
    text.push_str(request(format));
    (text, left_out)
}

fn longest_text(example: &Example) -> usize {
    match &example.input {
        Input::Text(text) => text.chars().count(),
        Input::Pair { text_a, text_b } => text_a.chars().count().max(text_b.chars().count()),
    }
}

/// The first `most` characters of `text`, less a word that would be cut in two.
fn cut_text(text: &str, most: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(most) else {
        return text;
    };
    let head = &text[..end];
    if next.is_whitespace() {
        return head.trim_end();
    }
    match head.rfind(char::is_whitespace) {
        Some(space) => head[..space].trim_end(),
        // A single long word, or a script without spaces.
        None => head,
    }
}
