//! What the model in the page reads: answers to this project's own film reviews, as bytes.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{BatchError, PaddingSide, TokenBatch};
use rllr_task::example::{Example, Input};
use rllr_task::generate::{DifficultyMix, GenerateError, TaskKind, generate};

/// ASCII: the generator's vocabulary has no other letters.
pub(super) const VOCAB_SIZE: usize = 128;

/// Examples in the text; at about 150 bytes each, far more than any preset reads.
const EXAMPLES: usize = 600;

/// A text, and random windows of it.
pub(super) struct TextData {
    text: Vec<u8>,
    rng: ChaCha8Rng,
}

impl TextData {
    /// Examples of one seed, each written as a review, its rationale and its label.
    pub(super) fn new(seed: u64) -> Result<Self, GenerateError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let examples = generate(
            TaskKind::FilmSentiment,
            DifficultyMix::default(),
            EXAMPLES,
            &mut rng,
        )?;
        let text = examples.iter().map(written).collect::<String>();
        assert!(text.is_ascii(), "the generator writes ASCII");
        Ok(Self {
            text: text.into_bytes(),
            rng,
        })
    }

    /// The next batch: `rows` windows of `seq_len` bytes, at random places.
    pub(super) fn next_batch(&mut self, rows: usize, seq_len: usize) -> Result<TokenBatch, BatchError> {
        let windows: Vec<Vec<u32>> = (0..rows)
            .map(|_| {
                let places = (self.text.len() - seq_len) as u64;
                let start = usize::try_from(self.rng.next_u64() % places).expect("below the text's length");
                self.text[start..start + seq_len]
                    .iter()
                    .map(|&byte| u32::from(byte))
                    .collect()
            })
            .collect();
        TokenBatch::from_rows(&windows, PaddingSide::Right, VOCAB_SIZE)
    }
}

fn written(example: &Example) -> String {
    let text = match &example.input {
        Input::Text(text) => text.clone(),
        Input::Pair { text_a, text_b } => format!("{text_a} {text_b}"),
    };
    let rationale = example.rationale.as_deref().unwrap_or_default();
    format!(
        "Review: {text}\nRationale: {rationale}\nLabel: {}\n\n",
        example.label
    )
}
