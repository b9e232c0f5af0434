//! How many rows the stages of a comparison have and how long they are, measured on the examples.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::Tokenizer;
use rllr_task::pairs::{PairConfig, label_sensitive_pairs};
use rllr_task::{Answer, Example, ResponseFormat};

use super::comparison::ComparisonRows;
use super::stages::StageRows;
use crate::pipeline::{LabelPairs, MaterialError, Recipe, TaskExamples};

/// Examples of a task whose tokens are counted; they stand for all.
const COUNTED: usize = 400;

/// Tokens of prompts and responses.
#[derive(Default)]
struct Lengths {
    prompts: Vec<usize>,
    responses: Vec<usize>,
}

impl ComparisonRows {
    /// Counts rows of all tasks that one model learns, and tokens of the first examples of each.
    ///
    /// - `max_tokens`: most tokens of a prompt with its response; prompts are cut
    ///
    /// # Errors
    ///
    /// [`MaterialError`] for examples that do not fit their task.
    pub fn measure(
        recipe: &Recipe,
        tasks: &[TaskExamples],
        tokenizer: &Tokenizer,
        max_tokens: usize,
    ) -> Result<Self, MaterialError> {
        let (mut labels, mut rationales) = (Lengths::default(), Lengths::default());
        let [mut sft, mut prompts, mut held_out, mut label_pairs] = [0; 4];
        for examples in tasks {
            sft += examples.sft.len();
            prompts += examples.prompts.len();
            held_out += examples.held_out.len() + examples.test.len();
            label_pairs += count_label_pairs(recipe, examples)?;
            labels.add(recipe, examples, tokenizer, ResponseFormat::LabelOnly)?;
            rationales.add(recipe, examples, tokenizer, recipe.data.format)?;
        }
        if recipe.label_pairs == LabelPairs::WithFlippedLabels {
            label_pairs += sft;
        }
        let most_pairs = recipe.data.reward_pairs.unwrap_or(usize::MAX);
        // What a policy writes before it has learned to stop is longer than the demonstrations; they are the guess.
        let with_rationales = rationales.rows(max_tokens);
        let count = |count| StageRows {
            count,
            ..with_rationales
        };
        Ok(Self {
            labels: StageRows {
                count: sft,
                ..labels.rows(max_tokens)
            },
            rationales: count(sft),
            label_pairs: count(label_pairs.min(most_pairs)),
            rationale_pairs: count(sft.min(most_pairs)),
            questions: count(prompts),
            held_out: count(held_out),
        })
    }
}

/// Pairs of gold and wrong labels, by building those of some examples.
fn count_label_pairs(recipe: &Recipe, examples: &TaskExamples) -> Result<usize, MaterialError> {
    let some = &examples.sft[..examples.sft.len().min(COUNTED)];
    let config = PairConfig {
        format: recipe.data.format,
        wording: recipe.data.wording,
        ..PairConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
    let built = label_sensitive_pairs(&examples.task, some, &config, |_| 0, &mut rng)?;
    Ok(built.pairs.len() * examples.sft.len() / some.len().max(1))
}

impl Lengths {
    fn add(
        &mut self,
        recipe: &Recipe,
        examples: &TaskExamples,
        tokenizer: &Tokenizer,
        format: ResponseFormat,
    ) -> Result<(), MaterialError> {
        let task = &examples.task;
        for example in examples.sft.iter().take(COUNTED) {
            let prompt = task.prompt(example, recipe.data.wording, format)?;
            let label = task.gold_label(example).map_err(rllr_task::PromptError::from)?;
            let response = Answer::new(rationale(example), label).print(task, format);
            self.prompts.push(tokenizer.encode_prompt(&prompt.text)?.len());
            self.responses.push(tokenizer.encode_response(&response)?.len());
        }
        Ok(())
    }

    fn rows(&self, max_tokens: usize) -> StageRows {
        let longest_response = self.responses.iter().copied().max().unwrap_or(1).min(max_tokens);
        let room = max_tokens - longest_response;
        let both = self.prompts.iter().zip(&self.responses);
        let sum: usize = both.map(|(prompt, response)| prompt.min(&room) + response).sum();
        StageRows {
            count: 0,
            longest_prompt: self.prompts.iter().copied().max().unwrap_or(1).min(room),
            longest_response,
            mean_len: sum as f64 / self.prompts.len().max(1) as f64,
        }
    }
}

/// The text in favour of the gold label; of examples without one, as long as nothing.
fn rationale(example: &Example) -> &str {
    let written = example.rationales.get(&example.label);
    written.or(example.rationale.as_ref()).map_or("", String::as_str)
}
