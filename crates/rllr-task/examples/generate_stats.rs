//! Prints what the embedded tasks are like: samples, sizes, what counting words reaches and what composing reaches.
//!
//! `cargo run --release -p rllr-task --example generate_stats [samples per task and level]`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    reason = "a program: it reads its argument and the clock, and prints"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_task::example::{Example, Input};
use rllr_task::generate::{Difficulty, DifficultyMix, GenerateError, TaskKind, compose, generate};
use rllr_task::naive_bayes::{ClassPrior, NaiveBayes};

#[path = "../src/generate/tests/counting.rs"]
mod counting;

const TRAIN: usize = 4_000;
const HELD_OUT: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let samples = std::env::args()
        .nth(1)
        .map_or(Ok(1), |argument| argument.parse())?;
    let mut words = BTreeSet::new();
    for kind in TaskKind::ALL {
        words.extend(show(kind, samples)?);
    }
    println!("{} distinct words over all tasks", words.len());
    Ok(())
}

/// Prints one task and returns its words.
fn show(kind: TaskKind, samples: usize) -> Result<BTreeSet<String>, Box<dyn std::error::Error>> {
    println!("== {} {:?}", kind.name(), kind.labels());
    for difficulty in Difficulty::ALL {
        let examples = draw(kind, DifficultyMix::only(difficulty), TRAIN + HELD_OUT);
        match examples {
            Ok(examples) => {
                println!("  {:6} {}", difficulty.name(), accuracies(kind, &examples));
                examples.iter().take(samples).for_each(print_example);
            }
            Err(error) => println!("  {:6} {error}", difficulty.name()),
        }
    }
    let start = Instant::now();
    let examples = draw(kind, DifficultyMix::default(), TRAIN + HELD_OUT)?;
    let made_in_millis = start.elapsed().as_millis();
    println!("  mix    {}", accuracies(kind, &examples));
    let hand_written = kind.test_examples();
    let composed = hand_written
        .iter()
        .filter_map(|example| Some((example, compose(kind, &example.input)?)));
    let (read, right) = composed.fold((0, 0), |(read, right), (example, label)| {
        (read + 1, right + usize::from(example.label == label))
    });
    println!(
        "  {} hand-written: word counting {:.3}, giveaway by words {:.3}, by length {:.3}; composing reads {read}, {right} of them right",
        hand_written.len(),
        counting::word_accuracy(&examples[..TRAIN], &hand_written, kind.labels()),
        counting::giveaway_accuracy(&hand_written),
        counting::longer_accuracy(&hand_written),
    );
    let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
    for example in &examples[..TRAIN] {
        *labels.entry(example.label.as_str()).or_default() += 1;
    }
    println!(
        "  {} examples in {made_in_millis} ms; labels of the first {TRAIN}: {labels:?}",
        examples.len()
    );
    let words = vocabulary(&examples);
    println!("  {} distinct words; {}", words.len(), lengths(&examples));
    Ok(words)
}

fn draw(kind: TaskKind, mix: DifficultyMix, count: usize) -> Result<Vec<Example>, GenerateError> {
    generate(kind, mix, count, &mut ChaCha8Rng::seed_from_u64(1))
}

fn accuracies(kind: TaskKind, examples: &[Example]) -> String {
    let (train, test) = examples.split_at(TRAIN);
    let right = test
        .iter()
        .filter(|example| compose(kind, &example.input) == Some(example.label.as_str()))
        .count();
    format!(
        "word counting {:.3}{}, composing {:.3}; giveaway by words {:.3}, by length {:.3}; by copying {:.3}",
        counting::word_accuracy(train, test, kind.labels()),
        second_text_alone(kind, train, test),
        right as f64 / test.len() as f64,
        counting::giveaway_accuracy(examples),
        counting::longer_accuracy(examples),
        counting::copying_accuracy(examples),
    )
}

/// What counting the words of the second text alone reaches, for tasks with two texts.
fn second_text_alone(kind: TaskKind, train: &[Example], test: &[Example]) -> String {
    let second = |examples: &[Example]| -> Option<Vec<Example>> {
        let second = examples.iter().map(|example| match &example.input {
            Input::Text(_) => None,
            Input::Pair { text_b, .. } => Some(Example {
                input: Input::Text(text_b.clone()),
                ..example.clone()
            }),
        });
        second.collect()
    };
    match (second(train), second(test)) {
        (Some(train), Some(test)) => {
            format!(
                " (second text alone {:.3})",
                counting::word_accuracy(&train, &test, kind.labels())
            )
        }
        _ => String::new(),
    }
}

fn print_example(example: &Example) {
    match &example.input {
        Input::Text(text) => println!("    {text}"),
        Input::Pair { text_a, text_b } => println!("    {text_a}\n    {text_b}"),
    }
    for (label, rationale) in &example.rationales {
        let mark = if *label == example.label { '*' } else { ' ' };
        println!("      {mark} {label}: {rationale}");
    }
}

fn texts(example: &Example) -> Vec<&str> {
    match &example.input {
        Input::Text(text) => vec![text],
        Input::Pair { text_a, text_b } => vec![text_a, text_b],
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn vocabulary(examples: &[Example]) -> BTreeSet<String> {
    let rationales = examples
        .iter()
        .flat_map(|example| example.rationales.values().map(String::as_str));
    examples
        .iter()
        .flat_map(texts)
        .chain(rationales)
        .flat_map(words)
        .collect()
}

fn lengths(examples: &[Example]) -> String {
    let range = |lengths: Vec<usize>| {
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        format!(
            "{}..{mean:.1}..{}",
            lengths.iter().min().unwrap_or(&0),
            lengths.iter().max().unwrap_or(&0)
        )
    };
    let inputs = examples
        .iter()
        .flat_map(texts)
        .map(|text| words(text).count())
        .collect();
    let rationales = examples
        .iter()
        .flat_map(|example| example.rationales.values())
        .map(|text| words(text).count());
    format!(
        "words a text (least..mean..most) {}, a rationale {}",
        range(inputs),
        range(rationales.collect())
    )
}
