//! One block of the decoder.

use std::ops::Range;
#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::{Attention, QueryKeyValue};
use crate::columns::columns_of;
#[cfg(feature = "flex")]
use crate::decoding_lm::BlockPanels;
use crate::feed_forward::FeedForward;
use crate::kv_cache::LayerCache;
use crate::lora::LoraLayer;
use crate::norm::Norm;
use crate::rotary::Rotation;

/// One decoder block: attention and feed-forward, each normalised before and added after.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) input_layernorm: Norm,
    pub(crate) self_attn: Attention,
    /// Normalises what attention adds; GLM-4.
    pub(crate) post_self_attn_layernorm: Option<Norm>,
    pub(crate) post_attention_layernorm: Norm,
    pub(crate) mlp: FeedForward,
    /// Normalises what the feed-forward network adds; GLM-4.
    pub(crate) post_mlp_layernorm: Option<Norm>,
    #[module(skip)]
    pub(crate) residual: Residual,
    /// Of a copy for decoding on the CPU.
    #[cfg(feature = "flex")]
    #[module(skip)]
    pub(crate) panels: Option<Arc<BlockPanels>>,
}

/// What a branch's output is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residual {
    /// The branch's input.
    Input,
    /// The branch's normalised input; BLOOM with `apply_residual_connection_post_layernorm`.
    NormalizedInput,
}

/// What a block reads beside the residual stream.
pub(crate) struct BlockContext<'a> {
    /// `None` where positions are in the attention bias.
    pub(crate) rotation: Option<&'a Rotation>,
    /// `[batch, 1 or heads, seq_len, key_len]`; `None` when every query sees every key.
    pub(crate) attention_bias: Option<&'a Tensor<4>>,
    pub(crate) adapter: Option<&'a LoraLayer>,
}

/// What a block's linear layers have beside their own matrices.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overlay<'a> {
    pub(crate) adapter: Option<&'a LoraLayer>,
    /// These stand for matrices and adapter in one.
    #[cfg(feature = "flex")]
    pub(crate) panels: Option<&'a BlockPanels>,
}

impl Block {
    /// Some columns of what the block makes of all: `[batch, seq_len, d_model]` -> `[batch, columns, d_model]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        columns: &Range<usize>,
        context: &BlockContext<'_>,
    ) -> Tensor<3> {
        let (residual, projected) = self.begin(x, columns, context);
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = projected;
        let upright = keys.swap_dims(2, 3);
        self.finish(residual, (queries, upright, values), columns, context)
    }

    /// The same for tokens whose predecessors' keys and values stand in the first `start` columns of the cache; the
    /// first `key_len` columns are read.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        columns: &Range<usize>,
        context: &BlockContext<'_>,
        start: usize,
        key_len: usize,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        let (residual, projected) = self.begin(x, columns, context);
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = projected;
        let (keys, values) = cache.append(start, key_len, keys, values);
        self.finish(residual, (queries, keys, values), columns, context)
    }

    /// What attention's output is added to, `[batch, columns, d_model]`, and what attention is computed from.
    fn begin(
        &self,
        x: Tensor<3>,
        columns: &Range<usize>,
        context: &BlockContext<'_>,
    ) -> (Tensor<3>, QueryKeyValue) {
        let normed = self.input_layernorm.forward(x.clone());
        let residual = columns_of(self.residual.of(x, normed.clone()), 1, columns);
        let projected = self
            .self_attn
            .project(normed, columns, context.rotation, self.overlay(context));
        (residual, projected)
    }

    /// Everything behind the projections, which is the same with and without a cache.
    ///
    /// - `residual`: what attention's output is added to, `[batch, columns, d_model]`
    /// - `queries`: `[batch, heads, columns, head_dim]`; `keys` stand upright
    fn finish(
        &self,
        residual: Tensor<3>,
        (queries, keys, values): (Tensor<4>, Tensor<4>, Tensor<4>),
        columns: &Range<usize>,
        context: &BlockContext<'_>,
    ) -> Tensor<3> {
        let overlay = self.overlay(context);
        let bias = context.attention_bias.cloned();
        let bias = bias.map(|bias| columns_of(bias, 2, columns));
        let attended = self.self_attn.attend(queries, keys, values, bias, overlay);
        let x = residual + normalized(attended, self.post_self_attn_layernorm.as_ref());

        let normed = self.post_attention_layernorm.forward(x.clone());
        let fed = self.mlp.forward(normed.clone(), overlay);
        self.residual.of(x, normed) + normalized(fed, self.post_mlp_layernorm.as_ref())
    }

    fn overlay<'a>(&'a self, context: &BlockContext<'a>) -> Overlay<'a> {
        Overlay {
            adapter: context.adapter,
            #[cfg(feature = "flex")]
            panels: self.panels.as_deref(),
        }
    }
}

impl Residual {
    fn of(self, x: Tensor<3>, normed: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Input => x,
            Self::NormalizedInput => normed,
        }
    }
}

fn normalized(x: Tensor<3>, norm: Option<&Norm>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}
