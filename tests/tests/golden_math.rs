//! The equations of reinforcement learning equal TRL's, and this project's references, on every case of `math/` in
//! the golden directory: `RLLR_GOLDEN_DIR`, by default `tests/golden`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::missing_assert_message,
    clippy::unwrap_used,
    reason = "a native test: it fails by panicking"
)]

use rllr_tests::math_cases::{Fields, MathCase, Within, math_cases, parse_cases};
use rllr_train::masked_stats::{Variance, mean, scale_to_unit_variance, variance, whiten};
use rllr_train::{
    Advantages, GROUP_EPSILON, GaeConfig, GroupAdvantage, KlController, Moments, first_stop, gae,
    gae_skip_masked, group_advantages, groups_that_differ, leave_one_out, moments, truncate_response,
};

#[path = "golden_math/losses.rs"]
mod losses;

// Its entropies are not exported yet; the module needs nothing else of its crate.
#[allow(dead_code, unreachable_pub, reason = "part of another crate")]
#[path = "../../crates/rllr-model/src/log_probs.rs"]
mod log_probs;

/// The cases of a function that never raises.
fn cases(function: &str) -> Vec<MathCase> {
    let cases = math_cases(function).unwrap();
    for case in &cases {
        assert_eq!(case.error, None, "{}", case.name);
    }
    cases
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// The reader itself: what JSON cannot say, any rank, cases that raise, and files that are not in the format.
#[test]
fn golden_cases_are_read() {
    let array = r#"{"dtype": "f32", "shape": [2, 1, 2], "data": [1, "nan", "-inf", 0.1]}"#;
    let text = format!(
        r#"{{"cases": [{{"name": "a", "inputs": {{"x": {array}, "y": null}}, "error": "ValueError"}},
            {{"name": "b", "steps": [{{"n": 3}}, {{"n": "inf"}}]}}]}}"#
    );
    let [first, second] = parse_cases(&text).unwrap().try_into().ok().expect("two cases");
    assert_eq!(first.error.as_deref(), Some("ValueError"));
    assert_eq!(first.inputs.array("x").shape, [2, 1, 2]);
    first.inputs.check("x", &[1.0, f32::NAN, f32::NEG_INFINITY, 0.1]);
    assert_eq!(first.inputs.optional("y"), None);
    assert_eq!(second.steps.len(), 2);
    second.steps[1].check("n", &[f32::INFINITY]);
    for wrong in [
        [2.0, f32::NAN, f32::NEG_INFINITY, 0.1],
        [1.0, 0.0, f32::NEG_INFINITY, 0.1],
    ] {
        let check = std::panic::AssertUnwindSafe(|| first.inputs.check("x", &wrong));
        assert!(std::panic::catch_unwind(check).is_err(), "{wrong:?} passed");
    }
    for bad in [
        "{}",
        r#"{"cases": []}"#,
        r#"{"cases": [{"name": "a", "inputs": {}}]}"#,
    ] {
        assert!(parse_cases(bad).is_err(), "{bad}");
    }
}

/// Ours differs on purpose where fewer than two values count: the reference returns NaN or raises, we keep the values.
#[test]
fn golden_masked_stats() {
    for case in math_cases("masked_stats").unwrap() {
        let MathCase { inputs, outputs, .. } = &case;
        let (values, mask) = (inputs.f32s("values"), inputs.mask("mask"));
        let whitened = whiten(&values, &mask, Variance::Unbiased);
        let scaled = scale_to_unit_variance(&values, &mask, Variance::Unbiased);
        if mask.iter().filter(|&&counts| counts).count() < 2 {
            assert_eq!((&whitened, &scaled), (&values, &values), "{}", case.name);
        }
        if case.error.is_some() {
            assert!(mean(&values, &mask).is_nan(), "{}", case.name);
            continue;
        }
        let checks = [
            ("mean", mean(&values, &mask)),
            ("var_unbiased", variance(&values, &mask, Variance::Unbiased)),
            ("var_biased", variance(&values, &mask, Variance::Biased)),
        ];
        for (output, found) in checks {
            outputs.check_within(output, &[found], Within::F32);
        }
        let len = inputs.array("values").row_len();
        let rows = values.chunks(len).zip(mask.chunks(len));
        let means: Vec<f64> = rows.map(|(values, mask)| mean(values, mask)).collect();
        outputs.check_within("row_mean", &means, Within::F32);
        for (output, found) in [("whiten_shift_mean", whitened), ("whiten_keep_mean", scaled)] {
            if outputs.array(output).data.iter().all(|x| x.is_nan()) {
                assert_eq!(found, values, "{}, {output}", case.name);
            } else {
                outputs.check(output, &found);
            }
        }
    }
}

type Gae = fn(&[f32], &[f32], &[bool], GaeConfig) -> Advantages;

