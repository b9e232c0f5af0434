use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn part<'a>(name: &str, rows: &[&[&'a str]]) -> Part<'a> {
    Part {
        name: name.into(),
        rows: rows.iter().map(|row| row.to_vec()).collect(),
    }
}

/// Pieces of four characters, so that matches can be counted by hand.
fn short_pieces() -> LeakConfig {
    LeakConfig {
        piece_chars: 4,
        min_chars: 8,
        ..LeakConfig::default()
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn equal_texts_are_found_in_any_column_and_task() {
    let training = [
        part("x/train", &[&["a b", "Same text!"], &["other"]]),
        part("y/train", &[&["same  TEXT"]]),
    ];
    let held_out = [
        part("x/dev", &[&["none"], &["same text"], &["same text"]]),
        part("z/dev", &[&["sametext"]]),
    ];
    let report = find_leaks(&training, &held_out, &LeakConfig::default()).unwrap();
    let leak = |training_part, held_out_part, held_out_row| Leak {
        training_part,
        training_row: 0,
        held_out_part,
        held_out_row,
        kind: LeakKind::Equal,
    };
    assert_eq!(
        report.leaks,
        [leak(0, 0, 1), leak(0, 1, 0), leak(1, 0, 1), leak(1, 1, 0)]
    );
    let count = |training: &str, held_out: &str| LeakCount {
        training: training.into(),
        held_out: held_out.into(),
        equal_rows: 1,
        near_rows: 0,
    };
    let pairs = [
        ("x/train", "x/dev"),
        ("x/train", "z/dev"),
        ("y/train", "x/dev"),
        ("y/train", "z/dev"),
    ];
    assert_eq!(
        report.counts,
        pairs.map(|(training, held_out)| count(training, held_out))
    );
    assert_eq!(report.leaking_rows(0), [0]);
}

#[wasm_bindgen_test(unsupported = test)]
fn near_copies_worked_by_hand() {
    let leaks = |training, held_out| {
        let (training, held_out) = ([part("train", &[&[training]])], [part("dev", &[&[held_out]])]);
        let report = find_leaks(&training, &held_out, &short_pieces()).unwrap();
        report.leaks.iter().map(|leak| leak.kind).collect::<Vec<_>>()
    };
    // 13 characters, 10 pieces; the copy keeps the first ten characters, 7 pieces of its own 10.
    assert_eq!(leaks("abcdefghijXYZ", "abcdefghijklm"), [LeakKind::Contains(0.7)]);
    // Nine characters, 6 pieces.
    assert_eq!(leaks("abcdefghiWXYZ", "abcdefghijklm"), []);
    // All of the training text lies inside, though only 5 of the held-out 10 pieces are in it.
    assert_eq!(leaks("abcdefgh", "abcdefghijklm"), [LeakKind::LiesInside(1.0)]);
    // Seven characters are too short to be compared in pieces.
    assert_eq!(leaks("abcdefg", "abcdefghijklm"), []);
    // The other way round, all of the held-out text is in a longer training text.
    assert_eq!(
        leaks("0123456789abcdefghijklm", "abcdefghijklm"),
        [LeakKind::Contains(1.0)]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn of_several_matches_the_closest_counts() {
    let training = [part("train", &[&["abcdefghijXYZ", "abcdefghijklm!"]])];
    let held_out = [part("dev", &[&["abcdefghijkl-"], &["abcdefghijklm"]])];
    let report = find_leaks(&training, &held_out, &short_pieces()).unwrap();
    assert_eq!(
        (
            report.leaks.len(),
            report.leaks[0].kind,
            report.leaks[0].held_out_row
        ),
        (1, LeakKind::Equal, 1)
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_config_without_sense_is_an_error() {
    let run = |config: LeakConfig| find_leaks(&[], &[], &config).map_err(|error| error.to_string());
    let default = LeakConfig::default();
    assert!(run(default).unwrap().leaks.is_empty());
    let error = run(LeakConfig {
        piece_chars: 40,
        ..default
    })
    .unwrap_err();
    assert_eq!(error, "piece_chars: found 40, expected 1 to min_chars = 32");
    assert!(
        run(LeakConfig {
            piece_chars: 0,
            ..default
        })
        .is_err()
    );
    for share in [0.0, 70.0, f64::NAN] {
        assert!(
            run(LeakConfig {
                held_out_share: share,
                ..default
            })
            .is_err()
        );
        assert!(
            run(LeakConfig {
                training_share: share,
                ..default
            })
            .is_err()
        );
    }
    assert!(serde_json::from_str::<LeakConfig>(r#"{"piece_length": 3}"#).is_err());
}

/// The definition, one pair of texts at a time.
fn leaks_by_loop(training: &str, held_out: &str, config: &LeakConfig) -> bool {
    let (training, held_out) = (normalized(training), normalized(held_out));
    let windows = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        let mut windows: Vec<String> = chars
            .windows(config.piece_chars)
            .map(|w| w.iter().collect())
            .collect();
        windows.sort();
        windows.dedup();
        if chars.len() < config.min_chars {
            Vec::new()
        } else {
            windows
        }
    };
    let (mine, theirs) = (windows(&training), windows(&held_out));
    let enough = |of: &[String], inside: &[String], share: f64| {
        let count = of.iter().filter(|window| inside.contains(window)).count() as f64;
        !of.is_empty() && count >= share * of.len() as f64 - 1e-9
    };
    training == held_out
        || enough(&mine, &theirs, config.training_share)
        || enough(&theirs, &mine, config.held_out_share)
}

fn one_column(texts: &[String]) -> Part<'_> {
    Part {
        name: "part".into(),
        rows: texts.iter().map(|text| vec![text.as_str()]).collect(),
    }
}

proptest! {
    #[wasm_bindgen_test(unsupported = test)]
    fn equals_the_comparison_of_all_pairs(
        training in prop::collection::vec("[ab]{1,16}", 1..8), held_out in prop::collection::vec("[ab]{1,16}", 1..8),
    ) {
        let config = short_pieces();
        let report = find_leaks(&[one_column(&training)], &[one_column(&held_out)], &config).unwrap();
        let leaks = |text: &String| held_out.iter().any(|other| leaks_by_loop(text, other, &config));
        let expected: Vec<usize> = (0..training.len()).filter(|row| leaks(&training[*row])).collect();
        prop_assert_eq!(report.leaking_rows(0), expected);
    }
}
