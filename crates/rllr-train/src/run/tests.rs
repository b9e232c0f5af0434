use pollster::block_on;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::checkpoint_error::StoreError;
use crate::checkpoint_store::MemoryStore;
use crate::next_token_stage::NextTokenStage;
use crate::next_token_stage::tests::stage;

type TestRun = Run<NextTokenStage, MemoryStore>;

fn config(every: usize) -> RunConfig {
    RunConfig {
        evaluate_every: 4,
        checkpoints: CheckpointConfig {
            every,
            keep: 2,
            best: None,
        },
    }
}

fn events(run: &mut TestRun) -> Vec<RunEvent> {
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next_event()).expect("the run works") {
        events.push(event);
    }
    events
}

fn files(run: &TestRun, name: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    run.store().checkpoints[name].clone()
}

#[wasm_bindgen_test(unsupported = test)]
fn events_come_in_order() {
    let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(2))).expect("empty");
    let name = |event: &RunEvent| {
        let json = serde_json::to_value(event).expect("plain data");
        format!("{} {}", json["event"].as_str().expect("a name"), event.step())
    };
    let found: Vec<String> = events(&mut run).iter().map(name).collect();
    let expected = [
        "started 0",
        "phase 0",
        "step 1",
        "step 2",
        "checkpoint 2",
        "step 3",
        "step 4",
        "evaluated 4",
        "checkpoint 4",
        "step 5",
        "step 6",
        "evaluated 6",
        "checkpoint 6",
        "finished 6",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        run.store().checkpoints.keys().collect::<Vec<_>>(),
        ["step-000000004", "step-000000006"]
    );
    assert!(block_on(run.next_event()).expect("finished").is_none());
}

/// Stopped after every number of events, built anew with other weights, resumed: the same steps, bit for bit, and the
/// same last checkpoint, optimiser included.
#[wasm_bindgen_test(unsupported = test)]
fn a_run_that_was_stopped_ends_as_one_that_was_not() {
    let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(1))).expect("empty");
    let undisturbed = events(&mut run);
    let expected = files(&run, "step-000000006");
    let steps = |events: &[RunEvent]| -> Vec<RunEvent> {
        let is_step = |event: &&RunEvent| matches!(event, RunEvent::Step { .. } | RunEvent::Evaluated { .. });
        events.iter().filter(is_step).cloned().collect()
    };
    for stop in 0..undisturbed.len() {
        let mut run =
            block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(1))).expect("empty");
        for _ in 0..stop {
            block_on(run.next_event()).expect("the run works");
        }
        let (_, store) = run.into_parts();
        let is_fresh = store.checkpoints.is_empty();
        let seed = if is_fresh { 1 } else { 2 };
        let mut resumed = block_on(Run::resume(stage(seed, |_| {}), store, config(1))).expect("whole");
        let first = resumed.stage().steps_done();
        let told = steps(&events(&mut resumed));
        let after: Vec<RunEvent> = steps(&undisturbed)
            .into_iter()
            .filter(|event| event.step() > first)
            .collect();
        assert_eq!(told, after, "stopped after {stop} events");
        assert_eq!(
            files(&resumed, "step-000000006"),
            expected,
            "stopped after {stop} events"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(2))).expect("empty");
    events(&mut run);
    let expected = files(&run, "step-000000006");
    let (_, mut store) = run.into_parts();
    let newest = store.checkpoints.get_mut("step-000000006").expect("it is there");
    newest.get_mut("weights.safetensors").expect("weights").pop();
    let both = {
        let mut both = store.clone();
        let older = both.checkpoints.get_mut("step-000000004").expect("it is there");
        older.remove("state.cbor");
        both
    };
    let mut resumed = block_on(Run::resume(stage(2, |_| {}), store, config(2))).expect("one is whole");
    let told = events(&mut resumed);
    assert!(
        matches!(&told[0], RunEvent::Started { resumed_from: Some(name), step: 4, .. } if name == "step-000000004")
    );
    let RunEvent::Warning { message, .. } = &told[1] else {
        panic!("{:?}", told[1]);
    };
    assert!(
        message.starts_with("checkpoint step-000000006: weights.safetensors is damaged: found "),
        "{message}"
    );
    assert_eq!(files(&resumed, "step-000000006"), expected);
    let error = block_on(Run::resume(stage(2, |_| {}), both, config(2)))
        .err()
        .expect("none is whole");
    assert!(
        error.to_string().starts_with("none of 2 checkpoints can be read"),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn other_settings_and_forgotten_resumption_are_errors() {
    let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(2))).expect("empty");
    events(&mut run);
    let (_, store) = run.into_parts();
    let other = stage(1, |config| config.trainer.weight_decay = 0.2);
    let error = block_on(Run::resume(other, store.clone(), config(2)))
        .err()
        .expect("refused");
    let expected = "checkpoint step-000000006 was written with trainer.weight_decay = 0.1";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = block_on(Run::start(stage(1, |_| {}), store, config(2)))
        .err()
        .expect("refused");
    assert!(
        error.to_string().contains("step-000000006; resume the run"),
        "{error}"
    );
}

