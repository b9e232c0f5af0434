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
