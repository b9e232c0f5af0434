//! A language model laid out for decoding.

#[cfg(feature = "flex")]
mod block_panels;

#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::module::{Module as _, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::attention::{PackedProjection, Projections};
use crate::block::Block;
#[cfg(feature = "flex")]
use crate::by_hand::panels::Panels;
use crate::feed_forward::{FeedForward, FusedSwiGlu, SwiGlu};
use crate::lora::{LoraAdapter, LoraLayer, LowRank};
use crate::precision::in_type_of;
use crate::{AdaptedLm, CausalLm};

/// A copy of a language model in the layout that decodes fastest.
///
/// The adapter is added to the matrices. On a GPU those that read the same numbers stand side by side, and a tied output
/// layer stands upright: fewer and larger products a token. On the CPU those of a small model are cut into panels,
/// which products with few rows read in one go. It computes the same as the model, up to rounding, and does not follow it when it is trained:
/// made once a rollout, it costs as much memory as the model.
#[derive(Clone, Debug)]
pub struct DecodingLm {
    model: CausalLm,
    /// `None` where it is part of the model's matrices.
    adapter: Option<LoraAdapter>,
}

#[cfg(feature = "flex")]
pub(crate) use block_panels::BlockPanels;

impl DecodingLm {
    /// The copy, to be generated with.
    #[must_use]
    pub fn as_lm(&self) -> AdaptedLm<'_> {
        AdaptedLm::new(&self.model, self.adapter.as_ref())
    }
}

impl AdaptedLm<'_> {
    /// Lays the model out for decoding, with its adapter merged.
    #[must_use]
    pub fn for_decoding(self) -> DecodingLm {
        let model = self.base().valid();
        let adapter = self.adapter().map(LoraAdapter::valid);
        #[cfg(feature = "flex")]
        if block_panels::are_quick(&model) {
            return DecodingLm::in_panels(model, adapter);
        }
        DecodingLm::packed(model, adapter.as_ref())
    }
}

impl DecodingLm {
    /// Fewer and larger matrices.
    fn packed(mut model: CausalLm, adapter: Option<&LoraAdapter>) -> Self {
        let layers = std::mem::take(&mut model.model.layers);
        model.model.layers = layers
            .into_iter()
            .enumerate()
            .map(|(layer, block)| packed_block(block, adapter.map(|adapter| &adapter.layers[layer])))
            .collect();
        let upright = contiguous(model.output_weight());
        model.lm_head = Some(Linear {
            weight: Param::from_tensor(upright),
            bias: None,
        });
        Self { model, adapter: None }
    }

    /// The same matrices and the same adapter, with panels that stand for both where they are multiplied.
    #[cfg(feature = "flex")]
    fn in_panels(mut model: CausalLm, adapter: Option<LoraAdapter>) -> Self {
        for (layer, block) in model.model.layers.iter_mut().enumerate() {
            let adapter = adapter.as_ref().map(|adapter| &adapter.layers[layer]);
            block.panels = Some(Arc::new(BlockPanels::new(block, adapter)));
        }
        model.output_panels = Some(Arc::new(Panels::new(model.output_weight(), None)));
        Self { model, adapter }
    }
}

fn packed_block(mut block: Block, adapter: Option<&LoraLayer>) -> Block {
    let merged = |layer: &Linear, target: &str| merged(layer, adapter, target);
    let attention = &mut block.self_attn;
    attention.projections = match &attention.projections {
        Projections::Separate(separate) => Projections::Packed(PackedProjection {
            query_key_value: side_by_side(&[
                merged(&separate.q_proj, "self_attn.q_proj"),
                merged(&separate.k_proj, "self_attn.k_proj"),
                merged(&separate.v_proj, "self_attn.v_proj"),
            ]),
        }),
        Projections::Fused(fused) => {
            let mut fused = fused.clone();
            fused.query_key_value = merged(&fused.query_key_value, "self_attn.query_key_value");
            Projections::Fused(fused)
        }
        Projections::Packed(packed) => Projections::Packed(packed.clone()),
    };
    attention.o_proj = merged(&attention.o_proj, "self_attn.o_proj");
    block.mlp = match &block.mlp {
        FeedForward::SwiGlu(SwiGlu {
            gate_proj,
            up_proj,
            down_proj,
        }) => FeedForward::FusedSwiGlu(FusedSwiGlu {
            gate_up_proj: side_by_side(&[merged(gate_proj, "mlp.gate_proj"), merged(up_proj, "mlp.up_proj")]),
            down_proj: merged(down_proj, "mlp.down_proj"),
        }),
        FeedForward::FusedSwiGlu(FusedSwiGlu {
            gate_up_proj,
            down_proj,
        }) => FeedForward::FusedSwiGlu(FusedSwiGlu {
            gate_up_proj: merged(gate_up_proj, "mlp.gate_up_proj"),
            down_proj: merged(down_proj, "mlp.down_proj"),
        }),
        FeedForward::Gelu(gelu) => {
            let mut gelu = gelu.clone();
            gelu.dense_h_to_4h = merged(&gelu.dense_h_to_4h, "mlp.dense_h_to_4h");
            gelu.dense_4h_to_h = merged(&gelu.dense_4h_to_h, "mlp.dense_4h_to_h");
            FeedForward::Gelu(gelu)
        }
    };
    block
}

/// `W + scale · A B`: a linear layer that is its adapter, too.
fn merged(layer: &Linear, adapter: Option<&LoraLayer>, target: &str) -> Linear {
    let Some(LowRank {
        lora_a,
        lora_b,
        scale,
        ..
    }) = adapter.and_then(|adapter| adapter.pair(target))
    else {
        return layer.clone();
    };
    let added = lora_a.val().matmul(lora_b.val()) * *scale;
    Linear {
        weight: Param::from_tensor(in_type_of(layer.weight.val(), &added) + added),
        bias: layer.bias.clone(),
    }
}

/// One layer whose output is that of all layers, one behind the other.
fn side_by_side(layers: &[Linear]) -> Linear {
    let weights = layers.iter().map(|layer| layer.weight.val()).collect();
    let biases: Option<Vec<Tensor<1>>> = layers
        .iter()
        .map(|layer| layer.bias.as_ref().map(Param::val))
        .collect();
    Linear {
        weight: Param::from_tensor(Tensor::cat(weights, 1)),
        bias: biases.map(|biases| Param::from_tensor(Tensor::cat(biases, 0))),
    }
}

/// The same numbers in rows; the transposed embedding is only a view of it, whose columns lie far apart.
fn contiguous(weight: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = weight.dims();
    weight.reshape([rows * columns]).reshape([rows, columns])
}
