//! What a checkpoint holds, and how it gets back into models and optimisers.
//!
//! A [`Snapshot`] is taken between two steps. It shares its tensors with what it was taken of, so that it costs nothing
//! until it is written; then it is read piece by piece, without blocking. A [`Restored`] gives it back, by the paths of
//! parameters inside their modules: modules may have been built anew, in another process, with any weights.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Tensor, TensorData};
use ciborium::Value;
use rllr_model::{DeviceWeights, HostTensor, Weights, WeightsError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checkpoint_error::CheckpointError;
use crate::resumable_optimizer::{AllMoments, Moments, put_moments, take_moments};

#[cfg(test)]
mod tests;

/// Names of an optimiser's tensors, as PyTorch's.
const EXP_AVG: &str = "exp_avg";
const EXP_AVG_SQ: &str = "exp_avg_sq";
const MAX_EXP_AVG_SQ: &str = "max_exp_avg_sq";

/// Shape and numbers of a tensor that is still on the device.
type Flat = (String, Vec<usize>, Tensor<1>);

/// All that training needs to go on.
#[derive(Debug)]
pub struct Snapshot {
    weights: Vec<Flat>,
    optimizer: Vec<Flat>,
    state: StateFile,
}

/// The part of a snapshot that is no tensor. CBOR (RFC 8949) keeps every bit of every number, infinities and NaN
/// included; JSON cannot, and its parser misreads numbers such as 1e-24 by a bit.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StateFile {
    /// Steps that a parameter had, by its name.
    optimizer_steps: BTreeMap<String, u64>,
    /// What the stage remembers.
    stage: Value,
}

/// A snapshot that was read back.
///
/// A part that was read is gone; [`Restored::finish`] says what nobody asked for.
#[derive(Debug)]
pub struct Restored {
    weights: Weights,
    optimizer: Weights,
    state: StateFile,
}

impl Snapshot {
    /// A snapshot of what a stage remembers beside its models: steps, coefficients, moments, positions.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::State`] when it cannot be written as CBOR.
    pub fn new(state: &impl Serialize) -> Result<Self, CheckpointError> {
        let stage = Value::serialized(state).map_err(|error| CheckpointError::State(error.to_string()))?;
        Ok(Self {
            weights: Vec::new(),
            optimizer: Vec::new(),
            state: StateFile {
                optimizer_steps: BTreeMap::new(),
                stage,
            },
        })
    }

    /// Adds the parameters of a module, as `part`.
    #[must_use]
    pub fn with_module(mut self, part: &str, module: &impl Module) -> Self {
        let mut list = ParameterList::of(part);
        module.visit(&mut list);
        let flat = list.parameters.into_iter().map(|parameter| parameter.flat);
        self.weights.extend(flat);
        self
    }

    /// Adds what an optimiser knows of a module's parameters, as `part`.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotResumable`] for an optimiser that was not made by [`resumable`](crate::resumable).
    pub fn with_optimizer(
        mut self,
        part: &str,
        module: &impl Module,
        optimizer: &ModuleOptimizer,
    ) -> Result<Self, CheckpointError> {
        let mut moments = take_moments(optimizer).map_err(|_| CheckpointError::NotResumable)?;
        let mut list = ParameterList::of(part);
        module.visit(&mut list);
        for Parameter { id, flat: (name, ..) } in list.parameters {
            let Some(moments) = moments.remove(&id) else {
                continue;
            };
            let Moments {
                step,
                shape,
                exp_avg,
                exp_avg_sq,
                max_exp_avg_sq,
            } = moments;
            self.state.optimizer_steps.insert(name.clone(), step as u64);
            let named = [
                (EXP_AVG, Some(exp_avg)),
                (EXP_AVG_SQ, Some(exp_avg_sq)),
                (MAX_EXP_AVG_SQ, max_exp_avg_sq),
            ];
            for (kind, tensor) in named {
                let tensor = tensor.map(|tensor| (format!("{name}.{kind}"), shape.clone(), tensor));
                self.optimizer.extend(tensor);
            }
        }
        Ok(self)
    }

    /// The parameters, still on the device.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two parts have one name.
    pub fn weights(&self) -> Result<DeviceWeights, WeightsError> {
        DeviceWeights::from_flat(self.weights.iter().cloned())
    }

    /// The optimisers' tensors, still on the device.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two parts have one name.
    pub fn optimizer(&self) -> Result<DeviceWeights, WeightsError> {
        DeviceWeights::from_flat(self.optimizer.iter().cloned())
    }

    /// The bytes of everything else.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::State`] when it cannot be written as CBOR.
    pub fn state(&self) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.state, &mut bytes)
            .map_err(|error| CheckpointError::State(error.to_string()))?;
        Ok(bytes)
    }
}

impl Restored {
    /// Reads the three files of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] when one of them is not what it should be.
    pub fn read(weights: &[u8], optimizer: &[u8], state: &[u8]) -> Result<Self, CheckpointError> {
        let state =
            ciborium::from_reader(state).map_err(|error| CheckpointError::State(error.to_string()))?;
        Ok(Self {
            weights: Weights::from_safetensors(weights)?,
            optimizer: Weights::from_safetensors(optimizer)?,
            state,
        })
    }

