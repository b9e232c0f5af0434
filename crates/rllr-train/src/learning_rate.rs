//! Learning rates over the steps of a run.

use std::f64::consts::PI;

/// The learning rate's course, as a factor on the configured one. All start with a linear warm-up from 0.
///
/// Source: transformers 5.23 `get_scheduler`; names are those of its `lr_scheduler_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LrSchedule {
    /// Stays (`constant_with_warmup`; without warm-up `constant`).
    Constant,
    /// Falls in a line to 0 (`linear`).
    Linear,
    /// Falls as half a cosine to 0 (`cosine`). All RLLR scripts; the default.
    #[default]
    Cosine,
    /// Falls as half a cosine to a part of the configured rate (`cosine_with_min_lr`).
    CosineWithMinimum {
        /// The part that is left, 0 to 1. OpenRLHF: 0.1.
        min_lr_rate: f64,
    },
}

/// A schedule over a run of known length.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LrPlan {
    /// The course.
    pub schedule: LrSchedule,
    /// Optimiser steps of warm-up; its first step has rate 0.
    pub warmup_steps: usize,
    /// Optimiser steps of the whole run, warm-up included.
    pub total_steps: usize,
}

impl LrPlan {
    /// What the configured learning rate is multiplied by at optimiser step `step`, counted from 0.
    ///
    /// With `w` steps of warm-up of `T`: `s / max(1, w)` before `w`; then, at `p = (s − w) / max(1, T − w)`, 1, `1 − p`,
    /// `c = ½ (1 + cos πp)` or `c (1 − m) + m`, never below 0.
    #[must_use]
    pub fn factor(&self, step: usize) -> f64 {
        let Self {
            schedule,
            warmup_steps,
            total_steps,
        } = *self;
        if step < warmup_steps {
            return step as f64 / warmup_steps as f64;
        }
        let decay_steps = total_steps.saturating_sub(warmup_steps).max(1);
        let progress = (step - warmup_steps) as f64 / decay_steps as f64;
        let cosine = 0.5 * (1.0 + (PI * progress).cos());
        match schedule {
            LrSchedule::Constant => 1.0,
            LrSchedule::Linear => (1.0 - progress).max(0.0),
            LrSchedule::Cosine => cosine.max(0.0),
            LrSchedule::CosineWithMinimum { min_lr_rate } => {
                (cosine * (1.0 - min_lr_rate) + min_lr_rate).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn factors(schedule: LrSchedule, warmup_steps: usize, total_steps: usize) -> Vec<f64> {
        let plan = LrPlan {
            schedule,
            warmup_steps,
            total_steps,
        };
        (0..=total_steps).map(|step| plan.factor(step)).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-12, "{found:?}, expected {expected:?}");
        }
    }

    /// By hand: two steps of warm-up, then four of decay; `cos` of 0, π/4, π/2, 3π/4 and π.
    #[wasm_bindgen_test(unsupported = test)]
    fn courses_equal_the_formulas() {
        let half_root = 0.5f64.sqrt() / 2.0;
        let cosine = [1.0, 0.5 + half_root, 0.5, 0.5 - half_root, 0.0];
        let after_warmup = |tail: [f64; 5]| [vec![0.0, 0.5], tail.to_vec()].concat();
        let cases = [
            (LrSchedule::Constant, [1.0; 5]),
            (LrSchedule::Linear, [1.0, 0.75, 0.5, 0.25, 0.0]),
            (LrSchedule::Cosine, cosine),
            (
                LrSchedule::CosineWithMinimum { min_lr_rate: 0.1 },
                cosine.map(|c| 0.9 * c + 0.1),
            ),
        ];
        for (schedule, tail) in cases {
            assert_close(&factors(schedule, 2, 6), &after_warmup(tail));
            assert_close(&factors(schedule, 0, 4), &tail);
        }
    }

    /// transformers' rates in two recorded runs of TRL and PyTorch, over the configured rate.
    #[wasm_bindgen_test(unsupported = test)]
    fn recorded_runs_have_the_same_rates() {
        let recorded = [0.0, 0.003, 0.002_250_000_000_000_000_3].map(|rate| rate / 0.003);
        assert_close(&factors(LrSchedule::Cosine, 1, 4)[..3], &recorded);
        let recorded = [0.002, 0.001_923_879_532_511_286_9, 0.001_707_106_781_186_547_4];
        assert_close(
            &factors(LrSchedule::Cosine, 0, 8)[..3],
            &recorded.map(|rate| rate / 0.002),
        );
    }

    /// A run that goes on longer than planned, one without steps, one that is all warm-up.
    #[wasm_bindgen_test(unsupported = test)]
    fn odd_lengths_stay_defined() {
        let plan = |warmup_steps, total_steps| LrPlan {
            schedule: LrSchedule::Linear,
            warmup_steps,
            total_steps,
        };
        assert_eq!(plan(0, 4).factor(9), 0.0);
        assert_eq!(plan(0, 0).factor(0), 1.0);
        assert_eq!([4, 5].map(|step| plan(5, 5).factor(step)), [0.8, 1.0]);
    }
}
