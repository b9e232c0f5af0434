//! An adapter made part of the model.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use super::{LoraAdapter, LowRank};
use crate::decoder::Decoder;
use crate::precision::in_type_of;
use crate::tensor_shapes::tensor_path;
use crate::{CausalLm, ScalarModel};

impl Decoder {
    /// A decoder with new weights `W + scale · A B`, which computes what this one computes through the adapter.
    ///
    /// What the adapter does not touch is shared, not copied. The new weights are stored as the old ones are, and
    /// trained if they were.
    ///
    /// The adapter must be one of this decoder's model.
    #[must_use]
    pub fn merged(&self, adapter: &LoraAdapter) -> Self {
        assert_eq!(
            self.num_blocks(),
            adapter.layers.len(),
            "an adapter is of a model with as many blocks"
        );
        let mut merger = Merger {
            adapter,
            path: Vec::new(),
        };
        self.clone().map(&mut merger)
    }
}

impl CausalLm {
    /// See [`Decoder::merged`].
    #[must_use]
    pub fn merged(&self, adapter: &LoraAdapter) -> Self {
        Self {
            model: self.model.merged(adapter),
            ..self.clone()
        }
    }
}

impl ScalarModel {
    /// See [`Decoder::merged`]; the head stays.
    #[must_use]
    pub fn merged(&self, adapter: &LoraAdapter) -> Self {
        Self {
            model: self.model.merged(adapter),
            ..self.clone()
        }
    }
}

struct Merger<'a> {
    adapter: &'a LoraAdapter,
    path: Vec<String>,
}

impl Merger<'_> {
    /// The pair of the parameter that is being visited: `layers.3.self_attn.projections.Separate.q_proj.weight`.
    fn pair(&self) -> Option<&LowRank> {
        let path = tensor_path(&self.path.join("."));
        let (layer, target) = path
            .strip_prefix("layers.")?
            .strip_suffix(".weight")?
            .split_once('.')?;
        self.adapter
            .layers
            .get(layer.parse::<usize>().ok()?)?
            .pair(target)
    }
}

impl ModuleMapper for Merger<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(pair) = self.pair() else {
            return param;
        };
        let stored = param.val();
        let (lora_a, lora_b) = (pair.lora_a.val().inner(), pair.lora_b.val().inner());
        let [d_in, d_out] = [lora_a.dims()[0], lora_b.dims()[1]];
        let added = lora_a.matmul(lora_b) * pair.scale;
        let weight = in_type_of(stored.clone().inner().reshape([d_in, d_out]), &added);
        let merged = (weight + added)
            .reshape(stored.dims())
            .cast(burn::tensor::FloatDType::from(stored.dtype()));
        if stored.is_autodiff() {
            Param::from_tensor(Tensor::from_inner(merged)).set_require_grad(stored.is_require_grad())
        } else {
            Param::from_tensor(merged)
        }
    }
}
