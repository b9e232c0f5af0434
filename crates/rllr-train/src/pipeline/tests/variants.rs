//! Every method from examples to a policy, on a tiny model: fine-tuning, pairs, reward models, reinforcement learning.
//!
//! The policies are judged by what they are rewarded for. Whether that helps the task is a matter of experiments, with
//! larger models and several seeds.

use rllr_reward::{Reward, Stratification, label_threshold_at_quantile};
use rllr_task::generate::TaskKind;
use rllr_task::pairs::PairKind;

use super::{Fixture, ppo_models};
use crate::actor_critic::{Actor, CriticKind, ReferenceKind};
use crate::checkpoint_store::MemoryStore;
use crate::kl_controller::KlController;
use crate::micro_batching::MicroBatching;
use crate::pipeline::{HeldOutPairs, PpoQuestions, PpoStage, RewardStage, SftStage};
use crate::ppo::PpoTrainer;
use crate::ppo_config::{PpoConfig, PpoPreset};
use crate::reward_config::{RewardConfig, RewardLoss};
use crate::reward_models::RewardModels;
use crate::run::{Run, RunConfig, Stage};
use crate::run_event::{Metrics, RunEvent};
use crate::sft_config::SftConfig;
use crate::sft_models::SftModels;

const ROWS: MicroBatching = MicroBatching::Rows(16);

/// Runs a stage to its end.
fn drive<S: Stage>(stage: S) -> (S, Vec<Metrics>) {
    let run = pollster::block_on(Run::start(stage, MemoryStore::default(), RunConfig::default()));
    let mut run = run.unwrap_or_else(|error| panic!("{error}"));
    let mut all = Vec::new();
    while let Some(event) = pollster::block_on(run.next_event()).unwrap_or_else(|error| panic!("{error}")) {
        if let RunEvent::Step { metrics, .. } = event {
            all.push(metrics);
        }
    }
    (run.into_parts().0, all)
}

/// What all variants begin with.
struct Begun {
    fixture: Fixture,
    sft: SftModels,
    label: RewardModels,
    rationale: RewardModels,
    threshold: f32,
}

impl Begun {
    /// Fine-tuning, pairs and reward models; each must have learnt.
    fn new() -> Self {
        let fixture = Fixture::new(TaskKind::FilmSentiment, 48);
        let models = SftModels::new(None, Actor::Full(fixture.model(1))).unwrap();
        let config = SftConfig {
            epochs: 30,
            batch_size: 16,
            micro_batching: ROWS,
            learning_rate: 4e-3,
            ..SftConfig::default()
        };
        let demonstrations = fixture.material().demonstrations(&fixture.examples).unwrap();
        let (stage, steps) = drive(SftStage::new(models, demonstrations, config, None).unwrap());
        let (first, last) = (steps[0]["loss"], steps[steps.len() - 1]["loss"]);
        assert!(last < 0.5 * first, "loss from {first} to {last}");

        let [label, rationale] =
            [PairKind::Label, PairKind::Rationale].map(|kind| reward_model(&fixture, &stage, kind));
        let chosen: Vec<Vec<u32>> = fixture.material().demonstrations(&fixture.examples).unwrap()[..16]
            .iter()
            .map(|demonstration| demonstration.tokens())
            .collect();
        let scores = pollster::block_on(label.score(&chosen, ROWS)).unwrap();
        Self {
            threshold: label_threshold_at_quantile(&scores, 0.5).unwrap(),
            sft: stage.models().clone(),
            fixture,
            label,
            rationale,
        }
    }

