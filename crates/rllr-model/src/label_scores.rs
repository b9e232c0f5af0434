//! How probable each of some answers is, with the prompt read once.

use burn::module::Module as _;
use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData, Transaction};

use crate::causal_lm::AdaptedLm;
use crate::lora::LoraAdapter;
use crate::token_batch::UNSEEN;
use crate::{BatchError, DecoderInput, KvCache, PaddingSide, TokenBatch};

/// How probable an answer is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelScore {
    /// `Σ log π(token | prompt, tokens of the answer before it)`, in nats.
    pub log_likelihood: f64,
    /// Number of tokens of the answer.
    pub tokens: usize,
}

/// What an answer's log-likelihood is divided by, so that long answers can be compared with short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// Nothing: `acc` of lm-evaluation-harness (4e7e0d4).
    Sum,
    /// The number of its tokens.
    MeanByToken,
    /// The number of its characters, without what separates it from the prompt: `acc_norm` of the same.
    MeanByCharacter {
        /// The number, at least 1.
        characters: usize,
    },
}

/// Why answers were not scored.
#[derive(Debug, thiserror::Error)]
pub enum LabelScoresError {
    /// The prompts are not a batch.
    #[error("prompts: {0}")]
    Prompts(#[source] BatchError),
    /// The answers to one prompt are not a batch: there is none, or one without tokens, or one with an unknown id.
    #[error("answers to prompt {prompt}: {error}")]
    Answers {
        /// Index of the prompt, from 0.
        prompt: usize,
        /// What is wrong; its rows are the answers.
        error: BatchError,
    },
    /// There are not as many lists of answers as prompts.
    #[error("{found} lists of answers, expected one for each of {expected} prompts")]
    Lists {
        /// Lists given.
        found: usize,
        /// Prompts given.
        expected: usize,
    },
    /// A prompt and an answer that are longer than the model can read.
    #[error(
        "prompt {prompt} has {prompt_tokens} tokens and its longest answer {answer_tokens}, more than the \
         {max_position_embeddings} that the model can read"
    )]
    TooLong {
        /// Index of the prompt, from 0.
        prompt: usize,
        /// Its length.
        prompt_tokens: usize,
        /// Length of its longest answer.
        answer_tokens: usize,
        /// Number of positions that the model knows.
        max_position_embeddings: usize,
    },
    /// The device failed.
    #[error("the device failed while answers were scored: {0:?}")]
    Device(ExecutionError),
}

impl LabelScore {
    /// The log-likelihood, divided as asked for.
    #[must_use]
    pub fn normalized(self, by: Normalization) -> f64 {
        match by {
            Normalization::Sum => self.log_likelihood,
            Normalization::MeanByToken => self.log_likelihood / self.tokens as f64,
            Normalization::MeanByCharacter { characters } => self.log_likelihood / characters as f64,
        }
    }
}

impl AdaptedLm<'_> {
    /// Scores for every prompt each of its answers; a row of the result belongs to a prompt.
    ///
    /// Each prompt is read once, and then its answers side by side: they all see the prompt, and none sees another.
    /// The device is read once.
    ///
    /// # Errors
    ///
    /// [`LabelScoresError`] when prompts or answers do not fit, or the device fails.
    pub async fn label_scores<P: AsRef<[u32]>, L: AsRef<[A]>, A: AsRef<[u32]>>(
        self,
        prompts: &[P],
        answers: &[L],
    ) -> Result<Vec<Vec<LabelScore>>, LabelScoresError> {
        let model = self.base().valid();
        let adapter = self.adapter().map(LoraAdapter::valid);
        let lm = AdaptedLm::new(&model, adapter.as_ref());
        let [vocab_size, _] = model.model.embed_tokens.weight.dims();
        check_answers(prompts, answers, vocab_size, model.model.max_positions())?;
        let batch = TokenBatch::from_rows(prompts, PaddingSide::Left, vocab_size)
            .map_err(LabelScoresError::Prompts)?;
        let plan = AnswerColumns::new(&batch, answers);
        let device = model.model.embed_tokens.weight.val().device();

        let [rows, prompt_len] = batch.dims();
        let mut cache = KvCache::of(&model.model, rows, prompt_len + plan.columns, &device);
        let fits = "the cache has room for prompts and answers";
        let last = lm
            .last_hidden_state_cached(&batch.to_device(&device), &mut cache)
            .expect(fits);
        let first_tokens = Tensor::from_data(plan.first_tokens.clone(), &device);
        let mut reads = Transaction::default().register(log_probs(lm, last, first_tokens));
        if plan.columns > 0 {
            let hidden = lm
                .hidden_states_cached(&plan.input(&batch, &device), &mut cache)
                .expect(fits);
            let next_tokens: Tensor<2, Int> = Tensor::from_data(plan.next_tokens.clone(), &device);
            for column in 0..plan.columns {
                // Column by column, so that no more than one row of logits for each prompt is held.
                let hidden = hidden.clone().narrow(1, column, 1);
                reads = reads.register(log_probs(lm, hidden, next_tokens.clone().narrow(1, column, 1)));
            }
        }
        let read = reads.execute_async().await.map_err(LabelScoresError::Device)?;
        Ok(plan.sum_up(&read))
    }
}

