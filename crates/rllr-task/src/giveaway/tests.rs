use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::pairs::PairKind;

fn pair(number: usize, chosen: &str, rejected: &str) -> PreferencePair {
    PreferencePair {
        prompt: format!("prompt {number}"),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
        kind: PairKind::Label,
        task: "task".to_owned(),
        id: number.to_string(),
        chosen_by: None,
        rejected_by: None,
    }
}

/// The last word is the label.
fn label_of(_: &PreferencePair, response: &str) -> Option<String> {
    response.split(' ').next_back().map(str::to_owned)
}

fn measure(pairs: &[PreferencePair]) -> Giveaway {
    giveaway(pairs, label_of, &mut ChaCha8Rng::seed_from_u64(5)).expect("there are enough prompts")
}

/// Two random words out of ten, the same draw for both sides.
fn filler(rng: &mut ChaCha8Rng) -> String {
    const WORDS: [&str; 10] = [
        "red", "blue", "old", "new", "big", "odd", "wet", "dry", "sad", "mad",
    ];
    let word = |rng: &mut ChaCha8Rng| *WORDS.choose(rng).expect("ten words");
    format!("{} {}", word(rng), word(rng))
}

#[wasm_bindgen_test(unsupported = test)]
fn exchangeable_responses_give_nothing_away() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pairs: Vec<_> = (0..600)
        .map(|n| {
            let labels = if n % 2 == 0 { ["yes", "no"] } else { ["no", "yes"] };
            let [chosen, rejected] = labels.map(|label| format!("{} {label}", filler(&mut rng)));
            pair(n, &chosen, &rejected)
        })
        .collect();
    let found = measure(&pairs);
    // A little below chance is usual here: the labels are exactly balanced, so a fold that holds more of one leaves
    // fewer of it to the other folds, and the model learns the contrary.
    for cue in [found.words, found.words_with_label] {
        assert!((0.42..GIVEAWAY_LIMIT).contains(&cue.accuracy), "{cue:?}");
    }
    assert_eq!(found.warnings(), [""; 0]);
    assert_eq!((found.prompts, found.writer), (600, None));
    assert_eq!(measure(&pairs), found, "the same seed, the same numbers");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_word_that_marks_the_chosen_side_is_found() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let pairs: Vec<_> = (0..200)
        .map(|n| {
            let label = if n % 2 == 0 { "yes" } else { "no" };
            pair(
                n,
                &format!("surely {} {label}", filler(&mut rng)),
                &format!("maybe {} {label}", filler(&mut rng)),
            )
        })
        .collect();
    let found = measure(&pairs);
    assert!(found.words.accuracy > 0.99, "{:?}", found.words);
    assert!(
        (found.label.accuracy - 0.5).abs() < 1e-12,
        "the labels are equal: every pair is a tie"
    );
    assert!(found.warnings()[0].starts_with("the wording alone tells chosen from rejected in 100.0 %"));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_word_that_tells_only_beside_the_label_is_found() {
    // "surely yes" and "maybe no" are chosen, "surely no" and "maybe yes" rejected: no word alone tells.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let pairs: Vec<_> = (0..400)
        .map(|n| {
            let sides = if n % 2 == 0 {
                ["surely", "yes", "no"]
            } else {
                ["maybe", "no", "yes"]
            };
            let [word, chosen, rejected] = sides;
            let [a, b] = [filler(&mut rng), filler(&mut rng)];
            pair(
                n,
                &format!("{word} {a} {chosen}"),
                &format!("{word} {b} {rejected}"),
            )
        })
        .collect();
    let found = measure(&pairs);
    assert!(
        found.words_with_label.accuracy > 0.95,
        "{:?}",
        found.words_with_label
    );
    assert!(
        found.words.accuracy < GIVEAWAY_LIMIT,
        "no word alone tells: {:?}",
        found.words
    );
    let CueAccuracy {
        ci95: [low, high], ..
    } = found.label;
    assert!(
        low <= 0.5 && 0.5 <= high,
        "the label alone does not tell: {:?}",
        found.label
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_text_seen_on_the_other_side_is_no_memory() {
    // Each text is chosen once and rejected once: by memory a model would be wrong on every pair.
    let text = |n: usize| format!("text {} of {n} words", n * 7919 % 1009);
    let pairs: Vec<_> = (0..300)
        .map(|n| pair(n, &text(n), &text((n + 1) % 300)))
        .collect();
    let found = measure(&pairs);
    assert!((0.42..0.58).contains(&found.words.accuracy), "{:?}", found.words);
}

#[wasm_bindgen_test(unsupported = test)]
fn author_length_and_label_are_told_apart() {
    let pairs: Vec<_> = (0..100)
        .map(|n| {
            let mut pair = pair(n, &format!("w{n} w{n} yes"), &format!("w{n} no"));
            (pair.chosen_by, pair.rejected_by) = (Some("human".to_owned()), Some("palm".to_owned()));
            if n % 4 == 0 {
                std::mem::swap(&mut pair.chosen_by, &mut pair.rejected_by);
            }
            pair
        })
        .collect();
    let found = measure(&pairs);
    let writer = found.writer.expect("the pairs name their writers");
    assert!(
        (writer.accuracy - 0.75).abs() < 1e-12,
        "75 of 100 are human > palm: {writer:?}"
    );
    assert!((found.longer.accuracy - 1.0).abs() < 1e-12, "{:?}", found.longer);
    assert!(
        (found.label.accuracy - 1.0).abs() < 1e-12,
        "always yes: {:?}",
        found.label
    );
    assert_eq!(
        found.by_writers.keys().collect::<Vec<_>>(),
        ["human > palm", "palm > human"]
    );
    assert_eq!(found.by_writers["human > palm"].pairs, 75);
    assert_eq!(found.by_longer.keys().collect::<Vec<_>>(), ["chosen"]);
    assert_eq!(found.warnings().len(), 4, "{:?}", found.warnings());
}

#[wasm_bindgen_test(unsupported = test)]
fn the_interval_equals_the_formula_worked_by_hand() {
    // Prompts 0: wins 1, 1; 1: win 0; 2: win 1. n = 4, p = 3/4.
    // Cluster sums of w - p: 0: 1/4 + 1/4 = 1/2; 1: -3/4; 2: 1/4. Squares: 4/16 + 9/16 + 1/16 = 14/16.
    // se^2 = 3/2 * 14/16 / 16 = 0.08203125; se = 0.28641097; 1.96 se = 0.5613655.
    let found = cue_accuracy([(1.0, 0), (1.0, 0), (0.0, 1), (1.0, 2)]);
    assert_eq!((found.pairs, found.accuracy), (4, 0.75));
    assert!((found.ci95[0] - 0.188_634_5).abs() < 1e-6, "{found:?}");
    assert!((found.ci95[1] - 1.0).abs() < 1e-12, "clamped to 1: {found:?}");
    assert_eq!(
        cue_accuracy([(1.0, 0), (0.0, 0)]).ci95,
        [0.0, 1.0],
        "one prompt says nothing about the spread"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_tie_counts_half() {
    assert!(
        [win_of(0.2), win_of(0.0), win_of(-0.0), win_of(-3.0)] == [1.0, 0.5, 0.5, 0.0],
        "sign of the difference"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn too_few_prompts_are_an_error() {
    let pairs: Vec<_> = (0..9).map(|n| pair(n % 4, "a", "b")).collect();
    let error = giveaway(&pairs, label_of, &mut ChaCha8Rng::seed_from_u64(5));
    assert_eq!(error, Err(GiveawayError::TooFewPrompts { found: 4 }));
    let none = giveaway(&[], label_of, &mut ChaCha8Rng::seed_from_u64(5));
    assert_eq!(none, Err(GiveawayError::TooFewPrompts { found: 0 }));
}
