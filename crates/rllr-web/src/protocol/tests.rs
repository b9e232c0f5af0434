use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn adapter() -> Adapter {
    Adapter {
        vendor: "google".into(),
        architecture: "swiftshader".into(),
        is_fallback: true,
        ..Adapter::default()
    }
}

fn failure() -> Failure {
    Failure {
        what: "a".into(),
        have: "b".into(),
        need: "c".into(),
        next: "d".into(),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_request_reads_back_as_itself() {
    let settings = TrainSettings {
        seed: u64::MAX,
        ..TrainSettings::default()
    };
    let requests = [
        Request::Probe,
        Request::SelfCheck {
            device: DeviceChoice::Cpu,
        },
        Request::Train {
            device: DeviceChoice::WebGpu,
            settings,
        },
        Request::Pause,
        Request::Resume,
        Request::Stop,
    ];
    for request in requests {
        let text = request.to_json();
        assert_eq!(Request::from_json(&text).expect(&text), request);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_event_reads_back_as_itself() {
    let row = CheckRow {
        name: "loss".into(),
        largest_difference: Some(1.5e-7),
        tolerance: 1e-4,
        passed: true,
    };
    let report = SelfCheckSummary {
        passed: true,
        rows: vec![row],
        message: "agrees".into(),
    };
    let events = [
        Event::Ready,
        Event::Probed {
            webgpu: WebGpuSupport::Available(adapter()),
        },
        Event::Probed {
            webgpu: WebGpuSupport::Unavailable(NoAdapter::RequestFailed("why".into())),
        },
        Event::Probed {
            webgpu: WebGpuSupport::Unavailable(NoAdapter::InsecureContext),
        },
        Event::SelfChecked {
            device: DeviceChoice::WebGpu,
            report,
        },
        Event::Started {
            device: DeviceChoice::Cpu,
            parameters: 16_000,
        },
        Event::Step {
            step: 1,
            loss: 5.5,
            grad_norm: 0.25,
            milliseconds: 85.0,
            tokens_per_second: 376.5,
        },
        Event::Paused,
        Event::Resumed,
        Event::Finished {
            steps: 2,
            seconds: 0.25,
            milliseconds_per_step_median: 85.0,
            first_loss: 5.5,
            last_loss: 5.25,
        },
        Event::Stopped,
        Event::Failed(failure()),
    ];
    for event in events {
        let text = event.to_json();
        assert_eq!(Event::from_json(&text).expect(&text), event);
    }
}

/// The words on the wire are a promise to the worker's loader and to tests that write messages by hand.
#[wasm_bindgen_test(unsupported = test)]
fn the_words_on_the_wire() {
    let request = Request::SelfCheck {
        device: DeviceChoice::WebGpu,
    };
    assert_eq!(request.to_json(), r#"{"request":"self-check","device":"webgpu"}"#);
    assert_eq!(Event::Ready.to_json(), r#"{"event":"ready"}"#);
    assert_eq!(
        Event::Failed(failure()).to_json(),
        r#"{"event":"failed","what":"a","have":"b","need":"c","next":"d"}"#
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_difference_that_is_no_number_survives_as_none() {
    for number in [f64::NAN, f64::INFINITY] {
        let row = CheckRow {
            name: "loss".into(),
            largest_difference: Some(number),
            tolerance: 1e-4,
            passed: false,
        };
        let report = SelfCheckSummary {
            passed: false,
            rows: vec![row],
            message: String::new(),
        };
        let text = Event::SelfChecked {
            device: DeviceChoice::WebGpu,
            report,
        }
        .to_json();
        let Ok(Event::SelfChecked { report, .. }) = Event::from_json(&text) else {
            panic!("not read back: {text}");
        };
        assert_eq!(report.rows[0].largest_difference, None);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn foreign_messages_are_errors_that_say_what_came() {
    for text in [
        "",
        "null",
        r#"{"event":"dance"}"#,
        r#"{"event":"started","device":"cpu"}"#,
        r#"{"event":"started","device":"tpu","parameters":1}"#,
        r#"{"event":"started","device":"cpu","parameters":1,"colour":"red"}"#,
        r#"{"request":"probe"}"#,
    ] {
        let error = Event::from_json(text).expect_err(text);
        let sentence = error.to_string();
        assert!(
            sentence.starts_with("expected a event as JSON") || sentence.contains("event"),
            "{sentence}"
        );
        assert_eq!(error.found, text);
    }
    let long = "x".repeat(5000);
    assert_eq!(Request::from_json(&long).expect_err("no JSON").found.len(), 200);
}

#[wasm_bindgen_test(unsupported = test)]
fn unknown_and_missing_settings() {
    let text = r#"{"request":"train","device":"cpu","settings":{"steps":3}}"#;
    let expected = TrainSettings {
        steps: 3,
        ..TrainSettings::default()
    };
    assert_eq!(
        Request::from_json(text).expect("missing settings are defaults"),
        Request::Train {
            device: DeviceChoice::Cpu,
            settings: expected
        }
    );
    let text = r#"{"request":"train","device":"cpu","settings":{"epochs":3}}"#;
    let error = Request::from_json(text).expect_err("epochs is not a setting");
    assert!(error.to_string().contains("epochs"), "{error}");
}

#[wasm_bindgen_test(unsupported = test)]
fn software_adapters_are_recognised_by_flag_or_name() {
    let by_description = |description: &str| Adapter {
        description: description.into(),
        ..Adapter::default()
    };
    let by_architecture = |name: &str| Adapter {
        architecture: name.into(),
        ..Adapter::default()
    };
    let by_flag = Adapter {
        is_fallback: true,
        ..Adapter::default()
    };
    for adapter in [
        by_flag,
        by_architecture("swiftshader"),
        by_description("llvmpipe (LLVM 15.0.6, 256 bits)"),
        by_description("Microsoft Basic Render Driver"),
    ] {
        assert!(adapter.is_software(), "{adapter:?}");
    }
    let hardware = Adapter {
        vendor: "intel".into(),
        ..by_architecture("gen-12lp")
    };
    for adapter in [hardware, Adapter::default(), by_description("Apple M2")] {
        assert!(!adapter.is_software(), "{adapter:?}");
    }
}
