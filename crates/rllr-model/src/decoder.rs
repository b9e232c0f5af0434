//! The decoder: embedding, blocks, normalisation.

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{FloatDType, Tensor, TensorData};

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
#[derive(Module, Debug)]
pub enum Positions {
    /// Queries and keys are turned.
    Rotary(RotaryTable),
    /// Attention scores are lowered with the distance; the slope of each head, `[1, heads, 1, 1]`.
    Alibi(Tensor<4>),
}

/// What the blocks share in one forward pass.
pub struct Pass<'a> {
    rotation: Option<Rotation>,
    /// For blocks whose queries see everything before them, `[batch, 1 or heads, seq_len, key_len]`.
    full_bias: Tensor<4>,
    /// For blocks with a window, by its length.
    windowed_biases: Vec<(usize, Tensor<4>)>,
    adapter: Option<&'a LoraAdapter>,
}

impl Decoder {
    /// Reads all tokens at once: hidden states after the last block, normalised, `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn forward(&self, input: &DecoderInput, adapter: Option<&LoraAdapter>) -> Tensor<3> {
        let pass = self.pass(input, adapter);
        let embedded = self.embed(input);
        let x = (0..self.num_blocks()).fold(embedded, |x, layer| self.block(layer, x, &pass));
        self.normalize(x)
    }

    /// Reads the tokens after those in the cache, and adds them to it.
    pub(crate) fn forward_cached(
        &self,
        input: &DecoderInput,
        cache: &mut KvCache,
        adapter: Option<&LoraAdapter>,
    ) -> Result<Tensor<3>, CacheFull> {
        let [_, seq_len] = input.tokens.dims();
        let start = cache.claim(seq_len)?;
        let pass = self.pass(input, adapter);
        let mut x = self.embed(input);
        for (layer, layer_cache) in cache.layers.iter_mut().enumerate() {
            x = self.layers[layer].forward_cached(x, &self.context(layer, &pass), start, layer_cache);
        }
        Ok(self.normalize(x))
    }

    /// Number of blocks.
    #[must_use]
    pub fn num_blocks(&self) -> usize {
        self.layers.len()
    }

    /// What the blocks share in a forward pass over `input`.
    ///
    /// This and the three methods below are the steps of [`Decoder::forward`], for those who need what lies between
    /// them, such as training that keeps only the blocks' inputs.
    #[must_use]
    pub fn pass<'a>(&self, input: &DecoderInput, adapter: Option<&'a LoraAdapter>) -> Pass<'a> {
        let (rotation, full_bias) = match &self.positions {
            Positions::Rotary(table) => (Some(table.at(input.positions())), input.attention_bias.clone()),
            Positions::Alibi(slopes) => {
                let bias = alibi_bias(slopes, input.key_positions.clone()) + input.attention_bias.clone();
                (None, bias)
            }
        };
        let mut lengths: Vec<usize> = self.windows.iter().flatten().copied().collect();
        lengths.sort_unstable();
        lengths.dedup();
        let windowed_biases = lengths
            .into_iter()
            .map(|window| (window, full_bias.clone() + window_bias(window, &full_bias)))
            .collect();
        Pass {
            rotation,
            full_bias,
            windowed_biases,
            adapter,
        }
    }

    /// The first block's input, `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn embed(&self, input: &DecoderInput) -> Tensor<3> {
        let x = self.embed_tokens.forward(input.tokens.clone());
        let x = x.cast(FloatDType::from(self.norm.dtype()));
        match &self.embedding_norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// Block `layer`, counted from 0: `[batch, seq_len, d_model]` -> `[batch, seq_len, d_model]`.
    #[must_use]
    pub fn block(&self, layer: usize, x: Tensor<3>, pass: &Pass<'_>) -> Tensor<3> {
        self.layers[layer].forward(x, &self.context(layer, pass))
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
            attention_bias: windowed.map_or(&pass.full_bias, |(_, bias)| bias),
            adapter: pass.adapter.map(|adapter| &adapter.layers[layer]),
        }
    }
}

/// 0 where a query sees a key through its window, else a very negative number, `[1, 1, seq_len, key_len]`.
///
/// A query sees the last `window` columns, its own included; source: `sliding_window_overlay` in transformers 5.23.
/// The queries are the last columns of the keys.
fn window_bias(window: usize, bias: &Tensor<4>) -> Tensor<4> {
    let [_, _, seq_len, key_len] = bias.dims();
    let first_query = key_len - seq_len;
    let values: Vec<f32> = (first_query..key_len)
        .flat_map(|query| (0..key_len).map(move |key| if key + window > query { 0.0 } else { UNSEEN }))
        .collect();
    Tensor::from_data(TensorData::new(values, [1, 1, seq_len, key_len]), &bias.device())
}
