use burn::tensor::Device;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, ScalarHead, ScalarModel, Weights, initial_weights,
};
use rllr_reward::{KlEstimator, ScoreNormalization};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::actor_critic::{Actor, ActorCritic, Critic, CriticKind, Reference, ReferenceKind};
use crate::kl_controller::KlController;
use crate::learning_rate::LrSchedule;
use crate::ppo_config::{AdvantageWhitening, KlPenalty, KlPlace, LossMeans};
use crate::trained_parts::total_change;

mod adapters;
mod groups;
mod lessons;
mod writing;
mod learning;
mod workers;

/// One layer, 12 ids.
fn lm_config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 12,
        hidden_size: 8,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: 4,
        max_position_embeddings: 16,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

fn weights(seed: u64) -> Weights {
    initial_weights(&lm_config(), 0.3, &mut ChaCha8Rng::seed_from_u64(seed))
}

fn lm(seed: u64, device: &Device) -> CausalLm {
    CausalLm::from_weights(&lm_config(), &weights(seed), device).unwrap()
}

/// A policy with a value model of its own, and a reference that is another model.
fn models() -> PpoModels {
    let device = Device::flex().autodiff();
    let head = ScalarHead::new(
        8,
        HeadInitialization::Normal,
        &mut ChaCha8Rng::seed_from_u64(3),
        &device,
    );
    let trained = ActorCritic {
        actor: Actor::Full(lm(1, &device)),
        critic: Some(Critic::OwnModel(ScalarModel::new(lm(2, &device), head))),
    };
    PpoModels::new(None, trained, Reference::FrozenCopy(lm(4, &Device::flex()))).unwrap()
}

fn config() -> PpoConfig {
    PpoConfig {
        batch_size: 4,
        minibatch_size: 4,
        micro_batch_size: 2,
        learning_rate: 1e-2,
        lr_schedule: LrSchedule::Constant,
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        ..PpoConfig::default()
    }
}

fn trainer(change: impl FnOnce(&mut PpoConfig)) -> PpoTrainer {
    let mut config = config();
    change(&mut config);
    PpoTrainer::new(models(), config, 10).unwrap()
}

const SCORES: [f32; 4] = [1.0, -0.5, 2.0, 0.25];

/// Four responses of one to four tokens.
fn responses() -> Responses {
    let prompts = vec![vec![1, 5], vec![1], vec![1, 6, 7], vec![2]];
    let rows = vec![vec![3, 4, 5, 2], vec![7], vec![8, 2], vec![9, 10, 11]];
    Responses::new(prompts, rows, vec![true, false, true, false], 4).unwrap()
}

fn step(trainer: &mut PpoTrainer) -> PpoStep {
    block_on(trainer.step(responses(), &SCORES)).unwrap()
}

fn distance(a: &PpoTrainer, b: &PpoTrainer) -> f32 {
    total_change(a.models().trained(), b.models().trained()).into_scalar::<f32>()
}

