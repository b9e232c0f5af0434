//! Cuts a text into records: lines, or the elements of one JSON list.

use std::io::{self, BufRead, Read as _};

use super::decode::{self, Text};
use super::error::Mismatch;

/// The records of a text, one at a time in [`Source::record`].
pub(super) struct Source<R> {
    text: Text<R>,
    /// Bytes of the current record.
    record: Vec<u8>,
    max_record_bytes: usize,
    /// Complete lines before the reading position.
    lines_done: u64,
    /// Whether the reading position is inside a line.
    inside_line: bool,
    blank: u64,
    layout: Layout,
}

/// How the records follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// One record a line.
    Lines,
    /// A JSON list that was not entered yet, was entered, or has just ended.
    List(ListPlace),
    /// Lines or a list, as the first character will show.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListPlace {
    Opened,
    AfterElement,
    AfterComma,
    Closed,
}

/// A record that was found.
pub(super) struct Found {
    /// Line on which it begins, counted from 1.
    pub(super) line: u64,
    /// What is wrong with it before its content is looked at.
    pub(super) problem: Option<Mismatch>,
}

impl<R: BufRead> Source<R> {
    /// Records that are lines.
    pub(super) fn lines(reader: R, max_record_bytes: usize) -> io::Result<Self> {
        Self::open(reader, max_record_bytes, Layout::Lines)
    }

    /// Records that are JSON objects, one a line or in one list.
    pub(super) fn json(reader: R, max_record_bytes: usize) -> io::Result<Self> {
        Self::open(reader, max_record_bytes, Layout::Unknown)
    }

    fn open(reader: R, max_record_bytes: usize, layout: Layout) -> io::Result<Self> {
        let text = decode::text(reader)?;
        let (record, lines_done) = (Vec::new(), 0);
        Ok(Self {
            text,
            record,
            max_record_bytes,
            lines_done,
            inside_line: false,
            blank: 0,
            layout,
        })
    }

    /// Bytes of the record that [`Source::next`] found, without the end of the line.
    pub(super) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Number of lines up to the reading position, the one that it is inside included.
    pub(super) fn line_count(&self) -> u64 {
        self.lines_done + u64::from(self.inside_line)
    }

    /// Number of lines of white space between records.
    pub(super) fn blank_count(&self) -> u64 {
        self.blank
    }

