//! Chat templates: the Jinja text of a chat model that turns messages into its prompt.
//!
//! Templates come from `chat_template.jinja` (or from `tokenizer_config.json`) of a model directory, so
//! they are other people's programs: each rendering has a limited number of steps, and every failure is a
//! [`ChatTemplateError`]. Known to templates, as in transformers: `messages`, `add_generation_prompt`,
//! `bos_token`, `eos_token`, `raise_exception`, `tojson`, Python's string and dictionary methods, and the
//! `generation` block. `strftime_now` is an error: the core has no clock.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

#[cfg(test)]
mod tests;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of this role.
    pub fn new(role: &str, content: &str) -> Self {
        Self {
            role: role.to_owned(),
            content: content.to_owned(),
        }
    }
}

/// The special tokens that a template may write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begin of sequence; empty if the model has none.
    pub bos: String,
    /// End of sequence; empty if the model has none.
    pub eos: String,
}

/// How a rendered conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Where the assistant's answer begins (`add_generation_prompt`).
    AwaitsAnswer,
    /// After the last message.
    Complete,
}

/// A chat template that cannot be read or rendered.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum ChatTemplateError {
    /// It is not Jinja, or not the part of Jinja that is known here.
    #[error("chat template: {0}")]
    Syntax(String),
    /// It failed on these messages, or refused them (`raise_exception`).
    #[error("chat template, on {messages} messages: {reason}")]
    Render {
        /// Number of messages.
        messages: usize,
        /// What happened.
        reason: String,
    },
}

/// Whether a rendered prompt is the beginning of the rendered prompt with its answer.
///
/// If it is not, training on the whole text and answering from the prompt are two different things
/// (a pitfall that TRL's users met: a label mask made from the prompt alone is then wrong).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixCheck {
    /// It is; `response` is what comes after the prompt: the answer and the end of the turn.
    Preserved {
        /// The rendered prompt.
        prompt: String,
        /// What comes after it.
        response: String,
    },
    /// It is not.
    Broken {
        /// Bytes that the two texts share from the beginning.
        shared_bytes: usize,
        /// How the prompt goes on there.
        prompt: String,
        /// How the prompt with answer goes on there.
        whole: String,
    },
}

/// Steps that one rendering may take; ordinary templates need a few hundred per message.
const FUEL: u64 = 5_000_000;

const NAME: &str = "chat_template";

/// A chat template that was read.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    tokens: SpecialTokens,
}

impl ChatTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`ChatTemplateError::Syntax`].
    pub fn new(source: &str, tokens: SpecialTokens) -> Result<Self, ChatTemplateError> {
        let mut environment = Environment::new();
        // As transformers does.
        let syntax_config = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax_config.map_err(|error| ChatTemplateError::Syntax(reason(&error)))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |_format: String| -> Result<Value, Error> {
            let reason = "strftime_now is not there (no clock): set the date in the template";
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        let syntax = |error: Error| ChatTemplateError::Syntax(reason(&error));
        environment
            .add_template_owned(NAME, without_generation_blocks(source))
            .map_err(syntax)?;
        Ok(Self { environment, tokens })
    }

    /// The messages as one text.
    ///
    /// # Errors
    /// [`ChatTemplateError::Render`].
    pub fn render(&self, messages: &[Message], ending: Ending) -> Result<String, ChatTemplateError> {
        let SpecialTokens { bos, eos } = &self.tokens;
        let values = context! {
            messages => Serde(messages),
            add_generation_prompt => ending == Ending::AwaitsAnswer,
            bos_token => bos,
            eos_token => eos,
        };
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render(values));
        rendered.map_err(|error| ChatTemplateError::Render {
            messages: messages.len(),
            reason: reason(&error),
        })
    }

    /// Renders a prompt with and without the answer, and compares the two.
    ///
    /// # Errors
    /// [`ChatTemplateError::Render`].
    pub fn check_prefix(&self, prompt: &[Message], answer: &str) -> Result<PrefixCheck, ChatTemplateError> {
        let mut with_answer = prompt.to_vec();
        with_answer.push(Message::new("assistant", answer));
        let prompt = self.render(prompt, Ending::AwaitsAnswer)?;
        let whole = self.render(&with_answer, Ending::Complete)?;
        if let Some(response) = whole.strip_prefix(&prompt) {
            return Ok(PrefixCheck::Preserved {
                response: response.to_owned(),
                prompt,
            });
        }
        let same = prompt.chars().zip(whole.chars()).take_while(|(a, b)| a == b);
        let shared_bytes = same.map(|(c, _)| c.len_utf8()).sum();
        let rest = |text: &str| text[shared_bytes..].chars().take(40).collect();
        Ok(PrefixCheck::Broken {
            shared_bytes,
            prompt: rest(&prompt),
            whole: rest(&whole),
        })
    }
}

/// An error with all that led to it.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

/// Writes transformers' `{% generation %}` .. `{% endgeneration %}`, which mark the answer for training and
/// print nothing of their own, as a condition that always holds.
fn without_generation_blocks(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        let Some((inside, after)) = tag.split_once("%}") else {
            break;
        };
        let name = inside.trim_matches(['-', '+']).trim();
        let replacement = match name {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        let inside = match replacement {
            Some(replacement) => inside.replacen(name, replacement, 1),
            None => inside.to_owned(),
        };
        text.push_str(&format!("{before}{{%{inside}%}}"));
        rest = after;
    }
    text.push_str(rest);
    text
}
