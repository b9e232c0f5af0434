//! Which parameter of a model is which tensor of its file.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::config::Architecture;
use crate::tensor_shapes::file_name;
use crate::{CausalLm, ScalarModel};

/// A parameter, and the tensor of a file that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName {
    /// Burn's handle, under which gradients and optimiser states are kept.
    pub id: ParamId,
    /// The tensor's name in the file.
    pub name: String,
    /// How the parameter lies in comparison with the file.
    pub layout: ParameterLayout,
}

/// How a parameter lies in comparison with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterLayout {
    /// As in the file.
    AsStored,
    /// `[in, out]`, where the file has `[out, in]`.
    Transposed,
}

impl CausalLm {
    /// Every parameter, in the order of the forward pass.
    #[must_use]
    pub fn parameter_names(&self) -> Vec<ParameterName> {
        parameter_names(self, self.architecture)
    }
}

impl ScalarModel {
    /// Every parameter, in the order of the forward pass.
    #[must_use]
    pub fn parameter_names(&self) -> Vec<ParameterName> {
        parameter_names(self, self.architecture)
    }
}

fn parameter_names(module: &impl Module, architecture: Architecture) -> Vec<ParameterName> {
    let mut visitor = NameVisitor {
        architecture,
        path: Vec::new(),
        containers: Vec::new(),
        names: Vec::new(),
    };
    module.visit(&mut visitor);
    visitor.names
}

struct NameVisitor {
    architecture: Architecture,
    path: Vec<String>,
    containers: Vec<String>,
    names: Vec<ParameterName>,
}

impl ModuleVisitor for NameVisitor {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        // Burn has names of its own for the parameters of a normalisation.
        let name = match name {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        };
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_linear = self
            .containers
            .last()
            .is_some_and(|container| container == "Struct:Linear");
        self.names.push(ParameterName {
            id: param.id,
            name: file_name(self.architecture, &self.path.join(".")),
            layout: if is_linear && D == 2 {
                ParameterLayout::Transposed
            } else {
                ParameterLayout::AsStored
            },
        });
    }
}
