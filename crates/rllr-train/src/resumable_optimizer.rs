//! Optimisers whose state can be taken and given back without waiting for the device.
//!
//! Burn reads an optimiser's tensors the moment it is asked for its state. In the page such a read panics, and a large
//! model would have to fit the host's memory twice. [`resumable`] makes a [`ModuleOptimizer`] that computes with Burn's
//! Adam or AdamW, bit for bit, and whose moments stay on the device until a checkpoint reads them piece by piece.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    Adam, AdamState, AdamW, AdamWState, AdaptiveMomentumState, GradientsParams, LearningRate,
    ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource,
};
use burn::tensor::{Device, Tensor};
use rllr_model::is_on_host;

use crate::adam_in_one_pass::AdamInOnePass;

#[cfg(test)]
mod tests;

/// An optimiser of Adam's family: all that it remembers of a parameter are its moments and a count of steps.
pub trait MomentOptimizer: Optimizer {
    /// The moments of a state.
    fn moments<const D: usize>(state: &Self::State<D>) -> &AdaptiveMomentumState<D>;

    /// The moments of a state that is needed no more.
    fn into_moments<const D: usize>(state: Self::State<D>) -> AdaptiveMomentumState<D>;

    /// The state with these moments.
    fn from_moments<const D: usize>(moments: AdaptiveMomentumState<D>) -> Self::State<D>;
}

impl MomentOptimizer for Adam {
    fn moments<const D: usize>(state: &Self::State<D>) -> &AdaptiveMomentumState<D> {
        &state.momentum
    }

    fn into_moments<const D: usize>(state: Self::State<D>) -> AdaptiveMomentumState<D> {
        state.momentum
    }

    fn from_moments<const D: usize>(momentum: AdaptiveMomentumState<D>) -> Self::State<D> {
        AdamState { momentum }
    }
}

impl MomentOptimizer for AdamW {
    fn moments<const D: usize>(state: &Self::State<D>) -> &AdaptiveMomentumState<D> {
        &state.momentum
    }

    fn into_moments<const D: usize>(state: Self::State<D>) -> AdaptiveMomentumState<D> {
        state.momentum
    }

    fn from_moments<const D: usize>(momentum: AdaptiveMomentumState<D>) -> Self::State<D> {
        AdamWState { momentum }
    }
}

/// The optimiser, for a module whose training can be resumed. Computes what `optimizer` computes.
#[must_use]
pub fn resumable(optimizer: impl MomentOptimizer) -> ModuleOptimizer {
    let in_one_pass = None;
    ModuleOptimizer::from(Resumable {
        optimizer,
        in_one_pass,
    })
}

/// [`resumable`], and in one pass where that can be.
///
/// - `in_one_pass`: computes what `optimizer` computes
#[must_use]
pub(crate) fn resumable_in_one_pass(
    optimizer: impl MomentOptimizer,
    in_one_pass: AdamInOnePass,
) -> ModuleOptimizer {
    let in_one_pass = Some(in_one_pass);
    ModuleOptimizer::from(Resumable {
        optimizer,
        in_one_pass,
    })
}

/// What an optimiser remembers of one parameter, still on the device.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    /// Steps that the parameter had.
    pub(crate) step: usize,
    /// Length of each axis of the parameter.
    pub(crate) shape: Vec<usize>,
    /// The running mean of gradients, row-major.
    pub(crate) exp_avg: Tensor<1>,
    /// The running mean of squared gradients, row-major.
    pub(crate) exp_avg_sq: Tensor<1>,
    /// The largest mean of squares so far, row-major; only with AMSGrad.
    pub(crate) max_exp_avg_sq: Option<Tensor<1>>,
}

/// Moments by Burn's number of the parameter.
pub(crate) type AllMoments = BTreeMap<u64, Moments>;

/// The optimiser keeps its state in a form that only Burn can read; [`resumable`] makes one that does not.
#[derive(Debug)]
pub(crate) struct NotResumable;

/// The moments of all parameters that were trained. Nothing is read: tensors are shared.
pub(crate) fn take_moments(optimizer: &ModuleOptimizer) -> Result<AllMoments, NotResumable> {
    let (record, moments) = with_shelf(AllMoments::new(), || optimizer.to_record());
    if record.is_empty() {
        Ok(moments)
    } else {
        Err(NotResumable)
    }
}

/// The optimiser as if it had trained `module` before. What it knew is forgotten.
///
/// Parameters are those that `module` has now; moments of others do nothing.
pub(crate) fn put_moments(
    mut optimizer: ModuleOptimizer,
    module: &impl Module,
    moments: AllMoments,
) -> Result<ModuleOptimizer, NotResumable> {
    // Burn takes back only what it has written, and writes only what it has stepped: a step of length 0 on gradients
    // of 0 makes a record with today's parameters, into which the moments are put.
    let mut zeros = ZeroGradients {
        wanted: &moments,
        gradients: GradientsParams::new(),
    };
    module.visit(&mut zeros);
    drop(optimizer.step(0.0, module.clone(), zeros.gradients));
    let (record, _) = with_shelf(AllMoments::new(), || optimizer.to_record());
    if !record.is_empty() {
        return Err(NotResumable);
    }
    let (optimizer, _) = with_shelf(moments, || optimizer.load_record(record));
    Ok(optimizer)
}

