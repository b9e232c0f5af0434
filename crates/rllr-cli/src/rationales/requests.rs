//! Which rationales are wanted.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rllr_task::rationale::rationale_request;
use rllr_task::{Example, Tasks};

/// A rationale that is wanted: an argument for one label of one example.
#[derive(Clone, Debug)]
pub(super) struct WriterRequest<'a> {
    /// The example.
    pub(super) example: &'a Example,
    /// The label, right or wrong.
    pub(super) label: &'a str,
    /// What a server is asked. It does not tell whether the label is right.
    pub(super) text: String,
}

/// For every example the gold label and all wrong ones, or `wrong` of them, drawn by the seed and the example.
///
/// # Errors
///
/// When an example does not fit its task.
pub(super) fn wanted_requests<'a>(
    tasks: &'a Tasks,
    examples: &[&'a Example],
    wrong: Option<usize>,
    seed: u64,
) -> anyhow::Result<Vec<WriterRequest<'a>>> {
    let mut requests = Vec::new();
    for (place, &example) in examples.iter().enumerate() {
        let task = tasks.get(&example.task)?;
        let gold = task.gold_label(example)?;
        // A letter is a label only where the example has the option.
        let has_option = |word: &str| example.choices.is_empty() || example.choices.contains_key(word);
        let mut others: Vec<usize> = (0..task.labels.len())
            .filter(|&label| label != gold.0 && has_option(&task.labels[label].word))
            .collect();
        if let Some(wrong) = wrong.filter(|&wrong| wrong < others.len()) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(place as u64);
            others.shuffle(&mut rng);
            others.truncate(wrong);
            others.sort_unstable();
        }
        for label in std::iter::once(gold.0).chain(others) {
            let label = &task.labels[label];
            let meaning = example.choices.get(&label.word).unwrap_or(&label.description);
            requests.push(WriterRequest {
                example,
                label: &label.word,
                text: rationale_request(example, &label.word, meaning),
            });
        }
    }
    Ok(requests)
}
