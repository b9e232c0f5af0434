//! A block's matrices in panels.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::merged;
use crate::CausalLm;
use crate::attention::{FusedProjection, PackedProjection, Projections, SeparateProjections};
use crate::block::Block;
use crate::by_hand::panels::{self, Panels};
use crate::feed_forward::{FeedForward, FusedSwiGlu, Gelu, SwiGlu};
use crate::host::is_on_host;
use crate::lora::LoraLayer;

/// Whether the copy of a model on the CPU that is in panels decodes fastest.
pub(super) fn are_quick(model: &CausalLm) -> bool {
    let layers = model.model.layers.iter().flat_map(linear_layers);
    let mut weights = layers.map(|(_, layer)| layer.weight.val());
    let is_quick = |weight: Tensor<2>| is_on_host(&weight) && panels::are_quick(&weight);
    weights.all(is_quick) && is_quick(model.output_weight())
}

/// The linear layers of a block in panels, their adapters added, by the names that adapters know them by.
#[derive(Clone, Debug)]
pub(crate) struct BlockPanels(Vec<(&'static str, Panels)>);

impl BlockPanels {
    /// All linear layers of `block`.
    pub(super) fn new(block: &Block, adapter: Option<&LoraLayer>) -> Self {
        let panels = |(target, layer): (&'static str, &Linear)| (target, of(&merged(layer, adapter, target)));
        Self(linear_layers(block).into_iter().map(panels).collect())
    }

    /// Those of one layer.
    pub(crate) fn find(&self, target: &str) -> Option<&Panels> {
        let found = self.0.iter().find(|(name, _)| *name == target);
        found.map(|(_, panels)| panels)
    }
}

fn linear_layers(block: &Block) -> Vec<(&'static str, &Linear)> {
    let mut layers = attention_layers(&block.self_attn.projections);
    layers.push(("self_attn.o_proj", &block.self_attn.o_proj));
    layers.extend(feed_forward_layers(&block.mlp));
    layers
}

fn of(layer: &Linear) -> Panels {
    Panels::new(layer.weight.val(), layer.bias.as_ref().map(Param::val))
}

fn attention_layers(projections: &Projections) -> Vec<(&'static str, &Linear)> {
    match projections {
        Projections::Separate(SeparateProjections {
            q_proj,
            k_proj,
            v_proj,
        }) => vec![
            ("self_attn.q_proj", q_proj),
            ("self_attn.k_proj", k_proj),
            ("self_attn.v_proj", v_proj),
        ],
        Projections::Fused(FusedProjection { query_key_value })
        | Projections::Packed(PackedProjection { query_key_value }) => {
            vec![("self_attn.query_key_value", query_key_value)]
        }
    }
}

fn feed_forward_layers(mlp: &FeedForward) -> Vec<(&'static str, &Linear)> {
    match mlp {
        FeedForward::SwiGlu(SwiGlu {
            gate_proj,
            up_proj,
            down_proj,
        }) => vec![
            ("mlp.gate_proj", gate_proj),
            ("mlp.up_proj", up_proj),
            ("mlp.down_proj", down_proj),
        ],
        FeedForward::FusedSwiGlu(FusedSwiGlu {
            gate_up_proj,
            down_proj,
        }) => vec![("mlp.gate_up_proj", gate_up_proj), ("mlp.down_proj", down_proj)],
        FeedForward::Gelu(Gelu {
            dense_h_to_4h,
            dense_4h_to_h,
        }) => vec![
            ("mlp.dense_h_to_4h", dense_h_to_4h),
            ("mlp.dense_4h_to_h", dense_4h_to_h),
        ],
    }
}
