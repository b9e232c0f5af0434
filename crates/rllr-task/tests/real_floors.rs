//! The floors of the nine main tasks, recomputed and compared with the published `floors.json` of the data.
//!
//! The data are not part of the project: `RLLR_DATA_DIR` names the directory that holds `floors.json` and the
//! task folders, by default `../shared/data/tasks` beside the repository. Without it the test skips.

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

use rllr_task::example::Input;
use rllr_task::floors::{Baseline, Floor, FloorConfig, GradedInput, LabelledInput, TextView, best_floor};
use rllr_task::floors::{floors, graded_overlap_floor};
use rllr_task::metrics::accuracy_half_width;
use rllr_task::naive_bayes::ClassPrior;
use serde_json::Value;

/// One row: its input, label word and graded score.
type Row = (Input, String, Option<f64>);

fn data_dir() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // An absolute path replaces the root, a relative one is seen from it.
    let given = std::env::var_os("RLLR_DATA_DIR");
    let dir = root.join(given.unwrap_or_else(|| "../shared/data/tasks".into()));
    if dir.join("floors.json").is_file() {
        return Some(dir);
    }
    println!("SKIPPED: no floors.json in {} (set RLLR_DATA_DIR)", dir.display());
    None
}

fn read(dir: &Path, task: &str, split: &str) -> Vec<Row> {
    let path = dir.join(task).join(format!("{split}.jsonl"));
    let lines = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row[name].as_str().map(str::to_owned);
        let input = match field("text") {
            Some(text) => Input::Text(text),
            None => Input::Pair {
                text_a: field("text_a").unwrap(),
                text_b: field("text_b").unwrap(),
            },
        };
        (input, field("label").unwrap(), row["score"].as_f64())
    };
    lines.lines().map(row).collect()
}

/// The label words of a task in alphabetical order, which is the order that decides ties.
fn label_words(rows: &[Row]) -> Vec<String> {
    let mut words: Vec<String> = rows.iter().map(|row| row.1.clone()).collect();
    words.sort();
    words.dedup();
    words
}

fn task_floors(train: &[Row], dev: &[Row], overlap_label: Option<&str>, config: FloorConfig) -> Vec<Floor> {
    let words = label_words(train);
    let class = |label: &str| words.iter().position(|word| word == label).unwrap();
    let labelled = |rows: &'_ [Row]| -> Vec<(Input, usize)> {
        rows.iter()
            .map(|(input, label, _)| (input.clone(), class(label)))
            .collect()
    };
    let (train, dev) = (labelled(train), labelled(dev));
    fn borrow(rows: &[(Input, usize)]) -> Vec<LabelledInput<'_>> {
        rows.iter()
            .map(|(input, class)| LabelledInput { input, class: *class })
            .collect()
    }
    let overlap_class = overlap_label.map(class);
    let config = FloorConfig {
        overlap_class,
        ..config
    };
    floors(&borrow(&train), &borrow(&dev), words.len(), &config).unwrap()
}

/// The name that `floors.json` gives to a baseline.
fn published_name(baseline: &Baseline, two_texts: bool) -> String {
    match baseline {
        Baseline::Majority { .. } => "majority".into(),
        Baseline::NaiveBayes {
            prior: ClassPrior::Uniform,
            ..
        } => "naive Bayes, equal class priors".into(),
        Baseline::NaiveBayes {
            view: TextView::SecondText,
            ..
        } => "naive Bayes on text_b alone".into(),
        Baseline::NaiveBayes { .. } if two_texts => "naive Bayes on both texts".into(),
        Baseline::NaiveBayes { .. } => "naive Bayes".into(),
        Baseline::WordOverlap { .. } => "word overlap threshold".into(),
    }
}

/// `found` agrees with a number that was rounded to `digits` decimals.
fn check(what: &str, found: f64, expected: &Value, digits: i32) {
    let expected = expected
        .as_f64()
        .unwrap_or_else(|| panic!("{what} is not in floors.json"));
    let half = 0.5 * 10_f64.powi(-digits) + 1e-9;
    assert!(
        (found - expected).abs() <= half,
        "{what}: found {found}, expected {expected}"
    );
}

