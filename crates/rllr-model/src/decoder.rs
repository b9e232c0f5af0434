//! The decoder: embedding, blocks, normalisation.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::Embedding;
use burn::tensor::{FloatDType, Int, Tensor};

use crate::alibi::alibi_bias;
use crate::block::{Block, BlockContext};
use crate::lora::LoraAdapter;
use crate::norm::Norm;
use crate::rotary::{RotaryTable, Rotation};
use crate::token_batch::UNSEEN;
use crate::{CacheFull, DecoderInput, KvCache};

/// A decoder without anything on top: token ids in, one vector a token out.
///
/// Field names are those of Llama's tensors, so that a path through this struct is a tensor name.
#[derive(Module, Debug)]
pub struct Decoder {
    pub(crate) embed_tokens: Embedding,
    /// BLOOM.
    pub(crate) embedding_norm: Option<Norm>,
    pub(crate) layers: Vec<Block>,
    pub(crate) norm: Norm,
    pub(crate) positions: Positions,
    /// How many tokens a query sees, block by block; `None` when all.
    #[module(skip)]
    pub(crate) windows: Vec<Option<usize>>,
}

/// How the decoder knows where a token stands.
#[allow(
    clippy::large_enum_variant,
    reason = "a model has one, and Burn derives no modules for boxes"
)]
#[derive(Module, Debug)]
pub enum Positions {
    /// Queries and keys are turned.
    Rotary(RotaryTable),
    /// Attention scores are lowered with the distance; the slope of each head, `[1, heads, 1, 1]`.
    Alibi(Tensor<4>),
}

/// What the blocks share in one forward pass.
pub struct Pass<'a> {
    pub(crate) rotation: Option<Rotation>,
    /// For blocks whose queries see everything before them, `[batch, 1 or heads, seq_len, key_len]`; `None` when there
    /// is nothing else.
    pub(crate) full_bias: Option<Tensor<4>>,
    /// For blocks with a window, by its length.
    pub(crate) windowed_biases: Vec<(usize, Tensor<4>)>,
    /// Columns of the cache that are read, if there is one.
    pub(crate) key_len: usize,
    pub(crate) adapter: Option<&'a LoraAdapter>,
}

