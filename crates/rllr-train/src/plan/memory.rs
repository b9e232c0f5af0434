//! Bytes, term by term.

use rllr_model::{CausalLmConfig, LoraError, Scoring, TargetModules, lora_parameters};

use super::{PassSize, PlannedModel, TrainedPart};
use crate::checkpointing::Checkpointing;

/// The program, its threads and the backend's buffers: what a process has before it has a model, and what the allocator
/// does not give back.
const PROGRAM_BYTES: f64 = 10e6;

/// Bytes of a number.
const F32: f64 = 4.0;

/// Tensors of a chunk of logits that are alive at the same time: logits, their exponentials, probabilities and gradient.
const CHUNK_TENSORS: f64 = 4.0;

/// What a block keeps for its backward pass, in numbers a slot; see [`activation_bytes`].
struct Kept {
    /// Vectors of the model's width.
    widths: f64,
    /// Vectors of the feed-forward layer's width.
    inner: f64,
    /// Rows of attention weights a head.
    attention: f64,
}

/// All weights are trained.
const KEPT_FULL: Kept = Kept {
    widths: 6.0,
    inner: 3.0,
    attention: 0.55,
};

/// An adapter is trained: products with frozen matrices keep no input.
const KEPT_ADAPTER: Kept = Kept {
    widths: 5.0,
    inner: 2.0,
    attention: 0.55,
};

/// Nothing is differentiated: what is alive in the middle of a block.
const ALIVE: Kept = Kept {
    widths: 6.0,
    inner: 3.0,
    attention: 0.55,
};

/// What a stage keeps in memory, by phase: a stage needs as much as its largest phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryPlan {
    /// What happens one after the other.
    pub phases: Vec<MemoryPhase>,
}

/// What is in memory at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPhase {
    /// Its name, such as `learning`.
    pub name: &'static str,
    /// What it consists of.
    pub terms: Vec<MemoryTerm>,
}

/// One use of memory.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryTerm {
    /// What for.
    pub name: &'static str,
    /// How much.
    pub bytes: u64,
}

/// A model that is in memory during a stage.
#[derive(Clone, Copy, Debug)]
pub struct ModelInMemory {
    /// Bytes of its weights.
    pub weights: f64,
    /// Parameters that are trained.
    pub trained: f64,
}

impl MemoryPlan {
    /// The largest phase; `None` of nothing.
    #[must_use]
    pub fn largest_phase(&self) -> Option<&MemoryPhase> {
        self.phases.iter().max_by_key(|phase| phase.bytes())
    }

    /// Bytes of the largest phase.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.largest_phase().map_or(0, MemoryPhase::bytes)
    }
}

impl MemoryPhase {
    /// Bytes of all terms.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.terms.iter().map(|term| term.bytes).sum()
    }

    pub(super) fn new(name: &'static str, terms: impl IntoIterator<Item = (&'static str, f64)>) -> Self {
        let program = std::iter::once(("program", PROGRAM_BYTES));
        let terms = program.chain(terms).filter(|(_, bytes)| *bytes > 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bytes of a machine are far below 2⁵³"
        )]
        let term = |(name, bytes): (&'static str, f64)| MemoryTerm {
            name,
            bytes: bytes.round() as u64,
        };
        Self {
            name,
            terms: terms.map(term).collect(),
        }
    }
}

/// Parameters that change: all of them, or those of the adapter, `Σ r (d_in + d_out)` over the adapted layers.
///
/// # Errors
///
/// [`LoraError`] for an adapter that the model cannot have.
pub fn trained_parameters(config: &CausalLmConfig, trained: TrainedPart<'_>) -> Result<u64, LoraError> {
    match trained {
        TrainedPart::Full => Ok(config.num_parameters()),
        TrainedPart::Adapter(lora) => lora_parameters(lora, config),
    }
}

impl ModelInMemory {
    /// A model of a plan: its weights once, and what is trained.
    ///
    /// # Errors
    ///
    /// As [`trained_parameters`].
    pub fn of(model: &PlannedModel<'_>) -> Result<Self, LoraError> {
        let parameters = model.config.num_parameters() as f64;
        let trained = trained_parameters(model.config, model.trained)? as f64;
        let weights = match model.trained {
            TrainedPart::Full => parameters * F32,
            TrainedPart::Adapter(_) => parameters * model.frozen_weight_bytes as f64 + trained * F32,
        };
        Ok(Self { weights, trained })
    }

    /// Another adapter on the same weights, or another whole model.
    pub(super) fn another(&self, trained: TrainedPart<'_>) -> Self {
        match trained {
            TrainedPart::Full => *self,
            TrainedPart::Adapter(_) => Self {
                weights: self.trained * F32,
                trained: self.trained,
            },
        }
    }

    /// The same, but frozen.
    pub(super) fn frozen(self) -> Self {
        Self { trained: 0.0, ..self }
    }
}