fn check_task(dir: &Path, published: &Value, task: &str, overlap_label: Option<&str>) {
    let start = Instant::now();
    let expected = &published["tasks"][task];
    let (train, dev) = (read(dir, task, "train"), read(dir, task, "dev"));
    let two_texts = matches!(dev[0].0, Input::Pair { .. });
    let found = task_floors(&train, &dev, overlap_label, FloorConfig::default());
    check(&format!("{task} rows"), dev.len() as f64, &expected["rows"], 0);
    for floor in &found {
        let name = published_name(&floor.baseline, two_texts);
        check(
            &format!("{task} {name}"),
            100.0 * floor.accuracy,
            &expected[name.as_str()],
            1,
        );
        match floor.baseline {
            Baseline::Majority { class } => {
                assert_eq!(label_words(&train)[class], expected["majority_label"])
            }
            Baseline::NaiveBayes { smoothing, .. } => {
                let f1 = &expected[format!("{name}, macro F1")];
                check(&format!("{task} {name}, macro F1"), 100.0 * floor.macro_f1, f1, 1);
                check(
                    &format!("{task} {name}, smoothing"),
                    smoothing,
                    &expected[format!("{name}, smoothing")],
                    9,
                );
            }
            Baseline::WordOverlap { threshold, .. } => {
                check(&format!("{task} threshold"), threshold, &expected["threshold"], 3);
            }
        }
    }
    let best = best_floor(&found).unwrap();
    // The published floor of this task comes from more training data: see its own test.
    if task != "esnli" {
        check(
            &format!("{task} floor"),
            100.0 * best.accuracy,
            &expected["floor"],
            1,
        );
        assert_eq!(published_name(&best.baseline, two_texts), expected["floor_by"]);
        let half = 100.0 * accuracy_half_width(best.accuracy, dev.len());
        check(
            &format!("{task} half-width"),
            half,
            &expected["95% half-width"],
            1,
        );
    }
    println!(
        "{task}: {} floors agree, best {:.1} ({}), {:.1?}",
        found.len(),
        100.0 * best.accuracy,
        best.baseline,
        start.elapsed()
    );
}

#[test]
fn floors_of_the_main_tasks_agree() {
    let Some(dir) = data_dir() else { return };
    let published: Value = serde_json::from_slice(&std::fs::read(dir.join("floors.json")).unwrap()).unwrap();
    for task in ["mr", "sst2", "app_reviews", "ag_news", "mnli", "stsb", "esnli"] {
        check_task(&dir, &published, task, None);
    }
    check_task(&dir, &published, "mrpc", Some("paraphrase"));
    check_task(&dir, &published, "qqp", Some("duplicate"));
}

#[test]
fn floor_of_esnli_with_more_training_data_agrees() {
    let Some(dir) = data_dir() else { return };
    let published: Value = serde_json::from_slice(&std::fs::read(dir.join("floors.json")).unwrap()).unwrap();
    let mut train = read(&dir, "esnli", "train");
    train.extend(read(&dir, "snli", "train"));
    // The published number keeps the smoothing that is best without the additional rows.
    let config = FloorConfig {
        smoothings: vec![1.0],
        ..FloorConfig::default()
    };
    let found = task_floors(&train, &read(&dir, "esnli", "dev"), None, config);
    let second_text = found.last().unwrap();
    assert_eq!(
        published_name(&second_text.baseline, true),
        "naive Bayes on text_b alone"
    );
    check(
        "esnli floor",
        100.0 * second_text.accuracy,
        &published["tasks"]["esnli"]["floor"],
        1,
    );
}

#[test]
fn equal_class_priors_agree() {
    let Some(dir) = data_dir() else { return };
    let published: Value = serde_json::from_slice(&std::fs::read(dir.join("floors.json")).unwrap()).unwrap();
    for task in ["qqp", "cr", "tweet_irony"] {
        let config = FloorConfig {
            priors: vec![ClassPrior::Uniform],
            ..FloorConfig::default()
        };
        let found = task_floors(&read(&dir, task, "train"), &read(&dir, task, "dev"), None, config);
        let expected = &published["tasks"][task]["naive Bayes, equal class priors"];
        check(
            &format!("{task} equal class priors"),
            100.0 * found[1].accuracy,
            expected,
            1,
        );
    }
}

#[test]
fn word_overlap_of_stsb_agrees() {
    let Some(dir) = data_dir() else { return };
    let published: Value = serde_json::from_slice(&std::fs::read(dir.join("floors.json")).unwrap()).unwrap();
    let (train, dev) = (read(&dir, "stsb", "train"), read(&dir, "stsb", "dev"));
    fn graded(rows: &[Row]) -> Vec<GradedInput<'_>> {
        rows.iter()
            .map(|(input, _, score)| GradedInput {
                input,
                score: score.unwrap(),
            })
            .collect()
    }
    let found = graded_overlap_floor(&graded(&train), &graded(&dev)).unwrap();
    let expected = &published["tasks"]["stsb"];
    check("Pearson", found.pearson, &expected["Jaccard Pearson"], 3);
    check("Spearman", found.spearman, &expected["Jaccard Spearman"], 3);
    check(
        "rounded",
        100.0 * found.rounded_accuracy,
        &expected["Jaccard regression, rounded label"],
        1,
    );
    check(
        "within 1",
        100.0 * found.within_one_point,
        &expected["within 1 point"],
        1,
    );
}
