//! Three PPO steps, a checkpoint, everything built anew with other weights, three more: bit for bit six steps.

use burn::optim::AdamWConfig;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, LoraAdapter, LoraConfig, ScalarHead, ScalarModel,
    initial_weights,
};

use super::*;
use crate::actor_critic::{
    Actor, ActorCritic, AdapterCritic, Critic, CriticKind, PpoModels, Reference, ReferenceKind,
};
use crate::group_advantage::GroupAdvantage;
use crate::ppo::PpoTrainer;
use crate::ppo_config::{AdamSettings, AdvantageSource, EqualGroups, OptimizerConfig, PpoConfig};
use crate::ppo_step::{PpoState, PpoStep};
use crate::responses::Responses;
use crate::resumable_optimizer::resumable;

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
        ..CausalLmConfig::default()
    }
}

fn lm(seed: u64, device: &Device) -> CausalLm {
    let weights = initial_weights(&lm_config(), 0.3, &mut ChaCha8Rng::seed_from_u64(seed));
    CausalLm::from_weights(&lm_config(), &weights, device).expect("the weights are of this shape")
}

/// Models of a kind. What is frozen is always the same; what is trained depends on the seed.
fn models(kind: CriticKind, is_adapter: bool, seed: u64) -> PpoModels {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut head = || ScalarHead::new(8, HeadInitialization::Normal, &mut rng, &device);
    let head = head();
    let lora = LoraConfig::of_the_paper(lm_config().architecture);
    let mut adapter = || LoraAdapter::new(&lora, &lm_config(), &mut rng, &device).expect("targets exist");
    let actor = if is_adapter {
        Actor::Adapter(adapter())
    } else {
        Actor::Full(lm(seed + 1, &device))
    };
    let critic = match kind {
        CriticKind::Absent => None,
        CriticKind::SharedHead => Some(Critic::SharedHead(head)),
        CriticKind::OwnModel => Some(Critic::OwnModel(ScalarModel::new(lm(seed + 2, &device), head))),
        CriticKind::OwnAdapter => Some(Critic::OwnAdapter(AdapterCritic {
            adapter: adapter(),
            head,
        })),
    };
    let reference = if is_adapter {
        Reference::AdaptersOff
    } else {
        Reference::FrozenCopy(lm(77, &Device::flex()))
    };
    let base = Some(lm(99, &Device::flex()));
    PpoModels::new(base, ActorCritic { actor, critic }, reference).expect("they fit")
}

fn config(critic: CriticKind, is_adapter: bool) -> PpoConfig {
    let advantage = match critic {
        CriticKind::Absent => AdvantageSource::Group {
            group_size: 2,
            kind: GroupAdvantage::Rloo,
            equal_groups: EqualGroups::Keep,
        },
        _ => PpoConfig::default().advantage,
    };
    PpoConfig {
        batch_size: 4,
        ppo_epochs: 2,
        minibatch_size: 2,
        micro_batch_size: 2,
        learning_rate: 1e-2,
        critic_learning_rate: Some(2e-2),
        advantage,
        critic,
        reference: if is_adapter {
            ReferenceKind::AdaptersOff
        } else {
            ReferenceKind::FrozenCopy
        },
        ..PpoConfig::default()
    }
}

/// What the configuration says, in the form that can be resumed.
fn optimizer(config: &PpoConfig) -> ModuleOptimizer {
    let OptimizerConfig::AdamW(AdamSettings {
        beta_1,
        beta_2,
        epsilon,
        weight_decay,
    }) = config.optimizer
    else {
        panic!("RLLR's optimiser is AdamW");
    };
    let config = AdamWConfig::new()
        .with_beta_1(beta_1)
        .with_beta_2(beta_2)
        .with_epsilon(epsilon)
        .with_weight_decay(weight_decay);
    resumable(config.build())
}