/// Advantages and returns of all rows, flat.
fn advantages(inputs: &Fields, estimate: Gae) -> (Vec<f32>, Vec<f32>) {
    let config = GaeConfig {
        gamma: inputs.number("gamma"),
        lambda: inputs.number("lam"),
    };
    let len = inputs.array("values").row_len();
    let (rewards, values, mask) = (inputs.f32s("rewards"), inputs.f32s("values"), inputs.mask("mask"));
    let (mut advantages, mut returns) = (Vec::new(), Vec::new());
    for row in (0..mask.len()).step_by(len).map(|start| start..start + len) {
        let found = estimate(&rewards[row.clone()], &values[row.clone()], &mask[row], config);
        advantages.extend(found.advantages);
        returns.extend(found.returns);
    }
    (advantages, returns)
}

#[test]
fn golden_gae() {
    for MathCase { inputs, outputs, .. } in cases("gae") {
        let (advantages, returns) = advantages(&inputs, gae);
        outputs.check("advantages_raw", &advantages);
        outputs.check("returns", &returns);
        let whitened = whiten(&advantages, &inputs.mask("mask"), Variance::Unbiased);
        outputs.check("advantages_whitened", &whitened);
        let values: Vec<f32> = returns.iter().zip(&advantages).map(|(r, a)| r - a).collect();
        outputs.check("masked_values", &values);
    }
}

#[test]
fn golden_gae_skip_masked() {
    for MathCase { inputs, outputs, .. } in cases("gae_skip_masked") {
        let mask = inputs.mask("mask");
        let (advantages, returns) = advantages(&inputs, gae_skip_masked);
        outputs.check("advantages_raw", &advantages);
        outputs.check("returns", &returns);
        let whitened = whiten(&advantages, &mask, Variance::Unbiased);
        let only_counting = |(&x, &counts): (&f32, &bool)| if counts { x } else { 0.0 };
        let whitened: Vec<f32> = whitened.iter().zip(&mask).map(only_counting).collect();
        outputs.check("advantages_whitened", &whitened);
    }
}

#[test]
fn golden_group_advantages() {
    for MathCase { inputs, outputs, .. } in cases("group_advantages") {
        let (scores, group_size) = (inputs.f32s("rewards"), inputs.array("rewards").row_len());
        assert_eq!(inputs.number("eps"), GROUP_EPSILON);
        let kinds = [
            ("rloo", GroupAdvantage::Rloo),
            ("rloo_normalised", GroupAdvantage::RlooWhitened),
            ("grpo", GroupAdvantage::Grpo),
            ("grpo_batch_std", GroupAdvantage::GrpoBatchScaled),
            ("dr_grpo", GroupAdvantage::DrGrpo),
        ];
        for (output, kind) in kinds {
            outputs.check(output, &group_advantages(&scores, group_size, kind).unwrap());
        }
        let groups: Vec<Vec<f64>> = scores.chunks(group_size).map(widened).collect();
        let baselines = groups.iter().flat_map(|group| leave_one_out(group));
        let baselines: Vec<f64> = baselines.map(|Moments { mean, .. }| mean).collect();
        outputs.check_within("rloo_baseline", &baselines, Within::F32);
        let stds: Vec<f64> = groups.iter().map(|group| moments(group).std).collect();
        outputs.check_within("group_std_unbiased", &stds, Within::F32);
        let differ = groups_that_differ(&scores, group_size).unwrap().len();
        let equal = (groups.len() - differ) as f64 / groups.len() as f64;
        outputs.check_within("frac_zero_std", &[equal], Within::F32);
    }
}

#[test]
fn golden_adaptive_kl() {
    for MathCase { inputs, outputs, .. } in cases("adaptive_kl") {
        let mut controller = KlController::Adaptive {
            kl_coef: inputs.number("init_kl_coef"),
            target: inputs.number("target"),
            horizon: inputs.number("horizon"),
        };
        let after = |kl: f64| {
            controller.update(kl, inputs.count("n_steps"));
            controller.kl_coef()
        };
        let found: Vec<f64> = inputs.array("kl").data.into_iter().map(after).collect();
        outputs.check_within("value_after", &found, Within::F64);
    }
}

#[test]
fn golden_truncate_response() {
    for MathCase { inputs, outputs, .. } in cases("truncate_response") {
        let (responses, len) = (inputs.tokens("responses"), inputs.array("responses").row_len());
        let [stop, filler] =
            ["stop_token_id", "pad_token_id"].map(|key| u32::try_from(inputs.count(key)).unwrap());
        let rows = || responses.chunks(len);
        let found = rows().flat_map(|row| truncate_response(row, &[stop], filler));
        outputs.check_within(
            "responses",
            &found.map(f64::from).collect::<Vec<_>>(),
            Within::EXACT,
        );
        let ends: Vec<f64> = rows().map(|row| first_stop(row, &[stop]) as f64).collect();
        outputs.check_within("first_stop_index", &ends, Within::EXACT);
    }
}