    /// Goes to the next record that is not white space; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        if self.layout == Layout::Unknown {
            self.layout = match self.skip_white_space()? {
                Some(b'[') => {
                    self.consume(1)?;
                    Layout::List(ListPlace::Opened)
                }
                _ => Layout::Lines,
            };
        }
        if let Layout::List(place) = self.layout {
            return self.next_element(place);
        }
        while let Some(found) = self.next_line()? {
            // A line that is too long was not seen to its end.
            if found.problem.is_some() || !self.record.trim_ascii().is_empty() {
                return Ok(Some(found));
            }
            self.blank += 1;
        }
        Ok(None)
    }

    /// Goes to the next line, an empty one included; `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Found>> {
        self.record.clear();
        // CR and LF come on top of the record's own bytes.
        let limit = self.max_record_bytes.saturating_add(2);
        let read = (&mut self.text)
            .take(limit as u64)
            .read_until(b'\n', &mut self.record)?;
        if read == 0 {
            return Ok(None);
        }
        if read == limit && !self.record.ends_with(b"\n") {
            self.text.skip_until(b'\n')?;
        }
        self.lines_done += 1;
        self.inside_line = false;
        for end in [b'\n', b'\r'] {
            if self.record.last() == Some(&end) {
                self.record.pop();
            }
        }
        Ok(Some(self.found(self.lines_done)))
    }

    /// Counts the line that [`Source::next_line`] found as blank.
    pub(super) fn count_blank(&mut self) {
        self.blank += 1;
    }

    fn found(&self, line: u64) -> Found {
        let too_long = self.record.len() > self.max_record_bytes;
        let problem = too_long.then(|| {
            Mismatch::of_record(
                "a longer record",
                format!("at most {} bytes", self.max_record_bytes),
            )
        });
        Found { line, problem }
    }

    /// The next byte that is not white space, without taking it; `None` at the end.
    fn skip_white_space(&mut self) -> io::Result<Option<u8>> {
        let lines_before = self.lines_done;
        loop {
            let bytes = self.text.fill_buf()?;
            let skip = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
            let (count, next) = match skip {
                Some(count) => (count, Some(bytes[count])),
                None => (bytes.len(), None),
            };
            let ended = bytes.is_empty();
            self.consume(count)?;
            if next.is_some() || ended {
                if self.layout == Layout::Unknown {
                    self.blank += self.lines_done - lines_before + u64::from(ended && self.inside_line);
                }
                return Ok(next);
            }
        }
    }

    /// Takes bytes that are in the buffer, and counts the lines that they end.
    fn consume(&mut self, count: usize) -> io::Result<()> {
        let bytes = &self.text.fill_buf()?[..count];
        if let Some(last) = bytes.last() {
            self.inside_line = *last != b'\n';
            self.lines_done += bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        }
        self.text.consume(count);
        Ok(())
    }

    /// Goes to the next element of a JSON list; `None` after its end.
    fn next_element(&mut self, mut place: ListPlace) -> io::Result<Option<Found>> {
        use ListPlace::{AfterComma, AfterElement, Closed, Opened};
        self.record.clear();
        loop {
            let next = self.skip_white_space()?;
            let line = self.lines_done + 1;
            let (then, problem) = match (place, next) {
                (Closed, None) => return Ok(None),
                (_, None) => (Closed, Some(("the end of the file", "`]`, the end of the list"))),
                (Closed, Some(_)) => {
                    while self.text.skip_until(b'\n')? > 0 {
                        self.lines_done += 1;
                    }
                    self.inside_line = false;
                    (Closed, Some(("text after the list", "the end of the file")))
                }
                (Opened | AfterElement, Some(b']')) => (Closed, None),
                (AfterElement, Some(b',')) => (AfterComma, None),
                (AfterElement, Some(_)) => (AfterComma, Some(("no comma", "`,` between two elements"))),
                (AfterComma, Some(b']')) => (Closed, Some(("`]` after a comma", "an object"))),
                (Opened | AfterComma, Some(b',')) => (AfterComma, Some(("a comma", "an object"))),
                (Opened | AfterComma, Some(_)) => {
                    self.take_element()?;
                    self.layout = Layout::List(AfterElement);
                    return Ok(Some(self.found(line)));
                }
            };
            let is_mark = matches!((place, next), (p, Some(b',' | b']')) if p != Closed);
            if is_mark {
                self.consume(1)?;
            }
            place = then;
            self.layout = Layout::List(place);
            if let Some((found, expected)) = problem {
                return Ok(Some(Found {
                    line,
                    problem: Some(Mismatch::of_record(found, expected)),
                }));
            }
        }
    }

    /// Copies one element of a list into the record. Whether it is JSON is not looked at here.
    fn take_element(&mut self) -> io::Result<()> {
        let mut element = Element::default();
        loop {
            let bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            let end = bytes.iter().position(|&byte| element.ends_before(byte));
            let count = end.unwrap_or(bytes.len());
            // One byte beyond the limit is kept: it shows that the element is too long.
            let room = self
                .max_record_bytes
                .saturating_add(1)
                .saturating_sub(self.record.len());
            self.record.extend_from_slice(&bytes[..count.min(room)]);
            self.consume(count)?;
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// Follows brackets and strings, to find where an element of a list ends.
#[derive(Default)]
struct Element {
    depth: u32,
    inside_string: bool,
    after_backslash: bool,
    complete: bool,
}

impl Element {
    /// Takes the next byte; true if it does not belong to the element any more.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.complete {
            return true;
        }
        if self.inside_string {
            match byte {
                _ if self.after_backslash => self.after_backslash = false,
                b'\\' => self.after_backslash = true,
                b'"' => self.inside_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.inside_string = true,
            b'{' | b'[' => self.depth += 1,
            b',' | b']' if self.depth == 0 => return true,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.complete = self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
