//! How a reader treats what it should not meet.

use serde::{Deserialize, Serialize};

/// How to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Name of the file, for messages only.
    pub file: String,
    /// What a bad record does. Default: it stops the reading.
    pub on_bad_line: OnBadLine,
    /// What bytes that are not UTF-8 do. Default: they make the record a bad one.
    pub on_broken_utf8: OnBrokenUtf8,
    /// Longest record, in bytes; a longer one is a bad record. Default: 64 MiB.
    /// It bounds the memory that a damaged or hostile file can take.
    pub max_record_bytes: usize,
    /// How many bad records the report keeps word for word; all are counted. Default: 20.
    pub kept_errors: usize,
}

impl ReadOptions {
    /// The defaults, for a file of this name.
    pub fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            on_bad_line: OnBadLine::default(),
            on_broken_utf8: OnBrokenUtf8::default(),
            max_record_bytes: 64 << 20,
            kept_errors: 20,
        }
    }

    /// The same with another treatment of bad records.
    pub fn on_bad_line(self, on_bad_line: OnBadLine) -> Self {
        Self { on_bad_line, ..self }
    }

    /// The same with another treatment of bytes that are not UTF-8.
    pub fn on_broken_utf8(self, on_broken_utf8: OnBrokenUtf8) -> Self {
        Self {
            on_broken_utf8,
            ..self
        }
    }
}

/// What a bad record does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadLine {
    /// It is returned as an error, and reading ends.
    #[default]
    Stop,
    /// It is counted in the report, and reading goes on.
    SkipAndCount,
}

/// What bytes that are not UTF-8 do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBrokenUtf8 {
    /// They make the record a bad one.
    #[default]
    Reject,
    /// Each broken sequence becomes U+FFFD, and the record is counted.
    ReplaceAndCount,
}
