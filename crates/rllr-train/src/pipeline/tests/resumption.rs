//! A stage that goes on in a new process ends where it would have.

use rllr_reward::Reward;
use rllr_task::generate::TaskKind;
use rllr_task::pairs::PairKind;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{Fixture, ppo_models};
use crate::actor_critic::{Actor, CriticKind, ReferenceKind};
use crate::checkpoint_store::MemoryStore;
use crate::micro_batching::MicroBatching;
use crate::pipeline::{HeldOutPairs, PpoQuestions, PpoStage, RewardStage, SftStage};
use crate::ppo::PpoTrainer;
use crate::ppo_config::{PpoConfig, PpoPreset, ReferenceReset};
use crate::reward_config::RewardConfig;
use crate::run::{CheckpointConfig, Run, RunConfig, Stage};
use crate::run_event::{Metrics, RunEvent};
use crate::sft_config::SftConfig;
use crate::sft_models::SftModels;

const EVERY: usize = 2;

fn config() -> RunConfig {
    RunConfig {
        evaluate_every: 0,
        checkpoints: CheckpointConfig {
            every: EVERY,
            keep: 1,
            best: None,
        },
    }
}

/// Metrics of all steps up to `until`, with the run.
fn pull<S: Stage>(mut run: Run<S, MemoryStore>, until: usize) -> (Run<S, MemoryStore>, Vec<Metrics>) {
    let mut all = Vec::new();
    while let Some(event) = pollster::block_on(run.next_event()).unwrap_or_else(|error| panic!("{error}")) {
        if let RunEvent::Step { step, metrics, .. } = event {
            all.push(metrics);
            if step == until {
                break;
            }
        }
    }
    (run, all)
}

/// Runs `stage(1)` to its end; then again, but stops after a checkpoint and a step more, and goes on with `stage(9)`,
/// whose first weights are others. Every number of every step must be the same, bit by bit.
fn check_resumption<S: Stage>(stage: impl Fn(u64) -> S) {
    let start = |seed| {
        let run = pollster::block_on(Run::start(stage(seed), MemoryStore::default(), config()));
        run.unwrap_or_else(|error| panic!("{error}"))
    };
    let (whole, expected) = pull(start(1), usize::MAX);
    let total = whole.stage().total_steps();
    assert!(
        total >= EVERY + 2 && expected.len() == total,
        "{} of {total}",
        expected.len()
    );

    let (stopped, first) = pull(start(1), EVERY + 1);
    assert_eq!(first, expected[..EVERY + 1]);
    let (_, store) = stopped.into_parts();
    let resumed = pollster::block_on(Run::resume(stage(9), store, config()));
    let resumed = resumed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(resumed.stage().steps_done(), EVERY);
    let (resumed, rest) = pull(resumed, usize::MAX);
    assert_eq!(rest, expected[EVERY..]);

    let bits = |stage: &S| {
        let weights = stage.snapshot().unwrap().weights().unwrap();
        pollster::block_on(weights.read_all())
            .unwrap()
            .to_safetensors()
            .unwrap()
    };
    assert_eq!(bits(whole.stage()), bits(resumed.stage()));
}

#[wasm_bindgen_test(unsupported = test)]
fn supervised_training_goes_on_bit_by_bit() {
    let fixture = Fixture::new(TaskKind::FilmSentiment, 10);
    check_resumption(|seed| {
        let models = SftModels::new(None, Actor::Full(fixture.model(seed))).unwrap();
        let config = SftConfig {
            epochs: 2,
            batch_size: 4,
            micro_batching: MicroBatching::Rows(2),
            learning_rate: 1e-3,
            ..SftConfig::default()
        };
        let demonstrations = fixture.material().demonstrations(&fixture.examples).unwrap();
        SftStage::new(models, demonstrations, config, None).unwrap()
    });
}

#[wasm_bindgen_test(unsupported = test)]
fn a_reward_model_goes_on_bit_by_bit() {
    let fixture = Fixture::new(TaskKind::FilmSentiment, 10);
    check_resumption(|seed| {
        let models = fixture.reward_models(fixture.model(seed));
        let config = RewardConfig {
            batch_size: 2,
            learning_rate: 1e-3,
            ..RewardConfig::default()
        };
        let pairs = fixture.pairs(PairKind::Label, 3);
        RewardStage::new(models, pairs, config, HeldOutPairs::default()).unwrap()
    });
}

fn ppo_config(reference_reset: ReferenceReset) -> PpoConfig {
    PpoConfig {
        batch_size: 4,
        minibatch_size: 2,
        micro_batch_size: 2,
        learning_rate: 1e-3,
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: 6,
        reference_reset,
        ..PpoPreset::Rllr.config()
    }
}

/// KL coefficient, running moments, the policy's own answers and a reference that was reset are part of it.
#[wasm_bindgen_test(unsupported = test)]
fn reinforcement_learning_goes_on_bit_by_bit() {
    let fixture = Fixture::new(TaskKind::FilmSentiment, 10);
    let reward = fixture.reward_models(fixture.model(4));
    for reference_reset in [ReferenceReset::Never, ReferenceReset::Every { steps: 2 }] {
        check_resumption(|seed| {
            let config = ppo_config(reference_reset);
            let lm = fixture.model(if reference_reset == ReferenceReset::Never {
                1
            } else {
                seed
            });
            let trained_from = fixture.reward_models(fixture.model(seed));
            let models = ppo_models(&lm, &trained_from, &config);
            let trainer = PpoTrainer::new(models, config, 5).unwrap();
            let questions = PpoQuestions {
                questions: fixture.material().questions(&fixture.examples, 6).unwrap(),
                total_steps: 5,
            };
            PpoStage::new(
                trainer,
                questions,
                fixture.judge(Reward::Label, Some(&reward)),
                None,
            )
        });
    }
}
