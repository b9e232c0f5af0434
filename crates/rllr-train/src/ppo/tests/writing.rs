//! What the policy writes, and whether it is scored as it was written.

use rllr_model::SpecialTokenIds;
use rllr_reward::ScorePosition;

use super::adapters::adapter_models;
use super::*;
use crate::actor_critic::PpoModels;
use crate::group_advantage::GroupAdvantage;
use crate::ppo_config::{AdvantageSource, EqualGroups, OldLogProbs, RolloutModel};
use crate::ppo_warnings::PpoWarning;
use crate::responses::Sampled;

pub(super) fn tokens() -> SpecialTokenIds {
    SpecialTokenIds {
        bos: Some(1),
        eos: Some(2),
        pad: Some(0),
        stop: vec![2],
    }
}

pub(super) fn prompts() -> Vec<Vec<u32>> {
    vec![vec![1, 5], vec![1], vec![1, 6, 7], vec![1, 8]]
}

fn write(trainer: &PpoTrainer, draw: usize) -> Responses {
    block_on(trainer.write(&prompts(), &tokens(), draw)).unwrap()
}

/// Adapters that are something, at another temperature.
fn adapted_trainer(change: impl FnOnce(&mut PpoConfig)) -> PpoTrainer {
    let models = adapter_models(|_| Reference::AdaptersOff);
    let mut config = PpoConfig {
        critic: models.critic_kind(),
        reference: models.reference_kind(),
        temperature: 0.7,
        max_new_tokens: 8,
        ..config()
    };
    change(&mut config);
    let mut trainer = PpoTrainer::new(models, config, 10).unwrap();
    step(&mut trainer);
    trainer
}

/// Seed, step and draw say what is written; how it is cut and with which layout does not.
#[wasm_bindgen_test(unsupported = test)]
fn answers_are_a_function_of_seed_step_and_draw() {
    let trainer = adapted_trainer(|_| {});
    let written = write(&trainer, 0);
    let cut = adapted_trainer(|config| {
        config.generation_batch_size = 3;
        config.rollout_model = RolloutModel::Policy;
    });
    assert_eq!(write(&cut, 0).responses(), written.responses());
    assert_ne!(
        write(&trainer, 1).responses(),
        written.responses(),
        "another draw"
    );
    let other = adapted_trainer(|config| config.seed = 1);
    assert_ne!(write(&other, 0).responses(), written.responses(), "another seed");
    let mut later = adapted_trainer(|_| {});
    later.state.step += 1;
    assert_ne!(write(&later, 0).responses(), written.responses(), "another step");
    let resumed = PpoTrainer::resume(
        trainer.models().clone(),
        trainer.optimizer().clone(),
        trainer.state().clone(),
        trainer.config().clone(),
        10,
    );
    assert_eq!(write(&resumed.unwrap(), 0), written);
}

