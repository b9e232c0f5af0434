//! The real data sets are read without losing a line. Skips, and says so, where they are absent.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a native test over files: it opens them, asks the environment where they are, and says if it skips"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use rllr_task::answer::{Answer, ResponseFormat};
use rllr_task::read::{ReadOptions, labelled_examples, rationale_judgements};
use rllr_task::{Example, Tasks};
use serde::Deserialize;

/// `index.json` of the data directory, as far as it is needed here.
#[derive(Deserialize)]
struct Index {
    tasks: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    rationale_rows: usize,
    #[serde(default)]
    fields: Vec<String>,
    files: BTreeMap<String, Part>,
}

#[derive(Deserialize)]
struct Part {
    rows: u64,
    bytes: u64,
}

/// The directory with the tasks: `RLLR_DATA_DIR`, else beside the workspace; `None` if there is none.
fn data_dir() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tasks");
    let dir = std::env::var_os("RLLR_DATA_DIR").map_or(beside, PathBuf::from);
    if dir.join("index.json").is_file() {
        return Some(dir);
    }
    println!(
        "SKIPPED: no real data, {} has no index.json (set RLLR_DATA_DIR)",
        dir.display()
    );
    None
}

fn index(dir: &Path) -> Index {
    let text = std::fs::read_to_string(dir.join("index.json")).expect("index.json can be read");
    serde_json::from_str(&text).expect("index.json is as expected")
}

fn open(path: &Path) -> (BufReader<File>, ReadOptions) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (BufReader::new(file), ReadOptions::new(path.display().to_string()))
}

#[test]
fn every_line_of_every_task_is_read_and_fits_its_task() {
    let Some(dir) = data_dir() else { return };
    let tasks = Tasks::builtin();
    let mut total = 0;
    for (name, entry) in index(&dir).tasks {
        for (part, expected) in &entry.files {
            let path = dir.join(&name).join(format!("{part}.jsonl"));
            assert_eq!(
                path.metadata().map(|data| data.len()).ok(),
                Some(expected.bytes),
                "{}",
                path.display()
            );
            let (reader, options) = open(&path);
            if name == "rationale_pairs" {
                let (rows, report) = rationale_judgements(reader, options)
                    .read_all()
                    .unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(
                    (report.rows, report.lines, report.bad),
                    (expected.rows, expected.rows, 0),
                    "{name}"
                );
                for row in rows {
                    let task = tasks.get(&row.base).expect("its base is a task");
                    assert!(
                        task.label(&row.label).is_some(),
                        "{}: label {}",
                        row.id,
                        row.label
                    );
                }
            } else {
                let read = labelled_examples(reader, &tasks, options).read_all();
                let (rows, report) = read.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(
                    (report.rows, report.lines, report.bad),
                    (expected.rows, expected.rows, 0),
                    "{name}"
                );
                if part == "train" {
                    let explained = rows.iter().filter(|row| row.rationale.is_some()).count();
                    assert_eq!(explained, entry.rationale_rows, "{name}: rows with a rationale");
                }
                check_rows(&tasks, &rows);
            }
            total += expected.rows;
        }
    }
    println!("{total} rows read");
    assert!(
        total > 200_000,
        "only {total} rows: the data directory is not the whole one"
    );
}

/// The gold answer of each row is printed, parsed, and the same; the prompt can be made in each wording.
fn check_rows(tasks: &Tasks, rows: &[Example]) {
    for row in rows {
        let task = tasks.get(&row.task).expect("checked by the reader");
        let label = task.gold_label(row).expect("checked by the reader");
        assert_eq!(
            task.word(label),
            row.label,
            "{}: the label is the one that the score gives",
            row.id
        );
        let answer = Answer::new(row.rationale.as_deref().unwrap_or_default(), label);
        for format in [
            ResponseFormat::RationaleThenLabel,
            ResponseFormat::LabelThenRationale,
        ] {
            let again = Answer::parse(&answer.print(task, format), task, format);
            assert_eq!(again.as_ref(), Ok(&answer), "{}", row.id);
        }
        for wording in 0..task.prompts.len() {
            let prompt = task.prompt(row, wording, ResponseFormat::default());
            assert!(prompt.is_ok(), "{}: {prompt:?}", row.id);
        }
    }
}

#[test]
fn the_built_in_tasks_have_the_labels_and_fields_of_the_data() {
    let Some(dir) = data_dir() else { return };
    let tasks = Tasks::builtin();
    let mut count = 0;
    for (name, entry) in index(&dir)
        .tasks
        .iter()
        .filter(|(name, _)| *name != "rationale_pairs")
    {
        let task = tasks.get(name).unwrap_or_else(|error| panic!("{error}"));
        let words: Vec<&str> = task.labels.iter().map(|label| label.word.as_str()).collect();
        assert_eq!(words, entry.labels, "{name}: labels");
        let texts: &[&str] = match task.fields {
            rllr_task::task::Fields::Pair => &["text_a", "text_b"],
            rllr_task::task::Fields::Text | rllr_task::task::Fields::Choices => &["text"],
        };
        assert_eq!(entry.text, texts, "{name}: texts");
        let choices = task.fields == rllr_task::task::Fields::Choices;
        assert_eq!(
            entry.fields.iter().any(|field| field == "choices"),
            choices,
            "{name}: choices"
        );
        count += 1;
    }
    assert_eq!(count, 28, "tasks in the data");
}
