//! TRL's data forms: prompt-completion and preference, each standard (texts) or conversational (messages).

use serde_json::Value;

use super::error::Mismatch;
use super::fields::{self, Fields, describe};
use super::rows::Form;
use crate::chat_template::Message;

/// A part of a row: a text, or messages that a chat template turns into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// TRL calls it standard.
    Text(String),
    /// TRL calls it conversational.
    Messages(Vec<Message>),
}

/// A prompt and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptCompletion {
    /// What the model reads.
    pub prompt: Content,
    /// What it should write.
    pub completion: Content,
}

/// A prompt and two answers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// What the model reads.
    pub prompt: Content,
    /// The better answer.
    pub chosen: Content,
    /// The worse answer.
    pub rejected: Content,
}

/// `prompt` and `completion`.
pub struct PromptCompletionForm;

/// `chosen` and `rejected`, with or without `prompt`.
pub struct PreferenceForm;

impl Form for PromptCompletionForm {
    type Row = PromptCompletion;

    fn parse(&self, record: &str) -> Result<PromptCompletion, Mismatch> {
        let fields = Fields::parse(record)?;
        let prompt = content(&fields, "prompt")?;
        let completion = content(&fields, "completion")?;
        same_kind("completion", &prompt, &completion)?;
        Ok(PromptCompletion { prompt, completion })
    }
}

impl Form for PreferenceForm {
    type Row = Preference;

    fn parse(&self, record: &str) -> Result<Preference, Mismatch> {
        let fields = Fields::parse(record)?;
        let chosen = content(&fields, "chosen")?;
        let rejected = content(&fields, "rejected")?;
        same_kind("rejected", &chosen, &rejected)?;
        if fields.get("prompt").is_none() {
            return Ok(split_prompt(chosen, rejected));
        }
        let prompt = content(&fields, "prompt")?;
        match (&prompt, &chosen) {
            // Some public sets repeat the prompt as a text beside whole conversations, which begin with it.
            (Content::Text(_), Content::Messages(_)) => Ok(split_prompt(chosen, rejected)),
            _ => {
                same_kind("chosen", &prompt, &chosen)?;
                Ok(Preference {
                    prompt,
                    chosen,
                    rejected,
                })
            }
        }
    }
}

fn split_prompt(chosen: Content, rejected: Content) -> Preference {
    match (chosen, rejected) {
        (Content::Messages(chosen), Content::Messages(rejected)) => {
            let shared = shared_length(&chosen, &rejected);
            let part = |messages: &[Message]| Content::Messages(messages.to_vec());
            Preference {
                prompt: part(&chosen[..shared]),
                chosen: part(&chosen[shared..]),
                rejected: part(&rejected[shared..]),
            }
        }
        (Content::Text(chosen), Content::Text(rejected)) => {
            let ExtractedPrompt {
                prompt,
                chosen,
                rejected,
            } = extract_prompt(&chosen, &rejected);
            let part = |text: &str| Content::Text(text.to_owned());
            Preference {
                prompt: part(prompt),
                chosen: part(chosen),
                rejected: part(rejected),
            }
        }
        // The caller has compared the kinds.
        (chosen, rejected) => Preference {
            prompt: Content::Text(String::new()),
            chosen,
            rejected,
        },
    }
}

/// Two texts, parted into what they share and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtractedPrompt<'a> {
    /// The shared beginning.
    pub prompt: &'a str,
    /// The rest of the chosen text.
    pub chosen: &'a str,
    /// The rest of the rejected text.
    pub rejected: &'a str,
}

/// Parts two texts into the prompt that they share and the two completions, as TRL's `extract_prompt`
/// does: the prompt ends before the first character that differs, and a space before that character goes
/// to the completions. Where one text begins with the whole other one, the last character of the shorter
/// one is left to the completions, so that none is empty.
///
/// (TRL takes the *last* character of `chosen` for the one before the first; here there is none, and the
/// prompt is empty.)
pub fn extract_prompt<'a>(chosen: &'a str, rejected: &'a str) -> ExtractedPrompt<'a> {
    let mut shared = 0;
    let mut before = (0, ' ');
    let mut pairs = chosen.char_indices().zip(rejected.chars());
    let differ = loop {
        match pairs.next() {
            Some(((at, a), b)) if a == b => {
                before = (at, a);
                shared = at + a.len_utf8();
            }
            Some(_) => break true,
            None => break false,
        }
    };
    let end = if !differ || (shared > 0 && before.1 == ' ') {
        before.0
    } else {
        shared
    };
    ExtractedPrompt {
        prompt: &chosen[..end],
        chosen: &chosen[end..],
        rejected: &rejected[end..],
    }
}

/// How many messages both conversations begin with; less than the shorter one has.
fn shared_length(chosen: &[Message], rejected: &[Message]) -> usize {
    let shared = chosen.iter().zip(rejected).take_while(|(a, b)| a == b).count();
    shared.min(chosen.len().min(rejected.len()).saturating_sub(1))
}

fn content(fields: &Fields, name: &str) -> Result<Content, Mismatch> {
    let expected = "a text or a list of messages";
    match fields.required(name, expected)? {
        Value::String(text) => Ok(Content::Text(text.clone())),
        Value::Array(items) if items.is_empty() => Err(Mismatch::new(name, "an empty list", expected)),
        Value::Array(items) => {
            let messages = items
                .iter()
                .enumerate()
                .map(|(index, item)| message(&format!("{name}[{index}]"), item));
            Ok(Content::Messages(messages.collect::<Result<_, _>>()?))
        }
        other => Err(Mismatch::new(name, describe(other), expected)),
    }
}

fn message(path: &str, value: &Value) -> Result<Message, Mismatch> {
    let field = |name: &str| {
        let path = format!("{path}.{name}");
        match value.get(name) {
            Some(text) => fields::text(&path, text),
            None => Err(Mismatch::new(path, "nothing", "a text")),
        }
    };
    if !value.is_object() {
        return Err(Mismatch::new(
            path,
            describe(value),
            "a message with `role` and `content`",
        ));
    }
    Ok(Message {
        role: field("role")?,
        content: field("content")?,
    })
}

fn same_kind(field: &str, first: &Content, second: &Content) -> Result<(), Mismatch> {
    let kind = |content: &Content| match content {
        Content::Text(_) => "a text",
        Content::Messages(_) => "a list of messages",
    };
    if kind(first) == kind(second) {
        return Ok(());
    }
    Err(Mismatch::new(
        field,
        kind(second),
        format!("{}, as the field before it", kind(first)),
    ))
}
