//! What is differentiated, on tensors, with gradients.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rllr_tests::math_cases::{Fields, MathCase, Within};
use rllr_train::masked_stats::{Variance, mean, variance};
use rllr_train::{
    DpoLoss, LossAggregation, PairLogProbs, PpoLoss, PpoLossConfig, PpoPredictions, PpoStats, PpoTargets,
    dpo_losses, generalized_jsd, implicit_rewards, jsd_terms, policy_losses, ppo_loss, weighted_sum,
};

use crate::cases;
use crate::log_probs::{log_probs_of, token_entropies};

/// Weights of the mean over the tokens of a mask, as a tensor like it.
fn mean_weights(inputs: &Fields, device: &Device) -> Tensor<2> {
    let mask = inputs.array("mask");
    let weights = LossAggregation::TokenMean.token_weights(&inputs.mask("mask"), mask.row_len());
    Tensor::from_data(TensorData::new(weights, mask.shape), device)
}

fn check_gradient<const D: usize>(outputs: &Fields, output: &str, tensor: &Tensor<D>, gradients: &Gradients) {
    let gradient = tensor.grad(gradients);
    outputs.check_tensor(output, gradient.expect("the loss depends on it"));
}

fn read(loss: PpoLoss) -> PpoStats {
    pollster::block_on(PpoStats::read(loss.stats)).unwrap()
}

#[test]
fn golden_logprob_entropy() {
    let device = Device::flex();
    for MathCase { inputs, outputs, .. } in cases("logprob_entropy") {
        let temperature = inputs.number("temperature") + inputs.number("temperature_eps");
        let logits = inputs.tensor::<3>("logits", &device) / temperature;
        let tokens = inputs.int_tensor("tokens", &device);
        outputs.check_tensor("logprobs", log_probs_of(logits.clone(), tokens));
        outputs.check_tensor("entropy", token_entropies(logits));
    }
}

#[test]
fn golden_loss_aggregation() {
    let device = Device::flex();
    for MathCase { inputs, outputs, .. } in cases("loss_aggregation") {
        let max_len = inputs.count("max_length");
        let kinds = [
            ("token_mean", LossAggregation::TokenMean),
            ("seq_mean_token_sum", LossAggregation::SequenceMeanOfTokenSums),
            ("seq_mean_token_mean", LossAggregation::SequenceMeanOfTokenMeans),
            (
                "seq_mean_token_sum_over_max_length",
                LossAggregation::SequenceMeanOfTokenSumsOverMaxLen { max_len },
            ),
        ];
        let losses = inputs.array("losses");
        for (output, kind) in kinds {
            let weights = kind.token_weights(&inputs.mask("mask"), losses.row_len());
            let weights = Tensor::from_data(TensorData::new(weights, losses.shape.clone()), &device);
            let losses = inputs.tensor("losses", &device);
            outputs.check_tensor(output, weighted_sum(losses, weights));
        }
    }
}

#[test]
fn golden_ppo_dual_clip() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("ppo_dual_clip") {
        let tensor = |key: &str| inputs.tensor::<2>(key, &device);
        let config = PpoLossConfig {
            clip_range_low: inputs.number("cliprange_low"),
            clip_range_high: inputs.number("cliprange_high"),
            dual_clip: inputs.optional("dual_clip"),
            ..PpoLossConfig::default()
        };
        let log_probs = tensor("logprobs").require_grad();
        let found = policy_losses(
            log_probs.clone(),
            tensor("old_logprobs"),
            tensor("advantages"),
            &config,
        );
        let weights = mean_weights(&inputs, &device);
        outputs.check_tensor("per_token", found.losses.clone());
        outputs.check_tensor("dual_clipfrac", weighted_sum(found.dual_clipped, weights.clone()));
        let loss = weighted_sum(found.losses, weights);
        check_gradient(&outputs, "grad_logprobs", &log_probs, &loss.backward());
        outputs.check_tensor("loss", loss);
    }
}

#[test]
fn golden_ppo_loss_trl072() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("ppo_loss_trl072") {
        let tensor = |key: &str| inputs.tensor::<2>(key, &device);
        let config = PpoLossConfig {
            clip_range_low: inputs.number("cliprange"),
            clip_range_high: inputs.number("cliprange"),
            value_clip_range: inputs.number("cliprange_value"),
            vf_coef: inputs.number("vf_coef"),
            ratio_threshold: inputs.number("ratio_threshold"),
            ..PpoLossConfig::default()
        };
        let (log_probs, values) = (tensor("logprobs").require_grad(), tensor("vpreds").require_grad());
        let weights = mean_weights(&inputs, &device);
        let targets = PpoTargets {
            old_log_probs: tensor("old_logprobs"),
            old_values: tensor("values"),
            advantages: tensor("advantages"),
            returns: tensor("returns"),
            policy_weights: weights.clone(),
            value_weights: weights,
        };
        let predictions = PpoPredictions {
            log_probs: log_probs.clone(),
            values: values.clone(),
            entropies: token_entropies(inputs.tensor("logits", &device)),
        };
        let loss = ppo_loss(predictions, targets, &config);
        let gradients = loss.total.backward();
        check_gradient(&outputs, "grad_logprobs", &log_probs, &gradients);
        check_gradient(&outputs, "grad_vpreds", &values, &gradients);
        check_ppo_stats(&outputs, read(loss), &config);
        let ratios = policy_losses(log_probs, tensor("old_logprobs"), tensor("advantages"), &config).ratios;
        outputs.check_tensor("policy/ratio", ratios);
        check_rollout_stats(&inputs, &outputs);
    }
}

