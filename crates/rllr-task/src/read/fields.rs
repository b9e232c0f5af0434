//! The fields of a JSON object, checked one by one, so that a message can name the field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Mismatch;
use crate::example::Input;

/// Longest piece of a text that a message repeats, in characters.
const QUOTED_CHARS: usize = 40;

/// The fields of one record.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a record as one JSON object.
    pub(super) fn parse(record: &str) -> Result<Self, Mismatch> {
        match serde_json::from_str(record) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(other) => Err(Mismatch::of_record(describe(&other), "a JSON object")),
            Err(error) => Err(Mismatch::of_record(
                format!("broken JSON ({error})"),
                "a JSON object",
            )),
        }
    }

    /// A field that is there and not `null`.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A field that has to be there.
    pub(super) fn required(&self, name: &str, expected: &str) -> Result<&Value, Mismatch> {
        self.get(name)
            .ok_or_else(|| Mismatch::new(name, self.describe(name), expected))
    }

    /// A text that has to be there.
    pub(super) fn text(&self, name: &str) -> Result<String, Mismatch> {
        text(name, self.required(name, "a text")?)
    }

    /// A text that may be missing or `null`.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, Mismatch> {
        self.get(name).map(|value| text(name, value)).transpose()
    }

    /// A number that may be missing or `null`.
    pub(super) fn optional_number(&self, name: &str) -> Result<Option<f64>, Mismatch> {
        let number = |value: &Value| {
            value
                .as_f64()
                .ok_or_else(|| Mismatch::new(name, describe(value), "a number"))
        };
        self.get(name).map(number).transpose()
    }

    /// An object of texts; empty if it is missing or `null`.
    pub(super) fn texts_by_key(&self, name: &str) -> Result<BTreeMap<String, String>, Mismatch> {
        self.by_key(name, "an object of texts", text)
    }

    /// An object of lists of texts; empty if it is missing or `null`.
    pub(super) fn lists_by_key(&self, name: &str) -> Result<BTreeMap<String, Vec<String>>, Mismatch> {
        let list = |path: &str, value: &Value| {
            let items = value.as_array();
            let items = items.ok_or_else(|| Mismatch::new(path, describe(value), "a list of texts"))?;
            items.iter().map(|item| text(path, item)).collect()
        };
        self.by_key(name, "an object of lists of texts", list)
    }

    fn by_key<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&str, &Value) -> Result<T, Mismatch>,
    ) -> Result<BTreeMap<String, T>, Mismatch> {
        let Some(value) = self.get(name) else {
            return Ok(BTreeMap::new());
        };
        let entries = value
            .as_object()
            .ok_or_else(|| Mismatch::new(name, describe(value), expected))?;
        entries
            .iter()
            .map(|(key, value)| Ok((key.clone(), read(&format!("{name}.{key}"), value)?)))
            .collect()
    }

    /// The objects of a list; empty if it is missing or `null`. Each comes with its path, for messages.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<(String, Self)>, Mismatch> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let expected = "a list of objects";
        let items = value
            .as_array()
            .ok_or_else(|| Mismatch::new(name, describe(value), expected))?;
        let object = |(index, item): (usize, &Value)| {
            let path = format!("{name}[{index}]");
            match item {
                Value::Object(fields) => Ok((path, Self(fields.clone()))),
                other => Err(Mismatch::new(path, describe(other), "an object")),
            }
        };
        items.iter().enumerate().map(object).collect()
    }

    /// `text`, or `text_a` and `text_b`.
    pub(super) fn input(&self) -> Result<Input, Mismatch> {
        let texts = (
            self.optional_text("text")?,
            self.optional_text("text_a")?,
            self.optional_text("text_b")?,
        );
        input(texts.0, texts.1, texts.2)
    }

    fn describe(&self, name: &str) -> String {
        self.0.get(name).map_or_else(|| "nothing".to_owned(), describe)
    }
}

/// One text or two, never both.
pub(super) fn input(
    text: Option<String>,
    text_a: Option<String>,
    text_b: Option<String>,
) -> Result<Input, Mismatch> {
    let wrong = |field, found: &str, expected: &str| Err(Mismatch::new(field, found, expected));
    match (text, text_a, text_b) {
        (Some(text), None, None) => Ok(Input::Text(text)),
        (None, Some(text_a), Some(text_b)) => Ok(Input::Pair { text_a, text_b }),
        (None, None, None) => wrong("text", "nothing", "`text`, or `text_a` and `text_b`"),
        (None, Some(_), None) => wrong("text_b", "nothing", "a text beside `text_a`"),
        (None, None, Some(_)) => wrong("text_a", "nothing", "a text beside `text_b`"),
        (Some(_), _, _) => wrong(
            "text",
            "`text` beside `text_a` or `text_b`",
            "one form of the two",
        ),
    }
}

/// A value that has to be a text.
pub(super) fn text(path: &str, value: &Value) -> Result<String, Mismatch> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Mismatch::new(path, describe(value), "a text"))
}

/// What a value is, for messages.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("the text {}", quote(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The beginning of a text in quotes, for messages.
pub(super) fn quote(text: &str) -> String {
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    let more = if start.len() < text.len() { ".." } else { "" };
    format!("{start:?}{more}")
}
