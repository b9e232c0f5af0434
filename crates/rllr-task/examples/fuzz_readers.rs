//! Feeds damaged and random bytes to every reader and to the answer parser. Nothing is caught: a panic
//! ends the program.
//!
//! `cargo run --release -p rllr-task --example fuzz_readers -- [CASES] [SEED]`
//!
//! Each case takes a valid file of some form (sometimes none), damages it, and gives it to *all* readers
//! with random options. Checked beside the absence of panics: reading ends, and what a reader reports fits
//! what it returned.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a program: it reads its arguments and a clock, and prints"
)]

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rllr_task::answer::{Answer, ResponseFormat};
use rllr_task::chat_template::{ChatTemplate, Ending, Message, SpecialTokens};
use rllr_task::read::{
    self, Column, Columns, Delimiter, Form, Header, OnBadLine, OnBrokenUtf8, Quoting, ReadError, ReadOptions,
    ReadReport, Rows, TableForm,
};
use rllr_task::{Task, Tasks};

/// Valid files, one per form and layout; every case starts from one of them.
const FILES: [&str; 10] = [
    "{\"id\":\"a-1\",\"task\":\"sst2\",\"text\":\"caf\u{e9} \\u00e9 \\\"x\\\"\",\"label\":\"positive\",\"evidence\":{\"positive\":[\"x\"]}}\n\
     {\"id\":\"a-2\",\"task\":\"stsb\",\"text_a\":\"a\",\"text_b\":\"b\",\"label\":\"4\",\"score\":3.6,\"source\":\"s\"}\r\n\n\
     {\"id\":\"a-3\",\"task\":\"csqa\",\"text\":\"t\",\"choices\":{\"A\":\"x\",\"B\":\"y\"},\"label\":\"B\",\"others\":[{\"by\":\"palm\",\"label\":\"A\",\"text\":\"z\"}]}\n",
    "[{\"id\":\"a-1\",\"task\":\"mr\",\"text\":\"one\",\"label\":\"negative\"},\n {\"id\":\"a-2\",\"task\":\"mr\",\"text\":\"[{two]\",\"label\":\"positive\"}\n]\n",
    "[{\"instruction\":\"i\",\"input\":\"\",\"output\":[\"c\",\"r\"],\"ranking\":\"true\"}, {\"instruction\":\"i\",\"output\":\"o\",\"history\":[]}]",
    "{\"prompt\":\"The sky is\",\"completion\":\" blue.\"}\n{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"a\"}]}\n",
    "{\"chosen\":\"The sky is blue.\",\"rejected\":\"The sky is green.\"}\n{\"prompt\":\"p\",\"chosen\":\" c\",\"rejected\":\" r\"}\n",
    "{\"chosen\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}],\"rejected\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n",
    "{\"id\":\"r-1\",\"base\":\"snli\",\"text_a\":\"a\",\"text_b\":\"b\",\"label\":\"neutral\",\"better\":\"x\",\"worse\":\"y\",\"better_votes\":[3,3],\"worse_votes\":[0,3]}\n",
    "text,label,score\n\"a, \"\"quoted\"\"\nsecond line\",positive,1\nplain,negative,0\n",
    "text\tlabel\tscore\n\"not closed\tpositive\t1\ncaf\u{e9}\tnegative\t0\n",
    "Because it says so.\nLabel: positive\nLabel: negative.",
];

/// Pieces that mean something to one of the parsers.
const TOKENS: [&[u8]; 30] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"\"\"",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"\\u0000",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\0",
    b"Label:",
    b"positive",
    b"\"label\":",
    b"\"text_a\":\"\"",
    b"{{messages}}{% for m in messages %}",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let cases: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tasks = Tasks::builtin();
    let task = tasks.get("sst2")?;
    let start = Instant::now();
    let mut counts = Counts::default();
    for _ in 0..cases {
        let bytes = case(&mut rng)?;
        counts.bytes += bytes.len() as u64;
        read_all(&bytes, &tasks, task, &mut rng, &mut counts);
        let text = String::from_utf8_lossy(&bytes);
        answer_all(&text, &tasks, &mut rng, &mut counts);
        answer_all(&response(&mut rng), &tasks, &mut rng, &mut counts);
        // Reading a template is slower than all the rest, and its parser is not ours.
        if rng.random_ratio(1, 50) {
            render(&text);
        }
    }
    let Counts {
        bytes,
        rows,
        bad,
        answers,
    } = counts;
    println!(
        "{cases} cases, seed {seed}: {bytes} bytes to each of 9 readers, {rows} rows, {bad} bad records, \
         {answers} answers, no panic, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

#[derive(Default)]
struct Counts {
    bytes: u64,
    rows: u64,
    bad: u64,
    answers: u64,
}

/// The bytes of one case.
fn case(rng: &mut impl Rng) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = match rng.random_range(0..12) {
        0 => (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
        _ => FILES[rng.random_range(0..FILES.len())].as_bytes().to_vec(),
    };
    for _ in 0..rng.random_range(0..6) {
        mutate(&mut bytes, rng);
    }
    if rng.random_ratio(1, 20) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&bytes)?;
        bytes = packer.finish()?;
        if rng.random() {
            mutate(&mut bytes, rng);
        }
    }
    Ok(bytes)
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..20)).min(bytes.len());
    match rng.random_range(0..6) {
        0 if at < bytes.len() => bytes[at] = rng.random(),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.truncate(at),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => drop(bytes.splice(at..at, TOKENS[rng.random_range(0..TOKENS.len())].iter().copied())),
    }
}