/// Every statistic of the device that TRL 0.7.2 has too, by its name there.
fn check_ppo_stats(outputs: &Fields, stats: PpoStats, config: &PpoLossConfig) {
    let mut checked = 0;
    for (name, found) in stats.named() {
        let name = name.strip_prefix("ppo/").unwrap_or(name);
        if outputs.has(name) {
            outputs.check(name, &[found]);
            checked += 1;
        }
    }
    assert_eq!(
        checked, 10,
        "all but the ratio, the dual clip and the count of skips are TRL's"
    );
    outputs.check("backward_policy_loss", &[stats.policy_loss]);
    let weighted = f64::from(stats.value_loss) * config.vf_coef;
    outputs.check_within("backward_value_loss_times_coef", &[weighted], Within::F32);
}

/// The statistics that are known on the host since the rollout.
fn check_rollout_stats(inputs: &Fields, outputs: &Fields) {
    let mask = inputs.mask("mask");
    let mean_of = |key: &str| mean(&inputs.f32s(key), &mask);
    let variance_of = |key: &str| variance(&inputs.f32s(key), &mask, Variance::Unbiased);
    let checks = [
        ("policy/advantages_mean", mean_of("advantages")),
        ("returns/mean", mean_of("returns")),
        ("returns/var", variance_of("returns")),
        ("val/mean", mean_of("values")),
        ("val/var", variance_of("values")),
    ];
    for (output, found) in checks {
        outputs.check_within(output, &[found], Within::F32);
    }
    outputs.check("policy/advantages", &inputs.f32s("advantages"));
}

#[test]
fn golden_dpo() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("dpo") {
        let tensor = |key: &str| inputs.tensor::<1>(key, &device);
        let beta = inputs.number("beta");
        let loss = match inputs.text("loss_type") {
            "sigmoid" => DpoLoss::Sigmoid {
                label_smoothing: inputs.number("label_smoothing"),
            },
            "ipo" => DpoLoss::Ipo,
            "hinge" => DpoLoss::Hinge,
            other => panic!("unknown loss {other}"),
        };
        let policy = PairLogProbs {
            chosen: tensor("policy_chosen").require_grad(),
            rejected: tensor("policy_rejected").require_grad(),
        };
        let reference = PairLogProbs {
            chosen: tensor("ref_chosen"),
            rejected: tensor("ref_rejected"),
        };
        let losses = dpo_losses(policy.clone(), reference.clone(), beta, loss);
        outputs.check_tensor("per_pair", losses.clone());
        let mean = losses.mean();
        let gradients = mean.backward();
        check_gradient(&outputs, "grad_policy_chosen", &policy.chosen, &gradients);
        check_gradient(&outputs, "grad_policy_rejected", &policy.rejected, &gradients);
        outputs.check_tensor("loss", mean);
        let chosen = implicit_rewards(policy.chosen, reference.chosen, beta);
        let rejected = implicit_rewards(policy.rejected, reference.rejected, beta);
        outputs.check_tensor("rewards_chosen", chosen.clone());
        outputs.check_tensor("rewards_rejected", rejected.clone());
        outputs.check_tensor("margin", (chosen.clone() - rejected.clone()).mean());
        outputs.check_tensor("accuracy", chosen.greater(rejected).float().mean());
    }
}

#[test]
fn golden_generalised_jsd() {
    let device = Device::flex().autodiff();
    for MathCase { inputs, outputs, .. } in cases("generalised_jsd") {
        let (beta, temperature) = (inputs.number("beta"), inputs.number("temperature"));
        let student = inputs.tensor::<3>("student_logits", &device).require_grad();
        let teacher = inputs.tensor::<3>("teacher_logits", &device);
        let terms = jsd_terms(student.clone(), teacher.clone(), beta, temperature);
        outputs.check_tensor("per_element_none", terms);

        let [batch, len, vocab_size] = student.dims();
        let kept: Vec<f32> = if inputs.has("labels") {
            let labels = inputs.array("labels").data;
            labels
                .iter()
                .map(|&label| if label == -100.0 { 0.0 } else { 1.0 })
                .collect()
        } else {
            vec![1.0; batch * len]
        };
        let tokens: f32 = kept.iter().sum();
        let weights = Tensor::from_data(TensorData::new(kept, [batch, len]), &device);
        let sum = weighted_sum(
            generalized_jsd(student.clone(), teacher, beta, temperature),
            weights,
        );
        outputs.check_tensor("sum", sum.clone());
        outputs.check_tensor("mean", sum.clone() / (tokens * vocab_size as f32));
        // TRL's reduction divides by the kept tokens only where there are labels.
        let count = if inputs.has("labels") {
            tokens.max(1.0)
        } else {
            batch as f32
        };
        let loss = sum / count;
        check_gradient(&outputs, "grad_student_logits", &student, &loss.backward());
        outputs.check_tensor("batchmean", loss);
    }
}
