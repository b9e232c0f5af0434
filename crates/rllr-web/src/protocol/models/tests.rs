use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::protocol::{Event, Request};

fn file(name: &str) -> GivenFile {
    GivenFile {
        name: name.to_owned(),
        bytes: u64::from(u32::MAX) + 1,
        modified: 1_700_000_000_000,
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_request_reads_back_as_itself() {
    let table = TableMapping {
        task_name: "t".to_owned(),
        delimiter: "tab".to_owned(),
        quoting: "none".to_owned(),
        header: "absent".to_owned(),
        columns: [("text".to_owned(), 0)].into(),
        labels: [("1".to_owned(), "yes".to_owned())].into(),
    };
    let given = DataSource::Given {
        file: file("a.tsv"),
        table: Some(table),
    };
    let model = ModelSource::Given {
        files: vec![file("config.json")],
    };
    let requests = [
        ModelRequest::Inspect { data: given.clone() },
        ModelRequest::Evaluate {
            device: DeviceChoice::WebGpu,
            model: model.clone(),
            data: given,
            options: AskOptions::default(),
        },
        ModelRequest::Ask {
            device: DeviceChoice::Cpu,
            model: ModelSource::Shipped { name: "m".to_owned() },
            task_name: "t".to_owned(),
            texts: [("text".to_owned(), "x\n\"y\"".to_owned())].into(),
            options: AskOptions {
                mode: Mode::Likelihood,
                format: Format::LabelOnly,
                max_new_tokens: 1,
                limit: Some(3),
            },
        },
        ModelRequest::Compare {
            first: vec![true, false],
            second: vec![false, false],
        },
    ];
    for request in requests {
        let request = Request::Model(request);
        let text = request.to_json();
        assert_eq!(Request::from_json(&text).expect(&text), request);
    }
}

fn answered_row() -> AnsweredRow {
    AnsweredRow {
        place: 1,
        id: "i".to_owned(),
        task: "t".to_owned(),
        texts: vec!["a".to_owned(), "b".to_owned()],
        label: "yes".to_owned(),
        prediction: None,
        correct: false,
        response: "é".to_owned(),
        rationale: String::new(),
        label_probs: Some(vec![0.1, 0.9]),
    }
}

fn measured() -> Measured {
    Measured {
        task: "t".to_owned(),
        n: 1,
        accuracy: 0.1 + 0.2,
        accuracy_ci95: [0.0, 1.0],
        macro_f1: 1.0 / 3.0,
        invalid_rate: 1.0,
        labels: vec!["no".to_owned(), "yes".to_owned()],
        confusion: vec![vec![0, 1], vec![2, 3]],
        invalid: vec![1, 0],
        pearson: Some(-0.5),
        spearman: None,
        seconds: 0.25,
        tokens_per_second: 1e-300,
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_event_reads_back_as_itself() {
    let events = [
        ModelEvent::Loading {
            done: 1,
            total: 2,
            cached: 0,
        },
        ModelEvent::Notice { text: "n".to_owned() },
        ModelEvent::Loaded {
            parameters: 7,
            seconds: 0.5,
        },
        ModelEvent::Inspected(Inspected {
            tasks: [("t".to_owned(), 3)].into(),
            table: None,
            known: Vec::new(),
        }),
        ModelEvent::Rows {
            done: 1,
            total: 2,
            rows: vec![answered_row()],
        },
        ModelEvent::Measured(measured()),
        ModelEvent::Finished,
        ModelEvent::Piece {
            text: " a".to_owned(),
        },
        ModelEvent::Compared(Comparison {
            difference: 0.5,
            interval: [0.0, 1.0],
            bootstrap_p: None,
            only_first: 2,
            only_second: 1,
            exact_p: 1.0,
        }),
        ModelEvent::Refused(Failure {
            what: "a".to_owned(),
            have: "b".to_owned(),
            need: "c".to_owned(),
            next: "d".to_owned(),
        }),
    ];
    for event in events {
        let event = Event::Model(event);
        let text = event.to_json();
        assert_eq!(Event::from_json(&text).expect(&text), event);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn unknown_tasks_and_fields_are_refused() {
    for text in [
        r#"{"request":"model","task":"dance"}"#,
        r#"{"request":"model","task":"compare","first":[]}"#,
        r#"{"request":"model","task":"compare","first":[],"second":[],"third":[]}"#,
    ] {
        assert!(Request::from_json(text).is_err(), "{text}");
    }
}