/// Weights, the two moments of Adam, and gradients: `4 (w + 2 t + g t)` bytes of `w` weights and `t` trained parameters.
///
/// - `gradient_sets`: 1, or 2 where gradients of several micro-batches are added up
pub(super) fn model_terms(models: &[ModelInMemory], gradient_sets: f64) -> Vec<(&'static str, f64)> {
    let trained: f64 = models.iter().map(|model| model.trained).sum();
    vec![
        ("weights", models.iter().map(|model| model.weights).sum()),
        ("optimizer", 2.0 * trained * F32),
        ("gradients", gradient_sets * trained * F32),
    ]
}

/// What is kept of a forward pass until its backward pass, in bytes.
///
/// With `N` slots of rows of `T`, `L` blocks, widths `D` and `F` (feed-forward), `K` the width of all keys, `H` heads:
/// `4 N L (a D + 2 K + b F + c H T)`. Of each block these are, with all weights trained and on the CPU: the block's input
/// and the sum after attention, both before and after normalisation, queries and attended values (`a = 6`); keys and
/// values; gate, up and what goes down (`b = 3`); the numerators of the attention weights, of which a causal mask hides
/// almost half (`c = 0.55`). An adapter keeps less, because a product with a frozen matrix does not need its input again
/// (`a = 5`, `b = 2`). The last block counts as far as its columns are read. What a GPU keeps was not measured: made of Burn's
/// operations, as it is there, the same took `a = 9`, `b = 4`, `c = 2` on the CPU.
///
/// With [`Checkpointing::PerBlock`] it is `4 N (L + 1) D`, the inputs of the blocks; a block is computed again when its
/// turn comes.
///
/// - `read`: share of the columns whose hidden states the loss reads
#[must_use]
pub fn activation_bytes(
    config: &CausalLmConfig,
    trained: TrainedPart<'_>,
    pass: PassSize,
    read: f64,
    checkpointing: Checkpointing,
) -> f64 {
    let layers = config.num_hidden_layers as f64;
    match checkpointing {
        Checkpointing::None => (layers - 1.0 + read) * F32 * block_numbers(config, &kept_by(trained), pass),
        Checkpointing::PerBlock => (layers + 1.0) * pass.slots() * config.hidden_size as f64 * F32,
    }
}

/// Adapters of every linear layer keep the input of each again.
fn kept_by(trained: TrainedPart<'_>) -> Kept {
    match trained {
        TrainedPart::Adapter(lora) if lora.target_modules != TargetModules::AllLinear => KEPT_ADAPTER,
        TrainedPart::Adapter(_) | TrainedPart::Full => KEPT_FULL,
    }
}

/// What is alive while a pass is computed that nobody differentiates, in bytes.
pub(super) fn inference_bytes(config: &CausalLmConfig, pass: PassSize) -> f64 {
    F32 * block_numbers(config, &ALIVE, pass)
}

fn block_numbers(config: &CausalLmConfig, kept: &Kept, pass: PassSize) -> f64 {
    let keys = (config.num_key_value_heads * config.head_dim) as f64;
    let attention = kept.attention * config.num_attention_heads as f64 * pass.len as f64;
    let slot = kept.widths * config.hidden_size as f64
        + 2.0 * keys
        + kept.inner * config.intermediate_size as f64
        + attention;
    slot * pass.slots()
}

/// The backward pass through one block: gradients of its two widest tensors, and with checkpointing the block itself,
/// computed again.
pub(super) fn backward_bytes(
    config: &CausalLmConfig,
    trained: TrainedPart<'_>,
    pass: PassSize,
    checkpointing: Checkpointing,
) -> f64 {
    let widest = config.intermediate_size.max(config.hidden_size) as f64;
    let gradients = F32 * pass.slots() * 2.0 * widest;
    match checkpointing {
        Checkpointing::None => gradients,
        Checkpointing::PerBlock => gradients + F32 * block_numbers(config, &kept_by(trained), pass),
    }
}

/// Logits of a chunk of rows, and the gradient of the output layer where it is trained.
pub(super) fn logits_bytes(config: &CausalLmConfig, trained: TrainedPart<'_>, pass: PassSize) -> f64 {
    let rows = (Scoring::default().rows_per_chunk as f64).min(pass.slots());
    let vocab_size = config.vocab_size as f64;
    let layer = match trained {
        TrainedPart::Full => vocab_size * config.hidden_size as f64,
        TrainedPart::Adapter(_) => 0.0,
    };
    F32 * (CHUNK_TENSORS * rows * vocab_size + layer)
}

/// Keys and values of all blocks: `2 · 4 N L K`.
pub(super) fn cache_bytes(config: &CausalLmConfig, pass: PassSize) -> f64 {
    let keys = (config.num_key_value_heads * config.head_dim) as f64;
    2.0 * F32 * pass.slots() * config.num_hidden_layers as f64 * keys
}

/// The copy that a model is laid out in for decoding, with its own output layer.
pub(super) fn decoding_copy_bytes(config: &CausalLmConfig) -> f64 {
    let tied = if config.tie_word_embeddings {
        (config.vocab_size * config.hidden_size) as f64
    } else {
        0.0
    };
    F32 * (config.num_parameters() as f64 + tied)
}
