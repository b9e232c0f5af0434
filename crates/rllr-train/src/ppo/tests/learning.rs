//! Writing, rewarding and learning in a loop: what is rewarded becomes more frequent.

use rllr_reward::{Reward, ScoreParts, Verdict};

use super::adapters::adapter_models;
use super::writing::{prompts, tokens};
use super::*;
use crate::ppo_config::PpoPreset;
use crate::ppo_warnings::PpoWarning;
use crate::responses::Responses;

/// An exact reward: the share of token 3.
fn share(responses: &Responses) -> Vec<f32> {
    let share = |row: &Vec<u32>| row.iter().filter(|id| **id == 3).count() as f32 / row.len() as f32;
    responses.responses().iter().map(share).collect()
}

/// A preset with the sizes of a test.
fn small(preset: PpoPreset) -> PpoConfig {
    let mut config = preset.config();
    config.batch_size = 32;
    config.minibatch_size = 32;
    config.micro_batch_size = 32;
    config.learning_rate = 0.02;
    config.lr_schedule = LrSchedule::Constant;
    config.warmup = crate::ppo_config::Warmup::None;
    config.max_new_tokens = 6;
    if config.overlong_buffer.is_some() {
        config.overlong_buffer = Some(2);
    }
    config
}

/// Mean reward of the first and of the last three of `steps` steps.
fn train(models: PpoModels, config: PpoConfig, steps: usize) -> (f64, f64) {
    let mut trainer = PpoTrainer::new(models, config, steps).unwrap();
    let group_size = trainer.config().advantage.group_size();
    let wanted = trainer.config().batch_size / group_size;
    let mut means = Vec::new();
    for _ in 0..steps {
        let order = trainer.config().prompt_order(prompts().len() * wanted);
        let number = trainer.state().step;
        let draw = |draw| {
            let batch = match draw {
                0 => order.batch(number),
                further => order.further(number, further),
            };
            batch
                .into_iter()
                .map(|index| prompts()[index % prompts().len()].clone())
                .collect()
        };
        let score = async |responses: &Responses| Ok::<_, PpoError>(share(responses));
        let sample = block_on(trainer.sample(&tokens(), draw, score)).unwrap();
        means.push(sample.scores.iter().sum::<f32>() / sample.scores.len() as f32);
        block_on(trainer.step(sample.responses, &sample.scores)).unwrap();
    }
    let mean = |part: &[f32]| f64::from(part.iter().sum::<f32>()) / part.len() as f64;
    (mean(&means[..3]), mean(&means[steps - 3..]))
}

fn assert_rises(what: &str, (first, last): (f64, f64), by: f64) {
    assert!(last > first + by, "{what}: mean reward from {first} to {last}");
}

