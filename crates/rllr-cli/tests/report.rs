//! `rllr report` and `rllr rationales` as users call them.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn rllr(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rllr"))
        .args(arguments)
        .env("OPENAI_API_KEY", "sk-very-secret")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An empty directory of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rllr-cli-report-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

const RESULT: &str = r#"{"task":"toy","method":"METHOD","seed":0,"group":"toy","held_out":{"task":"toy","n":4,"accuracy":0.5,
"accuracy_ci95":[0.0,1.0],"macro_f1":0.5,"invalid_rate":0.0,"labels":["no","yes"],"confusion":[[1,1],[1,1]],"invalid":[0,0]}}"#;

#[test]
fn a_report_is_made_of_a_run_and_of_nothing_else() {
    let root = folder("run");
    let run = root.join("run");
    let results: Vec<String> = ["sft-rationale", "rllr"]
        .map(|method| RESULT.replace("METHOD", method).replace('\n', ""))
        .to_vec();
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("results.jsonl"), results.join("\n")).unwrap();
    let run = run.display().to_string();
    let output = rllr(&["report", &run]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let html = PathBuf::from(text(&output.stdout).trim());
    assert!(html.ends_with("run/report/report.html"), "{}", html.display());
    assert!(fs::read_to_string(&html).unwrap().contains("RLLR"));
    for file in ["report.md", "report.json", "figures/accuracy-toy.svg"] {
        assert!(html.with_file_name(file).exists(), "{file}");
    }
    let empty = root.display().to_string();
    let output = rllr(&["report", &empty]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("found no results"),
        "{}",
        text(&output.stderr)
    );
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_server_that_is_not_there_ends_with_code_1_and_shows_no_key() {
    let root = folder("rationales");
    let data = root.join("data.jsonl");
    fs::write(
        &data,
        "{\"id\":\"1\",\"task\":\"sst2\",\"text\":\"a gem\",\"label\":\"positive\"}\n",
    )
    .unwrap();
    let (data, out) = (
        data.display().to_string(),
        root.join("out.jsonl").display().to_string(),
    );
    // Port 9 is nobody's.
    let arguments = [
        "rationales",
        "--data",
        &data,
        "--out",
        &out,
        "--model",
        "m",
        "--endpoint",
        "http://127.0.0.1:9/v1",
        "--attempts",
        "1",
    ];
    let output = rllr(&arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("0 of 2 rationales") && message.contains("goes on from there"),
        "{message}"
    );
    assert!(!message.contains("sk-very-secret"), "{message}");
    let output = rllr(&[
        "rationales",
        "--data",
        &data,
        "--out",
        &out,
        "--model",
        "m",
        "--endpoint",
        "nowhere",
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    fs::remove_dir_all(root).unwrap();
}

/// The paper's own settings can be planned on any machine: 6.6 billion parameters, of which 8.4 million are trained.
#[test]
fn runs_are_planned_before_they_are_run() {
    let output = rllr(&["run", "--config", "paper", "--dry-run", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let stages: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = stages
        .iter()
        .filter_map(|stage| stage["stage"].as_str())
        .collect();
    assert_eq!(
        names[..4],
        ["sft-label", "sft-rationale", "reward-label", "reward-rationale"]
    );
    for stage in &stages {
        let parameters = stage["parameters"].as_u64().unwrap();
        assert!((6_000_000_000..7_500_000_000).contains(&parameters), "{stage}");
        assert!(
            stage["memory_bytes"].as_u64().unwrap() > 4 * parameters,
            "{stage}"
        );
        assert!(stage["estimated_seconds"].as_f64().unwrap() > 0.0, "{stage}");
    }
    assert_eq!(stages[1]["trained_parameters"].as_u64(), Some(32 * 2 * 16 * 8192));
    let output = rllr(&["run", "--dry-run"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        table.contains("sft-rationale") && table.contains("An estimate"),
        "{table}"
    );
}
