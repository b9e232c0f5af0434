//! Runs that were kept.

use super::*;
use crate::live::{Answers, ModelAnswer};

fn earlier(events: Vec<Event>) -> EarlierRun {
    let timed = |event| match event {
        Event::Live { at_ms, happened } => TimedEvent {
            at_ms,
            event: happened,
        },
        other => panic!("{other:?} is not of a run"),
    };
    EarlierRun {
        settings: LiveSettings {
            seed: 9,
            ..LiveSettings::default()
        },
        begun_ms: 5_000.0,
        events: events.into_iter().map(timed).collect(),
    }
}

/// The page was loaded again after step 5, with a checkpoint of step 4.
#[wasm_bindgen_test(unsupported = test)]
fn a_kept_run_goes_on_after_the_self_check() {
    let mut session = Session::default();
    let run = earlier(vec![began(), step(4), saved(4), step(5)]);
    assert_eq!(session.command(Command::GoOn(Cpu, run.clone())), [Spawn]);
    assert_eq!(steps(&session), 5, "its curves are there at once");
    session.event(Event::Ready);
    let request = Request::Run {
        device: Cpu,
        settings: run.settings.clone(),
        spent_ms: 80.0,
        inspected: false,
        begun_ms: 5_000.0,
    };
    assert_eq!(session.event(checked(Cpu, true)), [Restore, Send(request)]);
    session.event(live(LiveEvent::Stage {
        stage: StageName::Sft,
        step: 4,
        total: 9,
    }));
    assert_eq!((session.phase(), steps(&session)), (Phase::Training, 4));
    assert_eq!(session.events().len(), run.events.len() + 1);

    // A new run has nothing of it.
    session.event(Event::Completed);
    session.set_time(7_000.0);
    let effects = session.command(train(Cpu));
    let Some(Send(Request::Run { begun_ms, .. })) = effects.get(1) else {
        panic!("{effects:?}");
    };
    assert_eq!((effects.len(), *begun_ms), (2, 7_000.0));
    assert_eq!((session.events(), session.run()), (&[][..], &RunView::default()));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_kept_run_that_is_complete_is_shown_without_a_worker() {
    let answered = live(LiveEvent::Answered(Answers {
        examples: 1,
        accuracy: ModelAnswer {
            sft: 0.5,
            ordinary: 0.5,
            label_sensitive: 1.0,
        },
        inputs: Vec::new(),
    }));
    let mut session = Session::default();
    let run = earlier(vec![began(), step(9), answered]);
    assert_eq!(session.command(Command::GoOn(Cpu, run)), []);
    assert_eq!(session.phase(), Phase::Finished);
    assert!(session.run().is_whole());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_in_progress_is_not_replaced_by_a_kept_one() {
    let mut session = training(2);
    assert_eq!(session.command(Command::GoOn(Cpu, earlier(vec![began()]))), []);
    assert_eq!((session.phase(), steps(&session)), (Phase::Training, 2));
}

#[wasm_bindgen_test(unsupported = test)]
fn whether_it_is_kept_is_known_anew_with_each_checkpoint_and_run() {
    let mut session = training(1);
    assert_eq!(session.keeping(), &Keeping::Unknown);
    session.event(Event::NotKept(failure()));
    assert_eq!(session.keeping(), &Keeping::InTheTab(failure()));
    assert_eq!(session.phase(), Phase::Training, "the run goes on");
    session.event(Event::Kept);
    assert_eq!(session.keeping(), &Keeping::InTheBrowser);
    session.event(Event::Completed);
    session.command(train(Cpu));
    assert_eq!(session.keeping(), &Keeping::Unknown);
}
