mod kept;

use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::live::{Metrics, StageName};
use crate::protocol::{Adapter, CheckRow, NoAdapter};
use DeviceChoice::{Cpu, WebGpu};
use Effect::{Forget, Kill, Restore, Send, Spawn, WatchStop};

fn report(passed: bool) -> SelfCheckSummary {
    let row = CheckRow {
        name: "loss".into(),
        largest_difference: Some(0.5),
        tolerance: 1e-4,
        passed,
    };
    SelfCheckSummary {
        passed,
        rows: vec![row],
        message: String::new(),
    }
}

fn checked(device: DeviceChoice, passed: bool) -> Event {
    Event::SelfChecked {
        device,
        report: report(passed),
    }
}

fn live(happened: LiveEvent) -> Event {
    Event::Live {
        at_ms: 80.0,
        happened,
    }
}

fn began() -> Event {
    live(LiveEvent::Began {
        parameters: 100,
        labels: Vec::new(),
        floor: None,
    })
}

fn step(step: usize) -> Event {
    live(LiveEvent::Step {
        stage: StageName::Sft,
        step,
        metrics: Metrics::new(),
    })
}

fn saved(step: usize) -> Event {
    live(LiveEvent::Saved {
        stage: StageName::Sft,
        step,
    })
}

/// Steps that were done.
fn steps(session: &Session) -> usize {
    session.run().progress(StageName::Sft).0
}

fn failure() -> Failure {
    Failure {
        what: "out of memory".into(),
        have: String::new(),
        need: String::new(),
        next: String::new(),
    }
}

fn probed(found: bool) -> Event {
    let webgpu = if found {
        WebGpuSupport::Available(Adapter::default())
    } else {
        WebGpuSupport::Unavailable(NoAdapter::ApiMissing)
    };
    Event::Probed { webgpu }
}

fn train(device: DeviceChoice) -> Command {
    Command::Train(device, LiveSettings::default())
}

fn train_request(device: DeviceChoice) -> Effect {
    Send(Request::Run {
        device,
        settings: LiveSettings::default(),
        spent_ms: 0.0,
        inspected: false,
        begun_ms: 0.0,
    })
}

