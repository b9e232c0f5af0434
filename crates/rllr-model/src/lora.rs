//! Low-rank adapters: small trained matrices beside the frozen ones of a model.
//!
//! A model is frozen by building it on a device without autodiff. Its adapters are built on the same device with
//! autodiff; then only they have gradients, and no gradient of a frozen matrix is ever computed. Where nothing is
//! learned, as in a rollout, Burn's `adapter.valid()` is the same adapter without autodiff.

mod config;
mod targets;
mod dropout;
mod merge;
mod peft_config;
mod peft;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

pub use config::{LoraConfig, LoraError, TargetModules};
pub use peft::{PeftAdapter, PeftFiles};
pub use targets::lora_parameters;

use crate::block::Overlay;
use crate::config::Architecture;
use crate::precision::in_type_of;
use crate::tensor_shapes::{BlockLinear, file_name};
use crate::{CausalLmConfig, ParameterLayout, ParameterName};
use dropout::Dropout;

/// A low-rank adapter of a whole model; Hu et al. 2021 (arXiv 2106.09685).
///
/// Several adapters share one frozen model; which one acts is chosen for each forward pass. A clone is a snapshot:
/// training the original does not change it.
#[derive(Module, Debug)]
pub struct LoraAdapter {
    pub(crate) layers: Vec<LoraLayer>,
    #[module(skip)]
    pub(crate) config: LoraConfig,
    #[module(skip)]
    pub(crate) architecture: Architecture,
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
    /// Only while an SFT or reward model is trained.
    #[module(skip)]
    pub(crate) dropout: Option<Dropout>,
}

impl LoraAdapter {
    /// A new adapter, which changes nothing yet: A is drawn, B is zero.
    ///
    /// A is drawn on the host from `U(−1/√d_in, 1/√d_in)`, so that every device and target starts from the same bits.
    /// Source: `reset_lora_parameters` in PEFT 0.21, whose `kaiming_uniform_(a=√5)` is this range.
    ///
    /// - `model`: the configuration of the model that is adapted
    /// - `device`: the model's device, with autodiff when the adapter is to be trained
    ///
    /// # Errors
    ///
    /// [`LoraError`] for a setting that cannot be, and for targets that the model does not have.
    pub fn new(
        config: &LoraConfig,
        model: &CausalLmConfig,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Result<Self, LoraError> {
        let rank = config.r;
        Self::build(config, model, |_, target| {
            let lora_a = initial_a(target.d_in, rank, rng);
            let lora_b = vec![0.0; rank * target.d_out];
            let matrix = |data, shape: [usize; 2]| Param::from_data(TensorData::new(data, shape), device);
            Ok((
                matrix(lora_a, [target.d_in, rank]),
                matrix(lora_b, [rank, target.d_out]),
            ))
        })
    }

    /// An adapter whose matrices `pair` gives, asked for by block and layer in the order of the forward pass.
    fn build(
        config: &LoraConfig,
        model: &CausalLmConfig,
        mut pair: impl FnMut(usize, &BlockLinear) -> Result<Pair, LoraError>,
    ) -> Result<Self, LoraError> {
        config.validate()?;
        let mut layers = Vec::with_capacity(model.num_hidden_layers);
        for (layer, targets) in targets::resolve(&config.target_modules, model)?
            .into_iter()
            .enumerate()
        {
            let mut pairs = Vec::with_capacity(targets.len());
            for target in &targets {
                let (lora_a, lora_b) = pair(layer, target)?;
                pairs.push(LowRank {
                    lora_a,
                    lora_b,
                    scale: config.scale(),
                    dropout: None,
                });
            }
            layers.push(LoraLayer {
                targets: targets.into_iter().map(|target| target.path).collect(),
                pairs,
            });
        }
        Ok(Self {
            layers,
            config: config.clone(),
            architecture: model.architecture,
        })
    }

    /// The adapter with dropout, for one training step of an SFT or reward model.
    ///
    /// The parameters are those of `self`, so gradients belong to both. What is dropped follows from `seed` alone,
    /// natively and in the page, and is the same whenever a block is computed again; draw a new seed for each step.
    /// Reinforcement learning and use go without: old and new log-probabilities must come from one network.
    #[must_use]
    pub fn with_dropout(&self, seed: u64) -> Self {
        let mut dropping = self.clone();
        let pairs = dropping.layers.iter_mut().flat_map(|layer| &mut layer.pairs);
        for (index, pair) in (0u64..).zip(pairs) {
            pair.dropout = Dropout::new(self.config.lora_dropout, seed, index);
        }
        dropping
    }

    /// The settings that the adapter was made with.
    #[must_use]
    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    /// Number of trained numbers.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.num_params()
    }

