use std::sync::LazyLock;

use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::common::options;
use crate::example::{Example, Input};
use crate::read::{Column, Columns, Delimiter, Header, OnBadLine, Quoting, ReadReport, TableForm, table};
use crate::task::{Task, Tasks};

static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::builtin);

fn task(name: &str) -> Task {
    TASKS.get(name).expect("a built-in task").clone()
}

fn name(name: &str) -> Option<Column> {
    Some(Column::Name(name.to_owned()))
}

fn form(delimiter: Delimiter, quoting: Quoting) -> TableForm {
    let columns = Columns {
        text: name("sentence"),
        label: name("label"),
        ..Columns::default()
    };
    let labels = [("0", "negative"), ("1", "positive")].map(|(from, to)| (from.to_owned(), to.to_owned()));
    TableForm {
        delimiter,
        quoting,
        header: Header::FirstLine,
        columns,
        labels: labels.into(),
    }
}

fn read(file: &str, form: TableForm) -> (Vec<Example>, ReadReport) {
    let rows = table(
        file.as_bytes(),
        &task("sst2"),
        form,
        options().on_bad_line(OnBadLine::SkipAndCount),
    )
    .read_all();
    rows.expect("bad records are skipped")
}

fn texts(rows: &[Example]) -> Vec<(String, String)> {
    let text = |row: &Example| match &row.input {
        Input::Text(text) => text.clone(),
        Input::Pair { text_a, text_b } => format!("{text_a} / {text_b}"),
    };
    rows.iter().map(|row| (text(row), row.label.clone())).collect()
}

fn check(file: &str, form: TableForm, expected: &[(&str, &str)]) {
    let (rows, report) = read(file, form);
    let expected: Vec<_> = expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    assert_eq!(texts(&rows), expected, "{file:?}: {:?}", report.errors);
    assert_eq!(report.bad, 0, "{file:?}: {:?}", report.errors);
}

#[wasm_bindgen_test(unsupported = test)]
fn csv_with_quotes_breaks_and_marks() {
    let form = || form(Delimiter::Comma, Quoting::Double);
    check(
        "\u{feff}label,sentence\r\n1,plain\r\n\r\n0,\"a, \"\"b\"\"\r\nc\"\r\n",
        form(),
        &[("plain", "positive"), ("a, \"b\"\nc", "negative")],
    );
    check(
        "sentence,label\n5\" disc,positive",
        form(),
        &[("5\" disc", "positive")],
    );
    check("sentence,label\n\"\",negative\n", form(), &[("", "negative")]);
    check("sentence,label\n", form(), &[]);
    check("", form(), &[]);
}