thread_local! {
    /// Where moments lie while Burn writes or reads a record: its functions for that have no argument of ours, and
    /// would otherwise read the device. Nothing lies there between two calls of [`with_shelf`].
    static SHELF: RefCell<Option<AllMoments>> = const { RefCell::new(None) };
}

/// Runs `work` with `moments` on the shelf; returns its result and what then lies there.
fn with_shelf<R>(moments: AllMoments, work: impl FnOnce() -> R) -> (R, AllMoments) {
    SHELF.with(|shelf| *shelf.borrow_mut() = Some(moments));
    let result = work();
    let left = SHELF.with(|shelf| shelf.borrow_mut().take());
    (result, left.unwrap_or_default())
}

/// The optimiser inside [`resumable`]'s.
#[derive(Clone)]
struct Resumable<O> {
    optimizer: O,
    in_one_pass: Option<AdamInOnePass>,
}

/// A state of the optimiser inside.
#[derive(Clone)]
struct ResumableState<O: MomentOptimizer, const D: usize>(O::State<D>);

impl<O: MomentOptimizer> Optimizer for Resumable<O> {
    type State<const D: usize> = ResumableState<O, D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        // The first step makes the moments, and needs no speed.
        if let (Some(in_one_pass), Some(_)) = (&self.in_one_pass, &state)
            && [&tensor, &grad].into_iter().all(is_on_host)
            && let Some(ResumableState(state)) = state
        {
            let moments = O::into_moments::<D>(state);
            let (tensor, moments) = in_one_pass.step(lr, tensor, grad, moments);
            return (tensor, Some(ResumableState(O::from_moments(moments))));
        }
        let (tensor, state) = self.optimizer.step(lr, tensor, grad, state.map(|state| state.0));
        (tensor, state.map(ResumableState))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        ResumableState(O::to_device(state.0, device))
    }
}

impl<O: MomentOptimizer, const D: usize> RecordState for ResumableState<O, D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        let is_shelved = SHELF.with(|shelf| match (shelf.borrow_mut().as_mut(), prefix.parse()) {
            (Some(shelf), Ok(parameter)) => {
                shelf.insert(parameter, Moments::of(O::moments(&self.0)));
                true
            }
            _ => false,
        });
        // Somebody else asks, in Burn's own way.
        if !is_shelved {
            self.0.state_flatten(prefix, out);
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let found = SHELF.with(|shelf| {
            let mut shelf = shelf.borrow_mut();
            let parameter = prefix.parse().ok();
            shelf
                .as_mut()
                .map(|shelf| parameter.and_then(|p: u64| shelf.remove(&p)))
        });
        let state = match found {
            Some(moments) => O::from_moments(moments?.with_rank()),
            None => O::State::<D>::state_unflatten(prefix, source, device)?,
        };
        Some(Self(state))
    }
}

impl Moments {
    fn of<const D: usize>(state: &AdaptiveMomentumState<D>) -> Self {
        let shape = state.moment_1.dims();
        let flat = |tensor: &Tensor<D>| tensor.clone().reshape([shape.iter().product::<usize>()]);
        Self {
            step: state.time,
            shape: shape.to_vec(),
            exp_avg: flat(&state.moment_1),
            exp_avg_sq: flat(&state.moment_2),
            max_exp_avg_sq: state.max_moment_2.as_ref().map(flat),
        }
    }

    /// The state of a parameter with `D` axes, as many as `shape` has.
    fn with_rank<const D: usize>(self) -> AdaptiveMomentumState<D> {
        let shape: [usize; D] = self
            .shape
            .try_into()
            .expect("moments have their parameter's axes");
        let shaped = |tensor: Tensor<1>| tensor.reshape(shape);
        AdaptiveMomentumState {
            time: self.step,
            moment_1: shaped(self.exp_avg),
            moment_2: shaped(self.exp_avg_sq),
            max_moment_2: self.max_exp_avg_sq.map(shaped),
        }
    }
}

/// Gradients of 0 for the parameters that have moments.
struct ZeroGradients<'a> {
    wanted: &'a AllMoments,
    gradients: GradientsParams,
}

impl ModuleVisitor for ZeroGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.wanted.contains_key(&param.id.val()) {
            let zeros = param.val().without_autodiff().zeros_like();
            self.gradients.register::<D>(param.id, zeros);
        }
    }
}
