//! Operations whose derivatives are written by hand, for numbers in the processor's own memory.
//!
//! Made of Burn's operations, each of these is a handful of passes over memory forward and twice as many backward, and the
//! graph keeps what lies between them. Beside matrix products that is most of the time of a small model. Here each is one
//! pass forward and one backward. On other devices, where programs cannot touch the numbers, the same is made of Burn's
//! operations; callers ask [`is_at_hand`] first.

#[cfg(test)]
mod tests;

mod attention;
mod gated_silu;
pub(crate) mod panels;
mod rms_norm;
mod rotation;

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Device, Tensor};

use crate::exponentials::LANES;
use crate::host::is_on_host;

pub(crate) use attention::attention;
pub(crate) use gated_silu::gated_silu;
pub(crate) use rms_norm::rms_norm;
pub(crate) use rotation::rotate;

/// A tensor as the CPU's backend has it.
type Numbers = FloatTensor<Flex>;

/// The same as a node of the graph.
type Argument = FloatTensor<Autodiff<Flex>>;

/// Whether the operations of this module take a tensor: its numbers are f32 in the memory of the processor that runs this.
pub(crate) fn is_at_hand<const D: usize>(x: &Tensor<D>) -> bool {
    let with_graph = || x.dtype() == DType::F32 && x.device() == Device::flex().autodiff();
    is_on_host(x) || with_graph()
}

/// What the backward pass of an operation of `N` arguments needs.
trait Derivative<const N: usize>: Clone + Debug + Send + 'static {
    /// From the gradient of what the operation returned those of its arguments.
    fn gradients(self, gradient: Numbers) -> [Numbers; N];
}

/// The operation as a node of Burn's graph.
#[derive(Debug)]
struct Node<S>(PhantomData<fn() -> S>);

impl<const N: usize, S: Derivative<N>> Backward<Flex, N> for Node<S> {
    type State = S;

    fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradients = ops.state.gradients(grads.consume::<Flex>(&ops.node));
        for (argument, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(argument) = argument {
                grads.register::<Flex>(argument.id, gradient);
            }
        }
    }
}

/// `value` as what an operation makes of `arguments`, to be differentiated by `derivative`.
fn differentiable<const N: usize, const D: usize, S: Derivative<N>>(
    arguments: &[Argument; N],
    value: Tensor<D>,
    derivative: S,
) -> Tensor<D> {
    let nodes = arguments.each_ref().map(|argument| argument.node());
    let node = Node(PhantomData).prepare::<NoCheckpointing>(nodes);
    let value = match node.compute_bound().stateful() {
        OpsKind::Tracked(node) => node.finish(derivative, numbers(value)),
        OpsKind::UnTracked(node) => node.finish(numbers(value)),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(value)
}

/// A tensor as an argument of [`differentiable`]; a constant where it has no graph.
fn argument<const D: usize>(x: Tensor<D>) -> Argument {
    let x = if x.is_autodiff() { x } else { Tensor::from_inner(x) };
    let argument = x.try_into_primitive::<Autodiff<Flex>>();
    argument.expect("the tensor is on the CPU, with autodiff")
}

/// A tensor without its graph, however its numbers lie.
fn primitive<const D: usize>(x: Tensor<D>) -> Numbers {
    let primitive = x.inner().try_into_primitive::<Flex>();
    primitive.expect("the tensor is on the CPU")
}

/// A tensor without its graph, one number after the other.
fn numbers<const D: usize>(x: Tensor<D>) -> Numbers {
    primitive(x).to_contiguous()
}

/// The inverse of [`numbers`].
fn tensor<const D: usize>(numbers: Numbers) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(numbers)
}

/// The numbers of a tensor of [`numbers`].
fn floats(numbers: &Numbers) -> &[f32] {
    numbers.as_slice().expect("f32, one after the other")
}

/// The steps from a row of `[batch, heads, columns, head_dim]` to the next, by batch, head and column.
type Places = [usize; 3];

/// A tensor whose rows lie in one piece, where the first begins, and the steps to others.
fn rows_of(x: Numbers) -> (Numbers, usize, Places) {
    let is_whole = |x: &Numbers| {
        let strides = x.layout().strides();
        strides[3] == 1 && strides.iter().all(|stride| *stride >= 0)
    };
    let x = if is_whole(&x) { x } else { x.to_contiguous() };
    let strides = x.layout().strides();
    let places = [strides[0], strides[1], strides[2]].map(isize::unsigned_abs);
    let start = x.layout().start_offset();
    (x, start, places)
}

/// The product of two rows, in lanes that are summed last.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}
