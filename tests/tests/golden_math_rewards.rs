//! Rewards and the losses of reward models equal TRL's, and this project's references, on every case of `math/` in
//! the golden directory: `RLLR_GOLDEN_DIR`, by default `tests/golden`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::missing_assert_message,
    clippy::unwrap_used,
    reason = "a native test: it fails by panicking"
)]
use burn::tensor::{Device, Gradients, Tensor};
use rllr_reward::{
    ComparedTokens, KlClamps, KlEstimator, PreferenceMetrics, Reward, RunningMoments, ScoreNormalization,
    ScoreParts, ScorePosition, Stratification, Verdict, WindowEnd, bradley_terry_losses,
    bradley_terry_losses_with_margins, centering_penalties, compared_tokens, full_kl, kl_in_loss,
    kl_per_token, mean_and_std, prompt_weight, scores_at, share_above, token_averaged_losses, token_rewards,
};
use rllr_tests::math_cases::{Fields, MathCase, Within, math_cases};
use rllr_train::masked_stats::{Variance, mean, mean_of_row_sums, whiten};
use rllr_train::{GaeConfig, gae};

/// The cases of a function that never raises.
fn cases(function: &str) -> Vec<MathCase> {
    let cases = math_cases(function).unwrap();
    for case in &cases {
        assert_eq!(case.error, None, "{}", case.name);
    }
    cases
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn check_gradient<const D: usize>(outputs: &Fields, output: &str, tensor: &Tensor<D>, gradients: &Gradients) {
    let gradient = tensor.grad(gradients);
    outputs.check_tensor(output, gradient.expect("the loss depends on it"));
}

#[test]
fn golden_bradley_terry() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("bradley_terry") {
        let chosen = inputs.tensor::<1>("chosen", &device).require_grad();
        let rejected = inputs.tensor::<1>("rejected", &device).require_grad();
        let losses = if inputs.has("margin") {
            let margins = inputs.tensor("margin", &device);
            bradley_terry_losses_with_margins(chosen.clone(), rejected.clone(), margins)
        } else {
            bradley_terry_losses(chosen.clone(), rejected.clone())
        };
        outputs.check_tensor("per_pair", losses.clone());
        let coefficient = inputs.optional("center_coefficient").unwrap_or(0.0);
        let centering = centering_penalties(chosen.clone(), rejected.clone());
        let loss = losses.mean() + centering.mean() * coefficient;
        let gradients = loss.backward();
        check_gradient(&outputs, "grad_chosen", &chosen, &gradients);
        check_gradient(&outputs, "grad_rejected", &rejected, &gradients);
        outputs.check_tensor("loss", loss);
        let metrics = PreferenceMetrics::new(&inputs.f32s("chosen"), &inputs.f32s("rejected"));
        outputs.check_within("accuracy", &[metrics.accuracy], Within::F32);
        outputs.check_within("mean_margin", &[metrics.margin], Within::F32);
    }
}

#[test]
fn golden_pairwise_token_averaged() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("pairwise_token_averaged") {
        let end = if inputs.flag("stop_at_padding") {
            WindowEnd::ShorterAnswer
        } else {
            WindowEnd::LongerAnswer
        };
        let row_len = inputs.array("chosen_ids").row_len();
        let rows = |side: &str| -> Vec<Vec<u32>> {
            let (ids, lengths) = (
                inputs.tokens(&format!("{side}_ids")),
                inputs.indices(&format!("{side}_lengths")),
            );
            let rows = ids.chunks(row_len).zip(lengths);
            rows.map(|(row, len)| row[..len].to_vec()).collect()
        };
        let (chosen_ids, rejected_ids) = (rows("chosen"), rows("rejected"));
        let pairs = chosen_ids.iter().zip(&rejected_ids);
        let compared: Vec<_> = pairs.map(|(c, r)| compared_tokens(c, r, end)).collect();
        let windows = compared.iter().flat_map(|tokens| match tokens {
            ComparedTokens::Window(window) => [window.start as f64, window.end as f64],
            // So the file says it.
            ComparedTokens::LastTokens { .. } => [-1.0, -1.0],
        });
        outputs.check_within("window", &windows.collect::<Vec<_>>(), Within::EXACT);

        let chosen = inputs.tensor::<2>("chosen_values", &device).require_grad();
        let rejected = inputs.tensor::<2>("rejected_values", &device).require_grad();
        let losses = token_averaged_losses(chosen.clone(), rejected.clone(), &compared, 1.0);
        outputs.check_tensor("per_pair", losses.clone());
        let loss = losses.mean();
        let gradients = loss.backward();
        check_gradient(&outputs, "grad_chosen_values", &chosen, &gradients);
        check_gradient(&outputs, "grad_rejected_values", &rejected, &gradients);
        outputs.check_tensor("loss", loss);

        let last = |rows: &[Vec<u32>]| rows.iter().map(|row| row.len() - 1).collect::<Vec<_>>();
        let chosen_scores = numbers(scores_at(chosen, &last(&chosen_ids)));
        let rejected_scores = numbers(scores_at(rejected, &last(&rejected_ids)));
        outputs.check("chosen_end_scores", &chosen_scores);
        outputs.check("rejected_end_scores", &rejected_scores);
        let metrics = PreferenceMetrics::new(&chosen_scores, &rejected_scores);
        outputs.check_within("accuracy_end_scores", &[metrics.accuracy], Within::F32);
    }
}

