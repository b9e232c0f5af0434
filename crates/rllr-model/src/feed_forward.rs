//! The feed-forward network of a block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use crate::block::Overlay;
#[cfg(feature = "flex")]
use crate::by_hand;
use crate::derivative;
use crate::lora::project;

/// The feed-forward network of a family.
#[derive(Module, Debug)]
pub enum FeedForward {
    /// Llama and its kin.
    SwiGlu(SwiGlu),
    /// GLM.
    FusedSwiGlu(FusedSwiGlu),
    /// BLOOM.
    Gelu(Gelu),
}

/// `(silu(x G) · x U) D`; Shazeer 2020 (arXiv 2002.05202).
#[derive(Module, Debug)]
pub struct SwiGlu {
    pub(crate) gate_proj: Linear,
    pub(crate) up_proj: Linear,
    pub(crate) down_proj: Linear,
}

/// [`SwiGlu`] with `G` and `U` side by side in one matrix.
#[derive(Module, Debug)]
pub struct FusedSwiGlu {
    pub(crate) gate_up_proj: Linear,
    pub(crate) down_proj: Linear,
}

/// `gelu(x U) D`.
#[derive(Module, Debug)]
pub struct Gelu {
    pub(crate) dense_h_to_4h: Linear,
    pub(crate) dense_4h_to_h: Linear,
}

impl FeedForward {
    /// # Shapes
    ///
    /// - `x` and output: `[batch, seq_len, d_model]`
    pub(crate) fn forward(&self, x: Tensor<3>, overlay: Overlay<'_>) -> Tensor<3> {
        match self {
            Self::SwiGlu(SwiGlu {
                gate_proj,
                up_proj,
                down_proj,
            }) => {
                let gate = project(gate_proj, overlay, "mlp.gate_proj", x.clone());
                let up = project(up_proj, overlay, "mlp.up_proj", x);
                project(down_proj, overlay, "mlp.down_proj", gated_silu(gate, up))
            }
            Self::FusedSwiGlu(FusedSwiGlu {
                gate_up_proj,
                down_proj,
            }) => {
                let both = project(gate_up_proj, overlay, "mlp.gate_up_proj", x);
                let inner = both.dims()[2] / 2;
                let gate = both.clone().narrow(2, 0, inner);
                let up = both.narrow(2, inner, inner);
                project(down_proj, overlay, "mlp.down_proj", gated_silu(gate, up))
            }
            Self::Gelu(Gelu {
                dense_h_to_4h,
                dense_4h_to_h,
            }) => {
                let inner = gelu(project(dense_h_to_4h, overlay, "mlp.dense_h_to_4h", x));
                project(dense_4h_to_h, overlay, "mlp.dense_4h_to_h", inner)
            }
        }
    }
}

/// `silu(gate) · up` with `silu(x) = x σ(x)`.
fn gated_silu(gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if by_hand::is_at_hand(&gate) {
        return by_hand::gated_silu(gate, up);
    }
    let [_, seq_len, _] = gate.dims();
    if seq_len == 1 {
        // A step of decoding: few numbers, so the number of operations counts.
        return activation::silu(gate) * up;
    }
    derivative::silu(gate) * up
}

/// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, the hyperbolic tangent's approximation of GELU.
///
/// The cube is two products: a GPU may compute the power of a negative number as NaN.
/// Source: Hendrycks and Gimpel 2016 (arXiv 1606.08415); `bloom_gelu_forward` in transformers 5.23.
fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let root_two_over_pi = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044_715) * root_two_over_pi;
    x * 0.5 * (inner.tanh() + 1.0)
}