#[wasm_bindgen_test(unsupported = test)]
fn tsv_with_quotes_as_text() {
    let plain = form(Delimiter::Tab, Quoting::None);
    check(
        "sentence\tlabel\n\"open\t1\n\"\"x\"\t0\na\rb\t1",
        plain,
        &[
            ("\"open", "positive"),
            ("\"\"x\"", "negative"),
            ("a\rb", "positive"),
        ],
    );
    let quoted = form(Delimiter::Tab, Quoting::Double);
    check(
        "sentence\tlabel\n\"a \"\"b\"\"\"\t1\n",
        quoted,
        &[("a \"b\"", "positive")],
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_quote_that_is_not_closed_costs_one_record() {
    let (rows, report) = read(
        "sentence\tlabel\nfirst\t1\n\"open\t1\nlast\t0\n",
        form(Delimiter::Tab, Quoting::Double),
    );
    let expected = [("first", "positive"), ("last", "negative")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(texts(&rows), expected, "the records around it");
    assert_eq!(
        (report.lines, report.rows, report.bad),
        (4, 2, 1),
        "and the counts"
    );
    let message = report.errors[0].to_string();
    assert!(
        message.starts_with("f, line 3: found an open quote and the end of the file, expected"),
        "{message}"
    );
    // Closed by the quote of a later record, so that the number of cells is right.
    let (rows, report) = read(
        "sentence\tlabel\n\"open\t1\nmid\t0\n\"last\"\t0\n",
        form(Delimiter::Tab, Quoting::Double),
    );
    let expected = [("mid", "negative"), ("last", "negative")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(
        texts(&rows),
        expected,
        "the records that were inside: {:?}",
        report.errors
    );
    assert_eq!(
        (report.lines, report.rows, report.bad),
        (4, 2, 1),
        "and the counts"
    );
    let message = report.errors[0].to_string();
    assert!(
        message.starts_with("f, line 2: found text after the second quote of a cell"),
        "{message}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_records_name_line_column_found_and_expected() {
    let (rows, report) = read(
        "sentence,label\na,1\nb\nc,2\nd,1,x\n",
        form(Delimiter::Comma, Quoting::Double),
    );
    assert_eq!((rows.len(), report.lines), (1, 5), "one good record");
    let messages: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    let expected = [
        "f, line 3: found 1 cells, expected 2 cells as in the first record",
        "f, line 4, field `label`: found `2`, expected negative or positive",
        "f, line 5: found 3 cells, expected 2 cells as in the first record",
    ];
    assert_eq!(messages, expected, "the messages");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_header_without_the_column_ends_the_reading() {
    let skip = options().on_bad_line(OnBadLine::SkipAndCount);
    let error = table(
        &b"text,label\na,1\n"[..],
        &task("sst2"),
        form(Delimiter::Comma, Quoting::Double),
        skip,
    )
    .read_all()
    .expect_err("no such column");
    let expected =
        "f, line 1, field `text`: found the columns text, label, expected a column named \"sentence\"";
    assert_eq!(error.to_string(), expected, "the message");
}

#[wasm_bindgen_test(unsupported = test)]
fn graded_pairs_by_column_number_take_the_label_from_the_score() {
    let columns = Columns {
        id: Some(Column::Index(0)),
        text_a: Some(Column::Index(2)),
        text_b: Some(Column::Index(3)),
        score: Some(Column::Index(1)),
        ..Columns::default()
    };
    let form = TableForm {
        delimiter: Delimiter::Tab,
        quoting: Quoting::None,
        header: Header::Absent,
        columns,
        labels: Default::default(),
    };
    let file = b"s1\t3.5\tone\ttwo\ns2\tx\tone\ttwo\n";
    let skip = options().on_bad_line(OnBadLine::SkipAndCount);
    let (rows, report) = table(&file[..], &task("stsb"), form, skip)
        .read_all()
        .expect("skipped");
    assert_eq!(
        texts(&rows),
        [("one / two".to_owned(), "4".to_owned())],
        "3.5 is rounded up"
    );
    assert_eq!(
        (rows[0].id.as_str(), rows[0].score),
        ("s1", Some(3.5)),
        "id and score"
    );
    let message = report.errors[0].to_string();
    assert_eq!(
        message, "f, line 2, field `score`: found \"x\", expected a number",
        "the message"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_mapping_is_read_from_toml() {
    let text = "delimiter = \"tab\"\nquoting = \"none\"\nheader = \"absent\"\n[columns]\ntext = 3\nlabel = 1\n[labels]\n0 = \"negative\"\n";
    let form: TableForm = toml::from_str(text).expect("a valid mapping");
    assert_eq!(form.columns.text, Some(Column::Index(3)), "a column by number");
    assert_eq!(form.labels["0"], "negative", "a label");
    assert!(
        toml::from_str::<TableForm>("[columns]\ntxt = 3").is_err(),
        "unknown fields are refused"
    );
}

/// A cell as CSV writes it.
fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_written_is_read(
        written in prop::collection::vec(("[ -~é\n\"]{0,12}", 0..2_usize), 0..6),
        delimiter in prop::sample::select(vec![Delimiter::Comma, Delimiter::Tab, Delimiter::Semicolon]),
    ) {
        let mark = char::from(delimiter.byte());
        let mut file = format!("sentence{mark}label\n");
        let mut expected = Vec::new();
        for (text, label) in &written {
            file.push_str(&format!("{}{mark}{label}\n", quoted(text)));
            expected.push((text.clone(), ["negative", "positive"][*label].to_owned()));
        }
        let (rows, report) = read(&file, form(delimiter, Quoting::Double));
        prop_assert_eq!(texts(&rows), expected, "{:?}", report.errors);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn without_quoting_every_line_is_a_record(
        written in prop::collection::vec(("[!-~é\" ]{1,12}", 0..2_usize), 0..6),
    ) {
        let lines: Vec<String> = written.iter().map(|(text, label)| format!("{text}\t{label}\r\n")).collect();
        let (rows, report) = read(&format!("sentence\tlabel\r\n{}", lines.concat()), form(Delimiter::Tab, Quoting::None));
        prop_assert_eq!(rows.len(), written.len(), "{:?}", report.errors);
        for (row, (text, _)) in texts(&rows).iter().zip(&written) {
            prop_assert_eq!(&row.0, text);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn any_text_is_read_or_counted(body in "[a\"\t\n\r1,0é]{0,60}") {
        for quoting in [Quoting::Double, Quoting::None] {
            let (rows, report) = read(&format!("sentence\tlabel\n{body}"), form(Delimiter::Tab, quoting));
            prop_assert_eq!(rows.len() as u64, report.rows);
            if quoting == Quoting::None {
                prop_assert_eq!(report.rows + report.bad + report.blank + 1, report.lines);
            }
        }
    }
}
