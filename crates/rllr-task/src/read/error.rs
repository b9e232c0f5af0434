//! What can be wrong with a file, and the count of what was.

use std::fmt;
use std::io;

use serde::Serialize;
use thiserror::Error;

/// Why reading ended.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A record cannot be used, and bad records are not to be skipped.
    #[error(transparent)]
    Bad(#[from] BadLine),
    /// The bytes cannot be read, or are not the gzip data that they begin like.
    #[error("{file}, line {line}: {source}")]
    Io {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line that was being read, counted from 1.
        line: u64,
        /// What went wrong.
        source: io::Error,
    },
}

/// A record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Name of the file, as the caller gave it.
    pub file: String,
    /// Line on which the record begins, counted from 1.
    pub line: u64,
    /// Field or column; empty if the record as a whole is wrong.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            field,
            found,
            expected,
        } = self;
        write!(out, "{file}, line {line}")?;
        if !field.is_empty() {
            write!(out, ", field `{field}`")?;
        }
        write!(out, ": found {found}, expected {expected}")
    }
}

impl std::error::Error for BadLine {}

/// What is wrong with a record, before the place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Field or column; empty if the record as a whole is wrong.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl Mismatch {
    /// A wrong field.
    pub fn new(field: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// A record that is wrong as a whole.
    pub fn of_record(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::new("", found, expected)
    }
}

/// What was read so far.
///
/// For JSON lines `lines = rows + bad + blank`; a record of a table or of a JSON list may take several
/// lines, and the header line of a table is counted in `lines` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadReport {
    /// Lines of text.
    pub lines: u64,
    /// Records that were handed out.
    pub rows: u64,
    /// Records that could not be used.
    pub bad: u64,
    /// Lines of white space between records.
    pub blank: u64,
    /// Records in which bytes that are not UTF-8 were replaced.
    pub replaced_utf8: u64,
    /// The first bad records, as many as [`ReadOptions::kept_errors`](super::ReadOptions::kept_errors) says.
    pub errors: Vec<BadLine>,
}
