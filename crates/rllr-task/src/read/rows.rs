//! The streaming iterator that all JSON forms share, and how bad records are treated in every form.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::error::{BadLine, Mismatch, ReadError, ReadReport};
use super::options::{OnBadLine, OnBrokenUtf8, ReadOptions};
use super::source::Source;

/// What the records of a file mean.
pub trait Form {
    /// What a record becomes.
    type Row;

    /// Reads one record.
    ///
    /// # Errors
    /// The field that is wrong, what stands there and what should.
    fn parse(&self, record: &str) -> Result<Self::Row, Mismatch>;
}

/// The rows of a file with one JSON object per record.
///
/// The iterator ends after the first error that it returns; with [`OnBadLine::SkipAndCount`] only a
/// failure to read the bytes is such an error.
pub struct Rows<R, F> {
    /// `None` when the beginning of the file could not be read, and after the end.
    source: Option<Source<R>>,
    form: F,
    tally: Tally,
    opening_error: Option<io::Error>,
}

impl<R: BufRead, F: Form> Rows<R, F> {
    pub(super) fn new(reader: R, form: F, options: ReadOptions) -> Self {
        let (source, opening_error) = match Source::json(reader, options.max_record_bytes) {
            Ok(source) => (Some(source), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            source,
            form,
            tally: Tally::new(options),
            opening_error,
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
    pub fn read_all(mut self) -> Result<(Vec<F::Row>, ReadReport), ReadError> {
        let rows = self.by_ref().collect::<Result<_, _>>()?;
        Ok((rows, self.tally.report))
    }

    fn advance(&mut self) -> Option<Result<F::Row, ReadError>> {
        let Self {
            source,
            form,
            tally,
            opening_error,
        } = self;
        if let Some(error) = opening_error.take() {
            return Some(Err(tally.io(error, 1)));
        }
        let source = source.as_mut()?;
        loop {
            let found = source.next();
            tally.report.lines = source.line_count();
            tally.report.blank = source.blank_count();
            let found = match found {
                Ok(found) => found?,
                Err(error) => return Some(Err(tally.io(error, source.line_count() + 1))),
            };
            let row = match found.problem {
                Some(problem) => Err(problem),
                None => tally.utf8(source.record()).and_then(|text| form.parse(&text)),
            };
            if let Some(result) = tally.settle(found.line, row) {
                return Some(result);
            }
        }
    }
}

impl<R: BufRead, F: Form> Iterator for Rows<R, F> {
    type Item = Result<F::Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if !matches!(next, Some(Ok(_))) {
            self.source = None;
        }
        next
    }
}

/// Counts rows and bad records, and applies the options.
pub(super) struct Tally {
    pub(super) report: ReadReport,
    options: ReadOptions,
}

impl Tally {
    pub(super) fn new(options: ReadOptions) -> Self {
        Self {
            report: ReadReport::default(),
            options,
        }
    }

    /// The text of a record.
    pub(super) fn utf8<'a>(&mut self, bytes: &'a [u8]) -> Result<Cow<'a, str>, Mismatch> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Cow::Borrowed(text)),
            Err(error) => error,
        };
        let at = error.valid_up_to();
        match self.options.on_broken_utf8 {
            OnBrokenUtf8::Reject => Err(Mismatch::of_record(
                format!("the byte {:#04x} at byte {}", bytes[at], at + 1),
                "UTF-8 text",
            )),
            OnBrokenUtf8::ReplaceAndCount => {
                self.report.replaced_utf8 += 1;
                Ok(String::from_utf8_lossy(bytes))
            }
        }
    }

    /// Counts a record; `None` if it is a bad one that is to be skipped.
    pub(super) fn settle<T>(&mut self, line: u64, row: Result<T, Mismatch>) -> Option<Result<T, ReadError>> {
        let mismatch = match row {
            Ok(row) => {
                self.report.rows += 1;
                return Some(Ok(row));
            }
            Err(mismatch) => mismatch,
        };
        let bad = self.bad_line(line, mismatch);
        self.report.bad += 1;
        if self.report.errors.len() < self.options.kept_errors {
            self.report.errors.push(bad.clone());
        }
        match self.options.on_bad_line {
            OnBadLine::Stop => Some(Err(bad.into())),
            OnBadLine::SkipAndCount => None,
        }
    }

    /// A record that is wrong, with its place.
    pub(super) fn bad_line(&self, line: u64, mismatch: Mismatch) -> BadLine {
        let Mismatch {
            field,
            found,
            expected,
        } = mismatch;
        BadLine {
            file: self.options.file.clone(),
            line,
            field,
            found,
            expected,
        }
    }

    /// A failure of the bytes, with its place.
    pub(super) fn io(&self, source: io::Error, line: u64) -> ReadError {
        ReadError::Io {
            file: self.options.file.clone(),
            line,
            source,
        }
    }
}
