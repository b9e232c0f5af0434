//! One block of the decoder.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::{Attention, QueryKeyValue};
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

impl Block {
    /// `[batch, seq_len, d_model]` -> `[batch, seq_len, d_model]`.
    pub(crate) fn forward(&self, x: Tensor<3>, context: &BlockContext<'_>) -> Tensor<3> {
        let normed = self.input_layernorm.forward(x.clone());
        let projected = self
            .self_attn
            .project(normed.clone(), context.rotation, context.adapter);
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = projected;
        self.finish(x, normed, (queries, keys.swap_dims(2, 3), values), context)
    }

    /// The same for tokens whose predecessors' keys and values stand in the first `start` columns of the cache; the
    /// first `key_len` columns are read.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        context: &BlockContext<'_>,
        start: usize,
        key_len: usize,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        let normed = self.input_layernorm.forward(x.clone());
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = self
            .self_attn
            .project(normed.clone(), context.rotation, context.adapter);
        let (keys, values) = cache.append(start, key_len, keys, values);
        self.finish(x, normed, (queries, keys, values), context)
    }

    /// Everything behind the projections, which is the same with and without a cache; `keys` stand upright.
    fn finish(
        &self,
        x: Tensor<3>,
        normed: Tensor<3>,
        (queries, keys, values): (Tensor<4>, Tensor<4>, Tensor<4>),
        context: &BlockContext<'_>,
    ) -> Tensor<3> {
        let bias = context.attention_bias.cloned();
        let attended = self
            .self_attn
            .attend(queries, keys, values, bias, context.adapter);
        let x = self.residual.of(x, normed) + normalized(attended, self.post_self_attn_layernorm.as_ref());

        let normed = self.post_attention_layernorm.forward(x.clone());
        let fed = self.mlp.forward(normed.clone(), context.adapter);
        self.residual.of(x, normed) + normalized(fed, self.post_mlp_layernorm.as_ref())
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