/// `log π` of some tokens after one position: hidden states `[batch, 1, d_model]`, tokens and output `[batch, n]`.
fn log_probs(lm: AdaptedLm<'_>, hidden: Tensor<3>, tokens: Tensor<2, Int>) -> Tensor<2> {
    let logits = lm.logits(hidden).squeeze_dim::<2>(1);
    let largest = logits.clone().max_dim(1);
    let log_sum = (logits.clone() - largest.clone()).exp().sum_dim(1).log() + largest;
    logits.gather(1, tokens) - log_sum
}

fn check_answers<P: AsRef<[u32]>, L: AsRef<[A]>, A: AsRef<[u32]>>(
    prompts: &[P],
    answers: &[L],
    vocab_size: usize,
    max_positions: Option<usize>,
) -> Result<(), LabelScoresError> {
    if answers.len() != prompts.len() {
        return Err(LabelScoresError::Lists {
            found: answers.len(),
            expected: prompts.len(),
        });
    }
    for (prompt, (tokens, answers)) in prompts.iter().zip(answers).enumerate() {
        // Checks every answer; the batch itself is not used.
        let batch = TokenBatch::from_rows(answers.as_ref(), PaddingSide::Right, vocab_size)
            .map_err(|error| LabelScoresError::Answers { prompt, error })?;
        let [_, answer_tokens] = batch.dims();
        let prompt_tokens = tokens.as_ref().len();
        if let Some(max_position_embeddings) =
            max_positions.filter(|&max| prompt_tokens + answer_tokens > max)
        {
            return Err(LabelScoresError::TooLong {
                prompt,
                prompt_tokens,
                answer_tokens,
                max_position_embeddings,
            });
        }
    }
    Ok(())
}

/// The answers of each prompt, side by side in one row behind it.
///
/// A token that nothing follows need not be read, so an answer has one column less than tokens, and the first of its
/// tokens is predicted by the prompt.
struct AnswerColumns {
    /// Each answer by row: the columns that predict its second and further tokens.
    spans: Vec<Vec<std::ops::Range<usize>>>,
    columns: usize,
    /// First token of each answer, `[batch, most answers]`.
    first_tokens: TensorData,
    /// What is read, row-major, `[batch, columns]`; rows with fewer columns are filled up.
    tokens: Vec<i32>,
    /// What each column predicts, `[batch, columns]`.
    next_tokens: TensorData,
    most_answers: usize,
}