fn trainer(models: PpoModels, config: &PpoConfig) -> PpoTrainer {
    PpoTrainer::resume(
        models,
        optimizer(config),
        PpoState::new(config),
        config.clone(),
        6,
    )
    .expect("they fit")
}

fn step(trainer: &mut PpoTrainer) -> PpoStep {
    let number = u32::try_from(trainer.state().step).expect("a few steps");
    let prompts = vec![vec![1, 5], vec![1, 5], vec![1, 6, 7], vec![1, 6, 7]];
    let rows = vec![
        vec![3, 4 + number % 3, 5, 2],
        vec![7],
        vec![8, 2],
        vec![9, 10, 11],
    ];
    let responses = Responses::new(prompts, rows, vec![true, false, true, false], 4).expect("rows");
    let scores = [1.0, -0.5 - number as f32 / 3.0, 2.0, 0.25];
    block_on(trainer.step(responses, &scores)).expect("a step")
}

fn snapshot(trainer: &PpoTrainer) -> Snapshot {
    let trained = trainer.models().trained();
    Snapshot::new(trainer.state())
        .expect("plain data")
        .with_module("trained", trained)
        .with_optimizer("trained", trained, trainer.optimizer())
        .expect("a resumable optimiser")
}

fn all_bits(snapshot: &Snapshot) -> Vec<(String, Vec<u32>)> {
    let lists = [snapshot.weights(), snapshot.optimizer()];
    let mut all = Vec::new();
    for list in lists {
        let weights = block_on(list.expect("names differ").read_all()).expect("the CPU can be read");
        for (name, tensor) in weights.0 {
            all.push((name, tensor.data.into_iter().map(f32::to_bits).collect()));
        }
    }
    all
}

#[wasm_bindgen_test(unsupported = test)]
fn ppo_goes_on_as_if_nothing_had_happened() {
    let kinds = [
        (CriticKind::SharedHead, false),
        (CriticKind::OwnModel, false),
        (CriticKind::OwnAdapter, false),
        (CriticKind::Absent, false),
        (CriticKind::SharedHead, true),
        (CriticKind::OwnModel, true),
        (CriticKind::OwnAdapter, true),
        (CriticKind::Absent, true),
    ];
    for (kind, is_adapter) in kinds {
        let config = config(kind, is_adapter);
        let mut undisturbed = trainer(models(kind, is_adapter, 10), &config);
        for _ in 0..3 {
            step(&mut undisturbed);
        }
        let mut saved = restored(&snapshot(&undisturbed));

        // Another process: other parameter numbers, other weights.
        let fresh = models(kind, is_adapter, 50);
        let trained = saved.module("trained", fresh.trained().clone()).expect("it fits");
        let optimizer = saved
            .optimizer("trained", &trained, optimizer(&config))
            .expect("it fits");
        let state: PpoState = saved.state().expect("a PPO state");
        saved.finish().expect("all was read");
        assert_eq!(&state, undisturbed.state());
        let reference = if is_adapter {
            Reference::AdaptersOff
        } else {
            Reference::FrozenCopy(lm(77, &Device::flex()))
        };
        let base = Some(lm(99, &Device::flex()));
        let models = PpoModels::new(base, trained, reference).expect("they fit");
        let mut resumed = PpoTrainer::resume(models, optimizer, state, config.clone(), 6).expect("they fit");

        for _ in 0..3 {
            let (expected, found) = (step(&mut undisturbed), step(&mut resumed));
            assert_eq!(expected, found, "{kind:?}, adapter {is_adapter}");
        }
        let (expected, found) = (all_bits(&snapshot(&undisturbed)), all_bits(&snapshot(&resumed)));
        assert!(expected.iter().any(|(name, _)| name.ends_with("exp_avg_sq")));
        assert_eq!(expected, found, "{kind:?}, adapter {is_adapter}");
        assert_eq!(resumed.state(), undisturbed.state());
        assert_eq!(resumed.state().step, 6);
    }
}
