//! Grouped-query attention.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::rotary::Rotation;

/// Attention in which several query heads share one key and value head.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) q_proj: Linear,
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
    pub(crate) o_proj: Linear,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) head_dim: usize,
}

/// What attention is computed from, heads apart and rotated.
pub(crate) struct QueryKeyValue {
    /// `[batch, heads, seq_len, head_dim]`.
    pub(crate) queries: Tensor<4>,
    /// `[batch, kv_heads, seq_len, head_dim]`.
    pub(crate) keys: Tensor<4>,
    /// `[batch, kv_heads, seq_len, head_dim]`.
    pub(crate) values: Tensor<4>,
}

impl Attention {
    /// Projects to queries, keys and values, and rotates the first two by their positions.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, seq_len, d_model]`
    pub(crate) fn project(&self, x: Tensor<3>, rotation: &Rotation) -> QueryKeyValue {
        let [batch, seq_len, _] = x.dims();
        let split = |x: Tensor<3>, heads| x.reshape([batch, seq_len, heads, self.head_dim]).swap_dims(1, 2);
        let queries = split(self.q_proj.forward(x.clone()), self.num_attention_heads);
        let keys = split(self.k_proj.forward(x.clone()), self.num_key_value_heads);
        let values = split(self.v_proj.forward(x), self.num_key_value_heads);
        QueryKeyValue {
            queries: rotation.apply(queries),
            keys: rotation.apply(keys),
            values,
        }
    }

    /// `softmax(q kᵀ / √head_dim + bias) v`, projected back to the residual stream.
    ///
    /// The query heads of a group lie side by side, so they are read as further rows of one matrix product with
    /// their shared keys; nothing is repeated. Source: Ainslie et al. 2023 (arXiv 2305.13245).
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, heads, seq_len, head_dim]`
    /// - `keys`, `values`: `[batch, kv_heads, key_len, head_dim]`
    /// - `attention_bias`: `[batch, 1, seq_len, key_len]`
    /// - output: `[batch, seq_len, d_model]`
    pub(crate) fn attend(
        &self,
        queries: Tensor<4>,
        keys: Tensor<4>,
        values: Tensor<4>,
        attention_bias: Tensor<4>,
    ) -> Tensor<3> {
        let [batch, heads, seq_len, head_dim] = queries.dims();
        let [_, kv_heads, key_len, _] = keys.dims();
        let grouped_rows = heads / kv_heads * seq_len;

        let scale = 1.0 / (head_dim as f64).sqrt();
        let queries = (queries * scale).reshape([batch, kv_heads, grouped_rows, head_dim]);
        let scores = queries
            .matmul(keys.swap_dims(2, 3))
            .reshape([batch, heads, seq_len, key_len]);
        let weights = softmax(scores + attention_bias, 3);

        let weights = weights.reshape([batch, kv_heads, grouped_rows, key_len]);
        let attended = weights.matmul(values).reshape([batch, heads, seq_len, head_dim]);
        self.o_proj.forward(
            attended
                .swap_dims(1, 2)
                .reshape([batch, seq_len, heads * head_dim]),
        )
    }
}
