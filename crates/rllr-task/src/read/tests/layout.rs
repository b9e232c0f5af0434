//! Lines, lists, packing and encodings: what is the same for all JSON forms.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::{line, options, skip, stop};
use crate::read::{OnBadLine, OnBrokenUtf8, ReadError, ReadOptions, examples};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("memory can be written");
    packer.finish().expect("memory can be written")
}

/// The ids of a file without bad records, and its counts of lines and blank lines.
fn ids(bytes: &[u8]) -> (String, u64, u64) {
    let (rows, report) = examples(bytes, options()).read_all().expect("a good file");
    assert_eq!(report.rows, rows.len() as u64, "rows are counted");
    assert_eq!(report.bad, 0, "nothing is bad");
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    (ids.join(" "), report.lines, report.blank)
}

#[wasm_bindgen_test(unsupported = test)]
fn lines_and_lists_with_all_ends_and_marks() {
    let (a, b) = (line("a"), line("b"));
    let check = |file: &str, expected: &str, lines, blank| {
        assert_eq!(
            ids(file.as_bytes()),
            (expected.to_owned(), lines, blank),
            "{file:?}"
        );
    };
    check("", "", 0, 0);
    check("\n", "", 1, 1);
    check("  ", "", 1, 1);
    check("\u{feff}", "", 0, 0);
    check("[]", "", 1, 0);
    check(&format!("{a}\n{b}\n"), "a b", 2, 0);
    check(&format!("{a}\n{b}"), "a b", 2, 0);
    check(&format!("{a}\r\n{b}\r\n"), "a b", 2, 0);
    check(&format!("\u{feff}{a}\n"), "a", 1, 0);
    check(&format!("\n \n{a}\n\t\n{b}\n\n"), "a b", 6, 4);
    check(&format!("[{a},{b}]"), "a b", 1, 0);
    check(&format!("\u{feff}\r\n[\r\n  {a},\r\n  {b}\r\n]\r\n"), "a b", 5, 1);
    let nested =
        "[{\"id\":\"x]},[\\\"\",\"task\":\"t\",\"text\":\"{[\\\\\",\"label\":\"l\",\"more\":[{},[1]]}\n, \n"
            .to_owned()
            + &b
            + "]";
    check(&nested, "x]},[\" b", 3, 0);
}

