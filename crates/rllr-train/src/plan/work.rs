//! Floating-point operations.

use rllr_model::CausalLmConfig;

use super::{PassSize, TrainedPart};
use crate::checkpointing::Checkpointing;

/// Operations of a forward pass: `2 N (P + s V D) + 4 N T L A / 2`.
///
/// `P` are the parameters of the blocks, each multiplied and added once a slot; `V D` those of the output layer, for
/// the share `s` of slots whose tokens are scored; the last term are scores and weighted values of `T` positions in
/// `L` blocks whose heads are `A` wide together, of which half lie behind a token (Kaplan et al. 2020, arXiv 2001.08361,
/// table 1, which leaves out the half).
#[must_use]
pub fn forward_flops(config: &CausalLmConfig, pass: PassSize, scored_share: f64) -> f64 {
    let output_layer = (config.vocab_size * config.hidden_size) as f64;
    let embeddings = if config.tie_word_embeddings { 1.0 } else { 2.0 };
    let blocks = config.num_parameters() as f64 - embeddings * output_layer;
    let heads = (config.num_attention_heads * config.head_dim) as f64;
    let attention = 2.0 * pass.len as f64 * config.num_hidden_layers as f64 * heads;
    pass.slots() * (2.0 * (blocks + scored_share * output_layer) + attention)
}

/// Forward passes that a training step is worth: the backward pass costs two of them, one for the gradients of
/// activations and one for those of weights, which a frozen model does not need; with checkpointing the blocks are
/// computed a second time.
pub(super) fn passes_of_training(trained: TrainedPart<'_>, checkpointing: Checkpointing) -> f64 {
    let backward = match trained {
        TrainedPart::Full => 2.0,
        TrainedPart::Adapter(_) => 1.0,
    };
    let again = match checkpointing {
        Checkpointing::None => 0.0,
        Checkpointing::PerBlock => 1.0,
    };
    1.0 + backward + again
}
