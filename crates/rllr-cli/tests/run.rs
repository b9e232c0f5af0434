//! `rllr run` as users call it, with settings that end in seconds.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod runs;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use runs::{command, fail, folder, lines, run, succeed, timeless, write_data};
use serde_json::Value;

/// Every method is measured; what did not change is not done again; what did is, and what depends on it.
#[test]
#[expect(clippy::too_many_lines, reason = "one run is looked at from all sides")]
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
        let mut child = command(&folder, &arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 97 * (attempt % 11)));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if ended {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "after {kills} kills: {said}");
            break;
        }
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
