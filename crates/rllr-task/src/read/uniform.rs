//! The project's own form: one object per example, with the field names of `docs/formats.md`.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::Mismatch;
use super::fields::{self, Fields};
use super::rows::Form;
use crate::example::{Example, Explanation, Input};
use crate::task::{ExampleError, Task, TaskError, Tasks};

/// Examples of any task.
pub struct Uniform;

/// Examples of known tasks, each checked against its task.
pub struct Labelled<'a> {
    pub(super) tasks: &'a Tasks,
}

impl Form for Uniform {
    type Row = Example;

    fn parse(&self, record: &str) -> Result<Example, Mismatch> {
        match serde_json::from_str::<Row>(record) {
            Ok(row) => row.into_example(),
            Err(error) => Err(explain(record, &error)),
        }
    }
}

impl Form for Labelled<'_> {
    type Row = Example;

    fn parse(&self, record: &str) -> Result<Example, Mismatch> {
        let example = Uniform.parse(record)?;
        check_label(self.tasks.get(&example.task), &example)?;
        Ok(example)
    }
}

/// Checks an example against its task.
pub(super) fn check_label(task: Result<&Task, TaskError>, example: &Example) -> Result<(), Mismatch> {
    match task {
        Ok(task) => match task.gold_label(example) {
            Ok(_) => Ok(()),
            Err(ExampleError {
                field,
                found,
                expected,
                ..
            }) => Err(Mismatch::new(field, found, expected)),
        },
        Err(TaskError::UnknownTask { found, expected }) => {
            Err(Mismatch::new("task", found, format!("one of {expected}")))
        }
        Err(other) => Err(Mismatch::new("task", other.to_string(), "a known task")),
    }
}

/// The fields as they stand in a file. `null` is the same as a missing field.
#[derive(Deserialize)]
struct Row {
    id: String,
    task: String,
    text: Option<String>,
    text_a: Option<String>,
    text_b: Option<String>,
    choices: Option<BTreeMap<String, String>>,
    label: String,
    rationale: Option<String>,
    rationale_by: Option<String>,
    rationales: Option<BTreeMap<String, String>>,
    evidence: Option<BTreeMap<String, Vec<String>>>,
    others: Option<Vec<RowExplanation>>,
    score: Option<f64>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct RowExplanation {
    by: String,
    label: String,
    text: String,
}

impl Row {
    fn into_example(self) -> Result<Example, Mismatch> {
        let explanation = |RowExplanation { by, label, text }| Explanation { by, label, text };
        Ok(Example {
            input: fields::input(self.text, self.text_a, self.text_b)?,
            id: self.id,
            task: self.task,
            label: self.label,
            rationale: self.rationale,
            rationale_by: self.rationale_by,
            rationales: self.rationales.unwrap_or_default(),
            choices: self.choices.unwrap_or_default(),
            evidence: self.evidence.unwrap_or_default(),
            others: self
                .others
                .unwrap_or_default()
                .into_iter()
                .map(explanation)
                .collect(),
            score: self.score,
            source: self.source,
        })
    }
}

/// Names the field on which the fast reader failed, by reading the record once more, field by field.
fn explain(record: &str, error: &serde_json::Error) -> Mismatch {
    let check = || {
        let fields = Fields::parse(record)?;
        for name in ["id", "task", "label"] {
            fields.text(name)?;
        }
        for name in ["text", "text_a", "text_b", "rationale", "rationale_by", "source"] {
            fields.optional_text(name)?;
        }
        fields.texts_by_key("rationales")?;
        fields.texts_by_key("choices")?;
        fields.lists_by_key("evidence")?;
        fields.optional_number("score")?;
        for (path, other) in fields.objects("others")? {
            for name in ["by", "label", "text"] {
                other.text(name).map_err(|wrong| Mismatch {
                    field: format!("{path}.{name}"),
                    ..wrong
                })?;
            }
        }
        Ok(())
    };
    // A field that stands there twice is wrong only for the fast reader.
    let otherwise = || Mismatch::of_record(error.to_string(), "an object with each field once");
    check().err().unwrap_or_else(otherwise)
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |Mismatch {
                         field,
                         found,
                         expected,
                     }| {
            serde::de::Error::custom(format!("field `{field}`: found {found}, expected {expected}"))
        };
        Row::deserialize(deserializer)?.into_example().map_err(wrong)
    }
}

/// Writes the uniform form; what is empty is left out.
impl Serialize for Example {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Example", 14)?;
        row.serialize_field("id", &self.id)?;
        row.serialize_field("task", &self.task)?;
        match &self.input {
            Input::Text(text) => row.serialize_field("text", text)?,
            Input::Pair { text_a, text_b } => {
                row.serialize_field("text_a", text_a)?;
                row.serialize_field("text_b", text_b)?;
            }
        }
        if !self.choices.is_empty() {
            row.serialize_field("choices", &self.choices)?;
        }
        row.serialize_field("label", &self.label)?;
        if let Some(rationale) = &self.rationale {
            row.serialize_field("rationale", rationale)?;
        }
        if let Some(writer) = &self.rationale_by {
            row.serialize_field("rationale_by", writer)?;
        }
        if !self.rationales.is_empty() {
            row.serialize_field("rationales", &self.rationales)?;
        }
        if !self.evidence.is_empty() {
            row.serialize_field("evidence", &self.evidence)?;
        }
        if !self.others.is_empty() {
            row.serialize_field("others", &self.others)?;
        }
        if let Some(score) = &self.score {
            row.serialize_field("score", score)?;
        }
        if let Some(source) = &self.source {
            row.serialize_field("source", source)?;
        }
        row.end()
    }
}