    /// Every parameter by the name that PEFT gives it in a file, in the order of the forward pass.
    #[must_use]
    pub fn parameter_names(&self) -> Vec<ParameterName> {
        let mut visitor = NameVisitor { ids: Vec::new() };
        self.visit(&mut visitor);
        let name = |(id, name)| ParameterName {
            id,
            name,
            layout: ParameterLayout::Transposed,
        };
        visitor.ids.into_iter().zip(self.file_names()).map(name).collect()
    }

    /// PEFT's names of the parameters, in the order of the forward pass.
    fn file_names(&self) -> Vec<String> {
        let blocks = self.layers.iter().enumerate();
        blocks
            .flat_map(|(index, layer)| layer.targets.iter().map(move |target| (index, target)))
            .flat_map(|(index, target)| peft_names(self.architecture, index, target))
            .collect()
    }
}

/// A and B.
type Pair = (Param<Tensor<2>>, Param<Tensor<2>>);

/// PEFT's names of A and B for a linear layer of block `layer`.
fn peft_names(architecture: Architecture, layer: usize, path: &str) -> [String; 2] {
    let name = file_name(architecture, &format!("model.layers.{layer}.{path}"));
    ["A", "B"].map(|matrix| format!("base_model.model.{name}.lora_{matrix}.weight"))
}

/// `[d_in, rank]`, row-major, uniform between `−1/√d_in` and `1/√d_in`.
fn initial_a(d_in: usize, rank: usize, rng: &mut impl Rng) -> Vec<f32> {
    let bound = 1.0 / libm::sqrt(d_in as f64);
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    let draw = |_| {
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        ((2.0 * uniform - 1.0) * bound) as f32
    };
    (0..d_in * rank).map(draw).collect()
}

impl LoraLayer {
    pub(crate) fn pair(&self, target: &str) -> Option<&LowRank> {
        let index = self.targets.iter().position(|name| name == target)?;
        self.pairs.get(index)
    }
}

impl LowRank {
    /// `scale · (x A) B`: two thin matrix products; `A B` is never formed.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, seq_len, d_in]`
    /// - output: `[batch, seq_len, d_out]`
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = match self.dropout {
            Some(dropout) => dropout.apply(x),
            None => x,
        };
        let low = linear_rows(x, self.lora_a.val(), None) * self.scale;
        linear_rows(low, self.lora_b.val(), None)
    }
}

/// `x W + b + scale · (x A) B`: a linear layer, with what the adapter adds to it.
///
/// # Shapes
///
/// - `x`: `[batch, seq_len, d_in]`
/// - output: `[batch, seq_len, d_out]`
pub(crate) fn project(layer: &Linear, overlay: Overlay<'_>, target: &str, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(panels) = overlay.panels.and_then(|panels| panels.find(target))
        && panels.suit(&x)
    {
        return panels.product(x);
    }
    let bias = layer.bias.as_ref().map(Param::val);
    let weight = in_type_of(layer.weight.val(), &x);
    match overlay.adapter.and_then(|adapter| adapter.pair(target)) {
        None => linear_rows(x, weight, bias),
        Some(pair) => linear_rows(x.clone(), weight, bias) + pair.forward(x),
    }
}

/// `x W + b` as one product of all rows of the batch: a product for each of them would arrange the matrix anew each time.
///
/// # Shapes
///
/// - `x`: `[batch, seq_len, d_in]`, `weight`: `[d_in, d_out]`
/// - output: `[batch, seq_len, d_out]`
fn linear_rows(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch, seq_len, d_in] = x.dims();
    let [_, d_out] = weight.dims();
    let rows = linear(x.reshape([1, batch * seq_len, d_in]), weight, bias);
    rows.reshape([batch, seq_len, d_out])
}

struct NameVisitor {
    ids: Vec<burn::module::ParamId>,
}

impl ModuleVisitor for NameVisitor {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.ids.push(param.id);
    }
}

#[cfg(test)]
pub(crate) mod tests;
