//! From the bytes of a file to the bytes of its text: gzip and byte-order marks.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// A reader whose first bytes were looked at.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The text of a file, unpacked and without a byte-order mark.
pub(super) type Text<R> = Peeked<Unpacked<R>>;

/// A plain or a gzip-compressed file.
pub(super) enum Unpacked<R> {
    Plain(Peeked<R>),
    Gzip(Box<BufReader<MultiGzDecoder<Peeked<R>>>>),
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// Unpacks gzip, recognised by its first two bytes, and takes a UTF-8 byte-order mark away.
///
/// # Errors
/// Those of the reader, and `InvalidData` for UTF-16.
pub(super) fn text<R: BufRead>(reader: R) -> io::Result<Text<R>> {
    let (head, reader) = peek(reader, GZIP.len())?;
    let whole = Cursor::new(head.clone()).chain(reader);
    let unpacked = if head == GZIP {
        Unpacked::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(whole))))
    } else {
        Unpacked::Plain(whole)
    };
    let (mut head, unpacked) = peek(unpacked, UTF8_MARK.len())?;
    if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "found UTF-16 text, expected UTF-8",
        ));
    }
    if head == UTF8_MARK {
        head.clear();
    }
    Ok(Cursor::new(head).chain(unpacked))
}

/// The first bytes, fewer at the end of the file, and the rest.
fn peek<R: Read>(mut reader: R, count: usize) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(count);
    reader.by_ref().take(count as u64).read_to_end(&mut head)?;
    Ok((head, reader))
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}

impl<R: BufRead> BufRead for Unpacked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(reader) => reader.fill_buf(),
            Self::Gzip(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(reader) => reader.consume(amount),
            Self::Gzip(reader) => reader.consume(amount),
        }
    }
}
