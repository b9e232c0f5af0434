//! Stages as commands, and what is said of bad input and bad disks.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod runs;

use std::fs;
use std::process::Command;

use runs::{fail, folder, lines, rllr, run, succeed, timeless, write_data};
use serde_json::Value;

/// A run can be entered anywhere: each stage reads what the one before it wrote.
#[test]
#[expect(clippy::too_many_lines, reason = "one story from data to a student")]
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
#[expect(clippy::too_many_lines, reason = "a list of mistakes")]
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
