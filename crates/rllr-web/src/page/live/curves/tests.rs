use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::live::{LiveEvent, Metrics, TimedEvent};

fn event(stage: StageName, step: usize, named: &[(&str, f64)]) -> TimedEvent {
    let metrics: Metrics = named
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    TimedEvent {
        at_ms: 0.0,
        event: LiveEvent::Step { stage, step, metrics },
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn both_runs_lie_on_the_same_steps() {
    let view = RunView::of(&[
        event(StageName::OrdinaryPpo, 1, &[("objective/kl", 0.1)]),
        event(StageName::LabelPpo, 1, &[("objective/kl", 0.2)]),
        event(StageName::OrdinaryPpo, 2, &[("objective/kl", 0.3)]),
    ]);
    let charts = charts(&view, Part::Ppo);
    let kl = charts
        .iter()
        .find(|chart| chart.id == "kl")
        .expect("there is one");
    assert_eq!(kl.steps, [1.0, 2.0]);
    assert_eq!(kl.lines[0].values, [Some(0.1), Some(0.3)]);
    assert_eq!(kl.lines[1].values, [Some(0.2), None]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_run_that_has_not_begun_has_empty_charts() {
    for part in Part::ALL {
        for chart in charts(&RunView::default(), part) {
            assert!(chart.steps.is_empty(), "{}", chart.id);
            assert!(
                chart.lines.iter().all(|line| line.values.is_empty()),
                "{}",
                chart.id
            );
        }
    }
}

/// The reward rises by ln 3, so a later answer wins three times of four; of the labels a tenth more are right.
#[wasm_bindgen_test(unsupported = test)]
fn the_gap_by_hand() {
    let stage = StageName::OrdinaryPpo;
    let view = RunView::of(&[
        event(stage, 1, &[("objective/scores", -1.0), ("rollout/accuracy", 0.4)]),
        event(
            stage,
            2,
            &[
                ("objective/scores", -1.0 + 3.0_f64.ln()),
                ("rollout/accuracy", 0.5),
            ],
        ),
    ]);
    let (reward, truth) = win_probabilities(view.stage(stage).expect("it has begun"));
    assert_eq!((reward[0], truth[0]), ((1, 0.5), (1, 0.5)));
    assert!((reward[1].1 - 0.75).abs() < 1e-12, "{reward:?}");
    assert!((truth[1].1 - 0.55).abs() < 1e-12, "{truth:?}");
}

/// The closed form of the truth's line, against the four cases one by one.
#[wasm_bindgen_test(unsupported = test)]
fn the_chance_to_win_by_cases() {
    for (now, first) in [(0.0, 0.0), (0.3, 0.9), (1.0, 0.2), (0.5, 0.5)] {
        let both = now * first + (1.0 - now) * (1.0 - first);
        let by_cases: f64 = now * (1.0 - first) + 0.5 * both;
        assert!(
            (by_cases - (0.5 + 0.5 * (now - first))).abs() < 1e-12,
            "{now} {first}"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_recorded_run_lies_behind_the_shown_one_on_the_steps_of_both() {
    let stage = StageName::OrdinaryPpo;
    let kl = |steps: &[(usize, f64)]| {
        let events: Vec<_> = steps
            .iter()
            .map(|(step, kl)| event(stage, *step, &[("objective/kl", *kl)]))
            .collect();
        let mut charts = charts(&RunView::of(&events), Part::Ppo);
        let place = charts.iter().position(|chart| chart.id == "kl");
        charts.swap_remove(place.expect("there is one"))
    };
    let both = overlaid(&kl(&[(1, 0.1), (2, 0.2)]), &kl(&[(2, 0.5), (4, 0.7)]));
    assert_eq!(both.steps, [1.0, 2.0, 4.0]);
    let ordinary: Vec<_> = both
        .lines
        .iter()
        .filter(|line| line.style == LineStyle::Ordinary)
        .collect();
    assert_eq!(ordinary[0].values, [Some(0.1), Some(0.2), None]);
    assert_eq!(ordinary[1].values, [None, Some(0.5), Some(0.7)]);
    assert_eq!(
        (ordinary[0].run, ordinary[1].run),
        (LineRun::Shown, LineRun::Recorded)
    );
    assert!(ordinary[1].label.contains("recorded"), "{}", ordinary[1].label);
    assert_eq!(both.lines.len(), 4);
}

#[wasm_bindgen_test(unsupported = test)]
fn of_the_recorded_run_no_level_is_shown() {
    let stage = StageName::Sft;
    let mut view = RunView::of(&[TimedEvent {
        at_ms: 0.0,
        event: LiveEvent::Evaluated {
            stage,
            step: 1,
            metrics: [("eval_accuracy".to_owned(), 0.5)].into(),
        },
    }]);
    view.floor = Some(0.4);
    let accuracy = &charts(&view, Part::Sft)[1];
    let both = overlaid(accuracy, accuracy);
    assert_eq!((accuracy.lines.len(), both.lines.len()), (2, 3));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_level_has_two_ends() {
    assert_eq!(
        level(Some(0.5), &vec![(1, 0.1), (2, 0.2), (9, 0.3)]),
        [(1, 0.5), (9, 0.5)]
    );
    assert_eq!(level(Some(0.5), &vec![(1, 0.1)]), [(1, 0.5)]);
    assert_eq!(level(None, &vec![(1, 0.1)]), []);
    assert_eq!(level(Some(0.5), &Vec::new()), []);
}
