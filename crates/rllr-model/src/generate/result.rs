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
    /// 1 where a token counts, else 0, `[batch, response_len]`.
    pub mask: Tensor<2>,
}

impl Generation {
    /// From what was read: log-probabilities, if any, and tokens, each `[batch, steps]`.
    pub(super) fn assemble(
        config: &GenerationConfig,
        read: &Numbers,
        tokens: Tensor<2, Int>,
        log_probs: Option<Tensor<2>>,
    ) -> Self {
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
            mask,
        };
        Self { rows, tensors }
    }
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
