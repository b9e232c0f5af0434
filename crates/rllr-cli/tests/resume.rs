//! A training program that is killed again and again ends with the same bits as one that is not.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;

/// How often the program is killed; 100 for the whole test.
const KILLS: &str = "RLLR_KILLS";

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rllr-resume-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let text = "The film is a gem. The film is a bore. Nobody knows which of both it is.\n".repeat(40);
    fs::write(folder.join("text.txt"), text).unwrap();
    folder
}

fn command(folder: &Path, out: &str, steps: usize, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rllr"));
    let steps = steps.to_string();
    let sizes = [
        "--hidden-size",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--seq-len",
        "16",
    ];
    let course = [
        "--batch-size",
        "4",
        "--warmup-steps",
        "5",
        "--eval-every",
        "5",
        "--save-every",
        "2",
    ];
    command
        .args(["pretrain", "--quiet", "--device", "cpu", "--steps", &steps])
        .args(sizes)
        .args(course)
        .args(more)
        .arg("--data")
        .arg(folder.join("text.txt"))
        .arg("--out")
        .arg(folder.join(out))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn finish(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The files that the run leaves: the model and the last checkpoint, optimiser included.
fn results(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let checkpoints = out.join("checkpoints");
    let last = names(&checkpoints).pop().unwrap();
    for directory in [out.join("model"), checkpoints.join(&last)] {
        for name in names(&directory) {
            let place = directory.file_name().unwrap().to_string_lossy().into_owned();
            files.insert(format!("{place}/{name}"), fs::read(directory.join(name)).unwrap());
        }
    }
    files
}

/// Names in a directory that do not begin with a dot, sorted; none when it is not there.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Whatever has a final name is whole: every file of every checkpoint has the size and the checksum of its manifest.
fn check_checkpoints(out: &Path) {
    let checkpoints = out.join("checkpoints");
    for name in names(&checkpoints) {
        let directory = checkpoints.join(&name);
        let manifest: Value =
            serde_json::from_slice(&fs::read(directory.join("manifest.json")).unwrap()).unwrap();
        let files = manifest["manifest"]["files"].as_object().unwrap();
        assert_eq!(files.len(), 3, "{name}");
        for (file, check) in files {
            let bytes = fs::read(directory.join(file)).unwrap();
            assert_eq!(check["bytes"], bytes.len() as u64, "{name}/{file}");
            assert_eq!(check["crc32c"], crc32c::crc32c(&bytes), "{name}/{file}");
        }
        assert_eq!(names(&directory).len(), 4, "{name}");
    }
    if out.join("model").exists() {
        let written = names(&out.join("model"));
        assert!(written.contains(&"model.safetensors".to_owned()), "{written:?}");
    }
}

/// The lines about steps and measurements.
fn steps(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("events.jsonl")).unwrap();
    let is_step =
        |line: &&str| line.starts_with(r#"{"event":"step""#) || line.contains(r#""event":"evaluated""#);
    text.lines().filter(is_step).map(str::to_owned).collect()
}

#[test]
fn a_run_that_is_killed_ends_with_the_same_bits() {
    let kills: u32 = std::env::var(KILLS).map_or(5, |kills| kills.parse().unwrap());
    // Enough steps that the run is not over before the last kill: each life makes a few.
    let total = 30 + 10 * kills as usize;
    let folder = folder("killed");
    let begun = Instant::now();
    finish(command(&folder, "undisturbed", total, &[]).spawn().unwrap());
    let whole = begun.elapsed();
    let expected = results(&folder.join("undisturbed"));
    let out = folder.join("killed");

    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let (mut killed, mut rounds, mut resumed) = (0, 0, 0);
    // A round ends when the run does; there are as many as the kills need.
    while killed < kills {
        let _ = fs::remove_dir_all(&out);
        while killed < kills {
            let mut child = command(&folder, "killed", total, &["--resume"]).spawn().unwrap();
            // A life is about long enough for its share of the steps, now and then for none.
            let most = whole.as_secs_f64() * 2.0 / f64::from(kills) + 0.15;
            let life = most * (f64::from(rng.next_u32()) / f64::from(u32::MAX));
            std::thread::sleep(Duration::from_secs_f64(life));
            if child.try_wait().unwrap().is_some() {
                finish(child);
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            check_checkpoints(&out);
            resumed += usize::from(!names(&out.join("checkpoints")).is_empty());
        }
        finish(command(&folder, "killed", total, &["--resume"]).spawn().unwrap());
        rounds += 1;
        check_checkpoints(&out);
        let found = results(&out);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{name} differs after {killed} kills");
        }
        let undisturbed = steps(&folder.join("undisturbed"));
        assert_eq!(steps(&out), undisturbed, "every step once, with the same numbers");
    }
    println!("{killed} kills in {rounds} runs, {resumed} after a checkpoint, {total} steps: the same bits");
    assert!(resumed > 0, "no life was long enough for a checkpoint");
    let hidden = |directory: &Path| {
        let entries = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        entries
            .filter(|name| name.to_string_lossy().ends_with(".partial"))
            .count()
    };
    assert_eq!(
        hidden(&out.join("checkpoints")),
        0,
        "what killed writers left is gone"
    );
    fs::remove_dir_all(&folder).unwrap();
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    let folder = folder("interrupted");
    let mut child = command(&folder, "out", 100_000, &[]).spawn().unwrap();
    let events = folder.join("out/events.jsonl");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&events).is_ok_and(|text| text.contains(r#""step":3,"#)) {
        assert!(
            Instant::now() < deadline && child.try_wait().unwrap().is_none(),
            "three steps"
        );
        std::thread::sleep(Duration::from_millis(10));
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
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("is saved, --out ") && message.contains("with --resume goes on"),
        "{message}"
    );
    let told = fs::read_to_string(&events).unwrap();
    let last = told
        .lines()
        .rfind(|line| line.starts_with(r#"{"event":"step""#))
        .unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    let saved = names(&folder.join("out/checkpoints")).pop().unwrap();
    assert_eq!(saved, format!("step-{:09}", last["step"].as_u64().unwrap()));
    check_checkpoints(&folder.join("out"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_does_not_fit_ends_with_code_2() {
    let folder = folder("misfit");
    finish(command(&folder, "out", 4, &[]).spawn().unwrap());
    let cases: [(&[&str], &str); 4] = [
        (
            &[],
            "--out holds a run already, saved as step-000000004: --resume goes on with it",
        ),
        (
            &["--resume", "--seed", "7"],
            "was written with seed = 0, this run has seed = 7",
        ),
        (
            &["--resume", "--weight-decay", "0.5"],
            "was written with trainer.weight_decay = 0.1, this run has trainer.weight_decay = 0.5",
        ),
        (
            &["--resume", "--learning-rate=-1"],
            "learning_rate is -1, expected a finite number, not negative",
        ),
    ];
    for (more, expected) in cases {
        let output = command(&folder, "out", 4, more).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    fs::remove_dir_all(&folder).unwrap();
}
