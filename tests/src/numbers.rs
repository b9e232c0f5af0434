//! What golden tests need: arrays of the files, numbers from the device, and how far they are apart.

use anyhow::{bail, ensure};
use burn::tensor::Tensor;
use rllr_model::{PaddingSide, TokenBatch};
use serde::Deserialize;

/// An array of a golden file, row-major.
#[derive(Deserialize)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    data: Vec<f64>,
}

impl Array {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.data.chunks(self.shape[1..].iter().product())
    }

    #[expect(clippy::cast_possible_truncation, reason = "golden numbers are f32")]
    pub(crate) fn numbers(&self) -> Vec<f32> {
        self.data.iter().map(|&x| x as f32).collect()
    }
}

/// The rows without their padding.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "token ids are small"
)]
pub(crate) fn token_rows(input_ids: &Array, attention_mask: &Array) -> Vec<Vec<u32>> {
    let rows = input_ids.rows().zip(attention_mask.rows());
    rows.map(|(ids, mask)| {
        ids.iter()
            .zip(mask)
            .filter(|(_, m)| **m == 1.0)
            .map(|(id, _)| *id as u32)
            .collect()
    })
    .collect()
}

/// The rows without their padding, padded anew.
pub(crate) fn token_batch(
    input_ids: &Array,
    attention_mask: &Array,
    side: PaddingSide,
    vocab_size: usize,
) -> anyhow::Result<TokenBatch> {
    let batch = TokenBatch::from_rows(&token_rows(input_ids, attention_mask), side, vocab_size)?;
    ensure!(
        batch.dims() == input_ids.shape[..],
        "one row of the case is as long as the batch"
    );
    Ok(batch)
}

/// All numbers of a tensor, row-major.
pub(crate) async fn read<const D: usize>(tensor: Tensor<D>) -> anyhow::Result<Vec<f32>> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(data.iter::<f32>().collect())
}

/// Checks `|a − b| ≤ tolerance · max(1, |b|)`, number by number.
pub(crate) fn close(found: &[f32], expected: &[f32], tolerance: f32) -> anyhow::Result<()> {
    ensure!(
        found.len() == expected.len(),
        "{} numbers, expected {}",
        found.len(),
        expected.len()
    );
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (found - expected).abs() / expected.abs().max(1.0);
        if apart > tolerance || apart.is_nan() {
            bail!("number {index} is {found}, expected {expected}: {apart:e} apart");
        }
    }
    Ok(())
}

/// Largest `|a − b|`; infinite when a number is not one, or the lengths differ.
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    let apart = |(a, b): (&f32, &f32)| {
        if (a - b).is_nan() {
            f32::INFINITY
        } else {
            (a - b).abs()
        }
    };
    a.iter().zip(b).map(apart).fold(0.0, f32::max)
}
