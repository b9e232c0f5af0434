//! Keys and values of the tokens that were already read.

use burn::tensor::{Device, Tensor, s};

use crate::CausalLmConfig;
use crate::decoder::Decoder;

/// The cache's columns are read in multiples of this: matrix kernels on CPU and GPU need not repack such keys.
pub(crate) const COLUMN_MULTIPLE: usize = 16;

/// Preallocated keys and values of every block.
///
/// Fixed shapes let a GPU reuse its buffers and pipelines from step to step.
#[derive(Clone, Debug)]
pub struct KvCache {
    pub(crate) layers: Vec<LayerCache>,
    /// Number of columns that are filled; the same for every row, because rows are padded on the left.
    filled: usize,
    capacity: usize,
}

/// The cache of one block.
///
/// Keys stand upright, so that attention scores are one matrix product that rearranges nothing. The columns are a
/// multiple of [`COLUMN_MULTIPLE`], and zero before they are filled.
#[derive(Clone, Debug)]
pub(crate) struct LayerCache {
    /// `[batch, kv_heads, head_dim, columns]`.
    keys: Tensor<4>,
    /// `[batch, kv_heads, columns, head_dim]`.
    values: Tensor<4>,
}

/// More tokens were read than the cache has room for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key-value cache holds {filled} of {capacity} tokens; {added} more do not fit")]
pub struct CacheFull {
    /// Columns already filled.
    pub filled: usize,
    /// Columns in all.
    pub capacity: usize,
    /// Columns that were to be added.
    pub added: usize,
}

impl KvCache {
    /// An empty cache for `batch` rows of at most `capacity` tokens, padding included.
    #[must_use]
    pub fn new(config: &CausalLmConfig, batch: usize, capacity: usize, device: &Device) -> Self {
        let heads = [config.num_key_value_heads, config.head_dim];
        Self::with_layers(vec![heads; config.num_hidden_layers], batch, capacity, device)
    }

    /// The same for a model that is built.
    pub(crate) fn of(decoder: &Decoder, batch: usize, capacity: usize, device: &Device) -> Self {
        let heads = |attention: &crate::Attention| [attention.num_key_value_heads, attention.head_dim];
        let layers = decoder.layers.iter().map(|block| heads(&block.self_attn));
        Self::with_layers(layers.collect(), batch, capacity, device)
    }

    fn with_layers(layers: Vec<[usize; 2]>, batch: usize, capacity: usize, device: &Device) -> Self {
        let columns = capacity.next_multiple_of(COLUMN_MULTIPLE);
        let empty = |[kv_heads, head_dim]: [usize; 2]| LayerCache {
            keys: Tensor::zeros([batch, kv_heads, head_dim, columns], device),
            values: Tensor::zeros([batch, kv_heads, columns, head_dim], device),
        };
        Self {
            layers: layers.into_iter().map(empty).collect(),
            filled: 0,
            capacity,
        }
    }

    /// Number of columns that are filled.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Claims the next `added` columns and returns the index of the first of them.
    pub(crate) fn claim(&mut self, added: usize) -> Result<usize, CacheFull> {
        let start = self.filled;
        if start + added > self.capacity {
            return Err(CacheFull {
                filled: start,
                capacity: self.capacity,
                added,
            });
        }
        self.filled += added;
        Ok(start)
    }
}

impl LayerCache {
    /// Writes new keys and values behind the first `start` columns and returns the first `key_len` columns, of which
    /// the last ones may be still empty.
    ///
    /// # Shapes
    ///
    /// - `keys`, `values`: `[batch, kv_heads, seq_len, head_dim]`
    /// - output: keys `[batch, kv_heads, head_dim, key_len]`, values `[batch, kv_heads, key_len, head_dim]`
    pub(crate) fn append(
        &mut self,
        start: usize,
        key_len: usize,
        keys: Tensor<4>,
        values: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let [_, _, seq_len, _] = keys.dims();
        let end = start + seq_len;
        // `inplace` hands the tensor over uniquely, so that Burn writes into it and does not copy the cache.
        self.keys
            .inplace(|cached| cached.slice_assign(s![.., .., .., start..end], keys.swap_dims(2, 3)));
        self.values
            .inplace(|cached| cached.slice_assign(s![.., .., start..end, ..], values));
        (
            self.keys.clone().narrow(3, 0, key_len),
            self.values.clone().narrow(2, 0, key_len),
        )
    }
}
