//! Burn's Adam and AdamW, number by number.
//!
//! Burn computes an optimiser's step operation by operation, each of which goes over all parameters: a dozen passes over
//! memory that hold no work. In the processor's own memory one pass is enough.

use burn::optim::{AdaptiveMomentumState, LearningRate};
use burn::tensor::{Tensor, TensorData};
use pulp::Arch;

use crate::ppo_config::AdamSettings;
use crate::rounding::to_f32;

#[cfg(test)]
mod tests;

/// What Burn's Adam or AdamW computes, bit for bit; without AMSGrad.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamInOnePass {
    settings: AdamSettings,
    decay: Decay,
}

/// What weight decay is added to.
#[derive(Clone, Copy, Debug)]
enum Decay {
    /// The gradient.
    Gradient,
    /// The parameter.
    Parameter,
}

/// The numbers of a step that are the same for all parameters.
#[derive(Clone, Copy)]
struct Factors {
    beta_1: f32,
    beta_2: f32,
    weight_decay: f32,
    learning_rate: f32,
    /// `1 − lr · decay`, rounded once.
    kept: f32,
    /// `1 − β₁ᵗ`.
    correction_1: f32,
    /// `1 − β₂ᵗ`.
    correction_2: f32,
    epsilon: f32,
}

impl AdamInOnePass {
    /// Kingma and Ba 2015 (arXiv 1412.6980), algorithm 1 in the order of its section 2's end.
    pub(crate) fn adam(settings: AdamSettings) -> Self {
        let decay = Decay::Gradient;
        Self { settings, decay }
    }

    /// Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2.
    pub(crate) fn adamw(settings: AdamSettings) -> Self {
        let decay = Decay::Parameter;
        Self { settings, decay }
    }

    /// A step of a parameter that has had one before. All are on the CPU.
    pub(crate) fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        mut moments: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, AdaptiveMomentumState<D>) {
        moments.time += 1;
        let device = parameter.device();
        let factors = self.factors(learning_rate, moments.time);
        let [mut p, mut m, mut v] = [parameter, moments.moment_1, moments.moment_2].map(numbers_of);
        let gradient = numbers_of(gradient);
        let numbers = floats_mut(&mut p)
            .iter_mut()
            .zip(floats_mut(&mut m).iter_mut().zip(floats_mut(&mut v)))
            .zip(gradient.as_slice::<f32>().expect("the numbers are f32"));
        let decay = self.decay;
        Arch::new().dispatch(
            #[inline(always)]
            || match decay {
                Decay::Gradient if factors.weight_decay == 0.0 => {
                    numbers.for_each(|((p, (m, v)), &g)| factors.adam(p, m, v, g));
                }
                Decay::Gradient => numbers.for_each(|((p, (m, v)), g)| {
                    factors.adam(p, m, v, *p * factors.weight_decay + g);
                }),
                Decay::Parameter => numbers.for_each(|((p, (m, v)), &g)| factors.adamw(p, m, v, g)),
            },
        );
        let [parameter, moment_1, moment_2] = [p, m, v].map(|data| Tensor::from_data(data, &device));
        let moments = AdaptiveMomentumState {
            moment_1,
            moment_2,
            ..moments
        };
        (parameter, moments)
    }

    fn factors(&self, learning_rate: LearningRate, time: usize) -> Factors {
        let AdamSettings {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        } = self.settings;
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        Factors {
            beta_1,
            beta_2,
            weight_decay,
            learning_rate: to_f32(learning_rate),
            kept: to_f32(1.0 - learning_rate * f64::from(weight_decay)),
            correction_1: 1.0 - beta_1.powi(time),
            correction_2: 1.0 - beta_2.powi(time),
            epsilon,
        }
    }
}

impl Factors {
    /// `p ← p − lr · (m √c₂ / c₁) / (√v + ε √c₂)`.
    #[inline(always)]
    fn adam(&self, p: &mut f32, m: &mut f32, v: &mut f32, g: f32) {
        self.remember(m, v, g);
        let root = self.correction_2.sqrt();
        let step = *m * (root / self.correction_1) / (v.sqrt() + self.epsilon * root);
        *p -= step * self.learning_rate;
    }

    /// `p ← (1 − lr · decay) p − lr · (m / c₁) / (√(v / c₂) + ε)`.
    #[inline(always)]
    fn adamw(&self, p: &mut f32, m: &mut f32, v: &mut f32, g: f32) {
        self.remember(m, v, g);
        let step = (*m / self.correction_1) / ((*v / self.correction_2).sqrt() + self.epsilon);
        *p = *p * self.kept - step * self.learning_rate;
    }

    /// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`.
    #[inline(always)]
    fn remember(&self, m: &mut f32, v: &mut f32, g: f32) {
        *m = *m * self.beta_1 + g * (1.0 - self.beta_1);
        *v = *v * self.beta_2 + g * g * (1.0 - self.beta_2);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for: the numbers lie in this processor's memory"
)]
fn numbers_of<const D: usize>(x: Tensor<D>) -> TensorData {
    x.into_data()
}

fn floats_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("the numbers are f32")
}
