use wasm_bindgen_test::wasm_bindgen_test;

use super::super::results::Origin;
use super::super::results::tests::row;
use super::*;
use crate::protocol::models::{AskOptions, DataSource, ModelSource};
use crate::protocol::{Adapter, NoAdapter};

fn evaluate(slot: Slot, device: DeviceChoice) -> Job {
    Job {
        kind: JobKind::Evaluate(slot, Origin::default()),
        request: ModelRequest::Evaluate {
            device,
            model: ModelSource::Shipped { name: "m".to_owned() },
            data: DataSource::Embedded {
                task_name: "t".to_owned(),
            },
            options: AskOptions::default(),
        },
    }
}

fn report(passed: bool) -> SelfCheckSummary {
    SelfCheckSummary {
        passed,
        rows: Vec::new(),
        message: String::new(),
    }
}

fn checked(device: DeviceChoice, passed: bool) -> Event {
    Event::SelfChecked {
        device,
        report: report(passed),
    }
}

fn rows(rows: Vec<crate::protocol::models::AnsweredRow>) -> Event {
    let total = rows.len();
    Event::Model(ModelEvent::Rows {
        done: total,
        total,
        rows,
    })
}

/// A desk whose worker is at work on a job on the CPU.
fn at_work(job: Job) -> Desk {
    let mut desk = Desk::default();
    assert_eq!(desk.begin(job.clone()), [Effect::Spawn]);
    let check = Request::SelfCheck {
        device: DeviceChoice::Cpu,
    };
    assert_eq!(desk.event(Event::Ready), [Effect::Send(check)]);
    let effects = desk.event(checked(DeviceChoice::Cpu, true));
    assert_eq!(effects, [Effect::Send(Request::Model(job.request))]);
    assert_eq!(desk.phase(), Phase::Working);
    desk
}