impl Decoder {
    /// Reads all tokens at once: hidden states after the last block, normalised, `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn forward(&self, input: &DecoderInput, adapter: Option<&LoraAdapter>) -> Tensor<3> {
        let [_, seq_len] = input.tokens.dims();
        self.forward_columns(input, adapter, 0..seq_len)
    }

    /// Some neighbouring columns of [`Decoder::forward`], `[batch, columns, d_model]`.
    ///
    /// They depend on the other columns through their keys and values alone. So the last block computes nothing else of
    /// those: of a model with few blocks and rows that are mostly prompt, a good part of the pass.
    #[must_use]
    pub fn forward_columns(
        &self,
        input: &DecoderInput,
        adapter: Option<&LoraAdapter>,
        columns: Range<usize>,
    ) -> Tensor<3> {
        let pass = self.pass(input, adapter);
        let last = self.num_blocks() - 1;
        let x = (0..last).fold(self.embed(input), |x, layer| self.block(layer, x, &pass));
        self.normalize(self.block_columns(last, x, &pass, &columns))
    }

    /// Reads the tokens after those in the cache, and adds them to it.
    pub(crate) fn forward_cached(
        &self,
        input: &DecoderInput,
        cache: &mut KvCache,
        adapter: Option<&LoraAdapter>,
    ) -> Result<Tensor<3>, CacheFull> {
        let [_, seq_len] = input.tokens.dims();
        self.read(
            input.tokens.clone(),
            0..seq_len,
            &self.pass(input, adapter),
            cache,
        )
    }

    /// Some columns of the same when what the blocks share is known, `[batch, columns, d_model]`.
    pub(crate) fn read(
        &self,
        tokens: Tensor<2, Int>,
        columns: Range<usize>,
        pass: &Pass<'_>,
        cache: &mut KvCache,
    ) -> Result<Tensor<3>, CacheFull> {
        let [_, seq_len] = tokens.dims();
        let start = cache.claim(seq_len)?;
        let mut x = self.embed_ids(tokens);
        let last = self.num_blocks() - 1;
        for (layer, layer_cache) in cache.layers.iter_mut().enumerate() {
            let context = self.context(layer, pass);
            let columns = if layer == last {
                columns.clone()
            } else {
                0..seq_len
            };
            x = self.layers[layer].forward_cached(x, &columns, &context, start, pass.key_len, layer_cache);
        }
        Ok(self.normalize(x))
    }

    /// Number of blocks.
    #[must_use]
    pub fn num_blocks(&self) -> usize {
        self.layers.len()
    }

    /// The embedding, `[vocab_size, d_model]`.
    #[must_use]
    pub fn embedding(&self) -> &Param<Tensor<2>> {
        &self.embed_tokens.weight
    }

    /// Number of token ids that the decoder can read.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.embed_tokens.weight.dims()[0]
    }

    /// What the blocks share in a forward pass over `input`.
    ///
    /// This and the methods below are the steps of [`Decoder::forward`], for those who need what lies between
    /// them, such as training that keeps only the blocks' inputs.
    #[must_use]
    pub fn pass<'a>(&self, input: &DecoderInput, adapter: Option<&'a LoraAdapter>) -> Pass<'a> {
        let (rotation, full_bias) = match &self.positions {
            Positions::Rotary(table) => (Some(table.at(input.positions())), input.attention_bias.clone()),
            Positions::Alibi(slopes) => {
                let bias = alibi_bias(slopes, input.key_positions.clone());
                (None, Some(plus(bias, input.attention_bias.as_ref())))
            }
        };
        let windowed_biases = self
            .window_lengths()
            .into_iter()
            .map(|window| (window, plus(window_bias(window, input), full_bias.as_ref())))
            .collect();
        Pass {
            rotation,
            full_bias,
            windowed_biases,
            key_len: input.key_positions.dims()[1],
            adapter,
        }
    }

    /// The lengths of the blocks' windows, each once.
    pub(crate) fn window_lengths(&self) -> Vec<usize> {
        let mut lengths: Vec<usize> = self.windows.iter().flatten().copied().collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// Number of positions for which the model has embeddings; `None` where any position will do.
    #[must_use]
    pub fn max_positions(&self) -> Option<usize> {
        match &self.positions {
            Positions::Rotary(table) => Some(table.max_positions()),
            Positions::Alibi(_) => None,
        }
    }

    /// The first block's input, `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn embed(&self, input: &DecoderInput) -> Tensor<3> {
        self.embed_ids(input.tokens.clone())
    }

    fn embed_ids(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let x = self.embed_tokens.forward(tokens);
        let x = x.cast(FloatDType::from(self.norm.dtype()));
        match &self.embedding_norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// Block `layer`, counted from 0: `[batch, seq_len, d_model]` -> `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn block(&self, layer: usize, x: Tensor<3>, pass: &Pass<'_>) -> Tensor<3> {
        let [_, seq_len, _] = x.dims();
        self.block_columns(layer, x, pass, &(0..seq_len))
    }

    /// Some neighbouring columns of [`Decoder::block`], `[batch, seq_len, d_model]` -> `[batch, columns, d_model]`.
    #[must_use]
    pub fn block_columns(
        &self,
        layer: usize,
        x: Tensor<3>,
        pass: &Pass<'_>,
        columns: &Range<usize>,
    ) -> Tensor<3> {
        self.layers[layer].forward(x, columns, &self.context(layer, pass))
    }

    /// What follows the last block, `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn normalize(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }

    fn context<'a>(&self, layer: usize, pass: &'a Pass<'_>) -> BlockContext<'a> {
        let windowed = self.windows[layer]
            .and_then(|window| pass.windowed_biases.iter().find(|(length, _)| *length == window));
        BlockContext {
            rotation: pass.rotation.as_ref(),
            attention_bias: windowed.map_or(pass.full_bias.as_ref(), |(_, bias)| Some(bias)),
            adapter: pass.adapter.map(|adapter| &adapter.layers[layer]),
        }
    }
}

/// 0 where a query sees a key through its window, else a very negative number, `[batch, 1, seq_len, key_len]`.
///
/// A query sees the keys of the last `window` positions, its own included; source: `sliding_window_overlay` in
/// transformers 5.23, which counts columns: without holes in a row that is the same.
fn window_bias(window: usize, input: &DecoderInput) -> Tensor<4> {
    let [batch, key_len] = input.key_positions.dims();
    let [_, seq_len] = input.tokens.dims();
    let queries = input.positions().reshape([batch, 1, seq_len, 1]);
    let keys = input.key_positions.clone().reshape([batch, 1, 1, key_len]);
    // No key is further behind than there are keys, so a longer window hides nothing more.
    let unseen = (queries - keys).greater_equal_elem(window.min(key_len) as i64);
    Tensor::zeros([batch, 1, seq_len, key_len], &input.tokens.device()).mask_fill(unseen, UNSEEN)
}

/// The sum, or `x` alone when there is nothing to add.
pub(crate) fn plus(x: Tensor<4>, other: Option<&Tensor<4>>) -> Tensor<4> {
    match other {
        Some(other) => x + other.clone(),
        None => x,
    }
}

#[cfg(test)]
mod tests;
