//! The Llama-style decoder: embedding, blocks, normalisation, output layer.

use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::activation::silu;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use crate::attention::{Attention, QueryKeyValue};
use crate::kv_cache::LayerCache;
use crate::rotary::{RotaryTable, Rotation};
use crate::weight_reader::{LinearBias, WeightReader};
use crate::{CacheFull, CausalLmConfig, DecoderInput, KvCache, WeightSource, Weights, WeightsError};

/// A causal language model: for every token, scores of the token that follows.
///
/// Field names are those of Hugging Face's tensors, so that a path through this struct is a tensor name.
#[derive(Module, Debug)]
pub struct CausalLm {
    model: Decoder,
    /// `None` when the output layer is the transposed embedding.
    lm_head: Option<Linear>,
}

/// The decoder without its output layer.
#[derive(Module, Debug)]
pub struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    rotary: RotaryTable,
}

/// One decoder block: attention and feed-forward, each normalised before and added after.
#[derive(Module, Debug)]
pub struct Block {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: FeedForward,
}

/// The SwiGLU feed-forward network: `(silu(x G) · x U) D`; Shazeer 2020 (arXiv 2002.05202).
#[derive(Module, Debug)]
pub struct FeedForward {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl CausalLm {
    /// Builds a model from its weights.
    ///
    /// On a device with autodiff the parameters are trainable.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when a tensor is missing, has another shape, or is not part of such a model.
    pub fn from_weights(
        config: &CausalLmConfig,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        Self::from_source(config, weights.into(), device)
    }

    /// Builds a model from tensors wherever they are, one after the other.
    ///
    /// On a device with autodiff the parameters are trainable.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when a tensor is missing, has another shape, or is not part of such a model.
    pub fn from_source(
        config: &CausalLmConfig,
        source: WeightSource<'_>,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let mut reader = WeightReader::new(source, device);
        if config.tie_word_embeddings {
            reader.tied("lm_head.weight", "model.embed_tokens.weight")?;
        }
        let model = Decoder::read(config, &mut reader)?;
        let lm_head = if config.tie_word_embeddings {
            None
        } else {
            let (width, vocab_size) = (config.hidden_size, config.vocab_size);
            Some(reader.linear("lm_head", width, vocab_size, LinearBias::Absent)?)
        };
        reader.finish()?;
        Ok(Self { model, lm_head })
    }

    /// Reads all tokens at once.
    ///
    /// # Shapes
    ///
    /// - output: logits, `[batch, seq_len, vocab_size]`; those of a position score the token after it, those of
    ///   padding are arbitrary
    #[must_use]
    pub fn forward(&self, input: &DecoderInput) -> Tensor<3> {
        self.logits(self.model.forward(input))
    }

    /// Reads the tokens after those in the cache, and adds them to it.
    ///
    /// # Shapes
    ///
    /// - output: logits of the new tokens, `[batch, seq_len, vocab_size]`
    ///
    /// # Errors
    ///
    /// [`CacheFull`] when they do not fit; the cache is then unchanged.
    pub fn forward_cached(&self, input: &DecoderInput, cache: &mut KvCache) -> Result<Tensor<3>, CacheFull> {
        Ok(self.logits(self.model.forward_cached(input, cache)?))
    }

    /// What the output layer reads: `[batch, seq_len, d_model]`.
    ///
    /// For losses that compute the logits themselves, in chunks; [`CausalLm::forward`] gives them all.
    #[must_use]
    pub fn hidden_states(&self, input: &DecoderInput) -> Tensor<3> {
        self.model.forward(input)
    }

    /// The output layer, `[d_model, vocab_size]`: logits are hidden states times this.
    #[must_use]
    pub fn output_weight(&self) -> Tensor<2> {
        match &self.lm_head {
            Some(lm_head) => lm_head.weight.val(),
            None => self.model.embed_tokens.weight.val().transpose(),
        }
    }

    /// `[batch, seq_len, d_model]` -> `[batch, seq_len, vocab_size]`.
    fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        linear(hidden, self.output_weight(), None)
    }
}

