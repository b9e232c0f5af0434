//! What a table looks like, as far as its beginning tells: a first suggestion for a [`TableForm`], to be looked at.

use super::csv_records::CsvRecords;
use super::options::ReadOptions;
use super::table::{Column, Columns, Delimiter, Header, Quoting, TableForm};
use crate::task::{Fields, Task, Tasks};

/// So many records are looked at for delimiter, quotes and header.
const LOOKED_AT: usize = 100;

/// A cell of more characters is no name of a column.
const LONGEST_NAME: usize = 40;

/// Names under which files in the field have our columns, in lower case, the surest first.
const NAMES: [(&str, &[&str]); 8] = [
    (
        "id",
        &["id", "idx", "guid", "index", "example_id", "pair_id", "pairid"],
    ),
    (
        "text",
        &[
            "text",
            "sentence",
            "review",
            "content",
            "comment",
            "document",
            "utterance",
            "tweet",
            "body",
            "input",
        ],
    ),
    (
        "text_a",
        &[
            "text_a",
            "sentence1",
            "premise",
            "question1",
            "text1",
            "sentence_a",
            "s1",
            "sentence_1",
        ],
    ),
    (
        "text_b",
        &[
            "text_b",
            "sentence2",
            "hypothesis",
            "question2",
            "text2",
            "sentence_b",
            "s2",
            "sentence_2",
        ],
    ),
    (
        "label",
        &[
            "label",
            "gold_label",
            "labels",
            "class",
            "category",
            "sentiment",
            "topic",
            "intent",
            "is_duplicate",
            "stars",
            "target",
            "gold",
            "answer",
        ],
    ),
    (
        "rationale",
        &["rationale", "explanation", "explanation_1", "reason"],
    ),
    ("score", &["score", "similarity", "similarity_score"]),
    ("source", &["source", "origin"]),
];

/// What a table looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLook {
    /// A suggestion; its columns are numbers. A file that has a column for neither text nor label gives none.
    pub form: TableForm,
    /// Names of the columns; their numbers, counted from 1, where there is no header.
    pub names: Vec<String>,
    /// The first records, without the header.
    pub sample: Vec<Vec<String>>,
}

/// Looks at the beginning of a table. A file that is none looks like a table of one column.
///
/// Tabs make it a TSV, in which quotes are text; otherwise it is the delimiter that cuts most records alike.
/// The first record is a header when it holds a name that is known, or nothing that looks like data.
#[must_use]
pub fn recognise_table(bytes: &[u8]) -> TableLook {
    let candidates = [
        (Delimiter::Tab, Quoting::None),
        (Delimiter::Comma, Quoting::Double),
        (Delimiter::Semicolon, Quoting::Double),
        (Delimiter::Comma, Quoting::None),
    ];
    let cut = candidates.map(|(delimiter, quoting)| (delimiter, quoting, records(bytes, delimiter, quoting)));
    // The first of those that are equally good.
    let best = cut
        .into_iter()
        .rev()
        .max_by_key(|(_, _, records)| evenness(records));
    let (delimiter, quoting, mut records) = best.unwrap_or((Delimiter::Comma, Quoting::Double, Vec::new()));
    let header = if has_header(&records) {
        Header::FirstLine
    } else {
        Header::Absent
    };
    let cells = records.first().map_or(0, Vec::len);
    let (names, columns) = match header {
        Header::FirstLine => {
            let names = records.remove(0);
            let columns = columns_by_name(&names);
            (names, columns)
        }
        Header::Absent => (
            (1..=cells).map(|number| number.to_string()).collect(),
            Columns::default(),
        ),
    };
    TableLook {
        form: TableForm {
            delimiter,
            quoting,
            header,
            columns,
            labels: std::collections::BTreeMap::new(),
        },
        names,
        sample: records,
    }
}

