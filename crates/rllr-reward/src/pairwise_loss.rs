//! Losses that teach a reward model to prefer the chosen answer of a pair.
//!
//! Two losses are in use, and a reward model trained with one is not the model trained with the other.
//! *Last token*: [`bradley_terry_losses`] on one score per answer. *Token-averaged*: [`token_averaged_losses`] on the
//! scalar head's values at every token from where the two answers part; the released RLLR code trains with it.
//! A label-sensitive pair parts where the rationales do, so the second loss asks every token after that to know
//! already which answer is right.
//!
//! All return one loss per pair. Their mean runs over the pairs of a whole optimiser step, which only the caller knows.

use std::ops::Range;

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

#[cfg(test)]
#[path = "pairwise_loss/tests.rs"]
mod tests;

/// How improbable each observed preference is under the scores.
///
/// `L = −log σ(r_chosen − r_rejected)`
///
/// Source: Bradley and Terry 1952, as used by TRL 1.12's `RewardTrainer` and OpenRLHF 0.11.
///
/// # Shapes
///
/// - `chosen`, `rejected`: scores of the two answers of each pair, `[batch]`
/// - output: `[batch]`
#[must_use]
pub fn bradley_terry_losses(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    -log_sigmoid(chosen - rejected)
}

/// [`bradley_terry_losses`] that ask for a distance between the two scores.
///
/// `L = −log σ(r_chosen − r_rejected − margin)`
///
/// Source: Llama 2 (arXiv 2307.09288), equation 2; TRL 1.12's `RewardTrainer`.
///
/// # Shapes
///
/// - `chosen`, `rejected`, `margins`: `[batch]`
/// - output: `[batch]`
#[must_use]
pub fn bradley_terry_losses_with_margins(
    chosen: Tensor<1>,
    rejected: Tensor<1>,
    margins: Tensor<1>,
) -> Tensor<1> {
    -log_sigmoid(chosen - rejected - margins)
}

/// What keeps scores around zero: preferences alone leave their common offset free.
///
/// `C = (r_chosen + r_rejected)²`, added to the loss with a small coefficient (0.01 in TRL's documentation).
///
/// Source: Eisenstein et al. 2023 (arXiv 2312.09244); TRL 1.12's `center_rewards_coefficient`.
///
/// # Shapes
///
/// - `chosen`, `rejected`: `[batch]`
/// - output: `[batch]`
#[must_use]
pub fn centering_penalties(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    (chosen + rejected).square()
}

/// Where the tokens end that [`token_averaged_losses`] compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// With the shorter answer, so that no padding is read (`stop_at_padding` true). The project's default.
    #[default]
    ShorterAnswer,
    /// With the longer answer, so that values on the padding of the shorter one count (`stop_at_padding` false):
    /// the released RLLR code, trlX 0.7, DeepSpeed-Chat.
    LongerAnswer,
}

/// Which tokens of a pair [`token_averaged_losses`] compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComparedTokens {
    /// The same positions of both answers.
    Window(Range<usize>),
    /// The last token of each answer, when one ends before they part.
    LastTokens {
        /// Its position in the chosen answer.
        chosen: usize,
        /// Its position in the rejected answer.
        rejected: usize,
    },
}

/// Which tokens of a pair are compared: from where the two first differ to `end`.
///
/// Identical answers are compared at their last token, as in the released code; the loss is then `ln 2` when the
/// values agree, whatever they are.
///
/// Source: RLLR (arXiv 2405.19763), the released code's reward trainer, after trlX 0.7. That code takes a token after
/// the end of the shorter answer for equal when it has the padding's id; lengths are explicit here.
///
/// - `chosen`, `rejected`: token ids of prompt and answer, without padding
#[must_use]
pub fn compared_tokens(chosen: &[u32], rejected: &[u32], end: WindowEnd) -> ComparedTokens {
    assert!(
        !chosen.is_empty() && !rejected.is_empty(),
        "both sides of a pair hold tokens"
    );
    let (chosen_len, rejected_len) = (chosen.len(), rejected.len());
    if chosen == rejected {
        return ComparedTokens::Window(chosen_len - 1..chosen_len);
    }
    let equal = chosen.iter().zip(rejected).take_while(|(c, r)| c == r).count();
    let end = match end {
        WindowEnd::ShorterAnswer => chosen_len.min(rejected_len),
        WindowEnd::LongerAnswer => chosen_len.max(rejected_len),
    };
    if equal < end {
        ComparedTokens::Window(equal..end)
    } else {
        ComparedTokens::LastTokens {
            chosen: chosen_len - 1,
            rejected: rejected_len - 1,
        }
    }
}

