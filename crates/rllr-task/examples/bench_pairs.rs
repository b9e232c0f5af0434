//! How long preference pairs take: `cargo run --release -p rllr-task --example bench_pairs [EXAMPLES]`.
//!
//! Prints one JSON object a line. The examples are synthetic, with texts as long as those of e-SNLI.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a benchmark has a clock and arguments"
)]
#![allow(clippy::print_stdout, reason = "the numbers are its output")]

use std::collections::BTreeMap;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use rllr_task::giveaway::giveaway;
use rllr_task::pairs::{Corruption, PairConfig, corrupted_rationale_pairs, label_sensitive_pairs};
use rllr_task::rationale::{RuleWriter, fill_rationales};
use rllr_task::{Answer, Example, Input, ResponseFormat, Task, Tasks};

const WORDS: [&str; 24] = [
    "man", "woman", "dog", "street", "red", "two", "plays", "sits", "near", "water", "holding", "ball",
    "young", "the", "a", "in", "with", "of", "people", "outside", "blue", "shirt", "not", "running",
];

const LABELS: [&str; 3] = ["contradiction", "entailment", "neutral"];

fn sentence(words: usize, rng: &mut ChaCha8Rng) -> String {
    let words: Vec<&str> = (0..words).filter_map(|_| WORDS.choose(rng).copied()).collect();
    words.join(" ")
}

fn examples(count: usize, rng: &mut ChaCha8Rng) -> Vec<Example> {
    (0..count)
        .map(|number| Example {
            id: format!("esnli-train-{number}"),
            task: "esnli".to_owned(),
            input: Input::Pair {
                text_a: sentence(14, rng),
                text_b: sentence(8, rng),
            },
            label: LABELS[number % 3].to_owned(),
            rationale: None,
            rationale_by: None,
            rationales: LABELS
                .iter()
                .map(|label| ((*label).to_owned(), sentence(12, rng)))
                .collect(),
            choices: BTreeMap::new(),
            evidence: BTreeMap::new(),
            others: Vec::new(),
            score: None,
            source: None,
        })
        .collect()
}

/// Runs a step three times and prints the fastest.
fn measure<T>(name: &str, items: usize, mut step: impl FnMut() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..3 {
        let start = Instant::now();
        last = Some(step());
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(r#"{{"bench":"{name}","items":{items},"seconds":{best:.3}}}"#);
    last.expect("the step ran three times")
}

fn label_word(task: &Task, response: &str) -> Option<String> {
    let answer = Answer::parse(response, task, ResponseFormat::default()).ok()?;
    Some(task.word(answer.label()).to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |count| count.parse())?;
    let tasks = Tasks::builtin();
    let task = tasks.get("esnli")?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let examples = examples(count, &mut rng);
    let whole = PairConfig::default();
    let built = measure("label_sensitive_pairs", count, || {
        label_sensitive_pairs(task, &examples, &whole, str::len, &mut rng)
    })?;
    println!(r#"{{"pairs":{}}}"#, built.report.pairs);
    // About 16 characters less than an average prompt with its response: half of the prompts are cut.
    let cut = PairConfig {
        max_length: Some(280),
        ..PairConfig::default()
    };
    let built = measure(
        "label_sensitive_pairs, prompts cut to 280 characters",
        count,
        || label_sensitive_pairs(task, &examples, &cut, str::len, &mut rng),
    )?;
    println!(
        r#"{{"pairs":{},"prompts_cut":{}}}"#,
        built.report.pairs, built.report.prompts_cut
    );
    measure("corrupted_rationale_pairs", count, || {
        corrupted_rationale_pairs(
            task,
            &examples,
            Corruption::OtherExample,
            &whole,
            str::len,
            &mut rng,
        )
    })?;
    measure("rule-made rationales, learning and writing", count, || {
        let rule = RuleWriter::fit(task, &examples)?;
        examples.iter().try_for_each(|example| {
            let mut bare = example.clone();
            bare.rationales.clear();
            fill_rationales(&mut bare, &rule).map(drop)
        })
    })?;
    measure("giveaway check", built.pairs.len(), || {
        giveaway(&built.pairs, |_, response| label_word(task, response), &mut rng)
    })?;
    Ok(())
}
