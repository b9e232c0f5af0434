//! `rllr run` and its stages as users call them, with settings that end in seconds.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const TINY: &str = r#"
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
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rllr-run-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("tiny.toml"), TINY).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rllr"));
    command
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn rllr(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = rllr(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    assert!(
        output.stderr.is_empty(),
        "nothing is painted where no terminal is: {message}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn fail(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = rllr(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    message
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All files of a run that do not hold a time, by path.
fn timeless(root: &Path) -> BTreeMap<String, Vec<u8>> {
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
                ".lock",
            ];
            if path.is_dir() {
                waiting.push(path);
            } else if name == "events.jsonl" {
                // A resumed stage tells that it was.
                let events = lines(&path).into_iter().filter(|event| event["event"] == "step");
                let text: String = events.map(|event| format!("{event}\n")).collect();
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

const RUN: [&str; 7] = [
    "run",
    "--config",
    "tiny.toml",
    "--tasks",
    "film_sentiment",
    "--device",
    "cpu",
];

fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], more].concat()
}

/// Every method is measured; what did not change is not done again; what did is, and what depends on it.
#[test]
fn a_run_compares_all_methods_and_repeats_nothing() {
    let folder = folder("all");
    let said = succeed(&folder, &run(&["--out", "out"]));
    let out = folder.join("out");
    let results = lines(&out.join("results.jsonl"));
    let methods: Vec<&str> = results
        .iter()
        .map(|row| row["method"].as_str().unwrap())
        .collect();
    let all = [
        "sft-label",
        "sft-rationale",
        "rlhf",
        "rllr",
        "rllr-mixed",
        "exact-label",
        "grpo",
    ];
    assert_eq!(methods, all);
    for row in &results {
        assert_eq!(
            (row["held_out"]["n"].as_u64(), row["seed"].as_u64()),
            (Some(5), Some(0))
        );
        assert!(said.contains(row["method"].as_str().unwrap()));
        let evaluation = out.join(row["evaluation"].as_str().unwrap());
        let ids =
            |file: PathBuf| -> Vec<Value> { lines(&file).iter().map(|row| row["id"].clone()).collect() };
        let answered = ids(evaluation.join("film_sentiment.held_out.jsonl"));
        assert_eq!(
            answered,
            ids(out.join("film_sentiment/seed-0/data/film_sentiment/held_out.jsonl"))
        );
    }
    let reads = |row: usize| results[row]["reward_models"].as_object().unwrap().len();
    assert_eq!([0, 2, 3, 4, 5].map(reads), [0, 1, 1, 2, 0]);
    assert!(results[4]["label_threshold"].is_number() && results[3]["label_threshold"].is_null());
    let sampled: Value = serde_json::from_str(
        &fs::read_to_string(out.join("film_sentiment/seed-0/sampled/statistics.json")).unwrap(),
    )
    .unwrap();
    let counts = [
        "label_sensitive",
        "rationale_sensitive",
        "identical",
        "unparsable",
    ];
    let counted: u64 = counts.iter().map(|name| sampled[0][name].as_u64().unwrap()).sum();
    assert_eq!(counted, 4);

    let before = timeless(&out);
    let again = succeed(&folder, &run(&["--out", "out"]));
    assert!(!again.contains(": done"), "{again}");
    assert_eq!(timeless(&out), before);

    let changed = succeed(
        &folder,
        &run(&["--out", "out", "--set", "ppo.learning_rate=3e-4"]),
    );
    let done: Vec<&str> = changed.lines().filter(|line| line.contains(": done")).collect();
    let stages = ["rlhf", "rllr", "rllr-mixed", "exact-label"];
    assert_eq!(done.len(), 2 * stages.len(), "{changed}");
    for stage in stages {
        assert!(changed.contains(&format!("seed-0/{stage}: done")), "{changed}");
        assert!(
            changed.contains(&format!("seed-0/eval-{stage}: done")),
            "{changed}"
        );
    }
    assert_eq!(lines(&out.join("results.jsonl")).len(), 7);
    fs::remove_dir_all(folder).unwrap();
}

/// Killed at any moment, a run goes on from what it saved and ends with the same bits.
#[test]
fn a_killed_run_ends_as_one_that_was_not() {
    let folder = folder("killed");
    let methods = ["--methods", "sft-label,rllr-mixed,grpo", "--save-seconds", "0"];
    succeed(&folder, &run(&[&methods[..], &["--out", "whole"]].concat()));
    let arguments = run(&[&methods[..], &["--out", "killed", "--resume"]].concat());
    let mut kills = 0;
    for attempt in 0_u64.. {
        let mut child = command(&folder, &arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + 97 * (attempt % 11)));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        if kills == 12 {
            succeed(&folder, &arguments);
            break;
        }
    }
    assert!(kills > 0, "it was never killed");
    let (whole, killed) = (timeless(&folder.join("whole")), timeless(&folder.join("killed")));
    assert_eq!(
        whole.keys().collect::<Vec<_>>(),
        killed.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in whole.iter().filter(|(name, _)| *name != "config.toml") {
        assert!(killed[name] == *bytes, "{name} differs after {kills} kills");
    }
    fs::remove_dir_all(folder).unwrap();
}

/// Ctrl-C saves and says how to go on; without a word about it, a half-done run is not touched.
#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_resume() {
    let folder = folder("ctrl-c");
    let slow = [
        "--set",
        "sft_label.epochs=500",
        "--methods",
        "sft-label",
        "--out",
        "out",
    ];
    let child = command(&folder, &run(&slow)).spawn().unwrap();
    let events = folder.join("out/film_sentiment/seed-0/sft-label.partial/events.jsonl");
    for _ in 0..600 {
        if fs::read_to_string(&events).is_ok_and(|text| text.lines().count() > 5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("interrupted") && message.contains("--resume"),
        "{message}"
    );

    let message = fail(&folder, &run(&slow), 2);
    assert!(
        message.contains("half-done") && message.contains("--force"),
        "{message}"
    );
    succeed(&folder, &run(&[&slow[..], &["--resume"]].concat()));
    let events = lines(&folder.join("out/film_sentiment/seed-0/sft-label/events.jsonl"));
    let steps: Vec<u64> = events
        .iter()
        .filter(|event| event["event"] == "step")
        .map(|event| event["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, (1..=1000).collect::<Vec<_>>(), "every step is told once");
    assert!(events.iter().any(|event| event["resumed_from"].is_string()));
    fs::remove_dir_all(folder).unwrap();
}

/// Rows of two tasks in the uniform form.
fn write_data(folder: &Path) {
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

/// Tasks in files, learnt by one model; who wrote the rationales is written down.
#[test]
fn tasks_from_files_share_a_model() {
    let folder = folder("files");
    write_data(&folder);
    let arguments = [
        "run",
        "--config",
        "tiny.toml",
        "--data",
        "data",
        "--methods",
        "sft-rationale,rllr",
        "--device",
        "cpu",
        "--set",
        "data.models=one_for_all",
        "--set",
        "data.limits.esnli.sft=6",
        "--out",
        "out",
        "--seed",
        "3,4",
    ];
    succeed(&folder, &arguments);
    let results = lines(&folder.join("out/results.jsonl"));
    assert_eq!(results.len(), 2 * 2 * 2, "tasks, methods, seeds");
    assert!(
        results
            .iter()
            .all(|row| row["group"] == "all-tasks" && row["test"].is_null())
    );
    let path = folder.join("out/all-tasks/seed-3/data/summary.json");
    let summary: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let of = |task: usize, key: &str| summary[task][key].clone();
    assert_eq!((of(0, "task"), of(0, "sft")), ("esnli".into(), 6.into()));
    assert_eq!((of(1, "task"), of(1, "sft")), ("sst2".into(), 8.into()));
    assert_eq!(summary[0]["rationales_by"], serde_json::json!({ "generated": 6 }));
    assert_eq!(summary[1]["rationales_by"], serde_json::json!({ "rule": 8 }));
    assert_eq!(
        of(0, "files").as_object().unwrap().len(),
        4,
        "every file with its hash"
    );
    fs::remove_dir_all(folder).unwrap();
}

/// A run can be entered anywhere: each stage reads what the one before it wrote.
#[test]
fn stages_are_commands_that_read_and_write_files() {
    let folder = folder("stages");
    write_data(&folder);
    let common = ["--config", "tiny.toml", "--device", "cpu", "--quiet"];
    let call = |arguments: &[&str]| succeed(&folder, &[arguments, &common[..]].concat());
    let data = ["--data", "data", "--tasks", "esnli"];
    call(&[&["sft", "--out", "sft"], &data[..]].concat());
    succeed(
        &folder,
        &[&["pairs", "build", "--out", "pairs", "--quiet"], &data[..]].concat(),
    );
    call(&[
        "reward",
        "--model",
        "sft/model",
        "--data",
        "pairs/pairs.jsonl",
        "--held-out",
        "pairs/pairs.jsonl",
        "--out",
        "reward",
    ]);
    let metrics: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("reward/metrics.json")).unwrap()).unwrap();
    assert!(metrics["eval_label_accuracy"].is_number(), "{metrics}");
    let config = fs::read_to_string(folder.join("reward/model/config.json")).unwrap();
    assert!(config.contains("LlamaForSequenceClassification"), "{config}");
    let policy = [
        "ppo",
        "--model",
        "sft/model",
        "--method",
        "rllr-mixed",
        "--out",
        "policy",
    ];
    let message = fail(&folder, &[&policy[..], &data[..], &common[..]].concat(), 2);
    assert!(message.contains("--label-reward"), "{message}");
    let rewards = ["--label-reward", "reward", "--rationale-reward", "reward"];
    call(&[&policy[..], &data[..], &rewards[..]].concat());
    let reward: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("policy/reward.json")).unwrap()).unwrap();
    assert!(reward["label_threshold"].is_number(), "{reward}");
    let distil = [
        "distill",
        "--teacher",
        "policy/model",
        "--out",
        "student",
        "--set",
        "distillation.training.epochs=1",
    ];
    call(&[&distil[..], &data[..]].concat());

    let eval = [
        "eval",
        "--model",
        "student/model",
        "--data",
        "data/esnli/dev.jsonl",
        "--max-new-tokens",
        "8",
    ];
    succeed(
        &folder,
        &[&eval[..], &["--out", "result.json", "--quiet"]].concat(),
    );
    let written = succeed(
        &folder,
        &[
            "generate",
            "--model",
            "student/model",
            "--prompt",
            "a man",
            "--json",
        ],
    );
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["prompt"], "a man");
    let sampled = [
        "generate",
        "--model",
        "sft/model",
        "--data",
        "data/esnli/dev.jsonl",
        "--temperature",
        "1",
    ];
    let draw = |out: &str| {
        let more = [
            "--max-new-tokens",
            "6",
            "--samples",
            "2",
            "--limit",
            "3",
            "--out",
            out,
        ];
        succeed(&folder, &[&sampled[..], &more[..]].concat());
        lines(&folder.join(out))
    };
    let (first, second) = (draw("first.jsonl"), draw("second.jsonl"));
    assert_eq!(
        (first.len(), &first),
        (6, &second),
        "the same seed draws the same"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn bad_input_is_named_and_earlier_results_stay() {
    let folder = folder("bad");
    write_data(&folder);
    let base = [
        "run",
        "--config",
        "tiny.toml",
        "--methods",
        "sft-label",
        "--device",
        "cpu",
        "--out",
        "out",
    ];
    let good = [&base[..], &["--data", "data", "--tasks", "sst2"]].concat();
    succeed(&folder, &good);
    let before = timeless(&folder.join("out"));

    let check = |arguments: &[&str], parts: &[&str]| {
        let message = fail(&folder, arguments, 2);
        for part in parts {
            assert!(
                message.contains(part),
                "{arguments:?}: expected {part:?} in {message}"
            );
        }
        assert!(
            timeless(&folder.join("out")) == before,
            "{arguments:?} touched earlier results"
        );
    };
    let dev = folder.join("data/sst2/dev.jsonl");
    let text = fs::read_to_string(&dev).unwrap();
    fs::write(&dev, format!("{text}{{\"id\":\"x\"\n")).unwrap();
    check(&good, &["dev.jsonl, line 7"]);
    fs::write(&dev, text.replacen("positive", "great", 1)).unwrap();
    check(
        &good,
        &[
            "dev.jsonl, line 1, field `label`",
            "found `great`",
            "negative or positive",
        ],
    );
    fs::write(&dev, text).unwrap();
    check(
        &[&good[..], &["--model", "nowhere"]].concat(),
        &["nowhere", "expected the directory of a model"],
    );
    check(
        &[&good[..], &["--set", "sft.epoch=2"]].concat(),
        &["sft.epoch", "did you mean `epochs`?"],
    );
    check(
        &[&base[..], &["--tasks", "mnli"]].concat(),
        &["mnli", "--data", "film_sentiment"],
    );
    check(&[&good[..], &["--methods", "rlrl"]].concat(), &["rlrl", "rllr"]);
    fs::write(folder.join("typo.toml"), "[label_rewards]\nepochs = 1\n").unwrap();
    check(
        &["run", "--config", "typo.toml"],
        &["typo.toml", "line 1", "did you mean `label_reward`?"],
    );
    check(&["run", "--config", "nowhere.toml"], &["nowhere.toml"]);
    fs::create_dir_all(folder.join("other")).unwrap();
    fs::write(folder.join("other/thesis.txt"), "x").unwrap();
    check(&run(&["--out", "other"]), &["other", "something else"]);
    succeed(&folder, &good);
    fs::remove_dir_all(folder).unwrap();
}

/// A disk that is full, and one that cannot be written: an error with the place, and earlier results as they were.
#[cfg(unix)]
#[test]
fn a_disk_that_cannot_be_written_is_an_error() {
    let folder = folder("disk");
    let disk = folder.join("disk");
    fs::create_dir_all(&disk).unwrap();
    let mount = |options: &str| {
        let path = disk.to_str().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs", path])
            .output();
        mounted.is_ok_and(|output| output.status.success())
    };
    if !mount("size=1300k") {
        println!("SKIPPED: a small disk could not be mounted, which takes an administrator");
        return;
    }
    let unmount = || Command::new("umount").arg(&disk).status().unwrap();
    let small = run(&["--methods", "sft-label", "--out", "disk/out"]);
    let first = rllr(&folder, &small);
    let before = first.status.success().then(|| timeless(&disk.join("out")));
    let large = run(&[
        "--methods",
        "sft-label,sft-rationale,rllr",
        "--set",
        "model.hidden_size=128",
        "--out",
        "disk/out",
    ]);
    let full = rllr(&folder, &large);
    let message = String::from_utf8_lossy(&full.stderr).into_owned();
    let after = before
        .as_ref()
        .map(|_| timeless(&disk.join("out/film_sentiment/seed-0/sft-label")));
    let remounted = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&disk)
        .status()
        .unwrap()
        .success();
    let read_only = rllr(&folder, &small);
    assert!(unmount().success());
    assert_eq!(full.status.code(), Some(1), "{message}");
    assert!(message.contains("space") || message.contains("full"), "{message}");
    let (before, after) = (before.expect("the small run has room"), after.unwrap());
    assert!(
        after
            .keys()
            .all(|name| before.contains_key(&format!("film_sentiment/seed-0/sft-label/{name}")))
    );
    assert!(remounted);
    let message = String::from_utf8_lossy(&read_only.stderr).into_owned();
    assert_eq!(read_only.status.code(), Some(1), "{message}");
    assert!(
        message.contains("Read-only") && message.contains("disk/out"),
        "{message}"
    );
    fs::remove_dir_all(folder).unwrap();
}
