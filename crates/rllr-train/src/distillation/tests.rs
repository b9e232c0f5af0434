use burn::tensor::{Device, Tensor};
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{CausalLmConfig, PaddingSide, SpecialTokenIds, TokenBatch, initial_weights};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::actor_critic::Actor;
use crate::distillation_config::{Divergence, OnPolicyShare};
use crate::distillation_loss::generalized_jsd;
use crate::learning_rate::LrSchedule;
use crate::micro_batching::MicroBatching;
use crate::sft_config::SftConfig;
use crate::sft_step::SftMetrics;
use crate::trained_parts::total_change;

const SPECIAL: SpecialTokenIds = SpecialTokenIds {
    bos: Some(1),
    eos: Some(2),
    pad: None,
    stop: Vec::new(),
};

fn lm(seed: u64, hidden_size: usize, vocab_size: usize, device: &Device) -> CausalLm {
    let config = CausalLmConfig {
        vocab_size,
        hidden_size,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: hidden_size / 2,
        max_position_embeddings: 32,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
    CausalLm::from_weights(&config, &weights, device).unwrap()
}

/// Five examples, one of them cut off.
fn batch() -> Vec<PromptAndResponse> {
    (0..5u32)
        .map(|row| {
            let prompt = (0..=row % 3).map(|t| if t == 0 { 1 } else { 3 + (row + 2 * t) % 9 });
            let end = if row == 3 { 7 } else { 2 };
            let response = (0..=row).map(|t| if t == row { end } else { 3 + (5 * row + t) % 9 });
            PromptAndResponse::unended(prompt.collect(), response.collect(), &SPECIAL).unwrap()
        })
        .collect()
}

fn trainer(beta: f64, micro_batching: MicroBatching) -> DistillationTrainer {
    let student = SftModels::new(None, Actor::Full(lm(1, 8, 12, &Device::flex().autodiff()))).unwrap();
    let teacher = Teacher::new(&lm(2, 12, 12, &Device::flex().autodiff()), None);
    let config = DistillationConfig {
        training: SftConfig {
            learning_rate: 1e-2,
            lr_schedule: LrSchedule::Constant,
            micro_batching,
            ..SftConfig::default()
        },
        divergence: Divergence {
            beta,
            temperature: 0.9,
        },
        ..DistillationConfig::default()
    };
    DistillationTrainer::new(student, teacher, config, 100).unwrap()
}

fn step(trainer: &mut DistillationTrainer) -> SftMetrics {
    block_on(trainer.step(&batch()).unwrap().read()).unwrap()
}

/// Each response token's divergence from the logits of both models, read example by example.
fn by_hand(beta: f64) -> f32 {
    let device = Device::flex();
    let (student, teacher) = (lm(1, 8, 12, &device), lm(2, 12, 12, &device));
    let (mut sum, mut count) = (0.0, 0);
    for example in batch() {
        let input = TokenBatch::from_rows(&[example.tokens()], PaddingSide::Right, 12).unwrap();
        let input = input.to_device(&device);
        let len = example.response().len();
        let of_response = |logits: Tensor<3>| logits.narrow(1, example.prompt().len() - 1, len);
        let [s, t] = [&student, &teacher].map(|lm| of_response(lm.forward(&input)));
        sum += generalized_jsd(s, t, beta, 0.9).sum().into_scalar::<f32>();
        count += len;
    }
    sum / count as f32
}

#[wasm_bindgen_test(unsupported = test)]
fn the_loss_is_the_divergence_of_real_logits() {
    for beta in [0.0, 0.3, 1.0] {
        let expected = by_hand(beta);
        for cut in [
            MicroBatching::Rows(5),
            MicroBatching::Rows(2),
            MicroBatching::Tokens(12),
        ] {
            let metrics = step(&mut trainer(beta, cut));
            assert!(
                (metrics.loss - expected).abs() < 1e-5,
                "beta {beta}, {cut:?}: {metrics:?}, {expected}"
            );
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_student_comes_closer_however_a_step_is_cut() {
    let [mut whole, mut cut] = [MicroBatching::Rows(5), MicroBatching::Rows(1)].map(|cut| trainer(0.5, cut));
    let first = step(&mut whole).loss;
    step(&mut cut);
    let apart = total_change(whole.models().trained(), cut.models().trained()).into_scalar::<f32>();
    assert!(apart < 1e-3, "{apart}");
    for _ in 0..60 {
        step(&mut whole);
    }
    let last = step(&mut whole).loss;
    assert!(last < 0.3 * first, "{first} {last}");
}

/// The hand-made gradients are those of autodiff through all logits at once.
#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_those_of_autodiff() {
    use crate::distillation::tests::autodiff::plain_gradient;
    let trainer = trainer(0.3, MicroBatching::Rows(5));
    let found = trainer.trainer.gradients(&batch()).unwrap();
    let norm = found.norm.into_scalar::<f32>();
    let expected = plain_gradient(0.3);
    assert!(
        (norm / expected - 1.0).abs() < 1e-4,
        "{norm}, autodiff {expected}"
    );
}

mod autodiff {
    use burn::optim::GradientsParams;

    use super::*;
    use crate::gradients::global_norm;

    /// Global norm of the gradients of the mean divergence.
    pub(super) fn plain_gradient(beta: f64) -> f32 {
        let student = lm(1, 8, 12, &Device::flex().autodiff());
        let teacher = lm(2, 12, 12, &Device::flex());
        let count: usize = batch().iter().map(|example| example.response().len()).sum();
        let mut sum: Option<Tensor<1>> = None;
        for example in batch() {
            let input = TokenBatch::from_rows(&[example.tokens()], PaddingSide::Right, 12).unwrap();
            let input = input.to_device(&Device::flex());
            let len = example.response().len();
            let of_response = |logits: Tensor<3>| logits.narrow(1, example.prompt().len() - 1, len);
            let s = of_response(student.forward(&input));
            let t = Tensor::from_inner(of_response(teacher.forward(&input)));
            let part = generalized_jsd(s, t, beta, 0.9).sum() / count as f64;
            sum = Some(sum.map_or(part.clone(), |sum| sum + part));
        }
        let loss = sum.unwrap();
        let gradients = GradientsParams::from_grads(loss.backward(), &student);
        global_norm(&student, &gradients).unwrap().into_scalar::<f32>()
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_teacher_stays_and_has_the_same_tokens() {
    let original = lm(2, 12, 12, &Device::flex().autodiff());
    let teacher = Teacher::new(&original, None);
    assert!(teacher.base.devices().iter().all(|device| !device.is_autodiff()));
    let student = || SftModels::new(None, Actor::Full(lm(1, 8, 13, &Device::flex().autodiff()))).unwrap();
    let error = DistillationTrainer::new(student(), teacher, DistillationConfig::default(), 1);
    assert_eq!(
        error.err().unwrap().to_string(),
        "the student has 13 token ids, the teacher 12; expected one tokenizer for both"
    );
    let mut config = DistillationConfig::default();
    config.divergence.beta = 1.5;
    assert_eq!(
        config.check().unwrap_err().to_string(),
        "divergence.beta is 1.5, expected 0 to 1"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn the_share_of_own_responses_is_kept() {
    let config = |share| DistillationConfig {
        on_policy: OnPolicyShare(share),
        ..DistillationConfig::default()
    };
    let steps = |share| (0..1000).filter(|&step| config(share).is_on_policy(step)).count();
    assert_eq!([steps(0.0), steps(1.0)], [0, 1000]);
    // Standard deviation 14; four of them.
    assert!((240..360).contains(&steps(0.3)), "{}", steps(0.3));
}
