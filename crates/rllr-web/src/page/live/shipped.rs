//! The recorded run that is shipped fits this version and fills every panel.

use wasm_bindgen_test::wasm_bindgen_test;

use super::curves::{Part, charts};
use super::view::RunView;
use crate::live::{LiveSettings, RecordedRun, StageName};
use crate::page::reward::{annotator, margins, matrix, plane};

const SHIPPED: &str = include_str!("../../../../../assets/runs/recorded-run.json");

/// The most that it may add to the page's program, before compression.
const MOST_BYTES: usize = 400_000;

fn shipped() -> RecordedRun {
    RecordedRun::from_json(SHIPPED).expect("recorded by this version")
}

#[wasm_bindgen_test(unsupported = test)]
fn it_is_a_run_of_the_default_settings_by_a_known_commit() {
    let run = shipped();
    assert_eq!(run.settings, LiveSettings::default());
    let is_commit = run.commit.len() >= 7 && run.commit.chars().all(|c| c.is_ascii_hexdigit());
    assert!(is_commit, "recorded by {:?}", run.commit);
    assert!(SHIPPED.len() <= MOST_BYTES, "{} bytes", SHIPPED.len());
}

#[wasm_bindgen_test(unsupported = test)]
fn it_fills_every_chart() {
    let view = RunView::of(&shipped().events);
    for stage in StageName::ALL {
        let (done, total) = view.progress(stage);
        assert!(done == total && total > 0, "{}: {done} of {total}", stage.name());
    }
    for part in Part::ALL {
        for chart in charts(&view, part) {
            let points = |values: &[Option<f64>]| values.iter().flatten().count();
            assert!(
                chart.lines.iter().all(|line| points(&line.values) > 1),
                "{}",
                chart.id
            );
        }
    }
    assert!(view.sample.is_some() && view.floor.is_some() && view.is_whole());
}

#[wasm_bindgen_test(unsupported = test)]
fn it_fills_every_panel_of_the_reward() {
    let view = RunView::of(&shipped().events);
    let inspection = view.inspection.expect("both reward models were shown");
    assert!(inspection.inputs.len() > 3);
    for input in &inspection.inputs {
        for scores in [&input.scores.ordinary, &input.scores.label_sensitive] {
            assert!(matrix::shares(scores).is_some() && matrix::sensitivity(scores, input.gold).is_some());
        }
    }
    let bars = margins::bars(&inspection.pairs, |scores| scores.label_sensitive);
    assert!(margins::ranked(&bars).iter().all(|ranked| ranked.all > 5));
    let points = plane::points(&inspection.inputs);
    assert!(plane::right_above_wrong(&points, inspection.label_threshold).is_some());
    assert_eq!(annotator::pairs(&inspection.drawn).len(), annotator::ROUND);
    assert!(view.answers.is_some_and(|answers| answers.inputs.len() > 5));
}

/// What the page is there to show, held against the run that shows it.
#[wasm_bindgen_test(unsupported = test)]
fn its_label_sensitive_reward_model_reads_the_label_and_the_ordinary_one_hardly() {
    let inspection = RunView::of(&shipped().events)
        .inspection
        .expect("both were shown");
    let sensitivity = inspection.sensitivity;
    assert!(
        sensitivity.label_sensitive > 2.0 * sensitivity.ordinary,
        "{sensitivity:?}"
    );
    let accuracy = inspection.pair_accuracy;
    assert!(
        accuracy.label_sensitive.label > accuracy.ordinary.label,
        "{accuracy:?}"
    );
}

/// From the same model and seed, one reward costs right labels and the other does not.
#[wasm_bindgen_test(unsupported = test)]
fn its_ordinary_policy_loses_labels_and_its_label_sensitive_one_does_not() {
    let answers = RunView::of(&shipped().events)
        .answers
        .expect("all models answered");
    let accuracy = answers.accuracy;
    assert!(accuracy.ordinary < accuracy.sft, "{accuracy:?}");
    assert!(accuracy.label_sensitive >= accuracy.sft, "{accuracy:?}");
}