#[wasm_bindgen_test(unsupported = test)]
fn a_device_is_probed_and_checked_once_before_it_is_used() {
    let mut desk = Desk::default();
    let job = evaluate(Slot::First, DeviceChoice::WebGpu);
    desk.begin(job.clone());
    assert_eq!(desk.event(Event::Ready), [Effect::Send(Request::Probe)]);
    let available = WebGpuSupport::Available(Adapter::default());
    desk.event(Event::Probed { webgpu: available });
    assert_eq!(desk.phase(), Phase::Checking);
    let effects = desk.event(checked(DeviceChoice::WebGpu, true));
    assert_eq!(effects, [Effect::Send(Request::Model(job.request.clone()))]);
    desk.event(Event::Model(ModelEvent::Finished));
    assert_eq!(
        desk.begin(job.clone()),
        [Effect::Send(Request::Model(job.request))]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_device_that_fails_is_not_used() {
    let mut desk = Desk::default();
    desk.begin(evaluate(Slot::First, DeviceChoice::Cpu));
    desk.event(Event::Ready);
    assert!(desk.event(checked(DeviceChoice::Cpu, false)).is_empty());
    assert_eq!(desk.phase(), Phase::Failed);
    assert!(desk.failure().expect("it says why").what.contains("self-check"));

    let mut desk = Desk::default();
    desk.begin(evaluate(Slot::First, DeviceChoice::WebGpu));
    desk.event(Event::Ready);
    let webgpu = WebGpuSupport::Unavailable(NoAdapter::NoneOffered);
    desk.event(Event::Probed { webgpu });
    assert_eq!(desk.phase(), Phase::Failed);
}

#[wasm_bindgen_test(unsupported = test)]
fn what_needs_no_device_needs_no_check() {
    let mut desk = Desk::default();
    let request = ModelRequest::Compare {
        first: vec![true],
        second: vec![false],
    };
    desk.begin(Job {
        kind: JobKind::Compare,
        request: request.clone(),
    });
    assert_eq!(desk.event(Event::Ready), [Effect::Send(Request::Model(request))]);
}

#[wasm_bindgen_test(unsupported = test)]
fn two_results_on_the_same_examples_are_compared_at_once() {
    let mut desk = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    desk.event(rows(vec![row(1, "a", None), row(0, "a", Some("a"))]));
    assert_eq!(desk.progress(), Some((2, 2)));
    assert!(desk.results(Slot::First).is_none(), "not before all is measured");
    desk.event(Event::Model(ModelEvent::Finished));
    assert_eq!(desk.phase(), Phase::Finished);
    let first = desk.results(Slot::First).expect("they are there");
    assert_eq!(first.rows[0].place, 0, "in the order of the examples");

    desk.begin(evaluate(Slot::Second, DeviceChoice::Cpu));
    desk.event(rows(vec![row(0, "a", None), row(1, "a", Some("a"))]));
    let effects = desk.event(Event::Model(ModelEvent::Finished));
    let compare = ModelRequest::Compare {
        first: vec![true, false],
        second: vec![false, true],
    };
    assert_eq!(effects, [Effect::Send(Request::Model(compare))]);

    // A new first model ends the comparison.
    let mut desk = desk.clone();
    desk.phase = Phase::Finished;
    desk.begin(evaluate(Slot::First, DeviceChoice::Cpu));
    desk.event(Event::Model(ModelEvent::Finished));
    assert!(desk.results(Slot::Second).is_none() && desk.comparison().is_none());
}

#[wasm_bindgen_test(unsupported = test)]
fn other_examples_cannot_be_compared() {
    let mut desk = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    desk.event(rows(vec![row(0, "a", None)]));
    desk.event(Event::Model(ModelEvent::Finished));
    desk.begin(evaluate(Slot::Second, DeviceChoice::Cpu));
    desk.event(Event::Model(ModelEvent::Finished));
    assert_eq!(desk.phase(), Phase::Failed);
    assert!(desk.results(Slot::Second).is_some(), "the results stay");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stop_is_asked_for_and_then_enforced() {
    let mut desk = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    assert_eq!(desk.stop(), [Effect::Send(Request::Stop), Effect::WatchStop(1)]);
    assert!(
        desk.begin(evaluate(Slot::First, DeviceChoice::Cpu)).is_empty(),
        "one thing at a time"
    );
    let mut patient = desk.clone();
    patient.event(Event::Stopped);
    assert_eq!(patient.phase(), Phase::Stopped);
    assert!(patient.stop_timed_out(1).is_empty(), "it has stopped");
    assert_eq!(desk.stop_timed_out(1), [Effect::Kill]);
    assert_eq!(desk.phase(), Phase::Stopped);
    assert_eq!(
        desk.begin(evaluate(Slot::First, DeviceChoice::Cpu)),
        [Effect::Spawn]
    );
    assert_eq!(
        desk.stop(),
        [Effect::Kill],
        "a worker that is loading hears nothing"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_refusal_leaves_the_worker_alive_and_a_failure_does_not() {
    let failure = text::other_examples();
    let mut desk = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    assert!(
        desk.event(Event::Model(ModelEvent::Refused(failure.clone())))
            .is_empty()
    );
    assert_eq!((desk.phase(), desk.failure()), (Phase::Failed, Some(&failure)));
    let again = desk.begin(evaluate(Slot::First, DeviceChoice::Cpu));
    assert!(matches!(again[..], [Effect::Send(_)]) && desk.failure().is_none());
    assert_eq!(desk.event(Event::Failed(failure)), [Effect::Kill]);
    assert_eq!(
        desk.check(DeviceChoice::Cpu),
        None,
        "checked again in the next worker"
    );

    let broken = text::other_examples();
    let mut desk = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    assert_eq!(desk.event(Event::Broken(broken)), [Effect::Kill]);

    let mut lost = at_work(evaluate(Slot::First, DeviceChoice::Cpu));
    assert_eq!(lost.worker_broke("out of memory"), [Effect::Kill]);
    assert!(
        lost.failure()
            .expect("it says why")
            .have
            .contains("out of memory")
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn an_answer_is_written_piece_by_piece() {
    let request = ModelRequest::Ask {
        device: DeviceChoice::Cpu,
        model: ModelSource::Shipped { name: "m".to_owned() },
        task_name: "t".to_owned(),
        texts: std::collections::BTreeMap::new(),
        options: AskOptions::default(),
    };
    let job = Job {
        kind: JobKind::Ask,
        request,
    };
    let mut desk = at_work(job.clone());
    let piece = |text: &str| {
        Event::Model(ModelEvent::Piece {
            text: text.to_owned(),
        })
    };
    desk.event(piece("Be"));
    desk.event(piece("cause"));
    assert_eq!(desk.written(), "Because");
    desk.begin(job);
    assert_eq!(
        desk.written(),
        "Because",
        "nothing begins while something is going on"
    );
}
