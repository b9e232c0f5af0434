//! What each method of the comparison came to.

use std::collections::BTreeMap;

use rllr_eval::Evaluation;
use rllr_train::Metrics;
use rllr_train::pipeline::Method;
use serde::Serialize;

/// What one method came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MethodResult {
    pub(super) method: Method,
    pub(super) seed: u64,
    /// On examples of the generator that nothing was trained on.
    pub(super) held_out: Evaluation,
    /// On the hand-written test items.
    pub(super) test: Evaluation,
    /// The last evaluation of the reward models that it used, by their kind.
    pub(super) reward_models: BTreeMap<&'static str, Metrics>,
    /// The score of the best method without a network, on the held-out examples.
    pub(super) floor: f64,
    /// The label threshold of RLLR-mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label_threshold: Option<f32>,
    pub(super) seconds: f64,
}
