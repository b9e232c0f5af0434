//! A block's matrices in panels.

use burn::module::Param;
use burn::nn::Linear;

use super::merged;
use crate::attention::{FusedProjection, PackedProjection, Projections, SeparateProjections};
use crate::block::Block;
use crate::by_hand::panels::Panels;
use crate::feed_forward::{FeedForward, FusedSwiGlu, Gelu, SwiGlu};
use crate::lora::LoraLayer;

/// The linear layers of a block in panels, their adapters added, by the names that adapters know them by.
#[derive(Clone, Debug)]
pub(crate) struct BlockPanels(Vec<(&'static str, Panels)>);

impl BlockPanels {
    /// All linear layers of `block`.
    pub(super) fn new(block: &Block, adapter: Option<&LoraLayer>) -> Self {
        let mut layers = attention_layers(&block.self_attn.projections);
        layers.push(("self_attn.o_proj", &block.self_attn.o_proj));
        layers.extend(feed_forward_layers(&block.mlp));
        let panels = |(target, layer): (&'static str, &Linear)| (target, of(&merged(layer, adapter, target)));
        Self(layers.into_iter().map(panels).collect())
    }

    /// Those of one layer.
    pub(crate) fn find(&self, target: &str) -> Option<&Panels> {
        let found = self.0.iter().find(|(name, _)| *name == target);
        found.map(|(_, panels)| panels)
    }
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
