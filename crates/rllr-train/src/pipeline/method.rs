//! The methods that a comparison compares.

use std::fmt;
use std::str::FromStr;

use rllr_reward::Reward;
use rllr_task::ResponseFormat;
use rllr_task::pairs::PairKind;
use serde::{Deserialize, Serialize};

/// A method of the comparison. Its name in files and tables is in kebab case: `rllr-mixed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Supervised fine-tuning on labels alone.
    SftLabel,
    /// Supervised fine-tuning on rationale and label.
    SftRationale,
    /// PPO with the rationale-sensitive reward model.
    Rlhf,
    /// PPO with the label-sensitive reward model.
    Rllr,
    /// PPO with both: the label reward is capped.
    RllrMixed,
    /// PPO with a rule that knows the right label.
    ExactLabel,
    /// Group relative policy optimisation with the same rule.
    Grpo,
}

/// A name that no method has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {}", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownMethod {
    /// The name.
    pub found: String,
}

impl Method {
    /// All methods, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::SftLabel,
        Self::SftRationale,
        Self::Rlhf,
        Self::Rllr,
        Self::RllrMixed,
        Self::ExactLabel,
        Self::Grpo,
    ];

    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SftLabel => "sft-label",
            Self::SftRationale => "sft-rationale",
            Self::Rlhf => "rlhf",
            Self::Rllr => "rllr",
            Self::RllrMixed => "rllr-mixed",
            Self::ExactLabel => "exact-label",
            Self::Grpo => "grpo",
        }
    }

    /// Whether a policy is reinforced; otherwise the fine-tuned model is the result.
    #[must_use]
    pub fn is_reinforced(self) -> bool {
        !matches!(self, Self::SftLabel | Self::SftRationale)
    }

    /// Layout of the answers, where the others write in `format`.
    #[must_use]
    pub fn format(self, format: ResponseFormat) -> ResponseFormat {
        if self == Self::SftLabel {
            ResponseFormat::LabelOnly
        } else {
            format
        }
    }

    /// The reward models that it reads, by the pairs that they are trained on.
    #[must_use]
    pub fn reward_models(self) -> &'static [PairKind] {
        match self {
            Self::Rlhf => &[PairKind::Rationale],
            Self::Rllr => &[PairKind::Label],
            Self::RllrMixed => &[PairKind::Label, PairKind::Rationale],
            Self::SftLabel | Self::SftRationale | Self::ExactLabel | Self::Grpo => &[],
        }
    }

    /// The reward model that the value model begins as, as in the released program; with both, the label-sensitive one.
    #[must_use]
    pub fn critic_from(self) -> Option<PairKind> {
        self.reward_models().first().copied()
    }

    /// What the policy is rewarded for; `None` where no policy is reinforced.
    ///
    /// - `label_threshold`: the cap of RLLR-mixed; the others do not read it
    #[must_use]
    pub fn reward(self, label_threshold: f32) -> Option<Reward> {
        match self {
            Self::SftLabel | Self::SftRationale => None,
            Self::Rlhf => Some(Reward::Rationale),
            Self::Rllr => Some(Reward::Label),
            Self::RllrMixed => Some(Reward::Mixed { label_threshold }),
            Self::ExactLabel | Self::Grpo => Some(Reward::ExactLabel),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        let found = Self::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownMethod {
            found: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rllr_reward::Part;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn names_are_read_back_and_are_those_of_files() {
        for method in Method::ALL {
            assert_eq!(method.name().parse(), Ok(method));
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(json, format!("\"{}\"", method.name()));
        }
        let message = "rlhf2".parse::<Method>().unwrap_err().to_string();
        assert!(
            message.contains("rlhf2") && message.contains("rllr-mixed"),
            "{message}"
        );
    }

    /// A method has exactly the reward models that its reward reads.
    #[wasm_bindgen_test(unsupported = test)]
    fn reward_models_are_those_that_the_reward_reads() {
        for method in Method::ALL {
            let Some(reward) = method.reward(1.0) else {
                assert!(!method.is_reinforced() && method.reward_models().is_empty());
                continue;
            };
            let named = [
                (Part::LabelScores, PairKind::Label),
                (Part::RationaleScores, PairKind::Rationale),
            ];
            for (part, kind) in named {
                let reads = reward.reads().contains(&part);
                assert_eq!(method.reward_models().contains(&kind), reads, "{method}");
            }
        }
        assert_eq!(Method::RllrMixed.critic_from(), Some(PairKind::Label));
        assert_eq!(Method::Grpo.critic_from(), None);
    }
}