fn options(rng: &mut impl Rng) -> ReadOptions {
    let on_bad_line = if rng.random() {
        OnBadLine::SkipAndCount
    } else {
        OnBadLine::Stop
    };
    let on_broken_utf8 = if rng.random() {
        OnBrokenUtf8::ReplaceAndCount
    } else {
        OnBrokenUtf8::Reject
    };
    let max_record_bytes = if rng.random_ratio(1, 8) {
        rng.random_range(0..100)
    } else {
        1 << 20
    };
    ReadOptions {
        max_record_bytes,
        ..ReadOptions::new("case")
            .on_bad_line(on_bad_line)
            .on_broken_utf8(on_broken_utf8)
    }
}

fn read_all(bytes: &[u8], tasks: &Tasks, task: &Task, rng: &mut impl Rng, counts: &mut Counts) {
    check(read::examples(bytes, options(rng)), counts);
    check(read::labelled_examples(bytes, tasks, options(rng)), counts);
    check(read::instructions(bytes, options(rng)), counts);
    check(read::prompt_completions(bytes, options(rng)), counts);
    check(read::preferences(bytes, options(rng)), counts);
    check(read::rationale_judgements(bytes, options(rng)), counts);
    for header in [Header::FirstLine, Header::Absent] {
        let mut rows = read::table(bytes, task, table_form(header, rng), options(rng));
        let (good, error) = drain(&mut rows);
        compare(good, error.as_ref(), rows.report(), counts);
    }
    // What it is does not matter here, only that any text is taken.
    drop(read::parse_dataset_info(&String::from_utf8_lossy(bytes)));
}

fn table_form(header: Header, rng: &mut impl Rng) -> TableForm {
    let column = |name: &str, number| match header {
        Header::FirstLine => Some(Column::Name(name.to_owned())),
        Header::Absent => Some(Column::Index(number)),
    };
    let delimiter = [Delimiter::Comma, Delimiter::Tab, Delimiter::Semicolon][rng.random_range(0..3)];
    let quoting = if rng.random() {
        Quoting::Double
    } else {
        Quoting::None
    };
    let columns = Columns {
        text: column("text", 0),
        label: column("label", 1),
        ..Columns::default()
    };
    TableForm {
        delimiter,
        quoting,
        header,
        columns,
        labels: Default::default(),
    }
}

fn check<F: Form>(mut rows: Rows<&[u8], F>, counts: &mut Counts) {
    let (good, error) = drain(&mut rows);
    assert!(rows.next().is_none(), "a reader goes on after its end");
    compare(good, error.as_ref(), rows.report(), counts);
}

/// Number of good rows, and the error that ended the reading.
fn drain<T>(rows: &mut impl Iterator<Item = Result<T, ReadError>>) -> (u64, Option<ReadError>) {
    let mut good = 0;
    for row in rows {
        match row {
            Ok(_) => good += 1,
            Err(error) => return (good, Some(error)),
        }
    }
    (good, None)
}

fn compare(good: u64, error: Option<&ReadError>, report: &ReadReport, counts: &mut Counts) {
    assert_eq!(report.rows, good, "rows are counted wrongly");
    assert_eq!(
        report.errors.len() as u64,
        report.bad.min(20),
        "bad records are not all kept"
    );
    if let Some(error) = error {
        assert!(!error.to_string().is_empty(), "an error says nothing");
    }
    counts.rows += good;
    counts.bad += report.bad;
}

/// A response made of pieces of answers, in any order.
fn response(rng: &mut impl Rng) -> String {
    let pieces = [
        "Label: ", "Label:", "\n", "\r\n", "\u{2028}", " ", ".", "positive", "neutral", "B", "4", "pay_bill",
        "Because", "é",
    ];
    (0..rng.random_range(0..8))
        .map(|_| pieces[rng.random_range(0..pieces.len())])
        .collect()
}

fn answer_all(text: &str, tasks: &Tasks, rng: &mut impl Rng, counts: &mut Counts) {
    let names = ["sst2", "mnli", "csqa", "stsb", "clinc150"];
    let task = tasks
        .get(names[rng.random_range(0..names.len())])
        .expect("a built-in task");
    let formats = [
        ResponseFormat::RationaleThenLabel,
        ResponseFormat::LabelThenRationale,
        ResponseFormat::LabelOnly,
    ];
    for format in formats {
        if let Ok(answer) = Answer::parse(text, task, format) {
            counts.answers += 1;
            let again = Answer::parse(&answer.print(task, format), task, format);
            assert_eq!(
                again.as_ref(),
                Ok(&answer),
                "an answer is not read as it was printed"
            );
        }
    }
}

fn render(text: &str) {
    if let Ok(template) = ChatTemplate::new(text, SpecialTokens::default()) {
        let messages = [Message::new("user", "hello"), Message::new("assistant", text)];
        drop(template.render(&messages, Ending::Complete));
        drop(template.check_prefix(&messages[..1], "hi"));
    }
}