/// The best of six checkpoints stays although two newer ones would be enough.
#[wasm_bindgen_test(unsupported = test)]
fn the_best_checkpoint_is_never_removed() {
    for best in [Best::Min, Best::Max] {
        let config = RunConfig {
            evaluate_every: 0,
            checkpoints: CheckpointConfig {
                every: 1,
                keep: 1,
                best: Some(BestMetric {
                    name: "loss".to_owned(),
                    best,
                }),
            },
        };
        let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config)).expect("empty");
        let mut losses = Vec::new();
        for event in events(&mut run) {
            if let RunEvent::Step { step, metrics, .. } = event {
                losses.push((metrics["loss"], step));
            }
        }
        let chosen = match best {
            Best::Min => losses.iter().min_by(|a, b| a.0.total_cmp(&b.0)),
            Best::Max => losses.iter().max_by(|a, b| a.0.total_cmp(&b.0)),
        };
        let (_, chosen) = chosen.expect("six steps");
        let mut expected = vec![format!("step-{chosen:09}"), "step-000000006".to_owned()];
        expected.dedup();
        assert_eq!(
            run.store().checkpoints.keys().cloned().collect::<Vec<_>>(),
            expected
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn saving_by_hand_is_a_checkpoint() {
    let mut run = block_on(Run::start(stage(1, |_| {}), MemoryStore::default(), config(0))).expect("empty");
    while run.stage().steps_done() < 3 {
        block_on(run.next_event()).expect("the run works");
    }
    assert_eq!(block_on(run.save()).expect("memory"), "step-000000003");
    assert_eq!(block_on(run.save()).expect("once is enough"), "step-000000003");
    let (_, store) = run.into_parts();
    let resumed = block_on(Run::resume(stage(2, |_| {}), store, config(0))).expect("whole");
    assert_eq!(resumed.stage().steps_done(), 3);
}

#[wasm_bindgen_test(unsupported = test)]
fn numbers_that_are_none_are_null_and_warned_of() {
    let metrics = Metrics::from([("a".to_owned(), f64::NAN), ("b".to_owned(), 0.5)]);
    assert_eq!(
        not_finite(&metrics).as_deref(),
        Some("not a finite number: a is NaN")
    );
    let event = RunEvent::Step {
        phase: "x".to_owned(),
        step: 1,
        total: 2,
        metrics,
    };
    let json = serde_json::to_string(&event).expect("plain data");
    assert_eq!(
        json,
        r#"{"event":"step","phase":"x","step":1,"total":2,"metrics":{"a":null,"b":0.5}}"#
    );
    let RunEvent::Step { metrics, .. } = serde_json::from_str(&json).expect("what was written") else {
        panic!("a step");
    };
    assert!(metrics["a"].is_nan() && metrics["b"] == 0.5);
    let full = StoreError::Full {
        place: "x".to_owned(),
    };
    assert_eq!(
        full.to_string(),
        "x: no space is left; the last whole checkpoint is untouched"
    );
}
