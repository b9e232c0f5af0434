//! Group methods: no value model, answers compared with each other.

use super::*;
use crate::group_advantage::GroupAdvantage;
use crate::loss_aggregation::LossAggregation;
use crate::ppo_config::{AdvantageSource, EqualGroups};

/// Sums over tokens, averaged over responses: 1.5 of 4 − 1 tokens, 1.75 of 2 − 3, over 4 responses. Means over tokens:
/// the advantages of a group cancel.
#[wasm_bindgen_test(unsupported = test)]
fn advantages_reach_the_loss() {
    let loss = |kind, loss_aggregation| {
        let mut trainer = group_trainer(EqualGroups::Keep);
        trainer.config.loss_aggregation = loss_aggregation;
        trainer.config.advantage = AdvantageSource::Group {
            group_size: 2,
            kind,
            equal_groups: EqualGroups::Keep,
        };
        step(&mut trainer).minibatches[0].policy_loss
    };
    let rloo = loss(GroupAdvantage::Rloo, LossAggregation::SequenceMeanOfTokenSums);
    assert!((rloo + (1.5 * 3.0 - 1.75) / 4.0).abs() < 1e-6, "{rloo}");
    let grpo = loss(GroupAdvantage::Grpo, LossAggregation::SequenceMeanOfTokenMeans);
    assert!(grpo.abs() < 1e-6, "{grpo}");
}

fn group_trainer(equal_groups: EqualGroups) -> PpoTrainer {
    let device = Device::flex().autodiff();
    let trained = ActorCritic {
        actor: Actor::Full(lm(1, &device)),
        critic: None,
    };
    let models = PpoModels::new(None, trained, Reference::Absent).unwrap();
    let config = PpoConfig {
        critic: CriticKind::Absent,
        reference: ReferenceKind::Absent,
        kl_controller: KlController::Fixed { kl_coef: 0.0 },
        score_normalization: ScoreNormalization::None,
        advantage: AdvantageSource::Group {
            group_size: 2,
            kind: GroupAdvantage::DrGrpo,
            equal_groups,
        },
        advantage_whitening: AdvantageWhitening::None,
        ..config()
    };
    PpoTrainer::new(models, config, 10).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn answers_are_compared_with_the_others_to_their_prompt() {
    let mut trainer = group_trainer(EqualGroups::Keep);
    let step = step(&mut trainer);
    let row = |row| step.experience.advantages[step.experience.rollout.row(row)].to_vec();
    // Scores 1 and −0.5 about their mean 0.25, 2 and 0.25 about 1.125; 0 where there is no token.
    assert_eq!(row(0), [0.75; 4]);
    assert_eq!(row(1), [-0.75, 0.0, 0.0, 0.0]);
    assert_eq!(row(2), [0.875, 0.875, 0.0, 0.0]);
    assert_eq!(row(3), [-0.875, -0.875, -0.875, 0.0]);
    assert_eq!(step.minibatches[0].value_loss, 0.0);
    // At a ratio of 1 the loss of a token is −A: 0.75 of 4 − 1 tokens, 0.875 of 2 − 3, over 10 tokens.
    let expected = -(0.75 * 3.0 - 0.875) / 10.0;
    assert!((step.minibatches[0].policy_loss - expected).abs() < 1e-6);
    assert_eq!(step.metrics.get("objective/kl"), Some(0.0));
}

#[wasm_bindgen_test(unsupported = test)]
fn groups_that_teach_nothing_may_be_left_out() {
    for (equal_groups, tokens) in [(EqualGroups::Keep, 10.0), (EqualGroups::LeaveOut, 5.0)] {
        let mut trainer = group_trainer(equal_groups);
        let step = block_on(trainer.step(responses(), &[1.0, 1.0, 1.0, 0.0])).unwrap();
        assert_eq!(step.metrics.get("ppo/tokens_learned_from"), Some(tokens));
        assert_eq!(step.metrics.get("frac_reward_zero_std"), Some(0.5));
    }
    // When no group teaches anything, nothing is updated, and that is no error.
    let mut trainer = group_trainer(EqualGroups::LeaveOut);
    let step = block_on(trainer.step(responses(), &[1.0; 4])).unwrap();
    assert_eq!((step.grad_norms.len(), trainer.state().optimizer_step), (0, 0));
}
