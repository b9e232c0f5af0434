//! Keys and values of the tokens that were already read.

use burn::tensor::{Device, Tensor, s};

use crate::CausalLmConfig;

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
#[derive(Clone, Debug)]
pub(crate) struct LayerCache {
    /// `[batch, kv_heads, capacity, head_dim]`.
    keys: Tensor<4>,
    /// `[batch, kv_heads, capacity, head_dim]`.
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
        let shape = [batch, config.num_key_value_heads, capacity, config.head_dim];
        let empty = || LayerCache {
            keys: Tensor::zeros(shape, device),
            values: Tensor::zeros(shape, device),
        };
        Self {
            layers: (0..config.num_hidden_layers).map(|_| empty()).collect(),
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
    /// Writes new keys and values behind the first `start` columns and returns all that are filled.
    ///
    /// # Shapes
    ///
    /// - `keys`, `values`: `[batch, kv_heads, seq_len, head_dim]`
    /// - output: twice `[batch, kv_heads, start + seq_len, head_dim]`
    pub(crate) fn append(
        &mut self,
        start: usize,
        keys: Tensor<4>,
        values: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let [_, _, seq_len, _] = keys.dims();
        let end = start + seq_len;
        let write = |cached: &mut Tensor<4>, new: Tensor<4>| {
            // `inplace` hands the tensor over uniquely, so that Burn writes into it and does not copy the cache.
            cached.inplace(|cached| cached.slice_assign(s![.., .., start..end, ..], new));
            cached.clone().narrow(2, 0, end)
        };
        (write(&mut self.keys, keys), write(&mut self.values, values))
    }
}
