//! CSV and TSV: one example per record, its fields in columns that the caller names.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::csv_records::CsvRecords;
use super::error::{Mismatch, ReadError, ReadReport};
use super::fields::{self, quote};
use super::options::ReadOptions;
use super::rows::Tally;
use super::uniform::check_label;
use crate::example::Example;
use crate::task::Task;

/// What a table looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableForm {
    /// What stands between two cells. Default: a comma.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// What a quote means. Default: CSV's rules.
    #[serde(default)]
    pub quoting: Quoting,
    /// Whether the first record names the columns. Default: it does.
    #[serde(default)]
    pub header: Header,
    /// Which column holds which field.
    pub columns: Columns,
    /// The file's words for labels, and the task's words for them. A word that is not here stays as it is.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What stands between two cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// CSV.
    #[default]
    Comma,
    /// TSV.
    Tab,
    /// CSV where the comma is the decimal mark.
    Semicolon,
}

/// What a quote at the beginning of a cell means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quoting {
    /// The cell goes to the next single quote; inside it `""` is a quote, and line breaks are text.
    #[default]
    Double,
    /// Nothing: quotes are text. So are most TSV files, GLUE's among them.
    None,
}

/// Whether the first record names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// It does.
    #[default]
    FirstLine,
    /// There are no names; columns are given by number.
    Absent,
}

/// Which column holds which field of the examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Default: `<task>-<number of the record>`.
    pub id: Option<Column>,
    /// The text of a task with one text.
    pub text: Option<Column>,
    /// The first text of a task with two.
    pub text_a: Option<Column>,
    /// The second text of a task with two.
    pub text_b: Option<Column>,
    /// The label. May be missing for a graded task with `score`.
    pub label: Option<Column>,
    /// A text in favour of the label.
    pub rationale: Option<Column>,
    /// The gold value of a graded task.
    pub score: Option<Column>,
    /// Where the row came from.
    pub source: Option<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// By its number, counted from 0.
    Index(usize),
    /// By its name in the header.
    Name(String),
}

impl Delimiter {
    /// The delimiter as a byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Semicolon => b';',
        }
    }
}

/// The rows of a table. The iterator ends after the first error that it returns.
pub struct TableRows<'a, R> {
    /// `None` when the beginning of the file could not be read, and after the end.
    records: Option<CsvRecords<R>>,
    task: &'a Task,
    form: TableForm,
    layout: Option<ColumnNumbers>,
    tally: Tally,
    opening_error: Option<io::Error>,
    records_seen: u64,
}

/// The columns by number, and how many cells every record has.
struct ColumnNumbers {
    cells: usize,
    by_field: BTreeMap<&'static str, usize>,
}

impl<'a, R: BufRead> TableRows<'a, R> {
    pub(super) fn new(reader: R, task: &'a Task, form: TableForm, options: ReadOptions) -> Self {
        let records = CsvRecords::open(reader, form.delimiter, form.quoting, options.max_record_bytes);
        let (records, opening_error) = match records {
            Ok(records) => (Some(records), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            records,
            task,
            form,
            layout: None,
            tally: Tally::new(options),
            opening_error,
            records_seen: 0,
        }
    }

    /// What was read so far.
    pub fn report(&self) -> &ReadReport {
        &self.tally.report
    }

    /// All rows, and the report on them.
    ///
    /// # Errors
    /// The first error that the iterator returns.
    pub fn read_all(mut self) -> Result<(Vec<Example>, ReadReport), ReadError> {
        let rows = self.by_ref().collect::<Result<_, _>>()?;
        Ok((rows, self.tally.report))
    }

    fn advance(&mut self) -> Option<Result<Example, ReadError>> {
        let Self {
            records,
            task,
            form,
            layout,
            tally,
            opening_error,
            records_seen,
        } = self;
        if let Some(error) = opening_error.take() {
            return Some(Err(tally.io(error, 1)));
        }
        let records = records.as_mut()?;
        loop {
            let record = records.next();
            tally.report.lines = records.line_count();
            tally.report.blank = records.blank_count();
            let record = match record {
                Ok(record) => record?,
                Err(error) => return Some(Err(tally.io(error, records.line_count() + 1))),
            };
            let cells = match record.problem {
                Some(problem) => Err(problem),
                None => read_cells(records, tally),
            };
            if form.header == Header::FirstLine && layout.is_none() {
                match cells.and_then(|cells| ColumnNumbers::find(form, &cells)) {
                    Ok(numbers) => *layout = Some(numbers),
                    // No row can be read without it, so there is nothing to go on to.
                    Err(problem) => return Some(Err(tally.bad_line(record.line, problem).into())),
                }
                continue;
            }
            let example = cells.and_then(|cells| {
                let numbers = match layout {
                    Some(numbers) => numbers,
                    None => layout.insert(ColumnNumbers::find(form, &cells)?),
                };
                numbers.example(&cells, task, form, *records_seen)
            });
            *records_seen += 1;
            if example.is_err() {
                records.reject();
            }
            if let Some(result) = tally.settle(record.line, example) {
                return Some(result);
            }
        }
    }
}

impl<R: BufRead> Iterator for TableRows<'_, R> {
    type Item = Result<Example, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if !matches!(next, Some(Ok(_))) {
            self.records = None;
        }
        next
    }
}

