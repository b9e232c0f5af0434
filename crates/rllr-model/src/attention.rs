//! Grouped-query attention.

use std::ops::Range;

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::block::Overlay;
#[cfg(feature = "flex")]
use crate::by_hand;
use crate::columns::columns_of;
use crate::derivative::shifted_exp;
use crate::lora::project;
use crate::norm::rms_norm;
use crate::rotary::Rotation;

/// Attention in which several query heads share one key and value head.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) projections: Projections,
    /// Normalises the queries of each head; Qwen 3.
    pub(crate) q_norm: Option<RmsNorm>,
    /// Normalises the keys of each head; Qwen 3.
    pub(crate) k_norm: Option<RmsNorm>,
    /// Back to the residual stream.
    pub(crate) o_proj: Linear,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) head_dim: usize,
}

/// How queries, keys and values come out of the residual stream.
#[allow(
    clippy::large_enum_variant,
    reason = "a block has one, and Burn derives no modules for boxes"
)]
#[derive(Module, Debug)]
pub enum Projections {
    /// A matrix for each.
    Separate(SeparateProjections),
    /// One matrix for all; BLOOM.
    Fused(FusedProjection),
    /// One matrix for all, made of [`Projections::Separate`] for decoding.
    Packed(PackedProjection),
}

/// A matrix each for queries, keys and values.
#[derive(Module, Debug)]
pub struct SeparateProjections {
    pub(crate) q_proj: Linear,
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
}

/// One matrix whose columns are, head by head: its query, its key, its value.
#[derive(Module, Debug)]
pub struct FusedProjection {
    pub(crate) query_key_value: Linear,
}

/// One matrix whose columns are all queries, then all keys, then all values.
#[derive(Module, Debug)]
pub struct PackedProjection {
    pub(crate) query_key_value: Linear,
}

/// What attention is computed from, heads apart and rotated.
pub(crate) struct QueryKeyValue {
    /// Of the columns that are asked for, `[batch, heads, columns, head_dim]`.
    pub(crate) queries: Tensor<4>,
    /// `[batch, kv_heads, seq_len, head_dim]`.
    pub(crate) keys: Tensor<4>,
    /// `[batch, kv_heads, seq_len, head_dim]`.
    pub(crate) values: Tensor<4>,
}

impl Attention {
    /// Projects some columns to queries and all to keys and values, and rotates the first two by their positions.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, seq_len, d_model]`
    pub(crate) fn project(
        &self,
        x: Tensor<3>,
        columns: &Range<usize>,
        rotation: Option<&Rotation>,
        overlay: Overlay<'_>,
    ) -> QueryKeyValue {
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = match &self.projections {
            Projections::Separate(projections) => self.project_separately(projections, x, columns, overlay),
            Projections::Fused(projection) => self.project_fused(projection, x, columns, overlay),
            Projections::Packed(projection) => self.project_packed(projection, x, columns),
        };
        let place = |x: Tensor<4>, columns: &Range<usize>, norm: &Option<RmsNorm>| {
            let x = match norm {
                Some(norm) => rms_norm(norm, x),
                None => x,
            };
            match rotation {
                Some(rotation) => rotation.apply(x, columns),
                None => x,
            }
        };
        let all = 0..keys.dims()[2];
        QueryKeyValue {
            queries: place(queries, columns, &self.q_norm),
            keys: place(keys, &all, &self.k_norm),
            values,
        }
    }

    fn project_separately(
        &self,
        projections: &SeparateProjections,
        x: Tensor<3>,
        columns: &Range<usize>,
        overlay: Overlay<'_>,
    ) -> QueryKeyValue {
        let SeparateProjections {
            q_proj,
            k_proj,
            v_proj,
        } = projections;
        let asking = columns_of(x.clone(), 1, columns);
        let queries = project(q_proj, overlay, "self_attn.q_proj", asking);
        let keys = project(k_proj, overlay, "self_attn.k_proj", x.clone());
        let values = project(v_proj, overlay, "self_attn.v_proj", x);
        QueryKeyValue {
            queries: split_heads(queries, self.num_attention_heads),
            keys: split_heads(keys, self.num_key_value_heads),
            values: split_heads(values, self.num_key_value_heads),
        }
    }

    fn project_packed(
        &self,
        projection: &PackedProjection,
        x: Tensor<3>,
        columns: &Range<usize>,
    ) -> QueryKeyValue {
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        let all = split_heads(projection.query_key_value.forward(x), heads + 2 * kv_heads);
        let part = |start, len| all.clone().narrow(1, start, len);
        QueryKeyValue {
            queries: columns_of(part(0, heads), 2, columns),
            keys: part(heads, kv_heads),
            values: part(heads + kv_heads, kv_heads),
        }
    }

