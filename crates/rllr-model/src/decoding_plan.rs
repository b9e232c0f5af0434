//! What the steps of decoding need beside their tokens, computed before the first of them.

use burn::tensor::{Device, Tensor, TensorData};

use crate::TokenBatch;
use crate::alibi::alibi_bias;
use crate::decoder::{Decoder, Pass, Positions, plus};
use crate::kv_cache::COLUMN_MULTIPLE;
use crate::lora::LoraAdapter;
use crate::rotary::StepRotations;
use crate::token_batch::UNSEEN;

/// Positions and masks of all steps: of each, a step takes a part and computes next to nothing.
pub(crate) struct DecodingPlan {
    rotations: Option<StepRotations>,
    /// What holds for every step, `[1 or batch, 1 or heads, 1, columns]`: padding, ALiBi.
    bias: Option<Tensor<4>>,
    /// 0 in the first half, then very negative, `[1, 1, 1, 2 · columns]`: hides columns that are still empty.
    frontier: Tensor<4>,
    /// By window length: very negative in the first `columns`, then 0: hides columns that are too far behind.
    windows: Vec<(usize, Tensor<4>)>,
    /// Of the cache, a multiple of [`COLUMN_MULTIPLE`].
    columns: usize,
}

impl DecodingPlan {
    /// For rows that begin with `prompts`, padded on the left, and have `capacity` tokens in the end.
    pub(crate) fn new(decoder: &Decoder, prompts: &TokenBatch, capacity: usize, device: &Device) -> Self {
        let columns = capacity.next_multiple_of(COLUMN_MULTIPLE);
        let positions = positions(prompts, capacity);
        let rows = positions.len() / capacity;
        let padding = prompts
            .has_padding()
            .then(|| padding_bias(prompts, columns, device));
        let (rotations, bias) = match &decoder.positions {
            Positions::Rotary(table) => {
                let head_dim = decoder.layers.first().map_or(0, |block| block.self_attn.head_dim);
                let positions = Tensor::from_data(TensorData::new(positions, [rows, capacity]), device);
                (Some(table.steps(positions, head_dim)), padding)
            }
            Positions::Alibi(slopes) => {
                let mut wide = Vec::with_capacity(rows * columns);
                for row in positions.chunks(capacity) {
                    wide.extend_from_slice(row);
                    wide.extend(std::iter::repeat_n(0, columns - capacity));
                }
                let positions = Tensor::from_data(TensorData::new(wide, [rows, columns]), device);
                (None, Some(plus(alibi_bias(slopes, positions), padding.as_ref())))
            }
        };
        let windows = decoder.window_lengths().into_iter();
        Self {
            rotations,
            bias,
            frontier: row_of([(0.0, columns), (UNSEEN, columns)], device),
            windows: windows
                .filter(|&window| window < capacity)
                .map(|window| {
                    let rest = window + COLUMN_MULTIPLE;
                    (window, row_of([(UNSEEN, columns), (0.0, rest)], device))
                })
                .collect(),
            columns,
        }
    }

    /// What the blocks share when each row reads its token of column `column`.
    pub(crate) fn pass<'a>(&self, column: usize, adapter: Option<&'a LoraAdapter>) -> Pass<'a> {
        let filled = column + 1;
        let key_len = filled.next_multiple_of(COLUMN_MULTIPLE);
        let bias = self.bias.clone().map(|bias| bias.narrow(3, 0, key_len));
        let frontier = self.frontier.clone().narrow(3, self.columns - filled, key_len);
        let full_bias = match bias {
            bias if filled == key_len => bias,
            None => Some(frontier),
            Some(bias) => Some(bias + frontier),
        };
        let windowed_biases = self.windows.iter().map(|(window, hidden)| {
            let hidden = hidden.clone().narrow(3, self.columns + window - filled, key_len);
            (*window, plus(hidden, full_bias.as_ref()))
        });
        Pass {
            rotation: self.rotations.as_ref().map(|rotations| rotations.at(column)),
            windowed_biases: windowed_biases.collect(),
            full_bias,
            key_len,
            adapter,
        }
    }
}

/// Position of each column's token in its row, `[rows, capacity]`; of one row only when all are alike.
fn positions(prompts: &TokenBatch, capacity: usize) -> Vec<i32> {
    let [batch, prompt_len] = prompts.dims();
    let rows = if prompts.has_padding() { batch } else { 1 };
    let of_prompts = prompts.positions();
    let mut positions = Vec::with_capacity(rows * capacity);
    for row in of_prompts.chunks(prompt_len).take(rows) {
        let next = row.last().map_or(0, |last| last + 1);
        positions.extend_from_slice(row);
        positions.extend((next..).take(capacity - prompt_len));
    }
    positions
}

/// 0 at columns that hold or will hold a token, else very negative, `[batch, 1, 1, columns]`.
fn padding_bias(prompts: &TokenBatch, columns: usize, device: &Device) -> Tensor<4> {
    let [batch, prompt_len] = prompts.dims();
    let mut bias = Vec::with_capacity(batch * columns);
    for row in prompts.mask().chunks(prompt_len) {
        bias.extend(row.iter().map(|&counts| if counts { 0.0 } else { UNSEEN }));
        bias.extend(std::iter::repeat_n(0.0, columns - prompt_len));
    }
    Tensor::from_data(TensorData::new(bias, [batch, 1, 1, columns]), device)
}

/// Two stretches of equal numbers, `[1, 1, 1, len]`.
fn row_of(stretches: [(f32, usize); 2], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = stretches
        .into_iter()
        .flat_map(|(value, len)| std::iter::repeat_n(value, len))
        .collect();
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [1, 1, 1, len]), device)
}