#[wasm_bindgen_test(unsupported = test)]
fn written_responses_are_cut_at_their_end_and_hold_no_padding() {
    let trainer = adapted_trainer(|config| config.max_new_tokens = 12);
    let mut ends = [0, 0];
    for draw in 0..20 {
        let written = write(&trainer, draw);
        for (response, &ended) in written.responses().iter().zip(written.ended()) {
            ends[usize::from(ended)] += 1;
            assert!(!response.contains(&0), "padding in {response:?}");
            assert_eq!(
                response.iter().position(|id| *id == 2),
                ended.then(|| response.len() - 1)
            );
            assert!(ended || response.len() == 12);
        }
    }
    assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_written_is_scored_alike() {
    let mut trainer = adapted_trainer(|_| {});
    let written = write(&trainer, 0);
    let scored = block_on(trainer.score(written.clone(), &SCORES)).unwrap();
    let difference = scored.sampler_difference.unwrap();
    assert!(difference < 1e-4, "{difference}");

    // A sampler that saw something else.
    let mut sampled = written.sampled().unwrap().clone();
    sampled.log_probs[2][0] += 0.02;
    let wrong = written.clone().with_sampled(sampled.clone()).unwrap();
    let error = block_on(trainer.score(wrong, &SCORES)).unwrap_err().to_string();
    assert!(error.starts_with("log π of slot 0 is"), "{error}");
    assert!(
        error.contains("row 2 with prompt [1, 6, 7], response ["),
        "{error}"
    );
    // Another temperature is another distribution.
    let other = Sampled {
        temperature: 1.0,
        ..sampled
    };
    let other = written.clone().with_sampled(other).unwrap();
    assert_eq!(
        block_on(trainer.score(other, &SCORES))
            .unwrap()
            .sampler_difference,
        None
    );
    // A policy that has learned since is another policy.
    let order = trainer.order(4);
    let step = block_on(trainer.learn(scored, &order)).unwrap();
    assert_eq!(step.metrics.get("ppo/sampler_difference"), Some(difference));
    let error = block_on(trainer.score(written, &SCORES)).unwrap_err();
    assert!(matches!(error, PpoError::SamplerDiffers { .. }), "{error}");
}

#[wasm_bindgen_test(unsupported = test)]
fn answers_to_one_prompt_stand_together() {
    let trainer = trainer(|config| {
        config.advantage = AdvantageSource::Group {
            group_size: 2,
            kind: GroupAdvantage::Grpo,
            equal_groups: EqualGroups::Keep,
        };
        config.max_new_tokens = 8;
    });
    let written = write(&trainer, 0);
    let expected: Vec<Vec<u32>> = prompts().into_iter().flat_map(|p| [p.clone(), p]).collect();
    assert_eq!(written.prompts(), expected);
    assert!(written.responses().chunks(2).any(|pair| pair[0] != pair[1]));
}

#[wasm_bindgen_test(unsupported = test)]
fn prompts_that_begin_twice_are_refused() {
    let trainer = trainer(|config| config.max_new_tokens = 4);
    let message = |prompts: &[Vec<u32>]| {
        let error = block_on(trainer.write(prompts, &tokens(), 0)).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        message(&[vec![1, 5], vec![1, 1, 5]]),
        "prompt 1 holds the token 1 that begins a sequence 2 times, expected once: [1, 1, 5]"
    );
    assert_eq!(message(&[]), "a batch without a response, expected at least one");
    assert!(message(&[vec![1; 1], vec![5; 14]]).starts_with("prompt 1 has 14 tokens"));
}

#[wasm_bindgen_test(unsupported = test)]
fn frozen_weights_that_change_are_seen() {
    let mut trainer = trainer(|config| config.checks.steps_between_frozen_checks = 2);
    step(&mut trainer);
    let trained = trainer.models().trained().clone();
    let other = Reference::FrozenCopy(lm(9, &Device::flex()));
    trainer.models = PpoModels::new(None, trained, other).unwrap();
    step(&mut trainer);
    let error = block_on(trainer.step(responses(), &SCORES))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("the reference is frozen, but"), "{error}");

    // A reference that was reset is another one, and that is no error.
    let mut reset = super::trainer(|config| {
        config.checks.steps_between_frozen_checks = 1;
        config.reference_reset = ReferenceReset::Every { steps: 1 };
    });
    for _ in 0..3 {
        step(&mut reset);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_unusual_is_a_warning() {
    let warnings = |change: fn(&mut PpoConfig), scores: &[f32]| {
        let mut trainer = trainer(change);
        block_on(trainer.step(responses(), scores)).unwrap().warnings
    };
    let quiet = |config: &mut PpoConfig| config.checks.negative_kl = 1e9;
    assert_eq!(warnings(quiet, &SCORES), []);
    let loud = |config: &mut PpoConfig| {
        config.checks.negative_kl = 1e9;
        config.checks.missing_eos_rate = 0.4;
        config.top_k = 5;
    };
    let found = warnings(loud, &[1.0; 4]);
    let expected = [
        PpoWarning::MissingEos { rate: 0.5 },
        PpoWarning::EqualScores { std: 0.0 },
        PpoWarning::Filtered { top_k: 5, top_p: 1.0 },
    ];
    assert_eq!(found, expected);
    let above = |config: &mut PpoConfig| config.checks.negative_kl = -1e9;
    assert!(matches!(
        warnings(above, &SCORES)[..],
        [PpoWarning::NegativeKl { .. }]
    ));
    assert!(
        found[0]
            .to_string()
            .starts_with("a share of 0.50 of the responses did not end")
    );
}

/// The sampler's log-probabilities stand for the policy's: the same step without one of its passes, with adapters and
/// whole models, and where the value model is a head on the policy. Without a reference it says what the policy says.
#[wasm_bindgen_test(unsupported = test)]
fn sampled_log_probs_make_the_step_that_measured_ones_make() {
    let steps = |models: PpoModels, old_log_probs: OldLogProbs| {
        let config = PpoConfig {
            critic: models.critic_kind(),
            reference: models.reference_kind(),
            max_new_tokens: 8,
            old_log_probs,
            ..config()
        };
        let mut trainer = PpoTrainer::new(models, config, 10).unwrap();
        let step = |trainer: &mut PpoTrainer| {
            let responses = write(trainer, 0);
            block_on(trainer.step(responses, &SCORES)).unwrap()
        };
        let found = [step(&mut trainer), step(&mut trainer)];
        (trainer, found)
    };
    for models in [
        models(),
        adapter_models(|_| Reference::AdaptersOff),
        with_shared_head(),
    ] {
        let is_head = models.critic_kind() == CriticKind::SharedHead;
        let (measured, of_measured) = steps(models.clone(), OldLogProbs::Measured);
        let (sampled, of_sampled) = steps(models, OldLogProbs::Sampled);
        assert!(distance(&measured, &sampled) < 1e-3);
        for (a, b) in of_measured.iter().zip(&of_sampled) {
            let (a, b) = (&a.experience.rollout, &b.experience.rollout);
            assert_eq!(a.responses.responses(), b.responses.responses());
            let of_b = b.responses.sampled().unwrap();
            let len = of_b.log_probs[0].len();
            assert_eq!(b.log_probs[..len], of_b.log_probs[0]);
            if let Some(values) = &of_b.values {
                assert_eq!(b.values[..len], values[0]);
            }
            assert_eq!(of_b.values.is_some(), is_head, "{:?}", sampled.config().critic);
            for (a, b) in [
                (&a.log_probs, &b.log_probs),
                (&a.ref_log_probs, &b.ref_log_probs),
                (&a.values, &b.values),
            ] {
                let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(apart < 1e-4, "{apart}");
            }
        }
    }
}

/// A value behind the response's end has no token: all are measured.
#[wasm_bindgen_test(unsupported = test)]
fn values_of_slots_without_a_token_are_measured() {
    let rollout = |old_log_probs| {
        let config = PpoConfig {
            critic: CriticKind::SharedHead,
            score_position: ScorePosition::TokenAfterResponse,
            max_new_tokens: 8,
            old_log_probs,
            ..config()
        };
        let mut trainer = PpoTrainer::new(with_shared_head(), config, 10).unwrap();
        let written = write(&trainer, 0);
        let scored = block_on(trainer.score(written, &SCORES)).unwrap();
        scored.experience.rollout
    };
    let (measured, sampled) = (rollout(OldLogProbs::Measured), rollout(OldLogProbs::Sampled));
    assert_ne!(measured.reward_mask, measured.mask, "a response ended early");
    assert_eq!(sampled.values, measured.values);
}

/// A policy whose value model is a head on its own hidden states.
fn with_shared_head() -> PpoModels {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let head = ScalarHead::new(8, HeadInitialization::Normal, &mut rng, &device);
    let trained = ActorCritic {
        actor: Actor::Full(lm(1, &device)),
        critic: Some(Critic::SharedHead(head)),
    };
    PpoModels::new(None, trained, Reference::FrozenCopy(lm(4, &Device::flex()))).unwrap()
}

/// Responses that come from elsewhere have no numbers of a sampler, and are measured.
#[wasm_bindgen_test(unsupported = test)]
fn responses_without_sampled_log_probs_are_measured() {
    let [mut asked, mut measured] = [OldLogProbs::Sampled, OldLogProbs::Measured]
        .map(|old_log_probs| trainer(|config| config.old_log_probs = old_log_probs));
    assert_eq!(step(&mut asked), step(&mut measured));
}

/// The first update finds numbers that are not the policy's.
#[wasm_bindgen_test(unsupported = test)]
fn wrong_sampled_log_probs_are_found_by_the_first_update() {
    let mut trainer = trainer(|config| config.old_log_probs = OldLogProbs::Sampled);
    let numbers = Sampled {
        temperature: 1.0,
        log_probs: responses()
            .responses()
            .iter()
            .map(|row| vec![-1.0; row.len()])
            .collect(),
        values: None,
    };
    let responses = responses().with_sampled(numbers).unwrap();
    let error = block_on(trainer.step(responses, &SCORES)).unwrap_err();
    assert!(matches!(error, PpoError::RatioNotOne { .. }), "{error}");
}

/// Four responses, two of them equal.
#[wasm_bindgen_test(unsupported = test)]
fn equal_responses_are_counted_once() {
    let prompts = vec![vec![1, 5], vec![1], vec![1, 6, 7], vec![2]];
    let rows = vec![vec![3, 2], vec![7], vec![3, 2], vec![9, 10, 11]];
    let responses = Responses::new(prompts, rows, vec![true, false, true, false], 4).unwrap();
    let step = block_on(trainer(|_| {}).step(responses, &SCORES)).unwrap();
    assert_eq!(step.metrics.get("ppo/distinct_responses"), Some(0.75));
}
