//! The records of a CSV or TSV file: cells, and where the record begins.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::error::Mismatch;
use super::source::Source;
use super::table::{Delimiter, Quoting};

/// More lines than this in one record are a quote that somebody forgot to close.
const MAX_RECORD_LINES: usize = 1000;

/// Reads records; those that go over several lines because of quotes included.
pub(super) struct CsvRecords<R> {
    source: Source<R>,
    parser: Reader,
    /// What ends a cell; `None` if quotes mean nothing.
    delimiter: Option<u8>,
    /// Lines that were taken into a record that turned out bad, to be read again on their own.
    again: VecDeque<Line>,
    /// Lines of the current record.
    lines: Vec<Line>,
    /// Cells of the current record, one after the other.
    cells: Vec<u8>,
    /// Where each cell ends in `cells`.
    ends: Vec<usize>,
    max_record_bytes: usize,
}

/// Where in a record a byte stands, by the rules of RFC 4180.
#[derive(Clone, Copy)]
enum Place {
    CellStart,
    Unquoted,
    InQuotes,
    QuoteInQuotes,
}

struct Line {
    number: u64,
    bytes: Vec<u8>,
    problem: Option<Mismatch>,
}

/// A record that was found.
pub(super) struct CsvRecord {
    /// Line on which it begins, counted from 1.
    pub(super) line: u64,
    /// What is wrong with it as a whole.
    pub(super) problem: Option<Mismatch>,
}

impl<R: BufRead> CsvRecords<R> {
    pub(super) fn open(
        reader: R,
        delimiter: Delimiter,
        quoting: Quoting,
        max_record_bytes: usize,
    ) -> io::Result<Self> {
        // Lines are cut by the source; a carriage return inside a cell belongs to the cell.
        let parser = ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .quoting(quoting == Quoting::Double)
            .terminator(Terminator::Any(b'\n'))
            .build();
        Ok(Self {
            source: Source::lines(reader, max_record_bytes)?,
            parser,
            delimiter: (quoting == Quoting::Double).then_some(delimiter.byte()),
            again: VecDeque::new(),
            lines: Vec::new(),
            cells: Vec::new(),
            ends: Vec::new(),
            max_record_bytes,
        })
    }

    /// Number of lines up to the reading position.
    pub(super) fn line_count(&self) -> u64 {
        self.source.line_count()
    }

    /// Number of empty lines between records.
    pub(super) fn blank_count(&self) -> u64 {
        self.source.blank_count()
    }

    /// The cells of the current record.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.cells[start..end])
    }

    /// Goes to the next record; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<CsvRecord>> {
        self.lines.clear();
        self.cells.clear();
        self.ends.clear();
        self.parser.reset();
        let mut length = 0;
        loop {
            let first = self.lines.first().map(|line| line.number);
            let Some(mut line) = self.next_line()? else {
                return Ok(first.map(|line| unclosed(line, "the end of the file")));
            };
            if line.bytes.is_empty() && line.problem.is_none() && first.is_none() {
                self.source.count_blank();
                continue;
            }
            let first = first.unwrap_or(line.number);
            let problem = line.problem.take();
            length += line.bytes.len() + 1;
            self.lines.push(line);
            if problem.is_some() {
                return Ok(Some(CsvRecord { line: first, problem }));
            }
            if self.feed_last_line() {
                return Ok(Some(CsvRecord {
                    line: first,
                    problem: self.loose_quote(),
                }));
            }
            if self.lines.len() >= MAX_RECORD_LINES || length > self.max_record_bytes {
                return Ok(Some(unclosed(
                    first,
                    &format!("no second quote in {} lines", self.lines.len()),
                )));
            }
        }
    }

    /// Gives up the current record but for its first line: the others are read again as records.
    pub(super) fn reject(&mut self) {
        for line in self.lines.drain(1.min(self.lines.len())..).rev() {
            self.again.push_front(line);
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let Some(found) = self.source.next_line()? else {
            return Ok(None);
        };
        let bytes = self.source.record().to_vec();
        Ok(Some(Line {
            number: found.line,
            bytes,
            problem: found.problem,
        }))
    }

    /// Text between the closing quote of a cell and the end of the cell, which the parser would take.
    ///
    /// It shows a quote that was never meant to open a cell. Without this check such a quote and the next
    /// one, some records later, would silently make one record of many.
    fn loose_quote(&self) -> Option<Mismatch> {
        let delimiter = self.delimiter?;
        let mut place = Place::CellStart;
        for byte in self.lines.iter().flat_map(|line| line.bytes.iter().chain(b"\n")) {
            place = match (place, *byte) {
                (Place::CellStart, b'"') | (Place::QuoteInQuotes, b'"') => Place::InQuotes,
                (Place::InQuotes, b'"') => Place::QuoteInQuotes,
                (Place::InQuotes, _) => Place::InQuotes,
                (_, byte) if byte == delimiter || byte == b'\n' => Place::CellStart,
                (Place::CellStart | Place::Unquoted, _) => Place::Unquoted,
                (Place::QuoteInQuotes, _) => {
                    return Some(Mismatch::of_record(
                        "text after the second quote of a cell",
                        QUOTE_HINT,
                    ));
                }
            };
        }
        None
    }

    /// Hands the last line to the parser; true if the record is complete.
    fn feed_last_line(&mut self) -> bool {
        let Some(line) = self.lines.last() else {
            return false;
        };
        let mut written = self.cells.len();
        let mut cell_count = self.ends.len();
        let mut complete = false;
        for mut input in [&line.bytes[..], b"\n"] {
            while !input.is_empty() && !complete {
                self.cells.resize(written + input.len() + 1, 0);
                self.ends.resize(cell_count + input.len() + 1, 0);
                let (result, read, wrote, ended) =
                    self.parser
                        .read_record(input, &mut self.cells[written..], &mut self.ends[cell_count..]);
                input = &input[read..];
                written += wrote;
                cell_count += ended;
                complete = matches!(result, ReadRecordResult::Record | ReadRecordResult::End);
            }
        }
        self.cells.truncate(written);
        self.ends.truncate(cell_count);
        complete
    }
}

const QUOTE_HINT: &str =
    "cells that begin with a quote to end with one (if quotes mean nothing in this file: quoting = \"none\")";

fn unclosed(line: u64, found: &str) -> CsvRecord {
    CsvRecord {
        line,
        problem: Some(Mismatch::of_record(
            format!("an open quote and {found}"),
            QUOTE_HINT,
        )),
    }
}