/// A session whose CPU run has done `steps` steps.
fn training(steps: usize) -> Session {
    let mut session = Session::default();
    session.command(train(Cpu));
    session.event(Event::Ready);
    session.event(checked(Cpu, true));
    session.event(began());
    for number in 1..=steps {
        session.event(step(number));
    }
    assert_eq!(session.phase(), Phase::Training);
    session
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_on_the_cpu_from_first_to_last() {
    let mut session = Session::default();
    assert_eq!(session.command(train(Cpu)), [Forget, Spawn]);
    assert_eq!(session.phase(), Phase::Loading);
    assert_eq!(
        session.event(Event::Ready),
        [Send(Request::SelfCheck { device: Cpu })]
    );
    assert_eq!(session.phase(), Phase::Checking);
    assert_eq!(session.event(checked(Cpu, true)), [train_request(Cpu)]);
    assert_eq!(session.phase(), Phase::Starting);
    assert_eq!(session.event(began()), []);
    session.event(step(1));
    session.event(step(2));
    assert_eq!((session.phase(), steps(&session)), (Phase::Training, 2));
    session.event(Event::Completed);
    assert_eq!(session.phase(), Phase::Finished);

    // The second run reuses the worker and the passed check, and starts a new curve.
    assert_eq!(session.command(train(Cpu)), [Forget, train_request(Cpu)]);
    assert_eq!(session.run(), &RunView::default());
}

#[wasm_bindgen_test(unsupported = test)]
fn webgpu_is_probed_in_the_worker_before_it_is_checked() {
    let mut session = Session::default();
    session.command(train(WebGpu));
    assert_eq!(session.event(Event::Ready), [Send(Request::Probe)]);
    assert_eq!(
        session.event(probed(true)),
        [Send(Request::SelfCheck { device: WebGpu })]
    );
    assert_eq!(session.event(checked(WebGpu, true)), [train_request(WebGpu)]);
}

#[wasm_bindgen_test(unsupported = test)]
fn without_webgpu_in_the_worker_the_cpu_is_offered() {
    let mut session = Session::default();
    session.command(train(WebGpu));
    session.event(Event::Ready);
    assert_eq!(session.event(probed(false)), []);
    assert_eq!(session.phase(), Phase::Failed);
    assert!(session.offers_cpu(), "the CPU was not tried yet");
    // The worker is well, so it is not started again, and the goal is kept.
    assert_eq!(
        session.command(Command::Retry(Cpu)),
        [Forget, Send(Request::SelfCheck { device: Cpu })]
    );
    assert_eq!(session.event(checked(Cpu, true)), [train_request(Cpu)]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_device_that_fails_the_check_is_not_trained_on() {
    let mut session = Session::default();
    session.command(train(WebGpu));
    session.event(Event::Ready);
    session.event(probed(true));
    assert_eq!(session.event(checked(WebGpu, false)), []);
    assert_eq!(session.phase(), Phase::Failed);
    assert!(
        session.is_rejected(WebGpu) && !session.is_rejected(Cpu),
        "only the GPU failed"
    );
    let failure = session.failure().expect("a failed check says so");
    assert!(failure.have.contains("loss"), "names the row: {failure:?}");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_check_alone_does_not_train() {
    let mut session = Session::default();
    assert_eq!(session.command(Command::Check(Cpu)), [Spawn]);
    session.event(Event::Ready);
    assert_eq!(session.event(checked(Cpu, true)), []);
    assert_eq!(session.phase(), Phase::Idle);
    // Asked again, it runs again.
    assert_eq!(
        session.command(Command::Check(Cpu)),
        [Send(Request::SelfCheck { device: Cpu })]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn pause_and_resume() {
    let mut session = training(1);
    assert_eq!(session.command(Command::Resume), [], "nothing is held");
    assert_eq!(session.command(Command::Pause), [Send(Request::Pause)]);
    assert_eq!(session.phase(), Phase::Pausing);
    session.event(step(2));
    session.event(Event::Paused);
    assert_eq!((session.phase(), steps(&session)), (Phase::Paused, 2));
    assert_eq!(session.command(Command::Resume), [Send(Request::Resume)]);
    session.event(Event::Resumed);
    assert_eq!(session.phase(), Phase::Training);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stop_is_polite_first() {
    let mut session = training(3);
    assert_eq!(
        session.command(Command::Stop),
        [Send(Request::Stop), WatchStop(1)]
    );
    session.event(step(4));
    session.event(Event::Stopped);
    assert_eq!((session.phase(), steps(&session)), (Phase::Stopped, 4));
    assert_eq!(session.stop_timed_out(1), [], "it stopped in time");
    assert_eq!(
        session.command(train(Cpu)),
        [Forget, train_request(Cpu)],
        "the worker lives on"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_worker_that_does_not_stop_is_killed() {
    let mut session = training(3);
    session.command(Command::Stop);
    assert_eq!(session.stop_timed_out(0), [], "the number of another stop");
    assert_eq!(session.stop_timed_out(1), [Kill]);
    assert_eq!((session.phase(), steps(&session)), (Phase::Stopped, 3));
    assert_eq!(session.command(train(Cpu)), [Forget, Spawn]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stop_before_the_run_kills_at_once() {
    let mut session = Session::default();
    assert_eq!(session.command(Command::Stop), []);
    session.command(train(Cpu));
    assert_eq!(session.command(Command::Stop), [Kill]);
    assert_eq!(session.phase(), Phase::Stopped);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_that_finishes_before_it_reads_the_stop_is_finished() {
    let mut session = training(2);
    session.command(Command::Stop);
    session.event(Event::Completed);
    session.event(Event::Stopped);
    assert_eq!(session.phase(), Phase::Finished);
    assert_eq!(session.stop_timed_out(1), []);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_worker_that_breaks_again_and_again_is_given_up_and_the_device_checked_again() {
    let mut session = training(7);
    for _ in 0..MOST_BREAKS {
        assert_eq!(session.worker_broke("unreachable executed"), [Kill, Spawn]);
    }
    assert_eq!(session.worker_broke("unreachable executed"), [Kill]);
    assert_eq!(session.phase(), Phase::Failed);
    let failure = session.failure().expect("it broke");
    assert!(
        failure.what.contains("step 7") && failure.have.contains("unreachable"),
        "{failure:?}"
    );
    assert_eq!(steps(&session), 7, "the curve so far stays");

    assert_eq!(session.command(Command::Retry(Cpu)), [Forget, Spawn]);
    assert_eq!(session.failure(), None);
    assert_eq!(
        session.event(Event::Ready),
        [Send(Request::SelfCheck { device: Cpu })]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_failure_that_the_worker_reports_is_shown_as_it_is() {
    let mut session = training(1);
    assert_eq!(session.event(Event::Failed(failure())), [Kill]);
    assert_eq!(session.failure(), Some(&failure()));
    assert!(!session.offers_cpu(), "the CPU itself failed");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_program_that_does_not_load_says_which_files_are_needed() {
    let mut session = Session::default();
    session.command(train(Cpu));
    session.worker_broke("404");
    let failure = session.failure().expect("not loaded");
    assert!(failure.need.contains("worker_bg.wasm"), "{failure:?}");
}

#[wasm_bindgen_test(unsupported = test)]
fn commands_that_do_not_fit_are_ignored() {
    let mut session = training(1);
    for command in [
        train(WebGpu),
        Command::Check(Cpu),
        Command::Retry(Cpu),
        Command::Resume,
        Command::StepOnce,
    ] {
        assert_eq!(session.command(command), []);
        assert_eq!((session.phase(), session.device()), (Phase::Training, Some(Cpu)));
    }
}

/// A run that is given up goes on from its checkpoint when it is tried again, also on another device.
#[wasm_bindgen_test(unsupported = test)]
fn a_second_try_goes_on_from_the_checkpoint() {
    let mut session = training(4);
    session.event(saved(4));
    session.event(step(5));
    assert_eq!(session.event(Event::Failed(failure())), [Kill]);
    assert_eq!(session.phase(), Phase::Failed);
    assert_eq!(session.command(Command::Retry(Cpu)), [Spawn]);
    session.event(Event::Ready);
    let effects = session.event(checked(Cpu, true));
    assert_eq!(effects[0], Restore, "then the run: {effects:?}");
    assert_eq!(effects.len(), 2, "{effects:?}");
    assert_eq!(steps(&session), 5, "the curve so far stays");
}

/// The worker is lost in step 6, with a checkpoint of step 4.
#[wasm_bindgen_test(unsupported = test)]
fn a_lost_worker_is_replaced_and_the_run_goes_on() {
    let mut session = training(4);
    session.event(saved(4));
    session.event(step(5));
    assert_eq!(session.event(Event::Broken(failure())), [Kill, Spawn]);
    assert_eq!((session.phase(), session.failure()), (Phase::Recovering, None));
    let request = Request::Run {
        device: Cpu,
        settings: LiveSettings::default(),
        spent_ms: 80.0,
        inspected: false,
        begun_ms: 0.0,
    };
    assert_eq!(session.event(Event::Ready), [Restore, Send(request)]);
    session.event(began());
    session.event(live(LiveEvent::Stage {
        stage: StageName::Sft,
        step: 4,
        total: 9,
    }));
    assert_eq!((session.phase(), steps(&session)), (Phase::Training, 4));
    session.event(step(5));
    assert_eq!((steps(&session), session.breaks()), (5, 1));
    // A checkpoint is progress: later breaks are counted anew.
    session.event(saved(5));
    for _ in 0..MOST_BREAKS {
        assert_eq!(session.worker_broke("lost"), [Kill, Spawn]);
    }
    assert_eq!(session.breaks(), 1 + MOST_BREAKS);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_that_recovers_can_be_stopped() {
    let mut session = training(2);
    session.worker_broke("lost");
    assert_eq!(session.command(Command::Stop), [Kill]);
    assert_eq!(session.phase(), Phase::Stopped);
}

#[wasm_bindgen_test(unsupported = test)]
fn one_step_of_a_held_run() {
    let mut session = training(1);
    assert_eq!(session.command(Command::StepOnce), [], "it is not held");
    session.command(Command::Pause);
    session.event(Event::Paused);
    assert_eq!(session.command(Command::StepOnce), [Send(Request::StepOnce)]);
    session.event(Event::Resumed);
    session.event(step(2));
    session.event(Event::Paused);
    assert_eq!((session.phase(), steps(&session)), (Phase::Paused, 2));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_can_be_begun_again_at_any_time() {
    let mut session = training(3);
    let restart = Command::Restart(Cpu, LiveSettings::default());
    assert_eq!(session.command(restart), [Kill, Forget, Spawn]);
    assert_eq!((session.phase(), steps(&session)), (Phase::Loading, 0));
    // The device has passed already.
    assert_eq!(session.event(Event::Ready), [train_request(Cpu)]);
}
