//! Models from their weights.

use burn::nn::Linear;
use burn::tensor::Device;

use crate::alibi::slopes_on;
use crate::attention::{Attention, FusedProjection, Projections, SeparateProjections};
use crate::block::{Block, Residual};
use crate::causal_lm::CausalLm;
use crate::config::{FeedForwardKind, NormKind, PositionKind};
use crate::decoder::{Decoder, Positions};
use crate::feed_forward::{FeedForward, FusedSwiGlu, Gelu, SwiGlu};
use crate::norm::Norm;
use crate::precision::WeightStorage;
use crate::rotary::RotaryTable;
use crate::scalar_model::{ScalarHead, ScalarModel};
use crate::tensor_shapes::file_name;
use crate::weight_reader::{LinearBias, WeightReader};
use crate::{CausalLmConfig, WeightSource, Weights, WeightsError};

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
        Self::build(config, source, WeightStorage::F32, device)
    }

    /// Builds a model whose parameters are constants: the base of adapters, a reference policy, a judge.
    ///
    /// `storage` says how its matrices lie on the device. Autodiff of the device is not used: nothing here is trained,
    /// and adapters on the same device with autodiff have gradients nevertheless.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] as [`CausalLm::from_weights`]; [`WeightsError::NoHalfPrecision`] when the device cannot store
    /// the matrices so, [`WeightsError::TooLarge`] when a number does not fit.
    pub fn frozen_from_weights(
        config: &CausalLmConfig,
        weights: &Weights,
        storage: WeightStorage,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        storage.check(weights, device)?;
        Self::build(
            config,
            weights.into(),
            storage,
            &device.clone().without_autodiff(),
        )
    }

    fn build(
        config: &CausalLmConfig,
        source: WeightSource<'_>,
        storage: WeightStorage,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let mut builder = Builder::new(config, source, storage, device);
        if config.tie_word_embeddings {
            let embedding = file_name(config.architecture, "model.embed_tokens.weight");
            builder.reader.tied("lm_head.weight", &embedding)?;
        }
        let model = builder.decoder()?;
        let lm_head = if config.tie_word_embeddings {
            None
        } else {
            Some(builder.linear(
                "lm_head",
                config.hidden_size,
                config.vocab_size,
                LinearBias::Absent,
            )?)
        };
        builder.reader.finish()?;
        Ok(Self {
            model,
            lm_head,
            architecture: config.architecture,
            #[cfg(feature = "flex")]
            output_panels: None,
        })
    }
}

impl ScalarModel {
    /// Builds a model from its weights: those of the decoder, `score.weight`, `[1, d_model]`, and, if it is there,
    /// `score.bias`, `[1]`.
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
        Self::build(config, source, WeightStorage::F32, device)
    }

    /// Builds a model whose parameters are constants; see [`CausalLm::frozen_from_weights`]. The head stays F32.
    ///
    /// # Errors
    ///
    /// Those of [`CausalLm::frozen_from_weights`].
    pub fn frozen_from_weights(
        config: &CausalLmConfig,
        weights: &Weights,
        storage: WeightStorage,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        storage.check(weights, device)?;
        Self::build(
            config,
            weights.into(),
            storage,
            &device.clone().without_autodiff(),
        )
    }

    fn build(
        config: &CausalLmConfig,
        source: WeightSource<'_>,
        storage: WeightStorage,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let mut builder = Builder::new(config, source, storage, device);
        let model = builder.decoder()?;
        let bias = LinearBias::when(builder.reader.has("score.bias"));
        let score = builder.reader.linear("score", config.hidden_size, 1, bias)?;
        builder.reader.finish()?;
        Ok(Self {
            model,
            head: ScalarHead { score },
            architecture: config.architecture,
        })
    }
}

/// Reads modules by their path, in the order of [`crate::tensor_shapes`].
struct Builder<'a> {
    config: &'a CausalLmConfig,
    reader: WeightReader<'a>,
    storage: WeightStorage,
}