/// The different words of one column, in the order in which they come; `None` where there are more than `most`.
#[must_use]
pub fn column_words(bytes: &[u8], form: &TableForm, column: usize, most: usize) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut is_header = form.header == Header::FirstLine;
    let max = ReadOptions::new("").max_record_bytes;
    let mut records = CsvRecords::open(bytes, form.delimiter, form.quoting, max).ok()?;
    while let Ok(Some(record)) = records.next() {
        if std::mem::take(&mut is_header) || record.problem.is_some() {
            continue;
        }
        let word = records.cells().nth(column).map(String::from_utf8_lossy);
        if let Some(word) = word
            && !words.iter().any(|known| *known == word)
        {
            words.push(word.into_owned());
        }
        if words.len() > most {
            return None;
        }
    }
    Some(words)
}

/// The tasks that have these texts and whose label set has all these words, in the order of their names.
pub fn fitting_tasks<'t>(
    tasks: &'t Tasks,
    columns: &Columns,
    words: &[String],
) -> impl Iterator<Item = &'t Task> {
    let fields = match (&columns.text, &columns.text_a, &columns.text_b) {
        (Some(_), None, None) => Some(Fields::Text),
        (None, Some(_), Some(_)) => Some(Fields::Pair),
        _ => None,
    };
    let fitting: Vec<&Task> = tasks
        .iter()
        .filter(|task| Some(task.fields) == fields && words.iter().all(|word| task.label(word).is_some()))
        .collect();
    fitting.into_iter()
}

fn records(bytes: &[u8], delimiter: Delimiter, quoting: Quoting) -> Vec<Vec<String>> {
    let max = ReadOptions::new("").max_record_bytes;
    let Ok(mut records) = CsvRecords::open(bytes, delimiter, quoting, max) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Ok(Some(record)) = records.next()
        && found.len() < LOOKED_AT
    {
        // A record that the quotes break is one that these quotes do not fit.
        let cells = records
            .cells()
            .map(|cell| String::from_utf8_lossy(cell).into_owned());
        found.push(if record.problem.is_some() {
            Vec::new()
        } else {
            cells.collect()
        });
    }
    found
}

/// How well records are cut, in thousandths: the share of those with as many cells as the first, if that has several.
fn evenness(records: &[Vec<String>]) -> usize {
    let cells = records.first().map_or(0, Vec::len);
    if cells < 2 {
        return 0;
    }
    let alike = records.iter().filter(|record| record.len() == cells).count();
    1000 * alike / records.len()
}

fn has_header(records: &[Vec<String>]) -> bool {
    let Some((first, rest)) = records.split_first() else {
        return false;
    };
    if first.iter().any(|cell| field_of(cell).is_some()) {
        return true;
    }
    let is_name = |(column, cell): (usize, &String)| {
        let again = rest.iter().any(|record| record.get(column) == Some(cell));
        let is_number = cell.trim().parse::<f64>().is_ok();
        !(again || is_number || cell.trim().is_empty() || cell.chars().count() > LONGEST_NAME)
    };
    !rest.is_empty() && first.iter().enumerate().all(is_name)
}

/// Our field for a column's name.
fn field_of(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase().replace([' ', '-'], "_");
    let known = NAMES.iter().find(|(_, names)| names.contains(&name.as_str()));
    known.map(|(field, _)| *field)
}

fn columns_by_name(names: &[String]) -> Columns {
    let find = |field: &str| {
        let (_, known) = NAMES.iter().find(|(name, _)| *name == field)?;
        // The surest name that is there.
        let lower: Vec<String> = names
            .iter()
            .map(|name| name.trim().to_lowercase().replace([' ', '-'], "_"))
            .collect();
        let place = known
            .iter()
            .find_map(|known| lower.iter().position(|name| name == known))?;
        Some(Column::Index(place))
    };
    let (text_a, text_b) = (find("text_a"), find("text_b"));
    let is_pair = text_a.is_some() && text_b.is_some();
    Columns {
        id: find("id"),
        text: find("text").filter(|_| !is_pair),
        text_a: text_a.filter(|_| is_pair),
        text_b: text_b.filter(|_| is_pair),
        label: find("label"),
        rationale: find("rationale"),
        score: find("score"),
        source: find("source"),
    }
}
