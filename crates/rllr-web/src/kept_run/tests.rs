use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::live::{LiveEvent, TaskChoice};

fn about() -> AboutRun {
    AboutRun {
        format: KEPT_FORMAT,
        commit: "0123abc".into(),
        begun_ms: 1_763_884_800_123.0,
        device: DeviceChoice::WebGpu,
        settings: LiveSettings {
            task: TaskChoice::SceneNli,
            ppo_learning_rate: 1e-5,
            ..LiveSettings::default()
        },
    }
}

fn event(step: usize, value: f64) -> TimedEvent {
    TimedEvent {
        at_ms: value,
        event: LiveEvent::Step {
            stage: StageName::Sft,
            step,
            metrics: [("loss".to_owned(), value)].into(),
        },
    }
}

fn checkpoint(step: usize, weights: &[u8]) -> KeptCheckpoint {
    let files = [
        ("weights.safetensors".to_owned(), weights.to_vec()),
        (MANIFEST.to_owned(), b"{}".to_vec()),
    ];
    KeptCheckpoint {
        name: format!("step-{step:09}"),
        files: files.into(),
    }
}

fn run() -> KeptRun {
    KeptRun {
        about: about(),
        events: vec![event(1, 2.5), event(2, 0.1)],
        model: [("config.json".to_owned(), b"{}".to_vec())].into(),
        checkpoints: [
            (StageName::Sft, checkpoint(20, b"sft")),
            (StageName::LabelPpo, checkpoint(3, b"ppo")),
        ]
        .into(),
    }
}

fn without(path: &str) -> Result<KeptRun, KeptRunError> {
    let files = run().into_files().into_iter();
    KeptRun::from_files(files.filter(|(other, _)| other != path))
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_is_the_same_after_a_file() {
    let read = KeptRun::from_tar(&run().into_tar()).expect("a run");
    assert_eq!(read, run());
    assert_eq!(read.place(), Some((StageName::LabelPpo, 3)));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_checkpoint_without_its_manifest_is_not_there() {
    let path = "checkpoints/label-ppo/step-000000003/manifest.json";
    let read = without(path).expect("a run with one checkpoint less");
    assert_eq!(read.place(), Some((StageName::Sft, 20)));
}

#[wasm_bindgen_test(unsupported = test)]
fn of_two_checkpoints_the_newer_whole_one_counts() {
    let mut files = run().into_files();
    let other = |name: &str, file: &str| (format!("checkpoints/sft/{name}/{file}"), b"x".to_vec());
    files.extend([
        other("step-000000010", MANIFEST),
        other("step-000000040", "weights.safetensors"),
    ]);
    let read = KeptRun::from_files(files).expect("a run");
    assert_eq!(read, run());
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_wrong_is_named() {
    let says = |read: Result<KeptRun, KeptRunError>, part: &str| {
        let error = read.expect_err("not a run").to_string();
        assert!(error.contains(part), "{error} does not say {part}");
    };
    says(without(ABOUT), "there is no run.json");
    says(
        KeptRun::from_files([(ABOUT.to_owned(), about().to_json().into_bytes())]),
        "no whole checkpoint",
    );
    let with_about = |text: String| {
        let files = run().into_files().into_iter().map(move |(path, bytes)| {
            let bytes = if path == ABOUT {
                text.clone().into_bytes()
            } else {
                bytes
            };
            (path, bytes)
        });
        KeptRun::from_files(files)
    };
    let json = about().to_json();
    says(
        with_about(json.replace("\"format\":1", "\"format\":7")),
        "format 7, expected 1",
    );
    says(
        with_about(json.replace("\"layers\":2", "\"layers\":99")),
        "layers",
    );
    says(
        with_about(json.replace("\"commit\"", "\"colour\"")),
        "run.json, line 1",
    );
    says(KeptRun::from_tar(b"PK\x03\x04 this is another archive"), "tar");
    let mut events = run();
    events.events.clear();
    let mut files = events.into_files();
    files[1].1 = b"{}\n".to_vec();
    says(KeptRun::from_files(files), "events.jsonl, line 1");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_line_that_was_being_written_is_left_out() {
    let mut files = run().into_files();
    let events = &mut files[1].1;
    events.truncate(events.len() - 5);
    let read = KeptRun::from_files(files).expect("a run");
    assert_eq!(read.events, [event(1, 2.5)]);
}

proptest! {
    /// Any bytes come back, and no part of a file is taken for a run with the same checkpoints.
    #[test]
    fn files_survive_the_archive(weights in prop::collection::vec(any::<u8>(), 0..2000), cut in 0.0..1.0_f64) {
        let mut run = run();
        run.checkpoints = [(StageName::OrdinaryReward, checkpoint(7, &weights))].into();
        let file = run.clone().into_tar();
        prop_assert_eq!(KeptRun::from_tar(&file).expect("whole"), run.clone());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let cut = (cut * file.len() as f64) as usize;
        // The last blocks of an archive are empty.
        if let Ok(read) = KeptRun::from_tar(&file[..cut]) {
            prop_assert_eq!(read, run);
        }
    }
}
