//! Event files that TensorBoard reads: TFRecord with masked CRC-32C, each record an `Event` in protobuf's encoding.
//!
//! Sources: `tensorflow/core/lib/io/record_writer.cc`, `tensorboard/compat/proto/event.proto` and `summary.proto` (2.20).
//! Four messages with a dozen fields: a protobuf compiler would be more than what it replaces.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rllr_train::RunEvent;

/// Writes a run's metrics, and samples and settings as texts.
///
/// Every start of a run is a file of its own; the file of a resumed run tells TensorBoard to forget later steps.
#[derive(Debug)]
pub struct TensorBoard {
    directory: PathBuf,
    file: Option<File>,
}

impl TensorBoard {
    /// Files will be written to `directory`. Nothing is touched before the first event.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            file: None,
        }
    }

    /// Writes an event.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&mut self, event: &RunEvent) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let records = encode(event, now.as_secs_f64());
        if records.is_empty() {
            return Ok(());
        }
        let context = || format!("writing to {}", self.directory.display());
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                fs::create_dir_all(&self.directory).with_context(context)?;
                let (micros, process) = (now.as_micros(), std::process::id());
                let name = format!(
                    "events.out.tfevents.{:010}.rllr.{process}.{micros}",
                    now.as_secs()
                );
                File::create(self.directory.join(name)).with_context(context)?
            }
        };
        file.write_all(&records).with_context(context)?;
        self.file = Some(file);
        Ok(())
    }
}

/// The records of an event that happened `now` seconds after 1970.
fn encode(event: &RunEvent, now: f64) -> Vec<u8> {
    let step = event.step();
    let records = match event {
        RunEvent::Started { config, .. } => {
            // `SessionLog { status: START }`: what was written of this step and later ones is void.
            let restart = message(7, &varint_field(1, 1));
            let rows: String = config
                .iter()
                .map(|(key, value)| format!("| {key} | {value} |\n"))
                .collect();
            let settings = text("settings", &format!("| setting | value |\n|---|---|\n{rows}"));
            vec![
                record(now, 0, &bytes_field(3, b"brain.Event:2")),
                record(now, step as u64 + 1, &restart),
                record(now, step as u64, &message(5, &settings)),
            ]
        }
        RunEvent::Step { metrics, .. } | RunEvent::Evaluated { metrics, .. } => {
            let values: Vec<u8> = metrics
                .iter()
                .flat_map(|(name, value)| scalar(name, *value))
                .collect();
            vec![record(now, step as u64, &message(5, &values))]
        }
        RunEvent::Samples { samples, .. } => {
            let texts: String = samples
                .iter()
                .map(|sample| format!("**{}**\n\n{}\n\n---\n\n", sample.prompt, sample.response))
                .collect();
            vec![record(now, step as u64, &message(5, &text("samples", &texts)))]
        }
        RunEvent::Warning { message: warning, .. } => {
            vec![record(now, step as u64, &message(5, &text("warnings", warning)))]
        }
        RunEvent::Phase { .. } | RunEvent::Checkpoint { .. } | RunEvent::Finished { .. } => Vec::new(),
    };
    records.concat()
}

/// A TFRecord of an `Event { wall_time = 1, step = 2, what }`.
fn record(now: f64, step: u64, what: &[u8]) -> Vec<u8> {
    let mut event = vec![tag(1, 1)];
    event.extend(now.to_le_bytes());
    event.extend(varint_field(2, step));
    event.extend(what);
    let length = (event.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(&event);
    record.extend(masked_crc(&event).to_le_bytes());
    record
}

/// `((crc >> 15) | (crc << 17)) + 0xa282ead8`.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// `Summary { value = 1: Value { tag = 1, simple_value = 2 } }`.
fn scalar(name: &str, value: f64) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "charts have single precision")]
    let single = value as f32;
    let mut fields = bytes_field(1, name.as_bytes());
    fields.push(tag(2, 5));
    fields.extend(single.to_le_bytes());
    message(1, &fields)
}

/// `Value { tag = 1, tensor = 8, metadata = 9 }` with one text, which TensorBoard reads as Markdown.
fn text(name: &str, text: &str) -> Vec<u8> {
    const DT_STRING: u64 = 7;
    let shape = message(2, &varint_field(1, 1));
    let tensor = [
        varint_field(1, DT_STRING),
        message(2, &shape),
        bytes_field(8, text.as_bytes()),
    ];
    let plugin = message(1, &bytes_field(1, b"text"));
    let value = [
        bytes_field(1, name.as_bytes()),
        message(8, &tensor.concat()),
        message(9, &plugin),
    ];
    message(1, &value.concat())
}

/// Number of a field with the kind of its encoding: 0 varint, 1 eight bytes, 2 bytes with their length, 5 four bytes.
fn tag(field: u8, kind: u8) -> u8 {
    field << 3 | kind
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn varint_field(field: u8, number: u64) -> Vec<u8> {
    [vec![tag(field, 0)], varint(number)].concat()
}

fn bytes_field(field: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag(field, 2)], varint(bytes.len() as u64).as_slice(), bytes].concat()
}

fn message(field: u8, fields: &[u8]) -> Vec<u8> {
    bytes_field(field, fields)
}

#[cfg(test)]
mod tests {
    use rllr_train::Metrics;

    use super::*;

    /// By hand, after the protobuf documentation: 300 is `ac 02`; field 2 as varint is `10`.
    #[test]
    fn fields_are_encoded_as_documented() {
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(varint(127), [0x7f]);
        assert_eq!(varint_field(2, 300), [0x10, 0xac, 0x02]);
        assert_eq!(bytes_field(3, b"ab"), [0x1a, 2, b'a', b'b']);
    }

    /// The check value of CRC-32C (RFC 3720, B.4: 32 bytes of 0 give `8a9136aa`), masked by hand.
    #[test]
    fn checksums_are_masked_as_tensorflow_s() {
        let crc = 0x8a91_36aa_u32;
        assert_eq!(crc32c::crc32c(&[0; 32]), crc);
        assert_eq!(
            masked_crc(&[0; 32]),
            crc.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn a_step_is_one_record_with_its_scalars() {
        let event = RunEvent::Step {
            phase: "x".to_owned(),
            step: 3,
            total: 9,
            metrics: Metrics::from([("loss".to_owned(), 0.5)]),
        };
        let bytes = encode(&event, 1.0);
        let body = &bytes[12..bytes.len() - 4];
        assert_eq!(bytes[..8], (body.len() as u64).to_le_bytes());
        let mut expected = vec![0x09];
        expected.extend(1.0f64.to_le_bytes());
        expected.extend([0x10, 3, 0x2a, 13, 0x0a, 11, 0x0a, 4]);
        expected.extend(b"loss");
        expected.push(0x15);
        expected.extend(0.5f32.to_le_bytes());
        assert_eq!(body, expected);
    }
}
