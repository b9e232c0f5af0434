//! The released RLLR form, which is LLaMA-Factory's: `instruction`, `input`, `output`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::error::Mismatch;
use super::fields::{self, Fields, describe};
use super::rows::Form;

/// One row of the released form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionRow {
    /// The task's prompt.
    pub instruction: String,
    /// The text it is about; may be empty.
    pub input: String,
    /// What to answer.
    pub output: InstructionOutput,
}

/// The output of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstructionOutput {
    /// One answer: a row for supervised training or for testing.
    Answer(String),
    /// `[chosen, rejected]`: a row for a reward model.
    Pair {
        /// The better answer.
        chosen: String,
        /// The worse answer.
        rejected: String,
    },
}

impl InstructionRow {
    /// What the model reads: the instruction, then on a new line the input unless it is empty,
    /// as in the released code.
    pub fn query(&self) -> String {
        let Self {
            instruction, input, ..
        } = self;
        if input.is_empty() {
            instruction.clone()
        } else {
            format!("{instruction}\n{input}")
        }
    }
}

/// The released form.
pub struct Instruction;

impl Form for Instruction {
    type Row = InstructionRow;

    fn parse(&self, record: &str) -> Result<InstructionRow, Mismatch> {
        let fields = Fields::parse(record)?;
        // Earlier turns would change what the model reads; they are not part of the released data.
        if let Some(history) = fields
            .get("history")
            .filter(|value| value.as_array().is_none_or(|h| !h.is_empty()))
        {
            return Err(Mismatch::new("history", describe(history), "no earlier turns"));
        }
        let output = match fields.required("output", "a text or [chosen, rejected]")? {
            serde_json::Value::Array(items) => match &items[..] {
                [chosen, rejected] => InstructionOutput::Pair {
                    chosen: fields::text("output[0]", chosen)?,
                    rejected: fields::text("output[1]", rejected)?,
                },
                _ => {
                    let found = format!("a list of {}", items.len());
                    return Err(Mismatch::new("output", found, "[chosen, rejected]"));
                }
            },
            text => InstructionOutput::Answer(fields::text("output", text)?),
        };
        let row = InstructionRow {
            instruction: fields.text("instruction")?,
            input: fields.optional_text("input")?.unwrap_or_default(),
            output,
        };
        check_ranking(&fields, &row)?;
        Ok(row)
    }
}

/// A row may say itself whether it is a ranked pair; then it has to be what it says.
fn check_ranking(fields: &Fields, row: &InstructionRow) -> Result<(), Mismatch> {
    let Some(value) = fields.get("ranking") else {
        return Ok(());
    };
    let ranking = Ranking::deserialize(value);
    let ranking = ranking.map_err(|_| Mismatch::new("ranking", describe(value), "true or false"))?;
    match (ranking.is_true(), &row.output) {
        (true, InstructionOutput::Answer(_)) => Err(Mismatch::new(
            "output",
            "one text",
            "[chosen, rejected], as `ranking` is true",
        )),
        (false, InstructionOutput::Pair { .. }) => Err(Mismatch::new(
            "output",
            "a list of 2",
            "one text, as `ranking` is false",
        )),
        _ => Ok(()),
    }
}

/// One entry of the released `dataset_info.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DatasetEntry {
    /// The data file.
    pub file_name: String,
    /// Whether `output` holds pairs. The released file has the texts "true" and "false", both of which
    /// its reader takes for true; here they mean what they say.
    #[serde(default, deserialize_with = "ranking")]
    pub ranking: bool,
}

/// Reads `dataset_info.json`: the data sets by name. Fields that are not needed are ignored.
///
/// # Errors
/// The entry and the field that is wrong.
pub fn parse_dataset_info(text: &str) -> Result<BTreeMap<String, DatasetEntry>, Mismatch> {
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|error| Mismatch::of_record(error.to_string(), "a JSON object"))?;
    let entry = |(name, value): (String, serde_json::Value)| {
        let found = describe(&value);
        let entry = DatasetEntry::deserialize(value).map_err(|error| {
            Mismatch::new(&name, format!("{found} ({error})"), "`file_name` and `ranking`")
        })?;
        Ok((name, entry))
    };
    entries.into_iter().map(entry).collect()
}

/// A truth value as JSON has it, or as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ranking {
    Typed(bool),
    Text(TextBool),
}

#[derive(Deserialize)]
enum TextBool {
    #[serde(rename = "true", alias = "True")]
    True,
    #[serde(rename = "false", alias = "False")]
    False,
}

impl Ranking {
    fn is_true(&self) -> bool {
        matches!(self, Self::Typed(true) | Self::Text(TextBool::True))
    }
}

fn ranking<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Ranking::deserialize(deserializer)?.is_true())
}