    /// Reinforcement learning; the mean score of the last steps must be well above that of the first ones.
    fn reinforce(&self, reward: Reward, config: PpoConfig) {
        let Actor::Full(lm) = self.sft.trained() else {
            unreachable!("a whole model was trained");
        };
        let critic_from = if reward == Reward::Rationale {
            &self.rationale
        } else {
            &self.label
        };
        let models = ppo_models(lm, critic_from, &config);
        let trainer = PpoTrainer::new(models, config, STEPS).unwrap();
        let mut judge = self.fixture.judge(reward, Some(&self.label));
        judge.rationale_model = Some(&self.rationale);
        let questions = PpoQuestions {
            questions: self
                .fixture
                .material()
                .questions(&self.fixture.examples, 24)
                .unwrap(),
            total_steps: STEPS,
        };
        let (_, steps) = drive(PpoStage::new(trainer, questions, judge, None));
        let mean = |steps: &[Metrics]| {
            steps
                .iter()
                .map(|metrics| metrics["objective/scores"])
                .sum::<f64>()
                / steps.len() as f64
        };
        let (first, last) = (mean(&steps[..COMPARED]), mean(&steps[STEPS - COMPARED..]));
        assert!(
            last > first + GAIN,
            "{reward:?}: mean score from {first:.3} to {last:.3}"
        );
    }
}

/// A reward model of one kind of pairs, which must tell chosen from rejected.
fn reward_model(fixture: &Fixture, sft: &SftStage<'_>, kind: PairKind) -> RewardModels {
    let Actor::Full(lm) = sft.models().trained() else {
        unreachable!("a whole model was trained");
    };
    // Measured on the pairs that it was trained on: whether it learns, not whether 48 examples are enough.
    let pairs = |kind| fixture.pairs(kind, 0);
    let held_out = HeldOutPairs {
        label: pairs(PairKind::Label),
        rationale: pairs(PairKind::Rationale),
        probes: fixture.probes(),
    };
    let config = RewardConfig {
        loss: RewardLoss::LastToken {
            center_rewards_coefficient: 0.01,
        },
        epochs: 20,
        batch_size: 16,
        micro_batching: ROWS,
        learning_rate: 2e-3,
        ..RewardConfig::default()
    };
    let models = fixture.reward_models(lm.clone());
    let (mut stage, _) = drive(RewardStage::new(models, pairs(kind), config, held_out).unwrap());
    let metrics = pollster::block_on(stage.evaluate()).unwrap();
    let name = if kind == PairKind::Label {
        "label"
    } else {
        "rationale"
    };
    let accuracy = metrics[&format!("eval_{name}_accuracy")];
    assert!(accuracy > 0.8, "{kind:?}: {metrics:?}");
    assert!(metrics["eval_label_sensitivity"].is_finite(), "{metrics:?}");
    stage.models().clone()
}

/// At 20 steps the mixed reward gained nothing with one seed of six; at 30 every reward gained with every seed.
const STEPS: usize = 30;

/// Steps whose mean scores are compared.
const COMPARED: usize = 8;

/// What a method must gain at least: more than none, so that chance is not taken for learning.
const GAIN: f64 = 0.1;

fn small(config: &PpoConfig) -> PpoConfig {
    PpoConfig {
        batch_size: 16,
        minibatch_size: 8,
        micro_batch_size: 8,
        ppo_epochs: 2,
        learning_rate: 1e-3,
        kl_controller: KlController::Fixed { kl_coef: 0.01 },
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: 24,
        ..config.clone()
    }
}

fn ppo() -> PpoConfig {
    small(&PpoConfig {
        critic: CriticKind::OwnModel,
        ..PpoPreset::Rllr.config()
    })
}

/// RLHF, RLLR, RLLR-mixed, the verifiable reward and its mixture with a reward model, by PPO and by groups.
///
/// Natively only: it computes for longer without a pause than a browser's driver waits for an answer.
#[test]
fn every_method_earns_more_than_it_began_with() {
    let begun = Begun::new();
    let label_threshold = begun.threshold;
    for reward in [
        Reward::Rationale,
        Reward::Label,
        Reward::Mixed { label_threshold },
        Reward::ExactLabel,
    ] {
        begun.reinforce(reward, ppo());
    }
    for preset in [PpoPreset::Rloo, PpoPreset::Grpo] {
        begun.reinforce(Reward::Label, small(&preset.config()));
    }
    let stratified = Reward::Stratified(Stratification::default());
    begun.reinforce(stratified, small(&PpoPreset::DrGrpo.config()));
}
