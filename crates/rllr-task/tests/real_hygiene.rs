//! The published data have no text on both sides of a split, across all tasks at once: their README says so, and
//! [`find_leaks`] has to agree. And it has to find the copies that are put in.
//!
//! `RLLR_DATA_DIR` names the directory of the task folders, by default `../shared/data/tasks` beside the
//! repository. Without it the test skips.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::missing_assert_message,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a native test: it reads files, takes times, says why it skips, and fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use rllr_task::hygiene::{LeakConfig, LeakKind, Part, find_leaks};
use serde_json::Value;

/// Name, and the texts of each row.
type Texts = (String, Vec<Vec<String>>);

fn data_dir() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // An absolute path replaces the root, a relative one is seen from it.
    let given = std::env::var_os("RLLR_DATA_DIR");
    let dir = root.join(given.unwrap_or_else(|| "../shared/data/tasks".into()));
    if dir.join("index.json").is_file() {
        return Some(dir);
    }
    println!("SKIPPED: no index.json in {} (set RLLR_DATA_DIR)", dir.display());
    None
}

fn read(dir: &Path, split: &str) -> Vec<Texts> {
    let index: Value = serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap();
    let tasks = index["tasks"].as_object().unwrap().keys();
    let texts = |task: &String| {
        let lines = std::fs::read_to_string(dir.join(task).join(format!("{split}.jsonl"))).unwrap();
        let row = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let fields = ["text", "text_a", "text_b"].iter();
            fields
                .filter_map(|field| row[field].as_str().map(str::to_owned))
                .collect()
        };
        (format!("{task}/{split}"), lines.lines().map(row).collect())
    };
    // These rows are not a task: they repeat the inputs of three tasks on purpose.
    tasks
        .filter(|task| *task != "rationale_pairs")
        .map(texts)
        .collect()
}

fn parts(texts: &[Texts]) -> Vec<Part<'_>> {
    fn borrow(row: &[String]) -> Vec<&str> {
        row.iter().map(String::as_str).collect()
    }
    texts
        .iter()
        .map(|(name, rows)| Part {
            name: name.clone(),
            rows: rows.iter().map(|row| borrow(row)).collect(),
        })
        .collect()
}

fn n_texts(parts: &[Texts]) -> usize {
    parts.iter().flat_map(|part| &part.1).map(Vec::len).sum()
}

#[test]
fn published_splits_are_clean_and_planted_copies_are_found() {
    let Some(dir) = data_dir() else { return };
    let (mut train, dev) = (read(&dir, "train"), read(&dir, "dev"));
    let start = Instant::now();
    let clean = find_leaks(&parts(&train), &parts(&dev), &LeakConfig::default()).unwrap();
    println!(
        "{} training and {} held-out texts: {:.1?}",
        n_texts(&train),
        n_texts(&dev),
        start.elapsed()
    );
    for count in &clean.counts {
        println!("{count:?}");
    }
    // No text is on both sides. The data were cleaned by a coarser count of pieces, which left a few near copies
    // between 70 and 80 %: fewer than one row in a thousand.
    assert!(
        clean.leaks.iter().all(|leak| leak.kind != LeakKind::Equal),
        "equal texts in {:?}",
        clean.counts
    );
    let n_rows: usize = train.iter().map(|part| part.1.len()).sum();
    assert!(
        clean.leaks.len() * 1000 < n_rows,
        "{} of {n_rows} rows nearly repeat a dev text",
        clean.leaks.len()
    );

    // Every fiftieth dev text goes into the first training part: one half disguised, one half inside more text.
    let planted: Vec<&String> = dev
        .iter()
        .flat_map(|part| &part.1)
        .flatten()
        .step_by(50)
        .collect();
    let first_planted = train[0].1.len();
    for (number, text) in planted.iter().enumerate() {
        let copy = if number % 2 == 0 {
            format!(" *{}* ", text.to_uppercase().replace(' ', " - "))
        } else {
            format!("Somebody once said: {text} And so it went on.")
        };
        train[0].1.push(vec![copy]);
    }
    let report = find_leaks(&parts(&train), &parts(&dev), &LeakConfig::default()).unwrap();
    let found = report.leaking_rows(0);
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let mut n_findable = 0;
    for (number, text) in planted.iter().enumerate() {
        let row = first_planted + number;
        // Short texts count only where they are the whole text.
        let findable = number % 2 == 0 || letters(text) >= 32;
        assert!(
            !findable || found.contains(&row),
            "row {row} was not found: {text}"
        );
        n_findable += usize::from(findable);
    }
    println!(
        "{n_findable} of {} planted copies are long enough, all of them found",
        planted.len()
    );
    assert!(n_findable > 500, "too few planted copies to tell: {n_findable}");
}