/// How improbable each preference is under the values of all tokens since the answers parted.
///
/// `L = mean over compared t of −log σ((v_chosen,t − v_rejected,t) / T)`
///
/// Source: RLLR (arXiv 2405.19763), the released code's reward trainer; `T` is its `bpr_temperature`, 1 in every script.
///
/// # Shapes
///
/// - `chosen_values`, `rejected_values`: the scalar head at every token, right-padded, `[batch, seq_len]`
/// - `compared`: of each pair, [`compared_tokens`]
/// - output: `[batch]`
#[must_use]
pub fn token_averaged_losses(
    chosen_values: Tensor<2>,
    rejected_values: Tensor<2>,
    compared: &[ComparedTokens],
    bpr_temperature: f64,
) -> Tensor<1> {
    let [batch, seq_len] = chosen_values.dims();
    assert_eq!(compared.len(), batch, "one choice of tokens per pair");
    let slots = Slots::new(compared, seq_len, &chosen_values.device());
    let differences = chosen_values.gather(1, slots.chosen) - rejected_values.gather(1, slots.rejected);
    let losses = -log_sigmoid(differences / bpr_temperature);
    (losses * slots.weights).sum_dim(1).squeeze_dim(1)
}

/// The value of each row at one position: an answer's score at its last token.
///
/// # Shapes
///
/// - `values`: `[batch, seq_len]`
/// - `positions`: one per row
/// - output: `[batch]`
#[must_use]
pub fn scores_at(values: Tensor<2>, positions: &[usize]) -> Tensor<1> {
    let [batch, seq_len] = values.dims();
    assert_eq!(positions.len(), batch, "one position per row");
    let positions = positions.iter().map(|&at| position(at, seq_len)).collect();
    let positions = index(positions, [batch, 1], &values.device());
    values.gather(1, positions).squeeze_dim(1)
}

/// The compared tokens of a batch as a rectangle: only these values are read.
struct Slots {
    /// Positions in the chosen answers, `[batch, slots]`.
    chosen: Tensor<2, Int>,
    /// Positions in the rejected answers, `[batch, slots]`.
    rejected: Tensor<2, Int>,
    /// `1 / number of compared tokens` of the pair, 0 in slots that it does not use, `[batch, slots]`.
    weights: Tensor<2>,
}

impl Slots {
    fn new(compared: &[ComparedTokens], seq_len: usize, device: &Device) -> Self {
        let positions: Vec<_> = compared.iter().map(ComparedTokens::positions).collect();
        let slots = positions.iter().map(Vec::len).max().unwrap_or(0);
        let shape = [compared.len(), slots];
        let (mut chosen, mut rejected, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for positions in positions {
            for slot in 0..slots {
                // A slot that the pair does not need reads the first one again; a weight of 0 keeps it out.
                let (c, r) = *positions.get(slot).unwrap_or(&positions[0]);
                chosen.push(position(c, seq_len));
                rejected.push(position(r, seq_len));
                let needed = slot < positions.len();
                weights.push(if needed { 1.0 / positions.len() as f32 } else { 0.0 });
            }
        }
        Self {
            chosen: index(chosen, shape, device),
            rejected: index(rejected, shape, device),
            weights: Tensor::from_data(TensorData::new(weights, shape), device),
        }
    }
}

impl ComparedTokens {
    /// The first position that is read, in either answer.
    #[must_use]
    pub fn first(&self) -> usize {
        match self {
            Self::Window(window) => window.start,
            Self::LastTokens { chosen, rejected } => *chosen.min(rejected),
        }
    }

    /// The same tokens where the first `count` positions are left out.
    ///
    /// # Panics
    ///
    /// When a token that is compared is left out.
    #[must_use]
    pub fn without_first(&self, count: usize) -> Self {
        assert!(count <= self.first(), "position {} is compared", self.first());
        match self {
            Self::Window(window) => Self::Window(window.start - count..window.end - count),
            Self::LastTokens { chosen, rejected } => Self::LastTokens {
                chosen: chosen - count,
                rejected: rejected - count,
            },
        }
    }

    /// Positions in the chosen and in the rejected answer, at least one pair of them.
    fn positions(&self) -> Vec<(usize, usize)> {
        match self {
            Self::Window(window) => {
                assert!(!window.is_empty(), "a window holds a token");
                window.clone().map(|t| (t, t)).collect()
            }
            Self::LastTokens { chosen, rejected } => vec![(*chosen, *rejected)],
        }
    }
}

fn position(at: usize, seq_len: usize) -> i32 {
    assert!(at < seq_len, "token {at} of rows with {seq_len} tokens");
    i32::try_from(at).expect("a row is shorter than 2³¹ tokens")
}

fn index(positions: Vec<i32>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(positions, shape), device)
}