fn read_cells<R: BufRead>(records: &CsvRecords<R>, tally: &mut Tally) -> Result<Vec<String>, Mismatch> {
    let replaced_before = tally.report.replaced_utf8;
    let cells = records
        .cells()
        .map(|cell| tally.utf8(cell).map(String::from))
        .collect();
    // The count is of records, not of cells.
    tally.report.replaced_utf8 = tally.report.replaced_utf8.min(replaced_before + 1);
    cells
}

impl ColumnNumbers {
    /// Finds the columns by the first record.
    fn find(form: &TableForm, first: &[String]) -> Result<Self, Mismatch> {
        let Columns {
            id,
            text,
            text_a,
            text_b,
            label,
            rationale,
            score,
            source,
        } = &form.columns;
        let fields = [
            ("id", id),
            ("text", text),
            ("text_a", text_a),
            ("text_b", text_b),
            ("label", label),
            ("rationale", rationale),
            ("score", score),
            ("source", source),
        ];
        let mut by_field = BTreeMap::new();
        for (field, column) in fields {
            let number = match column {
                None => continue,
                Some(Column::Index(number)) => Some(*number).filter(|&number| number < first.len()),
                Some(Column::Name(_)) if form.header == Header::Absent => None,
                Some(Column::Name(name)) => first.iter().position(|cell| cell == name),
            };
            let wrong = || {
                let (expected, columns) = match (column, form.header) {
                    (Some(Column::Name(name)), Header::FirstLine) => (
                        format!("a column named {}", quote(name)),
                        format!("the columns {}", first.join(", ")),
                    ),
                    (Some(Column::Name(name)), Header::Absent) => (
                        format!("a column number in place of {}", quote(name)),
                        "no header".to_owned(),
                    ),
                    (column, _) => (
                        format!("{column:?}"),
                        format!("{} columns, counted from 0", first.len()),
                    ),
                };
                Mismatch::new(field, columns, expected)
            };
            by_field.insert(field, number.ok_or_else(wrong)?);
        }
        Ok(Self {
            cells: first.len(),
            by_field,
        })
    }

    /// The example in a record, checked against the task.
    fn example(
        &self,
        cells: &[String],
        task: &Task,
        form: &TableForm,
        records_before: u64,
    ) -> Result<Example, Mismatch> {
        if cells.len() != self.cells {
            let expected = format!("{} cells as in the first record", self.cells);
            return Err(Mismatch::of_record(format!("{} cells", cells.len()), expected));
        }
        let cell = |field: &str| self.by_field.get(field).map(|&number| cells[number].clone());
        let score = cell("score").map(|text| number("score", &text)).transpose()?;
        let label = match (cell("label"), score.and_then(|score| task.nearest_label(score))) {
            (Some(word), _) => form.labels.get(&word).cloned().unwrap_or(word),
            (None, Some(label)) => task.word(label).to_owned(),
            (None, None) => {
                return Err(Mismatch::new(
                    "label",
                    "no column",
                    "a column for `label`, or for `score`",
                ));
            }
        };
        let example = Example {
            id: cell("id").unwrap_or_else(|| format!("{}-{}", task.name, records_before + 1)),
            task: task.name.clone(),
            input: fields::input(cell("text"), cell("text_a"), cell("text_b"))?,
            label,
            rationale: cell("rationale").filter(|text| !text.is_empty()),
            rationale_by: None,
            rationales: BTreeMap::new(),
            choices: BTreeMap::new(),
            evidence: BTreeMap::new(),
            others: Vec::new(),
            score,
            source: cell("source"),
        };
        check_label(Ok(task), &example)?;
        Ok(example)
    }
}

fn number(field: &str, text: &str) -> Result<f64, Mismatch> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Mismatch::new(field, quote(text), "a number"))
}