impl<'a> Builder<'a> {
    fn new(
        config: &'a CausalLmConfig,
        source: WeightSource<'a>,
        storage: WeightStorage,
        device: &'a Device,
    ) -> Self {
        Self {
            config,
            reader: WeightReader::new(source, device),
            storage,
        }
    }

    fn decoder(&mut self) -> Result<Decoder, WeightsError> {
        let config = self.config;
        let name = file_name(config.architecture, "model.embed_tokens");
        let embed_tokens = self
            .reader
            .embedding(&name, config.vocab_size, config.hidden_size)?;
        let embed_tokens = self.storage.embedding(embed_tokens);
        let embedding_norm = if config.architecture.normalizes_embedding() {
            Some(self.norm("model.embedding_norm")?)
        } else {
            None
        };
        let layers = (0..config.num_hidden_layers)
            .map(|layer| self.block(&format!("model.layers.{layer}")))
            .collect::<Result<_, _>>()?;
        let norm = self.norm("model.norm")?;
        let device = self.reader.device();
        let positions = match config.architecture.positions() {
            PositionKind::Rotary(pairs) => Positions::Rotary(RotaryTable::new(config, pairs, device)),
            PositionKind::Alibi => Positions::Alibi(slopes_on(config.num_attention_heads, device)),
        };
        let windows = (0..config.num_hidden_layers)
            .map(|layer| config.window_of(layer))
            .collect();
        Ok(Decoder {
            embed_tokens,
            embedding_norm,
            layers,
            norm,
            positions,
            windows,
        })
    }

    fn block(&mut self, path: &str) -> Result<Block, WeightsError> {
        let normalizes_branches = self.config.architecture.normalizes_branches();
        let branch_norm = |builder: &mut Self, name: &str| {
            normalizes_branches
                .then(|| builder.norm(&format!("{path}.{name}")))
                .transpose()
        };
        Ok(Block {
            input_layernorm: self.norm(&format!("{path}.input_layernorm"))?,
            self_attn: self.attention(&format!("{path}.self_attn"))?,
            post_self_attn_layernorm: branch_norm(self, "post_self_attn_layernorm")?,
            post_attention_layernorm: self.norm(&format!("{path}.post_attention_layernorm"))?,
            mlp: self.feed_forward(&format!("{path}.mlp"))?,
            post_mlp_layernorm: branch_norm(self, "post_mlp_layernorm")?,
            residual: if self.config.apply_residual_connection_post_layernorm {
                Residual::NormalizedInput
            } else {
                Residual::Input
            },
            #[cfg(feature = "flex")]
            panels: None,
        })
    }

    fn attention(&mut self, path: &str) -> Result<Attention, WeightsError> {
        let config = self.config;
        let (architecture, width) = (config.architecture, config.hidden_size);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let bias = LinearBias::when(config.attention_bias);
        let projections = if architecture.fuses_qkv() {
            let path = format!("{path}.query_key_value");
            let query_key_value = self.linear(&path, width, queries + 2 * keys, bias)?;
            Projections::Fused(FusedProjection { query_key_value })
        } else {
            Projections::Separate(SeparateProjections {
                q_proj: self.linear(&format!("{path}.q_proj"), width, queries, bias)?,
                k_proj: self.linear(&format!("{path}.k_proj"), width, keys, bias)?,
                v_proj: self.linear(&format!("{path}.v_proj"), width, keys, bias)?,
            })
        };
        let mut head_norm = |name: &str| {
            let normalizes = architecture.normalizes_queries_and_keys();
            let name = file_name(architecture, &format!("{path}.{name}"));
            normalizes
                .then(|| self.reader.rms_norm(&name, config.head_dim, config.norm_epsilon))
                .transpose()
        };
        let (q_norm, k_norm) = (head_norm("q_norm")?, head_norm("k_norm")?);
        let output_bias = LinearBias::when(config.attention_bias && architecture.biases_attention_output());
        Ok(Attention {
            projections,
            q_norm,
            k_norm,
            o_proj: self.linear(&format!("{path}.o_proj"), queries, width, output_bias)?,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
        })
    }

