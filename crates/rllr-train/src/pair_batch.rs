//! Some preference pairs on the device, and their losses.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rllr_model::{BatchError, DecoderInput, PaddingSide, TokenBatch};
use rllr_reward::{
    ComparedTokens, bradley_terry_losses_with_margins, centering_penalties, compared_tokens, scores_at,
    token_averaged_losses,
};

use crate::reward_config::RewardLoss;
use crate::reward_pair::RewardPair;

/// Some preference pairs on the device.
pub(crate) struct PairBatch {
    /// All chosen rows, then all rejected rows, filled up behind.
    pub(crate) input: DecoderInput,
    /// The columns whose values the loss reads.
    pub(crate) columns: Range<usize>,
    /// Column of each row's last token, counted from the first of the columns.
    ends: Vec<usize>,
    /// Counted likewise.
    compared: Vec<ComparedTokens>,
    /// `[pairs]`.
    margins: Tensor<1>,
    loss: RewardLoss,
}

impl PairBatch {
    /// # Errors
    ///
    /// [`BatchError`] for an id that is not below `vocab_size`.
    pub(crate) fn new(
        pairs: &[&RewardPair],
        loss: RewardLoss,
        vocab_size: usize,
        device: &Device,
    ) -> Result<Self, BatchError> {
        let chosen = pairs.iter().map(|pair| pair.chosen().tokens());
        let rejected = pairs.iter().map(|pair| pair.rejected().tokens());
        let rows: Vec<Vec<u32>> = chosen.chain(rejected).collect();
        let batch = TokenBatch::from_rows(&rows, PaddingSide::Right, vocab_size)?;
        let mut input = batch.to_device(device);
        let mut compared = Vec::new();
        if let RewardLoss::TokenAveraged { window_end, .. } = loss {
            let (chosen, rejected) = rows.split_at(pairs.len());
            let both = chosen.iter().zip(rejected);
            compared.extend(both.map(|(chosen, rejected)| compared_tokens(chosen, rejected, window_end)));
        }
        if let Some(padding_id) = loss.read_padding() {
            TokenBatch::from_rows(&[[padding_id]], PaddingSide::Right, vocab_size)?;
            read_padding(&mut input, &batch, padding_id, device);
        }
        let margins: Vec<f32> = pairs.iter().map(|pair| pair.margin).collect();
        let ends: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
        let read = compared.iter().map(ComparedTokens::first);
        let first = read.chain(ends.iter().copied()).min().unwrap_or(0);
        Ok(Self {
            input,
            columns: first..batch.dims()[1],
            ends: ends.into_iter().map(|end| end - first).collect(),
            compared: compared
                .iter()
                .map(|tokens| tokens.without_first(first))
                .collect(),
            margins: Tensor::from_data(margins.as_slice(), device),
            loss,
        })
    }

    /// Loss of each pair, `[pairs]`, and the scores of all rows, `[2 · pairs]`.
    ///
    /// - `values`: the head at the tokens of the columns, `[2 · pairs, columns]`
    pub(crate) fn losses(&self, values: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        let [rows, _] = values.dims();
        let pairs = rows / 2;
        let scores = scores_at(values.clone(), &self.ends);
        let losses = match self.loss {
            RewardLoss::TokenAveraged { bpr_temperature, .. } => {
                let chosen = values.clone().narrow(0, 0, pairs);
                let rejected = values.narrow(0, pairs, pairs);
                token_averaged_losses(chosen, rejected, &self.compared, bpr_temperature)
            }
            RewardLoss::LastToken {
                center_rewards_coefficient,
            } => {
                let chosen = scores.clone().narrow(0, 0, pairs);
                let rejected = scores.clone().narrow(0, pairs, pairs);
                let margins = self.margins.clone();
                let losses = bradley_terry_losses_with_margins(chosen.clone(), rejected.clone(), margins);
                if center_rewards_coefficient == 0.0 {
                    losses
                } else {
                    losses + centering_penalties(chosen, rejected) * center_rewards_coefficient
                }
            }
        };
        (losses, scores)
    }
}

/// Padding as the released program reads it: the padding's id, at positions that go on counting. It still sees only
/// the row's own tokens.
fn read_padding(input: &mut DecoderInput, batch: &TokenBatch, padding_id: u32, device: &Device) {
    let [rows, seq_len] = batch.dims();
    let tokens = batch.tokens().iter().zip(batch.mask());
    let tokens: Vec<i32> = tokens
        .map(|(&id, &counts)| if counts { id } else { padding_id }.cast_signed())
        .collect();
    let columns = 0..i32::try_from(seq_len).expect("a row is shorter than 2³¹ tokens");
    let positions: Vec<i32> = (0..rows).flat_map(|_| columns.clone()).collect();
    input.tokens = Tensor::from_data(TensorData::new(tokens, [rows, seq_len]), device);
    input.key_positions = Tensor::from_data(TensorData::new(positions, [rows, seq_len]), device);
}
