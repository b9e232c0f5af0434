//! Whether a reward model looks at labels or at rationales.

use rllr_reward::label_sensitivity;

use crate::micro_batching::MicroBatching;
use crate::reward_models::RewardModels;
use crate::reward_step::RewardTrainingError;

/// Three rows of prompt and response, as token ids: the texts of `rllr_task`'s `SensitivityProbe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitivityRows {
    /// A label with the rationale for it.
    pub response: Vec<u32>,
    /// Another label with the same rationale.
    pub label_flipped: Vec<u32>,
    /// The same label with the rationale for the other one.
    pub rationale_swapped: Vec<u32>,
}

impl RewardModels {
    /// `S = mean |Δ score when only the label is flipped| / mean |Δ score when only the rationale is swapped|`.
    ///
    /// See [`rllr_reward::label_sensitivity`]; NaN without rows.
    ///
    /// # Errors
    ///
    /// See [`RewardModels::score`].
    pub async fn label_sensitivity(
        &self,
        rows: &[SensitivityRows],
        micro_batching: MicroBatching,
    ) -> Result<f64, RewardTrainingError> {
        let three = rows
            .iter()
            .flat_map(|rows| [&rows.response, &rows.label_flipped, &rows.rationale_swapped]);
        let scores = self.score(&three.collect::<Vec<_>>(), micro_batching).await?;
        let change = |to: usize| scores.chunks(3).map(move |three| three[to] - three[0]);
        let [label_changes, rationale_changes] = [1, 2].map(|to| change(to).collect::<Vec<f32>>());
        Ok(label_sensitivity(&label_changes, &rationale_changes))
    }
}
