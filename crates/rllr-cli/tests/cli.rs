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