#[wasm_bindgen_test(unsupported = test)]
fn gzip_is_recognised_by_its_first_bytes() {
    let file = format!("\u{feff}{}\n{}\n", line("a"), line("b"));
    assert_eq!(ids(&gzip(file.as_bytes())), ("a b".to_owned(), 2, 0), "packed");
    let mut two_members = gzip(line("a").as_bytes());
    two_members.extend(gzip(format!("\n{}", line("b")).as_bytes()));
    assert_eq!(
        ids(&two_members),
        ("a b".to_owned(), 2, 0),
        "two packed files behind each other"
    );
    let mut cut = gzip(file.repeat(50).as_bytes());
    cut.truncate(cut.len() - 9);
    let error = stop(&cut, examples);
    assert!(
        error.starts_with("f, line "),
        "a file that ends too early is an error: {error}"
    );
    assert!(
        stop(&[0x1f, 0x8b, 0, 0], examples).starts_with("f, line 1: "),
        "broken gzip is an error"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn utf16_is_named() {
    assert_eq!(
        stop(b"\xff\xfe{\0", examples),
        "f, line 1: found UTF-16 text, expected UTF-8",
        "the message"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn bytes_that_are_not_utf8_are_refused_or_replaced_and_counted() {
    let good = line("a");
    let mut file = good.replace("gem", "g\u{1}m").replace('\u{1}', "?").into_bytes();
    let at = file.iter().position(|&byte| byte == b'?').expect("the mark");
    file[at] = 0xe9;
    let expected = format!(
        "f, line 1: found the byte 0xe9 at byte {}, expected UTF-8 text",
        at + 1
    );
    assert_eq!(stop(&file, examples), expected, "refused, with the place");
    let replace = options().on_broken_utf8(OnBrokenUtf8::ReplaceAndCount);
    let (rows, report) = examples(&file[..], replace).read_all().expect("replaced");
    assert_eq!(
        rows[0].input,
        crate::Input::Text("a g\u{fffd}m".to_owned()),
        "replaced"
    );
    assert_eq!((report.rows, report.replaced_utf8), (1, 1), "and counted");
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_records_stop_or_are_counted() {
    let file = format!("{}\nnot JSON\n\n[1]\n{}\n", line("a"), line("b"));
    let mut rows = examples(file.as_bytes(), options());
    assert!(matches!(rows.next(), Some(Ok(_))), "the first record");
    assert!(
        matches!(rows.next(), Some(Err(ReadError::Bad(_)))),
        "the second is bad"
    );
    assert!(rows.next().is_none(), "and the reading ends");
    let (rows, report) = skip(file.as_bytes(), examples);
    assert_eq!(rows.len(), 2, "both good records");
    assert_eq!(
        (report.lines, report.rows, report.bad, report.blank),
        (5, 2, 2, 1),
        "all lines are accounted for"
    );
    let messages: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert!(
        messages[0].starts_with("f, line 2: found broken JSON"),
        "{}",
        messages[0]
    );
    assert_eq!(
        messages[1], "f, line 4: found a list of 1, expected a JSON object",
        "the second message"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn the_report_keeps_the_first_errors_only() {
    let options = ReadOptions {
        kept_errors: 2,
        ..options().on_bad_line(OnBadLine::SkipAndCount)
    };
    let (_, report) = examples(&b"x\n".repeat(5)[..], options)
        .read_all()
        .expect("skipped");
    assert_eq!(
        (report.bad, report.errors.len(), report.errors[1].line),
        (5, 2, 2),
        "five bad, two kept"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn damaged_lists_lose_no_element_silently() {
    let (a, b) = (line("a"), line("b"));
    let check = |file: String, good: usize, bad: u64, message: &str| {
        let (rows, report) = skip(file.as_bytes(), examples);
        assert_eq!(
            (rows.len(), report.bad),
            (good, bad),
            "{file}: {:?}",
            report.errors
        );
        let messages: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        assert!(
            messages.iter().any(|text| text.contains(message)),
            "{file}: {messages:?}"
        );
    };
    check(format!("[{a}\n{b}]"), 2, 1, "line 2: found no comma");
    check(
        format!("[{a},{b}"),
        2,
        1,
        "found the end of the file, expected `]`",
    );
    check(format!("[{a},{b},]"), 2, 1, "found `]` after a comma");
    check(format!("[{a},,{b}]"), 2, 1, "found a comma");
    check(format!("[{a},{b}] [\n\n"), 2, 1, "found text after the list");
    check(
        format!("[{a}, 5, null, {b}]"),
        2,
        2,
        "found 5, expected a JSON object",
    );
    check(format!("[{a}, {{\"id\": \"open, {b}]"), 1, 2, "broken JSON");
}

#[wasm_bindgen_test(unsupported = test)]
fn long_lines_are_read_and_longer_ones_refused() {
    let long = line("a").replace("gem", &"gem ".repeat(2_600_000));
    assert!(long.len() > 10_000_000, "more than 10 MB");
    let file = format!("{long}\n{}\n", line("b"));
    let (rows, _) = examples(file.as_bytes(), options())
        .read_all()
        .expect("a long line is fine");
    assert_eq!(rows.len(), 2, "both records");
    let short = line("b").len();
    for file in [file, format!("[{long},\n{}]", line("b"))] {
        let limited = ReadOptions {
            max_record_bytes: short,
            ..options().on_bad_line(OnBadLine::SkipAndCount)
        };
        let (rows, report) = examples(file.as_bytes(), limited).read_all().expect("skipped");
        assert_eq!(
            (rows.len(), report.bad, report.lines),
            (1, 1, 2),
            "the long one is bad, the next one is read"
        );
        let message = report.errors[0].to_string();
        assert_eq!(
            message,
            format!("f, line 1: found a longer record, expected at most {short} bytes"),
            "the message"
        );
    }
}

/// A reader that hands out few bytes at a time, as a network does.
struct Slow<'a>(&'a [u8], usize);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

impl std::io::BufRead for Slow<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(&self.0[..self.1.min(self.0.len())])
    }

    fn consume(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn any_bytes_give_the_same_however_they_arrive(
        mut bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b'{'), Just(b',')], 0..80),
        head in prop::sample::select(vec!["", "[", "\u{feff}", "{\"id\":\"a\"", "\u{1f}"]),
        step in 1..9_usize,
    ) {
        bytes.splice(0..0, head.bytes());
        let lenient = options().on_bad_line(OnBadLine::SkipAndCount).on_broken_utf8(OnBrokenUtf8::ReplaceAndCount);
        let at_once = examples(&bytes[..], lenient.clone()).read_all();
        let in_steps = examples(Slow(&bytes, step), lenient).read_all();
        match (at_once, in_steps) {
            (Ok(at_once), Ok(in_steps)) => prop_assert_eq!(at_once, in_steps),
            (Err(at_once), Err(in_steps)) => prop_assert_eq!(at_once.to_string(), in_steps.to_string()),
            (at_once, in_steps) => prop_assert!(false, "{:?} but {:?}", at_once, in_steps),
        }
    }
}
