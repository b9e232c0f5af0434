//! A student learns the whole next-token distribution of a teacher with the same tokenizer.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// Divergence of student `s` and teacher `t` at each token: the generalised Jensen-Shannon divergence.
///
/// `β KL(t ‖ m) + (1 − β) KL(s ‖ m)` with `m = (1 − β) s + β t`; at the ends `KL(t ‖ s)` for `β = 0` (which covers all
/// that the teacher says) and `KL(s ‖ t)` for `β = 1` (which keeps to what the teacher says most).
///
/// The ends are not limits of the formula, which is 0 there. The weights of the mixture are those of TRL's code.
///
/// Source: Agarwal et al. 2024 (arXiv 2306.13649), section 3; TRL 1.12 `GKDTrainer.generalized_jsd_loss`.
///
/// # Shapes
///
/// - `student_logits` (differentiated), `teacher_logits`: `[batch, len, vocab_size]`
/// - `beta`: 0 to 1; TRL 0.5
/// - `temperature`: divides both logits; TRL 0.9
/// - output: `[batch, len]`; weigh it with [`LossAggregation`](crate::LossAggregation)
#[must_use]
pub fn generalized_jsd(
    student_logits: Tensor<3>,
    teacher_logits: Tensor<3>,
    beta: f64,
    temperature: f64,
) -> Tensor<2> {
    jsd_terms(student_logits, teacher_logits, beta, temperature)
        .sum_dim(2)
        .squeeze_dim(2)
}

/// The terms whose sum over the vocabulary is [`generalized_jsd`]; alone they may be negative.
///
/// # Shapes
///
/// - output: `[batch, len, vocab_size]`, the rest as there
#[must_use]
pub fn jsd_terms(
    student_logits: Tensor<3>,
    teacher_logits: Tensor<3>,
    beta: f64,
    temperature: f64,
) -> Tensor<3> {
    assert!((0.0..=1.0).contains(&beta), "beta {beta} of a mixture");
    let student = log_softmax(student_logits / temperature, 2);
    let teacher = log_softmax(teacher_logits / temperature, 2);
    if beta == 0.0 {
        return kl_terms(teacher, student);
    }
    if beta == 1.0 {
        return kl_terms(student, teacher);
    }
    let mixture = log_add_exp(student.clone() + (1.0 - beta).ln(), teacher.clone() + beta.ln());
    kl_terms(teacher, mixture.clone()) * beta + kl_terms(student, mixture) * (1.0 - beta)
}

/// `p (log p − log q)`, the terms of `KL(p ‖ q)`.
fn kl_terms(log_p: Tensor<3>, log_q: Tensor<3>) -> Tensor<3> {
    log_p.clone().exp() * (log_p - log_q)
}

/// `log(e^a + e^b)` without overflow.
fn log_add_exp(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    // The larger one is taken out; as a constant, it cancels in the gradient too.
    let max = a.clone().max_pair(b.clone()).detach();
    ((a - max.clone()).exp() + (b - max.clone()).exp()).log() + max
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::finite_differences::check_gradient;

    const BETAS: [f64; 4] = [0.0, 0.1, 0.5, 1.0];

    fn divergence(student: [f32; 2], teacher: [f32; 2], beta: f64) -> f32 {
        let device = Device::flex();
        let logits = |probabilities: [f32; 2]| Tensor::<3>::from_data([[probabilities]], &device).log();
        generalized_jsd(logits(student), logits(teacher), beta, 1.0).into_scalar()
    }

    /// TRL's numbers, and a plain loop.
    #[wasm_bindgen_test(unsupported = test)]
    fn divergences_equal_trl_and_a_plain_loop() {
        let (student, teacher) = ([0.1f32, 0.9], [0.9f32, 0.1]);
        let kl = |p: [f32; 2], q: [f32; 2]| -> f32 { p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum() };
        for (beta, expected) in BETAS
            .into_iter()
            .zip([1.757_779_7, 0.146_310_5, 0.368_064_2, 1.757_779_7])
        {
            let found = divergence(student, teacher, beta);
            assert!((found - expected).abs() < 1e-6, "{beta}: {found}");
            let b = crate::rounding::to_f32(beta);
            let mixture = [0, 1].map(|v| (1.0 - b) * student[v] + b * teacher[v]);
            let plain = match beta {
                0.0 => kl(teacher, student),
                1.0 => kl(student, teacher),
                _ => b * kl(teacher, mixture) + (1.0 - b) * kl(student, mixture),
            };
            assert!((found - plain).abs() < 1e-6, "{beta}: {found}, plainly {plain}");
            assert!(divergence(teacher, teacher, beta).abs() < 1e-6);
        }
        // At the ends the two directions differ.
        assert!((divergence([0.5, 0.5], teacher, 0.0) - kl(teacher, [0.5, 0.5])).abs() < 1e-6);
        assert!((divergence([0.5, 0.5], teacher, 1.0) - kl([0.5, 0.5], teacher)).abs() < 1e-6);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn gradients_equal_finite_differences() {
        for beta in BETAS {
            check_gradient(&[0.5, -1.0, 0.25, 1.5, 0.0, -0.5], [1, 2, 3], |student| {
                let teacher = [[[1.0, 0.5, -1.0], [-0.5, 2.0, 0.0]]];
                let teacher = Tensor::from_data(teacher, &student.device());
                generalized_jsd(student, teacher, beta, 0.5).sum()
            });
        }
    }

    /// Logits so far apart that probabilities are 0 in `f32`.
    #[wasm_bindgen_test(unsupported = test)]
    fn stays_finite_for_extreme_logits() {
        let device = Device::flex();
        for beta in BETAS {
            let student = Tensor::<3>::from_data([[[200.0, -200.0, 0.0]]], &device);
            let teacher = Tensor::<3>::from_data([[[-200.0, -200.0, 200.0]]], &device);
            let found: f32 = generalized_jsd(student, teacher, beta, 1.0).into_scalar();
            assert!(found.is_finite() && found > 0.0, "{beta}: {found}");
        }
    }
}
