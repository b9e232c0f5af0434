//! The program as users call it.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::process::{Command, Output};

fn rllr(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rllr"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn bad_usage_ends_with_code_2_and_says_what_was_expected() {
    for (arguments, expected) in [
        (vec!["doktor"], "doctor"),
        (vec!["doctor", "--jason"], "--json"),
        (vec!["doctor", "now"], "unexpected argument 'now'"),
        (vec![], "Usage: rllr"),
    ] {
        let output = rllr(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty(),
            "{arguments:?} writes nothing to standard output"
        );
        let message = text(&output.stderr);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn doctor_finds_that_the_cpu_computes_right() {
    let output = rllr(&["doctor"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(table.contains("--device cpu: usable"), "{table}");
    assert_eq!(
        table.matches("weights after the step").count(),
        table.matches("usable\n").count(),
        "{table}"
    );
}

#[test]
fn doctor_gives_programs_the_same_as_people() {
    let output = rllr(&["doctor", "--json"]);
    let diagnosis: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cpu = &diagnosis["devices"][0];
    assert_eq!(
        (cpu["device"].as_str(), cpu["usable"].as_bool()),
        (Some("cpu"), Some(true))
    );
    let checks = cpu["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 6, "{checks:?}");
    assert!(
        checks
            .iter()
            .all(|check| check["passed"] == true && check["largest_difference"].is_number())
    );
}

#[test]
fn a_bad_line_is_named_and_ends_with_code_2() {
    let folder = std::env::temp_dir().join(format!("rllr-cli-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("rows.jsonl");
    std::fs::write(
        &file,
        "{\"id\":\"x\",\"task\":\"sst2\",\"text\":\"good\",\"label\":\"great\"}\n",
    )
    .unwrap();
    let output = rllr(&["data", "inspect", "--data", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "rows.jsonl, line 1, field `label`: found `great`, expected negative or positive";
    let message = text(&output.stderr);
    assert!(message.contains(expected), "{message}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A directory of its own for a test.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("rllr-cli-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const SST2_ROWS: &str = r#"{"id":"a","task":"sst2","text":"a gem of a film","label":"positive","rationale":"It is praised as a gem."}
{"id":"b","task":"sst2","text":"a bore of a film","label":"negative","rationale":"It is called a bore."}
"#;

#[test]
#[expect(clippy::too_many_lines, reason = "what a user does, step by step")]
fn a_tokenizer_is_trained_and_inspected() {
    let folder = folder("tokenizer");
    std::fs::create_dir_all(folder.join("sst2")).unwrap();
    std::fs::write(folder.join("sst2/train.jsonl"), SST2_ROWS).unwrap();
    std::fs::write(
        folder.join("sst2/test.jsonl"),
        SST2_ROWS.replace("gem", "zzzzzz").replace("\"a\"", "\"c\""),
    )
    .unwrap();
    std::fs::write(folder.join("more.txt"), "films and gems, films and bores\n").unwrap();
    let (data, out) = (folder.to_str().unwrap(), folder.join("out"));
    let out = out.to_str().unwrap();
    let train = |more: &[&str]| {
        let arguments = [
            "tokenizer",
            "train",
            "--data",
            data,
            "--vocab-size",
            "400",
            "--out",
            out,
        ];
        rllr(&[&arguments, more].concat())
    };
    let output = train(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (report["rows"].as_u64(), report["text_files"].as_u64()),
        (Some(2), Some(1)),
        "{report}"
    );
    let files = |path: &std::path::Path| {
        let entries = std::fs::read_dir(path).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let expected = [
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(files(out.as_ref()), expected);
    assert_eq!(
        files(&folder),
        ["more.txt", "out", "sst2"],
        "no partial directory is left"
    );

    // The same again is the same file; without --force nothing is replaced.
    let first = std::fs::read(format!("{out}/tokenizer.json")).unwrap();
    let refused = train(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("use --force"),
        "{}",
        text(&refused.stderr)
    );
    let again = train(&["--force"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert!(
        text(&again.stdout).contains("tokens from 2 rows and 1 text files"),
        "{}",
        text(&again.stdout)
    );
    assert_eq!(std::fs::read(format!("{out}/tokenizer.json")).unwrap(), first);

    let output = rllr(&["tokenizer", "inspect", "--model", out, "--json", "film 🙂"]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tokens = shown["tokens"].as_array().unwrap();
    assert_eq!(tokens.last().unwrap()["text"], "🙂");
    assert_eq!(
        (
            tokens.last().unwrap()["start"].as_u64(),
            tokens.last().unwrap()["end"].as_u64()
        ),
        (Some(5), Some(6))
    );
    assert_eq!(
        shown["prompt_ids"].as_array().unwrap().len(),
        tokens.len() + 1,
        "BOS is added"
    );
    let table = text(&rllr(&["tokenizer", "inspect", "--model", out, " film"]).stdout);
    assert!(
        table.contains("\"Ġfilm\"") && table.contains("\" film\""),
        "a word of the texts is one token: {table}"
    );
    let summary = text(&rllr(&["tokenizer", "inspect", "--model", out]).stdout);
    assert!(summary.contains("a prompt begins with: <|bos|>"), "{summary}");
    let alone = rllr(&[
        "tokenizer",
        "inspect",
        "--json",
        "--model",
        &format!("{out}/tokenizer.json"),
    ]);
    let summary: serde_json::Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(
        summary["special"].as_array().unwrap().len(),
        1,
        "the file alone knows BOS: {summary}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn bad_tokenizers_and_options_end_with_code_2() {
    let folder = folder("tokenizer-bad");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("rows.jsonl"), SST2_ROWS).unwrap();
    std::fs::write(path("broken.txt"), b"a\xff").unwrap();
    std::fs::write(path("tokenizer.json"), "{\"model\": {\"type\": \"GPT\"}}").unwrap();
    let (rows, out) = (path("rows.jsonl"), path("out"));
    let train = |data: &str, size: &str, out: &str, more: &[&str]| {
        let arguments = [
            "tokenizer",
            "train",
            "--data",
            data,
            "--vocab-size",
            size,
            "--out",
            out,
        ];
        rllr(&[&arguments, more].concat())
    };
    let cases = [
        (
            train(&rows, "299", &out, &[]),
            "--vocab-size: found 299, expected 300 to 65536",
        ),
        (
            train(&rows, "300", &out, &["--min-frequency", "0"]),
            "--min-frequency: found 0, expected at least 1",
        ),
        (
            train(&rows, "300", &out, &["--special", "é"]),
            "--special: found \"é\", expected two or more visible ASCII",
        ),
        (
            train(&rows, "300", &out, &["--split", "dev"]),
            "--split: found sst2/rows, expected a part named dev",
        ),
        (train(&path("none.jsonl"), "300", &out, &[]), "none.jsonl"),
        (
            train(&path("broken.txt"), "300", &out, &[]),
            "broken.txt: invalid utf-8",
        ),
        (
            train(&rows, "300", &rows, &[]),
            "found a file, expected a directory or nothing",
        ),
        (
            train(&rows, "300", folder.to_str().unwrap(), &["--force"]),
            "which is no tokenizer's: choose another directory",
        ),
        (
            rllr(&["tokenizer", "inspect", "--model", folder.to_str().unwrap()]),
            "tokenizer.json, model.type: found GPT, expected BPE, WordPiece, WordLevel or Unigram",
        ),
        (
            rllr(&["tokenizer", "inspect", "--model", &path("none")]),
            "none: No such file",
        ),
    ];
    for (output, expected) in cases {
        let message = text(&output.stderr);
        assert!(message.contains(expected), "{message}\nexpected: {expected}");
        assert_eq!(output.status.code(), Some(2), "{message}");
    }
    assert!(!folder.join("out").exists(), "nothing is written");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// As behind `| head -0`: whoever stops reading is no error.
#[cfg(unix)]
#[test]
fn a_reader_that_stops_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rllr"))
        .args(["doctor", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    // Graphics drivers write to standard error what they like; a panic would stand there too.
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(!message.contains("panicked"), "{message}");
}
