use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::live::{ByModel, InspectedInput, StageName};

/// A whole run, as small as can be.
pub(crate) fn small() -> RecordedRun {
    let scores = ByModel {
        ordinary: vec![vec![1.0, 0.5], vec![-1.0, -0.5]],
        label_sensitive: vec![vec![2.0, -2.0], vec![1.0, -1.0]],
    };
    let inspection = Inspection {
        labels: vec!["no".into(), "yes".into()],
        inputs: vec![InspectedInput {
            text: "A text.".into(),
            gold: 0,
            rationales: vec!["it is not".into(), "it is".into()],
            scores,
        }],
        pairs: Vec::new(),
        drawn: Vec::new(),
        sensitivity: ByModel::default(),
        pair_accuracy: ByModel::default(),
        label_threshold: 0.5,
    };
    let answers = Answers {
        inputs: Vec::new(),
        examples: 10,
        accuracy: crate::live::ModelAnswer::default(),
    };
    let stage = LiveEvent::Stage {
        stage: StageName::Sft,
        step: 0,
        total: 3,
    };
    let events = [
        stage,
        LiveEvent::Inspected(inspection),
        LiveEvent::Answered(answers),
    ];
    RecordedRun {
        format: RECORD_FORMAT,
        commit: "0123456".into(),
        device: "one core".into(),
        settings: LiveSettings::default(),
        events: events
            .into_iter()
            .map(|event| TimedEvent { at_ms: 1.0, event })
            .collect(),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_written_is_read() {
    let run = small();
    assert_eq!(RecordedRun::from_json(&run.to_json()).expect("whole"), run);
}

#[wasm_bindgen_test(unsupported = test)]
fn another_version_is_named() {
    let run = RecordedRun { format: 7, ..small() };
    let error = RecordedRun::from_json(&run.to_json()).expect_err("another version");
    assert!(
        error.to_string().contains("found format 7, expected 1"),
        "{error}"
    );
    // Its other fields are of no interest.
    let error = RecordedRun::from_json(r#"{"format": 2, "frames": []}"#).expect_err("another version");
    assert!(matches!(error, RecordError::Format { found: 2 }), "{error}");
}

fn check(change: impl FnOnce(&mut RecordedRun), expected: &str) {
    let mut run = small();
    change(&mut run);
    let error = RecordedRun::from_json(&run.to_json())
        .expect_err(expected)
        .to_string();
    assert!(error.contains(expected), "{error}");
}

fn inspection(run: &mut RecordedRun) -> &mut Inspection {
    match &mut run.events[1].event {
        LiveEvent::Inspected(inspection) => inspection,
        other => panic!("the second event is {other:?}"),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn what_no_panel_could_show_is_refused() {
    check(|run| drop(run.events.remove(1)), "the rewards of answers");
    check(|run| drop(run.events.pop()), "the answers of the trained models");
    check(
        |run| run.settings.layers = 99,
        "layers: expected a whole number from 1 to 8",
    );
    check(
        |run| inspection(run).inputs[0].gold = 2,
        "input 0, gold: expected 1, found 2",
    );
    check(
        |run| inspection(run).inputs[0].scores.ordinary[1].truncate(1),
        "columns of scores: expected 2, found 1",
    );
    check(
        |run| drop(inspection(run).inputs[0].rationales.pop()),
        "rationales: expected 2, found 1",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn other_text_is_an_error_with_the_place() {
    for text in ["", "{}", "[1]", r#"{"format":1,"commit":3}"#] {
        assert!(
            matches!(RecordedRun::from_json(text), Err(RecordError::Json(_))),
            "{text}"
        );
    }
}