impl Decoder {
    fn read(config: &CausalLmConfig, reader: &mut WeightReader<'_>) -> Result<Self, WeightsError> {
        let width = config.hidden_size;
        let embed_tokens = reader.embedding("model.embed_tokens", config.vocab_size, width)?;
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Block::read(config, &format!("model.layers.{layer}"), reader))
            .collect::<Result<_, _>>()?;
        let norm = reader.rms_norm("model.norm", width, config.rms_norm_eps)?;
        let rotary = RotaryTable::new(
            config.max_position_embeddings,
            config.head_dim,
            config.rope_theta,
            reader.device(),
        );
        Ok(Self {
            embed_tokens,
            layers,
            norm,
            rotary,
        })
    }

    /// Hidden states after the last block, normalised, `[batch, seq_len, d_model]`.
    fn forward(&self, input: &DecoderInput) -> Tensor<3> {
        let rotation = self.rotary.at(input.positions.clone());
        let mut x = self.embed_tokens.forward(input.tokens.clone());
        for block in &self.layers {
            x = block.forward(x, &rotation, &input.attention_bias);
        }
        self.norm.forward(x)
    }

    fn forward_cached(&self, input: &DecoderInput, cache: &mut KvCache) -> Result<Tensor<3>, CacheFull> {
        let [_, seq_len] = input.tokens.dims();
        let start = cache.claim(seq_len)?;
        let rotation = self.rotary.at(input.positions.clone());
        let mut x = self.embed_tokens.forward(input.tokens.clone());
        for (block, layer_cache) in self.layers.iter().zip(&mut cache.layers) {
            x = block.forward_cached(x, &rotation, &input.attention_bias, start, layer_cache);
        }
        Ok(self.norm.forward(x))
    }
}

impl Block {
    fn read(
        config: &CausalLmConfig,
        path: &str,
        reader: &mut WeightReader<'_>,
    ) -> Result<Self, WeightsError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        Ok(Self {
            input_layernorm: reader.rms_norm(
                &format!("{path}.input_layernorm"),
                width,
                config.rms_norm_eps,
            )?,
            self_attn: Attention {
                q_proj: reader.linear(
                    &format!("{path}.self_attn.q_proj"),
                    width,
                    queries,
                    LinearBias::Absent,
                )?,
                k_proj: reader.linear(
                    &format!("{path}.self_attn.k_proj"),
                    width,
                    keys,
                    LinearBias::Absent,
                )?,
                v_proj: reader.linear(
                    &format!("{path}.self_attn.v_proj"),
                    width,
                    keys,
                    LinearBias::Absent,
                )?,
                o_proj: reader.linear(
                    &format!("{path}.self_attn.o_proj"),
                    queries,
                    width,
                    LinearBias::Absent,
                )?,
                num_attention_heads: config.num_attention_heads,
                num_key_value_heads: config.num_key_value_heads,
                head_dim: config.head_dim,
            },
            post_attention_layernorm: reader.rms_norm(
                &format!("{path}.post_attention_layernorm"),
                width,
                config.rms_norm_eps,
            )?,
            mlp: FeedForward {
                gate_proj: reader.linear(
                    &format!("{path}.mlp.gate_proj"),
                    width,
                    inner,
                    LinearBias::Absent,
                )?,
                up_proj: reader.linear(&format!("{path}.mlp.up_proj"), width, inner, LinearBias::Absent)?,
                down_proj: reader.linear(
                    &format!("{path}.mlp.down_proj"),
                    inner,
                    width,
                    LinearBias::Absent,
                )?,
            },
        })
    }

    fn forward(&self, x: Tensor<3>, rotation: &Rotation, attention_bias: &Tensor<4>) -> Tensor<3> {
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = self.project(&x, rotation);
        self.finish(x, queries, keys, values, attention_bias)
    }

    fn forward_cached(
        &self,
        x: Tensor<3>,
        rotation: &Rotation,
        attention_bias: &Tensor<4>,
        start: usize,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        let QueryKeyValue {
            queries,
            keys,
            values,
        } = self.project(&x, rotation);
        let (keys, values) = cache.append(start, keys, values);
        self.finish(x, queries, keys, values, attention_bias)
    }

    fn project(&self, x: &Tensor<3>, rotation: &Rotation) -> QueryKeyValue {
        self.self_attn
            .project(self.input_layernorm.forward(x.clone()), rotation)
    }

    /// Everything behind the projections, which is the same with and without a cache.
    fn finish(
        &self,
        x: Tensor<3>,
        queries: Tensor<4>,
        keys: Tensor<4>,
        values: Tensor<4>,
        attention_bias: &Tensor<4>,
    ) -> Tensor<3> {
        let x = x + self
            .self_attn
            .attend(queries, keys, values, attention_bias.clone());
        let normed = self.post_attention_layernorm.forward(x.clone());
        x + self.mlp.forward(normed)
    }
}

impl FeedForward {
    /// `[batch, seq_len, d_model]` -> `[batch, seq_len, d_model]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let gate = silu(self.gate_proj.forward(x.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(x))
    }
}
