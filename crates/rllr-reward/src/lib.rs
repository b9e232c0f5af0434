//! What a policy is rewarded for: pairwise losses of reward models, and rewards made of their scores.
//!
//! A score is one number per response, a reward one per token. In reading order: [`Reward`] makes a score of what
//! reward models and the rule say, [`MissingEos`] and [`ScoreNormalization`] finish it, [`token_rewards`] spreads it
//! over the tokens.
//!
//! **Tensors or slices.** What is differentiated is a function of tensors: the pairwise losses and [`kl_in_loss`].
//! What is computed once per rollout is a function of slices on the host: a rollout is read back once anyway, these
//! are a few numbers per response, plain loops over them look like the equations and need no device to test, and a
//! GPU would be asked for some forty tiny kernels. A response is one row, `[response_len]`; what runs over a batch
//! takes all its numbers flat. Slices hold `f32`, as they come from the device; sums and moments are `f64`.
//!
//! This crate does not generate, train or read data.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod pairwise_loss;
mod preference_metrics;
mod reward;
mod score_metrics;
mod mixed_score;
mod stratified_score;
mod exact_label;
mod length_penalty;
mod unparsable;
mod score_normalization;
mod kl;
mod token_rewards;
mod rounding;

#[cfg(test)]
mod finite_differences;

pub use exact_label::{Verdict, exact_label_score};
pub use kl::{KlClamps, KlEstimator, full_kl, kl_in_loss, kl_per_token};
pub use length_penalty::{MissingEos, overlong_penalty};
pub use mixed_score::{QuantileError, label_threshold_at_quantile, mixed_score, share_above};
pub use pairwise_loss::{
    ComparedTokens, WindowEnd, bradley_terry_losses, bradley_terry_losses_with_margins, centering_penalties,
    compared_tokens, scores_at, token_averaged_losses,
};
pub use preference_metrics::{PreferenceMetrics, label_sensitivity};
pub use reward::{Part, Reward, RewardError, ScoreParts};
pub use score_metrics::ScoreMetrics;
pub use score_normalization::{
    ReferenceError, ReferenceScale, RunningMoments, ScoreNormalization, clip_scores, mean_and_std,
};
pub use stratified_score::{Stratification, StratificationError, prompt_weight, stratified_scores};
pub use token_rewards::{EmptyResponse, ScorePosition, token_rewards};
pub use unparsable::UnparsableResponse;