impl AnswerColumns {
    fn new<L: AsRef<[A]>, A: AsRef<[u32]>>(batch: &TokenBatch, answers: &[L]) -> Self {
        let [rows, _] = batch.dims();
        let spans: Vec<Vec<_>> = answers.iter().map(|answers| spans(answers.as_ref())).collect();
        let ends = spans.iter().filter_map(|spans| spans.last()).map(|span| span.end);
        let columns = ends.max().unwrap_or(0);
        let most_answers = spans.iter().map(Vec::len).max().unwrap_or(0);
        let mut first_tokens = vec![0i32; rows * most_answers];
        let (mut tokens, mut next_tokens) = (vec![0i32; rows * columns], vec![0i32; rows * columns]);
        for (row, (answers, spans)) in answers.iter().zip(&spans).enumerate() {
            for (index, (answer, span)) in answers.as_ref().iter().zip(spans).enumerate() {
                let ids: Vec<i32> = answer.as_ref().iter().map(|id| id.cast_signed()).collect();
                first_tokens[row * most_answers + index] = ids[0];
                for (offset, column) in span.clone().enumerate() {
                    tokens[row * columns + column] = ids[offset];
                    next_tokens[row * columns + column] = ids[offset + 1];
                }
            }
        }
        Self {
            spans,
            columns,
            first_tokens: TensorData::new(first_tokens, [rows, most_answers]),
            tokens,
            next_tokens: TensorData::new(next_tokens, [rows, columns]),
            most_answers,
        }
    }

    /// What the decoder reads behind the prompts: a token sees its prompt and its own answer up to itself.
    fn input(&self, batch: &TokenBatch, device: &Device) -> DecoderInput {
        let [rows, prompt_len] = batch.dims();
        let key_len = prompt_len + self.columns;
        let of_prompts = batch.positions();
        let mut positions = Vec::with_capacity(rows * key_len);
        let mut bias = vec![UNSEEN; rows * self.columns * key_len];
        for row in 0..rows {
            let prompt = row * prompt_len..(row + 1) * prompt_len;
            let next = of_prompts[prompt.clone()].last().map_or(0, |last| last + 1);
            positions.extend_from_slice(&of_prompts[prompt.clone()]);
            let start = positions.len();
            positions.extend(std::iter::repeat_n(next, self.columns));
            for span in &self.spans[row] {
                for (column, position) in span.clone().zip(next..) {
                    positions[start + column] = position;
                }
            }
            for query in 0..self.columns {
                let slot = (row * self.columns + query) * key_len;
                let seen = &mut bias[slot..slot + key_len];
                for (bias, counts) in seen.iter_mut().zip(&batch.mask()[prompt.clone()]) {
                    *bias = if *counts { 0.0 } else { UNSEEN };
                }
                let own = self.spans[row].iter().find(|span| span.contains(&query));
                if let Some(span) = own {
                    seen[prompt_len + span.start..=prompt_len + query].fill(0.0);
                }
            }
        }
        let tokens = TensorData::new(self.tokens.clone(), [rows, self.columns]);
        let bias = TensorData::new(bias, [rows, 1, self.columns, key_len]);
        DecoderInput {
            tokens: Tensor::from_data(tokens, device),
            key_positions: Tensor::from_data(TensorData::new(positions, [rows, key_len]), device),
            attention_bias: Some(Tensor::from_data(bias, device)),
        }
    }

    /// From what was read: the first tokens' log-probabilities, and then those that each column predicts.
    fn sum_up(&self, read: &[TensorData]) -> Vec<Vec<LabelScore>> {
        let mut columns = read
            .iter()
            .map(|data| data.iter::<f32>().map(f64::from).collect::<Vec<f64>>());
        let first = columns.next().unwrap_or_default();
        let further: Vec<Vec<f64>> = columns.collect();
        let score = |row: usize, index: usize, span: &std::ops::Range<usize>| {
            let further: f64 = further[span.clone()].iter().map(|column| column[row]).sum();
            LabelScore {
                log_likelihood: first[row * self.most_answers + index] + further,
                tokens: span.len() + 1,
            }
        };
        let rows = self.spans.iter().enumerate();
        rows.map(|(row, spans)| {
            let answers = spans.iter().enumerate();
            answers.map(|(index, span)| score(row, index, span)).collect()
        })
        .collect()
    }
}

/// The columns of each answer, one behind the other.
fn spans<A: AsRef<[u32]>>(answers: &[A]) -> Vec<std::ops::Range<usize>> {
    let mut start = 0;
    let span = |answer: &A| {
        let end = start + answer.as_ref().len() - 1;
        let span = start..end;
        start = end;
        span
    };
    answers.iter().map(span).collect()
}

#[cfg(test)]
mod tests;
