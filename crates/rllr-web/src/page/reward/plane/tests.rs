use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::live::ByModel;

fn point(label_score: f64, rationale_score: f64, is_right: bool) -> PlanePoint {
    PlanePoint {
        input: 0,
        rationale: 0,
        label: usize::from(!is_right),
        label_score,
        rationale_score,
        is_right,
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_label_score_counts_up_to_the_threshold() {
    assert_eq!(mixed_reward(&point(1.0, 0.5, true), 2.0), 1.5);
    assert_eq!(mixed_reward(&point(3.0, 0.5, true), 2.0), 2.5);
    assert_eq!(mixed_reward(&point(-3.0, 0.5, true), -4.0), -3.5);
}

/// Every point of a line earns what the line says, and the kink is at the threshold.
#[wasm_bindgen_test(unsupported = test)]
fn lines_are_of_equal_reward() {
    let frame = Frame {
        x: [-2.0, 2.0],
        y: [-1.0, 1.0],
    };
    let line = frame.line(0.75, 0.5);
    assert_eq!(line, [[-2.0, 2.75], [0.5, 0.25], [2.0, 0.25]]);
    for [x, y] in line {
        assert_eq!(mixed_reward(&point(x, y, true), 0.5), 0.75);
    }
    assert_eq!(
        frame.line(0.0, -5.0),
        [[-2.0, 5.0], [2.0, 5.0]],
        "only rationales count"
    );
    assert_eq!(
        frame.line(0.0, 5.0),
        [[-2.0, 2.0], [2.0, -2.0]],
        "both count everywhere"
    );
    let rewards = frame.rewards(0.5, 4);
    assert_eq!(rewards.len(), 4);
    assert!(rewards[0] > -3.0 && rewards[3] < 1.5, "{rewards:?}");
}

#[wasm_bindgen_test(unsupported = test)]
fn places_are_those_of_a_drawing() {
    let frame = Frame {
        x: [0.0, 4.0],
        y: [0.0, 2.0],
    };
    assert_eq!(frame.place(0.0, 2.0, [400.0, 200.0]), [0.0, 0.0]);
    assert_eq!(frame.place(4.0, 0.0, [400.0, 200.0]), [400.0, 200.0]);
    assert_eq!(frame.place(1.0, 1.0, [400.0, 200.0]), [100.0, 100.0]);
    assert_eq!(frame.label_score_at(0.25), 1.0);
    assert_eq!(frame.label_score_at(7.0), 4.0, "not beyond the edge");
}

#[wasm_bindgen_test(unsupported = test)]
fn keys_move_the_threshold_inside_the_frame() {
    let frame = Frame {
        x: [0.0, 10.0],
        y: [0.0, 1.0],
    };
    let check = |key, expected: f64| {
        let moved = frame.moved(5.0, key).expect(key);
        assert!((moved - expected).abs() < 1e-12, "{key}: {moved}");
    };
    check("ArrowLeft", 4.9);
    check("ArrowRight", 5.1);
    check("PageUp", 6.0);
    check("Home", 0.0);
    check("End", 10.0);
    assert_eq!(frame.moved(10.0, "ArrowRight"), Some(10.0));
    assert_eq!(frame.moved(5.0, "a"), None);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_frame_holds_its_points() {
    let frame = Frame::around(&[point(0.0, 1.0, true), point(20.0, 3.0, false)]);
    assert_eq!((frame.x, frame.y), ([-1.0, 21.0], [0.9, 3.1]));
    let single = Frame::around(&[point(2.0, 2.0, true)]);
    assert_eq!((single.x, single.y), ([1.0, 3.0], [1.0, 3.0]));
    assert_eq!(Frame::around(&[]).x, [-1.0, 1.0]);
}

/// With a high threshold the right label wins by its label score; with a low one the better rationale does.
#[wasm_bindgen_test(unsupported = test)]
fn the_threshold_changes_who_wins() {
    let points = [point(2.0, -0.5, true), point(-2.0, 0.5, false)];
    assert_eq!(right_above_wrong(&points, 2.0), Some(1.0));
    assert_eq!(right_above_wrong(&points, -2.0), Some(0.0));
    assert_eq!(right_above_wrong(&points, -1.0), Some(0.5), "both earn −1.5");
    assert_eq!(right_above_wrong(&points[..1], 2.0), None);
    assert_eq!(shades(&points, 2.0), [2, 0]);
    assert_eq!(shades(&points, -2.0), [0, 2]);
}

#[wasm_bindgen_test(unsupported = test)]
fn every_combination_is_a_point() {
    let input = InspectedInput {
        text: String::new(),
        gold: 1,
        rationales: vec![String::new(); 2],
        scores: ByModel {
            ordinary: vec![vec![1.0, 2.0], vec![3.0, 4.0]],
            label_sensitive: vec![vec![5.0, 6.0], vec![7.0, 8.0]],
        },
    };
    let points = points(&[input.clone(), input]);
    assert_eq!(points.len(), 8);
    let last = points[7];
    assert_eq!(
        (last.input, last.rationale, last.label, last.is_right),
        (1, 1, 1, true)
    );
    assert_eq!((last.label_score, last.rationale_score), (8.0, 4.0));
}
