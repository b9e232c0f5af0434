//! Reading labelled texts and preference data: streaming iterators over anything that is
//! [`BufRead`].
//!
//! | form | function | row |
//! |---|---|---|
//! | the project's uniform JSON lines | [`examples`], [`labelled_examples`] | [`Example`](crate::Example) |
//! | CSV and TSV with a column mapping | [`table`] | [`Example`](crate::Example) |
//! | the released RLLR / LLaMA-Factory form | [`instructions`] | [`InstructionRow`] |
//! | TRL's prompt-completion | [`prompt_completions`] | [`PromptCompletion`] |
//! | TRL's preference, explicit or implicit prompt | [`preferences`] | [`Preference`] |
//! | judged rationales (`rationale_pairs`) | [`rationale_judgements`] | [`RationaleJudgement`] |
//!
//! All of them: plain or gzip (told apart by the first two bytes); JSON forms as one object a line or as
//! one JSON list of objects; a byte-order mark and CRLF are accepted. Only one record is held in memory.
//!
//! Nothing is dropped silently. A bad record is a [`BadLine`] with file, line, field, what was found and
//! what was expected; it ends the reading or is counted, as [`OnBadLine`] says, and [`ReadReport`] holds
//! the counts.
//!
//! ```
//! use rllr_task::read::{ReadOptions, examples};
//!
//! let file = br#"{"id":"a-1","task":"sst2","text":"a gem","label":"positive"}"#;
//! let mut rows = examples(&file[..], ReadOptions::new("a.jsonl"));
//! assert_eq!(rows.next().expect("one row")?.label, "positive", "the label is read");
//! assert!(rows.next().is_none(), "there is one row");
//! assert_eq!(rows.report().rows, 1, "and it is counted");
//! # Ok::<(), rllr_task::read::ReadError>(())
//! ```

use std::io::BufRead;

mod error;
mod options;
mod rows;
mod source;
mod decode;
mod fields;
mod uniform;
mod table;
mod csv_records;
mod recognise;
mod instruction;
mod trl;
mod judgement;
#[cfg(test)]
mod tests;

pub use error::{BadLine, Mismatch, ReadError, ReadReport};
pub use instruction::{DatasetEntry, Instruction, InstructionOutput, InstructionRow, parse_dataset_info};
pub use judgement::{JudgementForm, RationaleJudgement, Votes};
pub use options::{OnBadLine, OnBrokenUtf8, ReadOptions};
pub use recognise::{TableLook, column_words, fitting_tasks, recognise_table};
pub use rows::{Form, Rows};
pub use table::{Column, Columns, Delimiter, Header, Quoting, TableForm, TableRows};
pub use trl::{
    Content, ExtractedPrompt, Preference, PreferenceForm, PromptCompletion, PromptCompletionForm,
    extract_prompt,
};
pub use uniform::{Labelled, Uniform};

use crate::task::{Task, Tasks};

/// Reads examples in the uniform form, without regard to which tasks exist.
pub fn examples<R: BufRead>(reader: R, options: ReadOptions) -> Rows<R, Uniform> {
    Rows::new(reader, Uniform, options)
}

/// Reads examples in the uniform form and checks each against its task: a task that is not in `tasks`,
/// texts that are not the task's, and a label that is not in its label set are bad lines.
pub fn labelled_examples<R: BufRead>(
    reader: R,
    tasks: &Tasks,
    options: ReadOptions,
) -> Rows<R, Labelled<'_>> {
    Rows::new(reader, Labelled { tasks }, options)
}

/// Reads examples of one task from a CSV or TSV file; each is checked against the task.
pub fn table<R: BufRead>(reader: R, task: &Task, form: TableForm, options: ReadOptions) -> TableRows<'_, R> {
    TableRows::new(reader, task, form, options)
}

/// Reads the released RLLR form: `instruction`, `input`, `output`.
pub fn instructions<R: BufRead>(reader: R, options: ReadOptions) -> Rows<R, Instruction> {
    Rows::new(reader, Instruction, options)
}

/// Reads TRL's prompt-completion form, standard or conversational.
pub fn prompt_completions<R: BufRead>(reader: R, options: ReadOptions) -> Rows<R, PromptCompletionForm> {
    Rows::new(reader, PromptCompletionForm, options)
}

/// Reads TRL's preference form, standard or conversational, with explicit or implicit prompt.
pub fn preferences<R: BufRead>(reader: R, options: ReadOptions) -> Rows<R, PreferenceForm> {
    Rows::new(reader, PreferenceForm, options)
}

/// Reads judged rationales: one input, one label, a better and a worse rationale.
pub fn rationale_judgements<R: BufRead>(reader: R, options: ReadOptions) -> Rows<R, JudgementForm> {
    Rows::new(reader, JudgementForm, options)
}
