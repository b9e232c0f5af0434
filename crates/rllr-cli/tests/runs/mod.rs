//! What the tests of runs share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "not every test uses all of it, and a test ends where something is missing"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub const TINY: &str = r#"
ppo_steps = 2
label_pairs = "with_flipped_labels"
[data]
sft = 8
prompts = 6
held_out = 5
sampled_pairs = 4
[model]
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 1
num_attention_heads = 2
[sft]
epochs = 2
batch_size = 4
[sft_label]
epochs = 2
batch_size = 4
[label_reward]
epochs = 1
batch_size = 8
[rationale_reward]
epochs = 1
batch_size = 8
[ppo]
batch_size = 8
minibatch_size = 8
max_new_tokens = 8
[grpo]
batch_size = 8
minibatch_size = 8
max_new_tokens = 8
[answering]
max_new_tokens = 8
"#;

/// A fresh folder with the settings.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rllr-run-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("tiny.toml"), TINY).unwrap();
    folder
}

pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rllr"));
    command
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub fn rllr(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = rllr(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    assert!(
        output.stderr.is_empty(),
        "nothing is painted where no terminal is: {message}"
    );
    String::from_utf8(output.stdout).unwrap()
}

pub fn fail(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = rllr(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    message
}

pub fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All files of a run that do not hold a time, by path.
pub fn timeless(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let with_time = [
                "stage.json",
                "evaluations.jsonl",
                "results.jsonl",
                "run.json",
                "report.json",
                "report.md",
                "report.html",
                ".lock",
            ];
            if path.is_dir() {
                waiting.push(path);
            } else if name == "events.jsonl" {
                // A resumed stage tells that it was.
                let told = ["step", "samples", "warning"];
                let mut events = lines(&path);
                events.retain(|event| told.contains(&event["event"].as_str().unwrap()));
                let text: String = events.iter().map(|event| format!("{event}\n")).collect();
                found.insert(
                    path.strip_prefix(root).unwrap().display().to_string(),
                    text.into_bytes(),
                );
            } else if !with_time.contains(&name.as_str()) {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().display().to_string(), bytes);
            }
        }
    }
    found
}

pub const RUN: [&str; 7] = [
    "run",
    "--config",
    "tiny.toml",
    "--tasks",
    "film_sentiment",
    "--device",
    "cpu",
];

pub fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], more].concat()
}

/// Rows of two tasks in the uniform form.
pub fn write_data(folder: &Path) {
    for (split, rows) in [("train", 20), ("dev", 6)] {
        let mut sentiment = String::new();
        let mut inference = String::new();
        for row in 0..rows {
            let (label, word) = if row % 2 == 0 {
                ("positive", "lively")
            } else {
                ("negative", "dull")
            };
            sentiment += &format!(
                "{{\"id\":\"sst2-{split}-{row}\",\"task\":\"sst2\",\"text\":\"a {word} film {row}\",\"label\":\"{label}\"}}\n"
            );
            let label = ["entailment", "neutral", "contradiction"][row % 3];
            let texts = "\"rationales\":{\"entailment\":\"it follows\",\"neutral\":\"who knows\",\"contradiction\":\"it cannot be\"}";
            inference += &format!(
                "{{\"id\":\"esnli-{split}-{row}\",\"task\":\"esnli\",\"text_a\":\"a man sleeps {row}\",\"text_b\":\"a man rests\",\"label\":\"{label}\",\"rationale\":\"a person wrote this\",{texts}}}\n"
            );
        }
        for (task, text) in [("sst2", sentiment), ("esnli", inference)] {
            let directory = folder.join("data").join(task);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("{split}.jsonl")), text).unwrap();
        }
    }
}
