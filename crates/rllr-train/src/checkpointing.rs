//! Gradients of a decoder whose inner activations do not fit into memory.

use std::ops::Range;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};
use rllr_model::{Decoder, DecoderInput, LoraAdapter};
use serde::{Deserialize, Serialize};

/// What is kept of the forward pass until the backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checkpointing {
    /// Everything that gradients are computed from.
    #[default]
    None,
    /// The input of each block; what is inside a block is computed a second time.
    ///
    /// A step takes a third longer, and its memory grows by one hidden state a block instead of some twenty, and by no
    /// attention score.
    PerBlock,
}

/// A forward pass through a decoder that is to be differentiated.
#[derive(Clone)]
pub struct DecoderPass<'a> {
    /// The decoder; frozen when it is on a device without autodiff.
    pub decoder: &'a Decoder,
    /// The adapter that is on.
    pub adapter: Option<&'a LoraAdapter>,
    /// The tokens.
    pub input: &'a DecoderInput,
    /// The columns whose hidden states the loss reads. Of the others, the last block computes keys and values only.
    pub columns: Range<usize>,
}

impl<'a> DecoderPass<'a> {
    /// A pass whose loss reads all hidden states.
    #[must_use]
    pub fn of_all_columns(
        decoder: &'a Decoder,
        adapter: Option<&'a LoraAdapter>,
        input: &'a DecoderInput,
    ) -> Self {
        let [_, seq_len] = input.tokens.dims();
        Self {
            decoder,
            adapter,
            input,
            columns: 0..seq_len,
        }
    }
}

/// Gradients of a loss on the decoder's hidden states, by the parameters of `trained`.
///
/// `loss` gets the hidden states of the pass's columns, `[batch, columns, d_model]`, and returns what is differentiated, `[1]`, and anything
/// else that the caller wants to know. `trained` is whatever has parameters in the pass or the loss: a model, an
/// adapter, a pair of an adapter and a head.
///
/// Burn recomputes single operations, never a block of them. So with [`Checkpointing::PerBlock`] the blocks run without
/// autodiff first. The loss is differentiated by the last hidden state; then each block, from the last to the first, is
/// computed again from its input and differentiated by its parameters and that input, `∂(Σ output · g)` with `g` the
/// gradient of its output, and forgotten. The method is that of Chen et al. 2016 (arXiv 1604.06174).
///
/// A pass belongs to one adapter. Another adapter that was switched on in between cannot come into the second
/// computation, because nothing is switched: the adapter is an argument.
pub fn gradients<M: Module, T>(
    checkpointing: Checkpointing,
    pass: DecoderPass<'_>,
    trained: &M,
    loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
) -> (GradientsParams, T) {
    match checkpointing {
        Checkpointing::None => {
            let hidden = pass
                .decoder
                .forward_columns(pass.input, pass.adapter, pass.columns);
            let (loss, result) = loss(hidden);
            (GradientsParams::from_grads(loss.backward(), trained), result)
        }
        Checkpointing::PerBlock => block_by_block(pass, trained, loss),
    }
}

fn block_by_block<M: Module, T>(
    pass: DecoderPass<'_>,
    trained: &M,
    loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
) -> (GradientsParams, T) {
    let DecoderPass {
        decoder,
        adapter,
        input,
        columns,
    } = pass;
    let input = without_autodiff(input);
    let mut sum = GradientSum::new(trained);

    // 1. Forward, keeping the blocks' inputs.
    let (mut block_inputs, last) = forward(decoder, adapter, &input, &columns);

    // 2. The loss, down to the last block's output.
    let leaf = Tensor::from_inner(last).require_grad();
    let (loss, result) = loss(decoder.normalize(leaf.clone()));
    let mut gradient = sum.take_up(loss.backward(), &leaf);
    drop((loss, leaf));

    // 3. The blocks, from the last to the first.
    let shared = decoder.pass(&input, adapter);
    let [_, seq_len] = input.tokens.dims();
    let mut wanted = columns;
    for layer in (0..decoder.num_blocks()).rev() {
        let block_input = block_inputs.pop().expect("every block's input was kept");
        let leaf = Tensor::from_inner(block_input).require_grad();
        let output = decoder.block_columns(layer, leaf.clone(), &shared, &wanted);
        let product = (output * Tensor::from_inner(gradient)).sum();
        gradient = sum.take_up(product.backward(), &leaf);
        wanted = 0..seq_len;
    }

    // 4. The embedding, unless it is frozen.
    let embedded = decoder.embed(&input);
    if embedded.is_tracked() {
        let product = (embedded * Tensor::from_inner(gradient)).sum();
        sum.add(product.backward());
    }
    (sum.gradients, result)
}

/// Inputs of all blocks, `[batch, seq_len, d_model]`, and columns of the last one's output, `[batch, columns, d_model]`,
/// without autodiff.
fn forward(
    decoder: &Decoder,
    adapter: Option<&LoraAdapter>,
    input: &DecoderInput,
    columns: &Range<usize>,
) -> (Vec<Tensor<3>>, Tensor<3>) {
    let decoder = decoder.valid();
    let adapter = adapter.map(LoraAdapter::valid);
    let shared = decoder.pass(input, adapter.as_ref());
    let mut x = decoder.embed(input);
    let mut inputs = Vec::with_capacity(decoder.num_blocks());
    let last = decoder.num_blocks() - 1;
    for layer in 0..last {
        inputs.push(x.clone());
        x = decoder.block(layer, x, &shared);
    }
    inputs.push(x.clone());
    (inputs, decoder.block_columns(last, x, &shared, columns))
}

fn without_autodiff(input: &DecoderInput) -> DecoderInput {
    let DecoderInput {
        tokens,
        key_positions,
        attention_bias,
    } = input.clone();
    DecoderInput {
        tokens: tokens.inner(),
        key_positions: key_positions.inner(),
        attention_bias: attention_bias.map(Tensor::inner),
    }
}

/// Gradients of several backward passes, added up by parameter.
struct GradientSum<'a, M> {
    trained: &'a M,
    gradients: GradientsParams,
}

impl<'a, M: Module> GradientSum<'a, M> {
    fn new(trained: &'a M) -> Self {
        Self {
            trained,
            gradients: GradientsParams::new(),
        }
    }

    /// Adds a backward pass, and returns the gradient of the tensor that it began at.
    fn take_up(&mut self, mut found: Gradients, leaf: &Tensor<3>) -> Tensor<3> {
        let gradient = leaf.grad_remove(&mut found);
        self.add(found);
        gradient.expect("the pass began at this tensor")
    }

    fn add(&mut self, mut found: Gradients) {
        self.trained.visit(&mut Adder {
            found: &mut found,
            sum: &mut self.gradients,
        });
    }
}

struct Adder<'a> {
    found: &'a mut Gradients,
    sum: &'a mut GradientsParams,
}

impl ModuleVisitor for Adder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(found) = param.val().grad_remove(self.found) else {
            return;
        };
        let sum = match self.sum.remove::<D>(param.id) {
            Some(sum) => sum + found,
            None => found,
        };
        self.sum.register::<D>(param.id, sum);
    }
}

#[cfg(test)]
mod tests;