/// Losses, gradients, weights: a step cut in one, two or four parts is the same step. A mean of means is not.
#[wasm_bindgen_test(unsupported = test)]
fn how_a_step_is_cut_does_not_matter() {
    let run = |size: usize, means: LossMeans| {
        let mut trainer = trainer(|config| {
            config.micro_batch_size = size;
            config.loss_means = means;
        });
        let step = step(&mut trainer);
        (trainer, step)
    };
    let (whole, of_whole) = run(4, LossMeans::OptimizerStep);
    for size in [1, 2, 3] {
        let (cut, of_cut) = run(size, LossMeans::OptimizerStep);
        let apart = distance(&whole, &cut);
        assert!(apart < 1e-4, "parts of {size}: {apart}");
        let (a, b) = (of_whole.minibatches[0], of_cut.minibatches[0]);
        assert!((a.total_loss - b.total_loss).abs() < 1e-5, "{a:?} {b:?}");
        assert!((of_whole.grad_norms[0] / of_cut.grad_norms[0] - 1.0).abs() < 1e-4);
    }
    let (means, _) = run(1, LossMeans::MicroBatch);
    assert!(distance(&whole, &means) > 1e-2);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_step_is_repeatable_and_resumes_where_it_was() {
    let several = |config: &mut PpoConfig| {
        config.ppo_epochs = 2;
        config.minibatch_size = 2;
    };
    let (mut first, mut second) = (trainer(several), trainer(several));
    let (a, b) = (step(&mut first), step(&mut second));
    assert_eq!(a, b);
    let mut resumed = PpoTrainer::resume(
        second.models().clone(),
        second.optimizer().clone(),
        second.state().clone(),
        second.config().clone(),
        10,
    )
    .unwrap();
    let (a, b) = (step(&mut first), step(&mut resumed));
    assert_eq!(a, b);
    assert_eq!(distance(&first, &resumed), 0.0);
    assert_eq!(first.state().optimizer_step, 8);
}

/// A token that scores better than the others becomes likelier.
#[wasm_bindgen_test(unsupported = test)]
fn rewarded_tokens_become_likelier() {
    let mut trainer = trainer(|config| {
        config.minibatch_size = 12;
        config.ppo_epochs = 2;
    });
    let prompts = vec![vec![1]; 12];
    let every_token = (0..12).map(|id| vec![id]).collect::<Vec<_>>();
    let responses = Responses::new(prompts, every_token, vec![true; 12], 1).unwrap();
    let scores: Vec<f32> = (0..12u8).map(|id| f32::from(u8::from(id == 3))).collect();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let step = block_on(trainer.step(responses.clone(), &scores)).unwrap();
        seen.push(step.experience.rollout.log_probs[3]);
    }
    assert!(seen.windows(2).all(|pair| pair[1] > pair[0]), "{seen:?}");
    assert!(seen[3] - seen[0] > 0.1, "{seen:?}");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_reset_reference_is_the_present_policy() {
    let mut trainer = trainer(|config| config.reference_reset = ReferenceReset::Every { steps: 1 });
    let first = step(&mut trainer);
    assert!(first.reference_was_reset && first.experience.kl_from_reference().abs() > 0.1);
    let second = step(&mut trainer);
    assert!(second.experience.kl_from_reference().abs() < 1e-6);
}

#[wasm_bindgen_test(unsupported = test)]
fn epochs_end_early_when_the_policy_has_moved() {
    let epochs = |early_stop| {
        let mut trainer = trainer(|config| {
            config.ppo_epochs = 6;
            config.early_stop = early_stop;
            // Without a mean of 0 bad scores make every token less likely, so that the estimate grows.
            config.advantage_whitening = AdvantageWhitening::None;
            config.score_normalization = ScoreNormalization::None;
        });
        let step = block_on(trainer.step(responses(), &[-5.0; 4])).unwrap();
        step.metrics.get("ppo/epochs").unwrap()
    };
    assert_eq!(epochs(EarlyStop::Never), 6.0);
    let moved = epochs(EarlyStop::AbovePolicyKl { target_kl: 1e-4 });
    assert!((1.0..6.0).contains(&moved), "{moved} epochs");
}

/// Adam's first step is the learning rate in size, whatever the gradient.
#[wasm_bindgen_test(unsupported = test)]
fn the_value_model_may_have_a_learning_rate_of_its_own() {
    let changes = |critic_learning_rate| {
        let mut trainer = trainer(|config| config.critic_learning_rate = critic_learning_rate);
        let before = trainer.models().trained().clone();
        step(&mut trainer);
        let after = trainer.models().trained();
        let actor = total_change(&before.actor, &after.actor).into_scalar::<f32>();
        let critic = total_change(&before.critic, &after.critic).into_scalar::<f32>();
        (actor, critic)
    };
    let (same, tenth) = (changes(None), changes(Some(1e-3)));
    assert_eq!(same.0, tenth.0, "the policy does not care");
    assert!((same.1 / tenth.1 - 10.0).abs() < 0.5, "{same:?} {tenth:?}");
}

/// The penalty works in the rewards or in the loss, and only there.
#[wasm_bindgen_test(unsupported = test)]
fn the_penalty_may_be_part_of_the_loss() {
    let run = |kl_place| {
        let mut trainer = trainer(|config| {
            config.kl_place = kl_place;
            config.kl_penalty = KlPenalty::Estimate(KlEstimator::K3);
        });
        let step = step(&mut trainer);
        (trainer, step)
    };
    let (in_reward, of_reward) = run(KlPlace::Reward);
    let (in_loss, of_loss) = run(KlPlace::Loss);
    assert!(of_reward.rewards.non_score_rewards.iter().any(|r| *r != 0.0));
    assert!(of_loss.rewards.non_score_rewards.iter().all(|r| *r == 0.0));
    assert!(distance(&in_reward, &in_loss) > 1e-3);
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_arguments_are_named() {
    let mut trainer = trainer(|_| {});
    let message = |result: Result<PpoStep, PpoError>| result.unwrap_err().to_string();
    assert_eq!(
        message(block_on(trainer.step(responses(), &[1.0; 3]))),
        "3 scores, expected one for each of 4 responses"
    );
    let found = message(block_on(trainer.step(responses(), &[1.0, f32::NAN, 0.0, 0.0])));
    assert!(
        found.starts_with("the score of slot 0 is NaN, expected a finite number: row 1"),
        "{found}"
    );
    let order = [vec![0, 1, 1, 3]];
    let found = message(block_on(trainer.step_in_order(responses(), &SCORES, &order)));
    assert_eq!(
        found,
        "order [0, 1, 1, 3] of epoch 0, expected each of 4 rows once"
    );
    let unknown = Responses::new(vec![vec![1]], vec![vec![12]], vec![true], 1).unwrap();
    let found = message(block_on(trainer.step(unknown, &[1.0])));
    assert_eq!(found, "row 0, token 1: id 12, expected an id below 12");
}

#[wasm_bindgen_test(unsupported = test)]
fn models_must_fit_the_settings() {
    let message = |config| PpoTrainer::new(models(), config, 1).err().unwrap().to_string();
    let shared = CriticKind::SharedHead;
    let critic = PpoConfig {
        critic: shared,
        ..config()
    };
    assert_eq!(
        message(critic),
        "the value model is OwnModel, the settings say SharedHead"
    );
    let device = Device::flex();
    let frozen = ActorCritic {
        actor: Actor::Full(lm(1, &device)),
        critic: None,
    };
    let error = PpoModels::new(None, frozen.clone(), Reference::Absent).unwrap_err();
    assert_eq!(error, ModelsError::NothingToTrain);
    let error = PpoModels::new(None, frozen, Reference::AdaptersOff).unwrap_err();
    assert_eq!(error, ModelsError::NoBase { what: "reference" });
}

#[wasm_bindgen_test(unsupported = test)]
fn training_that_does_nothing_is_loud() {
    let mut still = trainer(|config| config.learning_rate = 0.0);
    let error = block_on(still.step(responses(), &SCORES))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the first step did not change the weights of the policy"),
        "{error}"
    );
    assert!(
        error.contains("row 0 with prompt [1, 5], response [3, 4, 5, 2] and score 1"),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn numbers_that_are_none_are_loud() {
    let device = Device::flex().autodiff();
    let mut broken = weights(1);
    let head = broken.0.get_mut("lm_head.weight").unwrap();
    // One row of the output layer: only responses with id 11 see it in their own log-probability, but all of them in
    // the sum; the first slot of the first row is named.
    head.data[11 * 8] = f32::NAN;
    let trained = ActorCritic {
        actor: Actor::Full(CausalLm::from_weights(&lm_config(), &broken, &device).unwrap()),
        critic: models().trained().critic.clone(),
    };
    let reference = Reference::FrozenCopy(lm(4, &Device::flex()));
    let models = PpoModels::new(None, trained, reference).unwrap();
    let mut trainer = PpoTrainer::new(models, config(), 10).unwrap();
    let error = block_on(trainer.step(responses(), &SCORES))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "the log-probability of the policy of slot 0 is NaN, expected a finite number: row 0"
        ),
        "{error}"
    );
}