    /// What the stage remembered.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::State`] when it is of another form.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T, CheckpointError> {
        let state = self.state.stage.deserialized();
        state.map_err(|error| CheckpointError::State(error.to_string()))
    }

    /// Whether there are parameters of this part.
    #[must_use]
    pub fn has(&self, part: &str) -> bool {
        let prefix = format!("{part}.");
        self.weights.0.keys().any(|name| name.starts_with(&prefix))
    }

    /// The module with the parameters of `part`; devices, types and what is trained stay.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Weights`] when a parameter is missing or has another shape.
    pub fn module<M: Module>(&mut self, part: &str, module: M) -> Result<M, CheckpointError> {
        let mut loader = Loader {
            path: vec![part.to_owned()],
            weights: &mut self.weights,
            error: None,
        };
        let module = module.map(&mut loader);
        match loader.error {
            Some(error) => Err(error.into()),
            None => Ok(module),
        }
    }

    /// The optimiser as it was for the parameters of `part`. What it knew is forgotten.
    ///
    /// - `optimizer`: made by [`resumable`](crate::resumable), with the settings of then
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] for an optimiser of another kind, and for moments that do not fit the module.
    pub fn optimizer(
        &mut self,
        part: &str,
        module: &impl Module,
        optimizer: ModuleOptimizer,
    ) -> Result<ModuleOptimizer, CheckpointError> {
        let mut list = ParameterList::of(part);
        module.visit(&mut list);
        let mut all = AllMoments::new();
        for Parameter { id, flat } in list.parameters {
            let (name, shape, value) = flat;
            let Some(step) = self.state.optimizer_steps.remove(&name) else {
                continue;
            };
            let device = value.device();
            let mut take = |kind: &str| -> Result<Option<Tensor<1>>, WeightsError> {
                let name = format!("{name}.{kind}");
                let found = take_checked(&mut self.optimizer, &name, &shape)?;
                Ok(found.map(|data| {
                    let len = data.len();
                    Tensor::from_data(TensorData::new(data, [len]), &device)
                }))
            };
            let missing = |kind: &str| WeightsError::Missing {
                name: format!("{name}.{kind}"),
                expected: shape.clone(),
            };
            let moments = Moments {
                step: usize::try_from(step).map_err(|error| CheckpointError::State(error.to_string()))?,
                exp_avg: take(EXP_AVG)?.ok_or_else(|| missing(EXP_AVG))?,
                exp_avg_sq: take(EXP_AVG_SQ)?.ok_or_else(|| missing(EXP_AVG_SQ))?,
                max_exp_avg_sq: take(MAX_EXP_AVG_SQ)?,
                shape: shape.clone(),
            };
            all.insert(id, moments);
        }
        put_moments(optimizer, module, all).map_err(|_| CheckpointError::NotResumable)
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Unexpected`] when tensors were left: the checkpoint is of something else.
    pub fn finish(self) -> Result<(), CheckpointError> {
        let names: Vec<String> = self
            .weights
            .0
            .into_keys()
            .chain(self.optimizer.0.into_keys())
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Unexpected { names }.into())
    }
}

/// A tensor's numbers, if it is there; it must have this shape.
fn take_checked(
    weights: &mut Weights,
    name: &str,
    expected: &[usize],
) -> Result<Option<Vec<f32>>, WeightsError> {
    match weights.0.remove(name) {
        Some(HostTensor { shape, .. }) if shape != expected => Err(WeightsError::Shape {
            name: name.to_owned(),
            found: shape,
            expected: expected.to_vec(),
        }),
        Some(tensor) => Ok(Some(tensor.data)),
        None => Ok(None),
    }
}

struct Parameter {
    /// Burn's number of the parameter.
    id: u64,
    flat: Flat,
}

/// Every float parameter of a module under its path.
struct ParameterList {
    path: Vec<String>,
    parameters: Vec<Parameter>,
}

impl ParameterList {
    fn of(part: &str) -> Self {
        Self {
            path: vec![part.to_owned()],
            parameters: Vec::new(),
        }
    }
}

impl ModuleVisitor for ParameterList {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        let shape = value.dims();
        let flat = value.reshape([shape.iter().product::<usize>()]);
        self.parameters.push(Parameter {
            id: param.id.val(),
            flat: (self.path.join("."), shape.to_vec(), flat),
        });
    }
}

/// Gives every float parameter of a module the numbers under its path.
struct Loader<'a> {
    path: Vec<String>,
    weights: &'a mut Weights,
    /// The first thing that was wrong.
    error: Option<WeightsError>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, shape) = (self.path.join("."), param.val().dims());
        let data = match take_checked(self.weights, &name, &shape) {
            Ok(Some(data)) => data,
            found => {
                let missing = WeightsError::Missing {
                    name,
                    expected: shape.to_vec(),
                };
                self.error.get_or_insert(found.err().unwrap_or(missing));
                return param;
            }
        };
        param.map(|old| {
            let data = TensorData::new(data, shape).convert_dtype(old.dtype());
            let new = Tensor::<D>::from_data(data, &old.device()).detach();
            new.set_require_grad(old.is_require_grad())
        })
    }
}