/// Policy without a value model, with or without a reference.
fn group_models(config: &PpoConfig) -> PpoModels {
    let trained = ActorCritic {
        actor: Actor::Full(lm(1, &Device::flex().autodiff())),
        critic: None,
    };
    let reference = match config.reference {
        ReferenceKind::Absent => Reference::Absent,
        _ => Reference::FrozenCopy(lm(1, &Device::flex())),
    };
    PpoModels::new(None, trained, reference).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn ppo_learns_with_whole_models() {
    for preset in [PpoPreset::Rllr, PpoPreset::Trl] {
        let config = PpoConfig {
            critic: CriticKind::OwnModel,
            reference: ReferenceKind::FrozenCopy,
            ..small(preset)
        };
        // The reference is the policy as it begins.
        let trained = models().trained().clone();
        let reference = Reference::FrozenCopy(lm(1, &Device::flex()));
        let models = PpoModels::new(None, trained, reference).unwrap();
        assert_rises(preset.name(), train(models, config, 25), 0.2);
    }
}

/// The paper's layout: two adapters on a frozen base, which is the reference.
#[wasm_bindgen_test(unsupported = test)]
fn ppo_learns_with_adapters() {
    let config = PpoConfig {
        learning_rate: 0.05,
        ..small(PpoPreset::Rllr)
    };
    let models = adapter_models(|_| Reference::AdaptersOff);
    // Queries and values of one layer of width 8 cannot do more against the penalty. A mean of three steps has a standard
    // deviation of about 0.02.
    assert_rises("adapters", train(models, config, 40), 0.1);
}

#[wasm_bindgen_test(unsupported = test)]
fn group_methods_learn() {
    for preset in [
        PpoPreset::Rloo,
        PpoPreset::Grpo,
        PpoPreset::DrGrpo,
        PpoPreset::Dapo,
    ] {
        let mut config = small(preset);
        if preset == PpoPreset::DrGrpo {
            let max_len = config.max_new_tokens;
            config.loss_aggregation =
                crate::loss_aggregation::LossAggregation::SequenceMeanOfTokenSumsOverMaxLen { max_len };
        }
        assert_rises(preset.name(), train(group_models(&config), config, 30), 0.2);
    }
}

/// A rule says right or wrong of each answer, as it does of labels: here of its first token.
#[wasm_bindgen_test(unsupported = test)]
fn an_exact_label_is_learned() {
    let config = small(PpoPreset::Grpo);
    let mut trainer = PpoTrainer::new(group_models(&config), config, 30).unwrap();
    let mut right = Vec::new();
    for _ in 0..30 {
        let responses = block_on(trainer.write(&prompts(), &tokens(), 0)).unwrap();
        let verdict = |row: &Vec<u32>| {
            if row[0] == 3 {
                Verdict::Right
            } else {
                Verdict::Wrong
            }
        };
        let parts = ScoreParts {
            verdicts: Some(responses.responses().iter().map(verdict).collect()),
            ..ScoreParts::default()
        };
        let scores = Reward::ExactLabel.scores(&parts, 8).unwrap();
        right.push(scores.iter().filter(|score| **score > 0.0).count());
        block_on(trainer.step(responses, &scores)).unwrap();
    }
    let last = right[27..].iter().sum::<usize>();
    assert!(
        right[..3].iter().sum::<usize>() < 30 && last > 80,
        "right of 32: {right:?}"
    );
}

/// Answers of one length, a ratio of 1, advantages that cancel: the loss is 0, and it has a gradient all the same.
#[wasm_bindgen_test(unsupported = test)]
fn on_policy_grpo_begins_with_a_loss_of_0() {
    let config = small(PpoPreset::Grpo);
    let mut trainer = PpoTrainer::new(group_models(&config), config, 10).unwrap();
    let without_end = rllr_model::SpecialTokenIds {
        stop: Vec::new(),
        ..tokens()
    };
    let responses = block_on(trainer.write(&prompts(), &without_end, 0)).unwrap();
    let scores = share(&responses);
    let step = block_on(trainer.step(responses, &scores)).unwrap();
    let loss = step.minibatches[0].policy_loss;
    assert!(loss.abs() < 1e-5, "{loss}");
    assert!(step.grad_norms[0] > 0.01, "{:?}", step.grad_norms);
    assert!(matches!(
        step.warnings[..],
        [PpoWarning::MissingEos { rate: 1.0 }]
    ));
}

/// When no group teaches anything, the policy writes as often as it may, and stays as it is.
#[wasm_bindgen_test(unsupported = test)]
fn further_draws_are_bounded() {
    let config = small(PpoPreset::Dapo);
    let mut trainer = PpoTrainer::new(group_models(&config), config, 10).unwrap();
    let mut draws = Vec::new();
    let prompts = |draw| {
        draws.push(draw);
        prompts()[..2].to_vec()
    };
    let equal = async |responses: &Responses| Ok::<_, PpoError>(vec![1.0; responses.batch()]);
    let sample = block_on(trainer.sample(&tokens(), prompts, equal)).unwrap();
    assert_eq!(
        (draws, sample.draws, sample.equal_groups),
        (vec![0, 1, 2], 3, Some(1.0))
    );
    trainer.config.overlong_buffer = None;
    let step = block_on(trainer.step(sample.responses, &sample.scores)).unwrap();
    assert!(step.grad_norms.is_empty());
    assert!(
        step.warnings.contains(&PpoWarning::EqualGroups { groups: 2 }),
        "{:?}",
        step.warnings
    );
}

/// DAPO's slope: of 6 tokens with a buffer of 2, the fifth costs a half and the sixth all of 1.
#[wasm_bindgen_test(unsupported = test)]
fn long_answers_lose_some_of_their_score() {
    let mut trainer = trainer(|config| {
        config.max_new_tokens = 6;
        config.overlong_buffer = Some(2);
        config.score_normalization = ScoreNormalization::None;
    });
    let rows = vec![vec![3; 4], vec![3; 5], vec![3; 6]];
    let responses = Responses::new(vec![vec![1]; 3], rows, vec![true; 3], 6).unwrap();
    let scored = block_on(trainer.score(responses, &[1.0; 3])).unwrap();
    assert_eq!(scored.scores, [1.0, 0.5, 0.0]);
}

/// A run that is resumed writes, scores and learns what it would have, to the last bit.
#[wasm_bindgen_test(unsupported = test)]
fn a_resumed_loop_goes_on_as_it_would_have() {
    let round = |trainer: &mut PpoTrainer| {
        let responses = block_on(trainer.write(&prompts(), &tokens(), 0)).unwrap();
        let scores = share(&responses);
        let scored = block_on(trainer.score(responses, &scores)).unwrap();
        let order = trainer.order(scored.scores.len());
        block_on(trainer.learn(scored, &order)).unwrap()
    };
    let config = PpoConfig {
        ppo_epochs: 2,
        minibatch_size: 8,
        ..small(PpoPreset::Grpo)
    };
    let mut first = PpoTrainer::new(group_models(&config), config, 10).unwrap();
    round(&mut first);
    let mut resumed = PpoTrainer::resume(
        first.models().clone(),
        first.optimizer().clone(),
        first.state().clone(),
        first.config().clone(),
        10,
    )
    .unwrap();
    for _ in 0..2 {
        assert_eq!(round(&mut first), round(&mut resumed));
    }
    assert_eq!(distance(&first, &resumed), 0.0);
}
