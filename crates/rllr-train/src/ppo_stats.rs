//! What PPO minibatches show, as numbers with published names.

use std::ops::AddAssign;

use burn::tensor::{ExecutionError, Tensor};

/// Number of statistics that [`ppo_loss`](crate::ppo_loss) returns.
pub(crate) const COUNT: usize = 13;

/// Statistics of a minibatch, weighted as its losses are; those of the micro-batches of a step add up to the step's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PpoStats {
    /// Loss of the policy; 0 when the minibatch was skipped.
    pub policy_loss: f32,
    /// Loss of the value model, before its coefficient; 0 when the minibatch was skipped.
    pub value_loss: f32,
    /// What was differentiated.
    pub total_loss: f32,
    /// Mean entropy of the policy, in nats.
    pub entropy: f32,
    /// `½ mean (log π_new − log π_old)²`.
    pub approx_kl: f32,
    /// `mean (log π_old − log π_new)`.
    pub policy_kl: f32,
    /// Share of tokens whose clipped ratio decided.
    pub clip_fraction: f32,
    /// Share of tokens whose dual clip decided.
    pub dual_clip_fraction: f32,
    /// Mean of `π_new / π_old`.
    pub ratio: f32,
    /// Mean predicted value.
    pub value_prediction: f32,
    /// Mean of `(V − returns)²`.
    pub value_error: f32,
    /// Share of tokens whose clipped value decided.
    pub value_clip_fraction: f32,
    /// Number of minibatches that were skipped because their mean ratio was too large.
    pub skipped: f32,
}

impl PpoStats {
    /// Waits for the device and reads the statistics, all in one read.
    ///
    /// # Errors
    ///
    /// The device's error when it cannot be read.
    pub async fn read(stats: Tensor<1>) -> Result<Self, ExecutionError> {
        let data = stats.into_data_async().await?;
        let mut numbers = [0.0; COUNT];
        assert_eq!(data.num_elements(), COUNT, "the statistics of `ppo_loss`");
        for (number, found) in numbers.iter_mut().zip(data.iter::<f32>()) {
            *number = found;
        }
        Ok(Self::from_numbers(numbers))
    }

    /// The statistics by TRL 0.7.2's names. Ratio, dual clip and skipped minibatches have none there, and get ours.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f32); COUNT] {
        const NAMES: [&str; COUNT] = [
            "ppo/loss/policy",
            "ppo/loss/value",
            "ppo/loss/total",
            "ppo/policy/entropy",
            "ppo/policy/approxkl",
            "ppo/policy/policykl",
            "ppo/policy/clipfrac",
            "ppo/policy/dual_clipfrac",
            "ppo/policy/ratio_mean",
            "ppo/val/vpred",
            "ppo/val/error",
            "ppo/val/clipfrac",
            "ppo/skipped_minibatches",
        ];
        let numbers = self.numbers();
        std::array::from_fn(|i| (NAMES[i], numbers[i]))
    }

    pub(crate) fn from_numbers(numbers: [f32; COUNT]) -> Self {
        let [
            policy_loss,
            value_loss,
            total_loss,
            entropy,
            approx_kl,
            policy_kl,
            clip_fraction,
            dual_clip_fraction,
            ratio,
            value_prediction,
            value_error,
            value_clip_fraction,
            skipped,
        ] = numbers;
        Self {
            policy_loss,
            value_loss,
            total_loss,
            entropy,
            approx_kl,
            policy_kl,
            clip_fraction,
            dual_clip_fraction,
            ratio,
            value_prediction,
            value_error,
            value_clip_fraction,
            skipped,
        }
    }

    /// Every mean times `factor`; the number of skipped minibatches stays.
    #[must_use]
    pub(crate) fn scaled(self, factor: f32) -> Self {
        Self {
            skipped: self.skipped,
            ..Self::from_numbers(self.numbers().map(|number| number * factor))
        }
    }

    fn numbers(&self) -> [f32; COUNT] {
        [
            self.policy_loss,
            self.value_loss,
            self.total_loss,
            self.entropy,
            self.approx_kl,
            self.policy_kl,
            self.clip_fraction,
            self.dual_clip_fraction,
            self.ratio,
            self.value_prediction,
            self.value_error,
            self.value_clip_fraction,
            self.skipped,
        ]
    }
}

impl AddAssign for PpoStats {
    fn add_assign(&mut self, other: Self) {
        let (mine, theirs) = (self.numbers(), other.numbers());
        *self = Self::from_numbers(std::array::from_fn(|i| mine[i] + theirs[i]));
    }
}