#[test]
fn golden_reward_mixing() {
    for case in cases("reward_mixing") {
        let MathCase {
            name,
            inputs,
            outputs,
            ..
        } = &case;
        if name.starts_with("min_clamp") {
            check_mixed(inputs, outputs);
        } else if name.starts_with("hero_weight") {
            check_prompt_weights(inputs, outputs);
        } else if name.starts_with("hero") {
            check_stratified(inputs, outputs);
        } else {
            panic!("a case of unknown kind: {name}");
        }
    }
}

fn check_mixed(inputs: &Fields, outputs: &Fields) {
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    let label_threshold = inputs.number("threshold") as f32;
    let parts = ScoreParts {
        label_scores: Some(inputs.f32s("label_reward")),
        rationale_scores: Some(inputs.f32s("rationale_reward")),
        verdicts: None,
    };
    let scores = Reward::Mixed { label_threshold }.scores(&parts, 1).unwrap();
    outputs.check("mixed", &scores);
    let above = share_above(&inputs.f32s("label_reward"), label_threshold);
    outputs.check_within("fraction_clamped", &[above], Within::F32);
}

fn check_stratified(inputs: &Fields, outputs: &Fields) {
    let layers = Stratification {
        wrong_spread: inputs.number("alpha"),
        right_spread: inputs.number("beta"),
    };
    assert_eq!(inputs.number("eps"), 1e-6, "the number that ours adds to a range");
    let verdict = |right: bool| if right { Verdict::Right } else { Verdict::Wrong };
    let parts = ScoreParts {
        label_scores: None,
        rationale_scores: Some(inputs.f32s("rm_scores")),
        verdicts: Some(inputs.mask("verifier").into_iter().map(verdict).collect()),
    };
    let group_size = inputs.array("rm_scores").row_len();
    let scores = Reward::Stratified(layers).scores(&parts, group_size).unwrap();
    outputs.check("reward", &scores);
}

fn check_prompt_weights(inputs: &Fields, outputs: &Fields) {
    let range = [inputs.number("w_min"), inputs.number("w_max")];
    let (mean_std, steepness) = (inputs.number("running_mean_std"), inputs.number("k"));
    let stds = inputs.array("group_std").data.into_iter();
    let weights: Vec<f64> = stds
        .map(|std| prompt_weight(std, mean_std, range, steepness))
        .collect();
    outputs.check_within("weight", &weights, Within::F32);
}

#[test]
fn golden_running_moments() {
    for case in cases("running_moments") {
        let mut normalize = ScoreNormalization::RunningMeanAndStd(RunningMoments::default());
        let mut scale = ScoreNormalization::RunningStd(RunningMoments::default());
        for step in &case.steps {
            let batch = step.f32s("batch");
            step.check("scores_normalised", &normalize.normalize(&batch));
            step.check("scores_scaled", &scale.normalize(&batch));
            let (ScoreNormalization::RunningMeanAndStd(moments), ScoreNormalization::RunningStd(other)) =
                (normalize, scale)
            else {
                panic!("normalising keeps the kind")
            };
            assert_eq!(moments, other);
            let (batch_mean, batch_std) = mean_and_std(&batch);
            let checks = [
                ("mean", moments.mean),
                ("var", moments.variance),
                ("std", moments.std()),
                ("count", moments.count),
                ("batch_mean", batch_mean),
                ("batch_std_unbiased", batch_std),
            ];
            for (output, found) in checks {
                step.check_within(output, &[found], Within::F32);
            }
        }
    }
}

#[test]
fn golden_kl_estimators() {
    let device = Device::flex();
    for MathCase { inputs, outputs, .. } in cases("kl_estimators") {
        let clamps = KlClamps {
            log_ratio: inputs.optional("input_clamp"),
            estimate: inputs.optional("output_clamp"),
        };
        let (log_probs, ref_log_probs) = (inputs.f32s("logprobs"), inputs.f32s("ref_logprobs"));
        let (mask, len) = (inputs.mask("mask"), inputs.array("mask").row_len());
        let estimators = [
            ("k1", KlEstimator::K1),
            ("k2", KlEstimator::K2),
            ("k3", KlEstimator::K3),
            ("abs", KlEstimator::Abs),
        ];
        for (output, estimator) in estimators {
            let kl = kl_per_token(&log_probs, &ref_log_probs, estimator, clamps);
            outputs.check(output, &kl);
            let tensor = |key: &str| inputs.tensor(key, &device);
            let in_loss = kl_in_loss(tensor("logprobs"), tensor("ref_logprobs"), estimator, clamps);
            outputs.check_tensor(output, in_loss);
            let means = [
                ("masked_mean", mean(&kl, &mask)),
                ("row_sum_mean", mean_of_row_sums(&kl, &mask, len)),
            ];
            for (kind, found) in means {
                outputs.check_within(&format!("{output}_{kind}"), &[found], Within::F32);
            }
        }
    }
}