    fn project_fused(
        &self,
        projection: &FusedProjection,
        x: Tensor<3>,
        columns: &Range<usize>,
        overlay: Overlay<'_>,
    ) -> QueryKeyValue {
        let head_dim = self.head_dim;
        let all = project(
            &projection.query_key_value,
            overlay,
            "self_attn.query_key_value",
            x,
        );
        let all = split_heads(all, self.num_attention_heads);
        let part = |index| all.clone().narrow(3, index * head_dim, head_dim);
        QueryKeyValue {
            queries: columns_of(part(0), 2, columns),
            keys: part(1),
            values: part(2),
        }
    }

    /// `softmax(q k / √head_dim + bias) v`, where `k` stands upright, projected back to the residual stream.
    ///
    /// The query heads of a group lie side by side, so they are read as further rows of one matrix product with
    /// their shared keys; nothing is repeated. Source: Ainslie et al. 2023 (arXiv 2305.13245).
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, heads, seq_len, head_dim]`
    /// - `keys`: `[batch, kv_heads, head_dim, key_len]`
    /// - `values`: `[batch, kv_heads, key_len, head_dim]`
    /// - `attention_bias`: `[batch, 1 or heads, seq_len, key_len]`
    /// - output: `[batch, seq_len, d_model]`
    pub(crate) fn attend(
        &self,
        queries: Tensor<4>,
        keys: Tensor<4>,
        values: Tensor<4>,
        attention_bias: Option<Tensor<4>>,
        overlay: Overlay<'_>,
    ) -> Tensor<3> {
        let scale = 1.0 / (self.head_dim as f64).sqrt();
        let attended = weighted_values(queries * scale, keys, values, attention_bias);
        project(&self.o_proj, overlay, "self_attn.o_proj", join_heads(attended))
    }
}

/// `softmax(q k + bias) v`.
///
/// # Shapes
///
/// - as [`Attention::attend`]; output: `[batch, heads, seq_len, head_dim]`
fn weighted_values(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    attention_bias: Option<Tensor<4>>,
) -> Tensor<4> {
    let [batch, heads, seq_len, head_dim] = queries.dims();
    let [_, kv_heads, _, key_len] = keys.dims();
    // A step of decoding: few numbers, so the number of operations counts.
    let is_step = seq_len == 1 && !queries.is_autodiff();
    #[cfg(feature = "flex")]
    if !is_step && by_hand::is_at_hand(&queries) {
        return by_hand::attention(queries, keys, values, attention_bias);
    }
    let grouped_rows = heads / kv_heads * seq_len;
    let queries = queries.reshape([batch, kv_heads, grouped_rows, head_dim]);
    let scores = queries.matmul(keys).reshape([batch, heads, seq_len, key_len]);
    let grouped = [batch, kv_heads, grouped_rows, key_len];
    let scores = match attention_bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    let attended = if is_step {
        softmax(scores.reshape(grouped), 3).matmul(values)
    } else {
        weighted_mean(shifted_exp(scores).reshape(grouped), values)
    };
    attended.reshape([batch, heads, seq_len, head_dim])
}

/// `softmax(scores) values`, as `(E V) / (E 1)` with `E = exp(scores − max scores)`, the numerators.
///
/// The sums of a row's weights are one more column of the product, so both passes go over the large `E` less often than
/// they do with Burn's softmax.
///
/// # Shapes
///
/// - `numerators`: `[batch, kv_heads, rows, key_len]`
/// - `values`: `[batch, kv_heads, key_len, head_dim]`
/// - output: `[batch, kv_heads, rows, head_dim]`
fn weighted_mean(numerators: Tensor<4>, values: Tensor<4>) -> Tensor<4> {
    let [batch, kv_heads, key_len, head_dim] = values.dims();
    let ones = Tensor::ones([batch, kv_heads, key_len, 1], &values.device());
    let sums = numerators.matmul(Tensor::cat(vec![values, ones], 3));
    let of_values = sums.clone().narrow(3, 0, head_dim);
    of_values * sums.narrow(3, head_dim, 1).recip()
}

/// `[batch, seq_len, heads · head_dim]` -> `[batch, heads, seq_len, head_dim]`.
fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, seq_len, width] = x.dims();
    x.reshape([batch, seq_len, heads, width / heads]).swap_dims(1, 2)
}

/// `[batch, heads, seq_len, head_dim]` -> `[batch, seq_len, heads · head_dim]`.
fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, seq_len, head_dim] = x.dims();
    x.swap_dims(1, 2).reshape([batch, seq_len, heads * head_dim])
}
