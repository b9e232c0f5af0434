//! Low-rank adapters: small trained matrices beside the frozen ones of a model.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;

/// A low-rank adapter of a whole model; Hu et al. 2021 (arXiv 2106.09685).
///
/// Several adapters share one frozen model; which one acts is chosen for each forward pass.
#[derive(Module, Debug)]
pub struct LoraAdapter {
    pub(crate) layers: Vec<LoraLayer>,
}

/// The adapter of one block: a pair of matrices for each target.
#[derive(Module, Debug)]
pub struct LoraLayer {
    /// Paths of the adapted layers inside the block, such as `self_attn.q_proj`, in the order of `pairs`.
    #[module(skip)]
    pub(crate) targets: Vec<String>,
    pub(crate) pairs: Vec<LowRank>,
}

/// `x A B · scale`, which is added to `x W`.
#[derive(Module, Debug)]
pub struct LowRank {
    /// `[d_in, rank]`.
    pub(crate) lora_a: Param<Tensor<2>>,
    /// `[rank, d_out]`.
    pub(crate) lora_b: Param<Tensor<2>>,
    /// `alpha / rank`, or `alpha / √rank`.
    pub(crate) scale: f64,
}

impl LoraLayer {
    pub(crate) fn pair(&self, target: &str) -> Option<&LowRank> {
        let index = self.targets.iter().position(|name| name == target)?;
        self.pairs.get(index)
    }
}

/// `x W + b + scale · (x A) B`: a linear layer, with what the adapter adds to it.
///
/// The products are taken from the left, so the cost of the adapter is that of two thin matrices; `W + A B` is never
/// formed.
///
/// # Shapes
///
/// - `x`: `[batch, seq_len, d_in]`
/// - output: `[batch, seq_len, d_out]`
pub(crate) fn project(layer: &Linear, adapter: Option<&LoraLayer>, target: &str, x: Tensor<3>) -> Tensor<3> {
    match adapter.and_then(|adapter| adapter.pair(target)) {
        None => layer.forward(x),
        Some(LowRank {
            lora_a,
            lora_b,
            scale,
        }) => {
            let low = burn::tensor::module::linear(x.clone(), lora_a.val(), None);
            layer.forward(x) + burn::tensor::module::linear(low, lora_b.val(), None) * *scale
        }
    }
}
