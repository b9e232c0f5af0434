//! Judged rationales: two explanations of one label, of which people (or the source) prefer one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::Mismatch;
use super::fields::{Fields, describe};
use super::rows::Form;
use crate::example::Input;

/// Two rationales for one label of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RationaleJudgement {
    /// Unique id.
    pub id: String,
    /// Name of the task that the input belongs to.
    pub base: String,
    /// What the policy reads.
    pub input: Input,
    /// Answer options by letter, for tasks whose label is a letter.
    pub choices: BTreeMap<String, String>,
    /// The label that both rationales argue for.
    pub label: String,
    /// The preferred rationale.
    pub better: String,
    /// The other one.
    pub worse: String,
    /// How people judged the better one.
    pub better_votes: Option<Votes>,
    /// How people judged the worse one.
    pub worse_votes: Option<Votes>,
    /// Who wrote the rationales.
    pub by: Option<String>,
    /// The input that the pair is about; several pairs may share it.
    pub item: Option<String>,
    /// Where the row came from.
    pub source: Option<String>,
}

/// How many of the people who were asked accepted a rationale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Those who accepted it.
    pub accepting: u32,
    /// Those who were asked.
    pub asked: u32,
}

/// Rows with `better` and `worse`.
pub struct JudgementForm;

impl Form for JudgementForm {
    type Row = RationaleJudgement;

    fn parse(&self, record: &str) -> Result<RationaleJudgement, Mismatch> {
        let fields = Fields::parse(record)?;
        Ok(RationaleJudgement {
            id: fields.text("id")?,
            base: fields.text("base")?,
            input: fields.input()?,
            choices: fields.texts_by_key("choices")?,
            label: fields.text("label")?,
            better: fields.text("better")?,
            worse: fields.text("worse")?,
            better_votes: votes(&fields, "better_votes")?,
            worse_votes: votes(&fields, "worse_votes")?,
            by: fields.optional_text("by")?,
            item: fields.optional_text("item")?,
            source: fields.optional_text("source")?,
        })
    }
}

fn votes(fields: &Fields, name: &str) -> Result<Option<Votes>, Mismatch> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let count = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let votes = match value.as_array().map(Vec::as_slice) {
        Some([accepting, asked]) => count(accepting).zip(count(asked)),
        _ => None,
    };
    match votes {
        Some((accepting, asked)) if accepting <= asked => Ok(Some(Votes { accepting, asked })),
        _ => Err(Mismatch::new(
            name,
            describe(value),
            "[accepting, asked], two counts",
        )),
    }
}
