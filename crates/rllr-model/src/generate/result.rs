//! What was generated.

use burn::tensor::{Int, Tensor, TensorData};

use super::read_back::Numbers;
use crate::GenerationConfig;

/// The continuations of a batch of prompts.
#[derive(Clone, Debug)]
pub struct Generation {
    /// One for each prompt, in their order.
    pub rows: Vec<GeneratedRow>,
    /// The same on the device.
    pub tensors: GenerationTensors,
}

/// The continuation of one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedRow {
    /// The tokens, a stop token included; no padding.
    pub tokens: Vec<u32>,
    /// Of each token `log π(token | all before it)`, in nats, under the model at the temperature that was sampled with;
    /// of greedy decoding at temperature 1. Penalties and filters are not in it. Empty when they were not asked for.
    pub log_probs: Vec<f32>,
    /// Why the row ended.
    pub end: EndReason,
}

/// Why a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// By this stop token, which is the row's last one.
    StopToken(u32),
    /// It has `max_new_tokens` tokens.
    MaxNewTokens,
    /// Whoever pulled the steps stopped pulling.
    Interrupted,
}

/// The continuations on the device, one as wide as the longest; what lies behind a row's end is arbitrary.
#[derive(Clone, Debug)]
pub struct GenerationTensors {
    /// Token ids, `[batch, response_len]`.
    pub tokens: Tensor<2, Int>,
    /// As [`GeneratedRow::log_probs`], `[batch, response_len]`; `None` when they were not asked for.
    pub log_probs: Option<Tensor<2>>,
    /// What the output layer read to choose each token, `[batch, response_len, d_model]`; `None` when it was not asked
    /// for.
    pub hidden_states: Option<Tensor<3>>,
    /// 1 where a token counts, else 0, `[batch, response_len]`.
    pub mask: Tensor<2>,
}

/// What every step chose, one column a step; see [`GenerationTensors`].
pub(super) struct Chosen {
    pub(super) tokens: Tensor<2, Int>,
    pub(super) log_probs: Option<Tensor<2>>,
    pub(super) hidden_states: Option<Tensor<3>>,
}

impl Generation {
    /// From what was read: log-probabilities, if any, and tokens, each `[batch, steps]`.
    pub(super) fn assemble(config: &GenerationConfig, read: &Numbers, chosen: Chosen) -> Self {
        let Chosen {
            tokens,
            log_probs,
            hidden_states,
        } = chosen;
        let [batch, steps] = tokens.dims();
        let (ids, numbers) = (read.ids(), read.floats());
        let rows: Vec<GeneratedRow> = (0..batch)
            .map(|row| {
                let slots = row * steps..(row + 1) * steps;
                let numbers = numbers.get(slots.clone()).unwrap_or_default();
                GeneratedRow::cut(config, &ids[slots], numbers)
            })
            .collect();
        let longest = rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0);
        let mask: Vec<f32> = rows
            .iter()
            .flat_map(|row| (0..longest).map(|column| if column < row.tokens.len() { 1.0 } else { 0.0 }))
            .collect();
        let mask = Tensor::from_data(TensorData::new(mask, [batch, longest]), &tokens.device());
        let tensors = GenerationTensors {
            tokens: tokens.narrow(1, 0, longest),
            log_probs: log_probs.map(|log_probs| log_probs.narrow(1, 0, longest)),
            hidden_states: hidden_states.map(|states| states.narrow(1, 0, longest)),
            mask,
        };
        Self { rows, tensors }
    }
}

impl Generation {
    /// Puts parts of a batch that were generated one by one behind each other again.
    ///
    /// On a CPU several threads decode several parts in less time than all of them decode the whole: the products of
    /// one step are too small to be divided. Give each part its rows of one [`crate::Uniforms`], and nothing else
    /// changes.
    ///
    /// # Panics
    ///
    /// When there is no part, or only some have log-probabilities or hidden states.
    #[must_use]
    pub fn concat(parts: Vec<Self>) -> Self {
        assert!(!parts.is_empty(), "there is at least one part");
        let longest = parts
            .iter()
            .map(|part| part.tensors.mask.dims()[1])
            .max()
            .unwrap_or(0);
        let (mut rows, mut tokens, mut log_probs, mut mask) = (vec![], vec![], vec![], vec![]);
        let mut hidden_states = vec![];
        for part in parts {
            rows.extend(part.rows);
            // Through floats, which hold every id of a vocabulary exactly: one helper widens all.
            tokens.push(widened(part.tensors.tokens.float(), longest).int());
            log_probs.extend(
                part.tensors
                    .log_probs
                    .map(|log_probs| widened(log_probs, longest)),
            );
            hidden_states.extend(part.tensors.hidden_states.map(|states| widened(states, longest)));
            mask.push(widened(part.tensors.mask, longest));
        }
        for (what, found) in [
            ("log-probabilities", log_probs.len()),
            ("hidden states", hidden_states.len()),
        ] {
            assert!(
                found == 0 || found == mask.len(),
                "all parts have {what}, or none"
            );
        }
        let tensors = GenerationTensors {
            tokens: Tensor::cat(tokens, 0),
            log_probs: (!log_probs.is_empty()).then(|| Tensor::cat(log_probs, 0)),
            hidden_states: (!hidden_states.is_empty()).then(|| Tensor::cat(hidden_states, 0)),
            mask: Tensor::cat(mask, 0),
        };
        Self { rows, tensors }
    }
}

/// Zeros behind each row, up to `columns` in all.
fn widened<const D: usize>(x: Tensor<D>, columns: usize) -> Tensor<D> {
    let mut missing = x.dims();
    let filled = missing[1];
    if filled == columns {
        return x;
    }
    missing[1] = columns - filled;
    let zeros = Tensor::zeros(missing, &x.device());
    Tensor::cat(vec![x, zeros], 1)
}

impl GeneratedRow {
    /// Cuts what was generated behind its first stop token.
    fn cut(config: &GenerationConfig, ids: &[u32], log_probs: &[f32]) -> Self {
        let stop = ids.iter().position(|id| config.stop_token_ids.contains(id));
        let (len, end) = match stop {
            Some(last) => (last + 1, EndReason::StopToken(ids[last])),
            None if ids.len() == config.max_new_tokens => (ids.len(), EndReason::MaxNewTokens),
            None => (ids.len(), EndReason::Interrupted),
        };
        Self {
            tokens: ids[..len].to_vec(),
            log_probs: log_probs.iter().take(len).copied().collect(),
            end,
        }
    }
}