    fn feed_forward(&mut self, path: &str) -> Result<FeedForward, WeightsError> {
        let config = self.config;
        let (width, inner, bias) = (
            config.hidden_size,
            config.intermediate_size,
            LinearBias::when(config.mlp_bias),
        );
        let mut linear = |name: &str, d_in, d_out| self.linear(&format!("{path}.{name}"), d_in, d_out, bias);
        Ok(match config.architecture.feed_forward() {
            FeedForwardKind::SwiGlu => FeedForward::SwiGlu(SwiGlu {
                gate_proj: linear("gate_proj", width, inner)?,
                up_proj: linear("up_proj", width, inner)?,
                down_proj: linear("down_proj", inner, width)?,
            }),
            FeedForwardKind::FusedSwiGlu => FeedForward::FusedSwiGlu(FusedSwiGlu {
                gate_up_proj: linear("gate_up_proj", width, 2 * inner)?,
                down_proj: linear("down_proj", inner, width)?,
            }),
            FeedForwardKind::Gelu => FeedForward::Gelu(Gelu {
                dense_h_to_4h: linear("dense_h_to_4h", width, inner)?,
                dense_4h_to_h: linear("dense_4h_to_h", inner, width)?,
            }),
        })
    }

    fn linear(
        &mut self,
        path: &str,
        d_in: usize,
        d_out: usize,
        bias: LinearBias,
    ) -> Result<Linear, WeightsError> {
        let name = file_name(self.config.architecture, path);
        let layer = self.reader.linear(&name, d_in, d_out, bias)?;
        Ok(self.storage.linear(layer))
    }

    fn norm(&mut self, path: &str) -> Result<Norm, WeightsError> {
        let (width, epsilon) = (self.config.hidden_size, self.config.norm_epsilon);
        let name = file_name(self.config.architecture, path);
        Ok(match self.config.architecture.norm() {
            NormKind::Rms => Norm::Rms(self.reader.rms_norm(&name, width, epsilon)?),
            NormKind::Layer => Norm::Layer(self.reader.layer_norm(&name, width, epsilon)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::config::Architecture;
    use crate::{PaddingSide, TokenBatch, initial_weights, tensor_shapes};

    /// The table of shapes and the builder name the same tensors, and what goes in comes out.
    #[wasm_bindgen_test(unsupported = test)]
    fn every_family_is_built_of_the_tensors_that_are_listed() {
        let device = Device::flex();
        for architecture in Architecture::ALL {
            let config = CausalLmConfig {
                architecture,
                vocab_size: 12,
                hidden_size: 8,
                intermediate_size: 32,
                num_hidden_layers: 2,
                num_attention_heads: 2,
                num_key_value_heads: 2,
                head_dim: 4,
                max_position_embeddings: 8,
                attention_bias: true,
                tie_word_embeddings: architecture == Architecture::Bloom,
                ..CausalLmConfig::default()
            };
            let weights = initial_weights(&config, 0.02, &mut ChaCha8Rng::seed_from_u64(1));
            assert_eq!(weights.0.len(), tensor_shapes(&config).len());
            let model = CausalLm::from_weights(&config, &weights, &device).unwrap();
            assert_eq!(
                pollster::block_on(model.weights()).unwrap(),
                weights,
                "{architecture:?}"
            );
            let numbers: usize = weights.0.values().map(|tensor| tensor.data.len()).sum();
            assert_eq!(config.num_parameters(), numbers as u64);

            let batch = TokenBatch::from_rows(&[[1u32, 2, 3]], PaddingSide::Right, 12).unwrap();
            assert_eq!(model.forward(&batch.to_device(&device)).dims(), [1, 3, 12]);
        }
    }
}
