//! What a model reads of each example, within the positions that it knows.

use rllr_model::{Tokenizer, TokenizerError};
use rllr_task::{Answer, Example, Label, PromptError, Task};

use super::{AnswerMode, AnsweringConfig, AnsweringError, Question};

/// The prompts of all examples.
pub(super) struct Prompts<'a> {
    /// In the order of the examples.
    pub(super) questions: Vec<Question<'a>>,
    /// Most tokens of an answer.
    pub(super) max_new_tokens: usize,
    /// Prompts whose texts were cut.
    pub(super) shortened: usize,
}

/// Prepares the prompts. Where a model knows few positions, whole prompts come first: answers may be shorter than wanted,
/// down to a quarter of the positions, and only texts that leave less than that are cut.
pub(super) fn prompts<'a>(
    task: &'a Task,
    tokenizer: &Tokenizer,
    examples: &'a [Example],
    max_positions: Option<usize>,
    config: &AnsweringConfig,
) -> Result<Prompts<'a>, AnsweringError> {
    let AnsweringConfig { wording, format, .. } = *config;
    let mut questions = Vec::with_capacity(examples.len());
    for (place, example) in examples.iter().enumerate() {
        let gold = task.gold_label(example).map_err(PromptError::from)?;
        let text = task.prompt(example, wording, format)?.text;
        questions.push(Question {
            place,
            example,
            gold,
            prompt: tokenizer.encode_prompt(&text)?,
        });
    }
    let wanted = match config.mode {
        AnswerMode::Generate => config.max_new_tokens,
        AnswerMode::Likelihood => longest_label(task, tokenizer, config)?,
    };
    let Some(positions) = max_positions else {
        return Ok(Prompts {
            questions,
            max_new_tokens: wanted,
            shortened: 0,
        });
    };
    let longest = questions.iter().map(|question| question.prompt.len()).max();
    let left = positions.saturating_sub(longest.unwrap_or(0));
    let max_new_tokens = wanted.min(left.max(positions / 4)).max(1);
    let room = positions.saturating_sub(max_new_tokens);
    let mut shortened = 0;
    for question in &mut questions {
        if question.prompt.len() > room {
            question.prompt = cut(task, tokenizer, question.example, room, config)?;
            shortened += 1;
        }
    }
    Ok(Prompts {
        questions,
        max_new_tokens,
        shortened,
    })
}

/// Tokens of the longest label as a whole answer, EOS included.
fn longest_label(
    task: &Task,
    tokenizer: &Tokenizer,
    config: &AnsweringConfig,
) -> Result<usize, TokenizerError> {
    let mut longest = 1;
    for label in 0..task.labels.len() {
        let text = Answer::new("", Label(label)).print(task, config.format);
        longest = longest.max(tokenizer.encode_response(&text)?.len());
    }
    Ok(longest)
}

/// The prompt of an example, its texts cut to so many tokens in all.
fn cut(
    task: &Task,
    tokenizer: &Tokenizer,
    example: &Example,
    room: usize,
    config: &AnsweringConfig,
) -> Result<Vec<u32>, AnsweringError> {
    let AnsweringConfig { wording, format, .. } = *config;
    let mut failed = None;
    let length = |text: &str| match tokenizer.encode_prompt(text) {
        Ok(ids) => ids.len(),
        Err(error) => {
            failed = Some(error);
            0
        }
    };
    let prompt = task.prompt_within(example, wording, format, room, length);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(tokenizer.encode_prompt(&prompt?.text)?),
    }
}