/// Ours are 0 where the mask is 0. TRL leaves penalties there, and multiplies by the mask in its next function.
#[test]
fn golden_token_rewards_trl072() {
    let device = Device::flex();
    for case in math_cases("token_rewards_trl072").unwrap() {
        let MathCase { inputs, outputs, .. } = &case;
        let kl_coef = inputs.number("kl_coef");
        let of = |estimator| {
            let (log_probs, ref_log_probs) = (inputs.f32s("logprobs"), inputs.f32s("ref_logprobs"));
            kl_per_token(&log_probs, &ref_log_probs, estimator, KlClamps::default())
        };
        let kl = match inputs.text("kl_penalty") {
            "kl" => of(KlEstimator::K1),
            "abs" => of(KlEstimator::Abs),
            "mse" => of(KlEstimator::K2),
            "full" => {
                let tensor = |key: &str| inputs.tensor::<3>(key, &device);
                numbers(full_kl(tensor("logprobs"), tensor("ref_logprobs")))
            }
            other => panic!("unknown penalty {other}"),
        };
        let (mask, scores) = (inputs.mask("mask"), inputs.f32s("scores"));
        let len = inputs.array("mask").row_len();
        let rows = scores.iter().zip(kl.chunks(len).zip(mask.chunks(len)));
        let rewards: Result<Vec<_>, _> = rows
            .map(|(&score, (kl, mask))| {
                token_rewards(score, kl, kl_coef, mask, ScorePosition::LastResponseToken)
            })
            .collect();
        assert_eq!(rewards.is_err(), case.error.is_some(), "{}", case.name);
        let Ok(rewards) = rewards else { continue };

        let penalties: Vec<f64> = kl.iter().map(|&kl| -kl_coef * f64::from(kl)).collect();
        outputs.check_within("non_score_rewards", &penalties, Within::F32);
        // Where the mask is 0 the reference is taken for what it becomes one function later.
        let expected = outputs.f32s("rewards");
        for (slot, found) in rewards.concat().into_iter().enumerate() {
            let expected = if mask[slot] { expected[slot] } else { 0.0 };
            let close = (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
            assert!(
                close,
                "{}, rewards[{slot}]: {found}, expected {expected}",
                case.name
            );
        }
    }
}

/// The score stands on the slot after the end; advantages are estimated up to there and whitened up to the end.
#[test]
fn golden_token_rewards_trl112() {
    for MathCase { inputs, outputs, .. } in cases("token_rewards_trl112") {
        let position = ScorePosition::TokenAfterResponse;
        let (len, kl_coef) = (inputs.array("values").row_len(), inputs.number("kl_coef"));
        let config = GaeConfig {
            gamma: inputs.number("gamma"),
            lambda: inputs.number("lam"),
        };
        let estimator = match inputs.text("kl_estimator") {
            "k1" => KlEstimator::K1,
            "k3" => KlEstimator::K3,
            other => panic!("unknown estimator {other}"),
        };
        let (scores, values) = (inputs.f32s("scores"), inputs.f32s("values"));
        let (log_probs, ref_log_probs) = (inputs.f32s("logprobs"), inputs.f32s("ref_logprobs"));
        let kl = kl_per_token(&log_probs, &ref_log_probs, estimator, KlClamps::default());
        let [mut rewards, mut kept_values, mut advantages, mut returns] = [const { Vec::new() }; 4];
        let mut mask = Vec::new();
        for (row, last) in inputs.indices("sequence_lengths").into_iter().enumerate() {
            let slots = row * len..(row + 1) * len;
            let response: Vec<bool> = (0..len).map(|t| t <= last).collect();
            let rewarded = position.reward_mask(&response).unwrap();
            let row_rewards =
                token_rewards(scores[row], &kl[slots.clone()], kl_coef, &response, position).unwrap();
            let row_values = &values[slots];
            let found = gae(&row_rewards, row_values, &rewarded, config);
            let kept = |(&value, &counts): (&f32, &bool)| if counts { value } else { 0.0 };
            kept_values.extend(row_values.iter().zip(&rewarded).map(kept));
            rewards.extend(row_rewards);
            advantages.extend(found.advantages);
            returns.extend(found.returns);
            mask.extend(response);
        }
        outputs.check("rewards", &rewards);
        outputs.check("values_masked", &kept_values);
        outputs.check("advantages_raw", &advantages);
        outputs.check("returns", &returns);
        outputs.check_within(
            "kl_row_sum_mean",
            &[mean_of_row_sums(&kl, &mask, len)],
            Within::F32,
        );
        let whitened = whiten(&advantages, &mask, Variance::Unbiased);
        let up_to_the_end = |(&x, &counts): (&f32, &bool)| if counts { x } else { 0.0 };
        let whitened: Vec<f32> = whitened.iter().zip(&mask).map(up_to_the_end).collect();
        outputs.check("advantages", &whitened);
    }
}
