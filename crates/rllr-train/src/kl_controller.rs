//! How strongly the policy is held to the reference.

/// The KL coefficient and how it changes. Part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum KlController {
    /// Always the same (TRL 1.12 0.05, OpenRLHF 0.01, DeepSpeed-Chat 0.1); 0 for no penalty.
    Fixed {
        /// The coefficient.
        kl_coef: f64,
    },
    /// Moves towards a target divergence.
    Adaptive {
        /// The coefficient now. RLLR starts with 0.2.
        kl_coef: f64,
        /// Summed KL of a response, averaged over responses, in nats, that is aimed at. RLLR: 6.
        target: f64,
        /// Slowness, in responses. RLLR: 10,000.
        horizon: f64,
    },
}

impl Default for KlController {
    /// The RLLR scripts' (TRL 0.7.2).
    fn default() -> Self {
        Self::Adaptive {
            kl_coef: 0.2,
            target: 6.0,
            horizon: 10_000.0,
        }
    }
}

impl KlController {
    /// The coefficient now.
    #[must_use]
    pub fn kl_coef(&self) -> f64 {
        match *self {
            Self::Fixed { kl_coef } | Self::Adaptive { kl_coef, .. } => kl_coef,
        }
    }

    /// Takes in what a step has shown.
    ///
    /// `β ← β (1 + clip(KL / target − 1, ±0.2) n / horizon)`
    ///
    /// Source: Ziegler et al. 2019 (arXiv 1909.08593), section 2.2; TRL 0.7.2 `AdaptiveKLController`.
    ///
    /// - `kl`: mean over responses of the *summed* k1 of their tokens, whatever estimator is in the rewards
    /// - `responses`: `n`, the responses of the step over all processes
    pub fn update(&mut self, kl: f64, responses: usize) {
        if let Self::Adaptive {
            kl_coef,
            target,
            horizon,
        } = self
        {
            let error = (kl / *target - 1.0).clamp(-0.2, 0.2);
            *kl_coef *= 1.0 + error * responses as f64 / *horizon;
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// TRL's number after one step of the RLLR-like trace: a KL far below the target.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_coefficient_moves_as_in_trl() {
        let mut controller = KlController::default();
        controller.update(-0.0121, 4);
        assert!((controller.kl_coef() - 0.199_984).abs() < 1e-12);
    }

    /// By hand: at the target nothing changes, elsewhere at most a fifth of `n / horizon`.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_error_is_clipped() {
        for (kl, factor) in [(6.0, 1.0), (6.6, 1.01), (1e9, 1.02), (-1e9, 0.98)] {
            let mut controller = KlController::Adaptive {
                kl_coef: 0.5,
                target: 6.0,
                horizon: 100.0,
            };
            controller.update(kl, 10);
            assert!((controller.kl_coef() - 0.5 * factor).abs() < 1e-12, "{kl}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_fixed_coefficient_stays() {
        let mut controller = KlController::Fixed { kl_coef: 0.05 };
        controller.update(1e9, 10);
        assert_eq!(controller.kl_coef(), 0.05);
    }
}
