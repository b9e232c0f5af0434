use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::advantage::GaeConfig;

/// What the defaults side by side say, column by column.
#[wasm_bindgen_test(unsupported = test)]
fn presets_have_the_published_values() {
    let rllr = PpoConfig::default();
    assert_eq!(rllr, PpoPreset::Rllr.config());
    assert_eq!(
        (rllr.learning_rate, rllr.batch_size, rllr.ppo_epochs),
        (5e-6, 16, 1)
    );
    assert_eq!(
        rllr.minibatch_size, rllr.batch_size,
        "one optimiser step per rollout"
    );
    assert_eq!((rllr.top_k, rllr.max_new_tokens), (0, 256));
    let rllr_kl = KlController::Adaptive {
        kl_coef: 0.2,
        target: 6.0,
        horizon: 10_000.0,
    };
    assert_eq!(rllr.kl_controller, rllr_kl);
    let loss = rllr.loss;
    let ranges = [loss.clip_range_low, loss.clip_range_high, loss.value_clip_range];
    assert_eq!(ranges, [0.2; 3]);
    assert_eq!((loss.vf_coef, loss.ratio_threshold), (0.1, 10.0));

    let released = PpoPreset::RllrReleased.config();
    assert_eq!(released.top_k, 50);
    assert_eq!(
        (released.loss_means, released.micro_batch_size),
        (LossMeans::MicroBatch, 1)
    );
    assert_eq!(released.gradient_clipping.max_grad_norm(0), Some(1.0));
    assert_eq!(released.gradient_clipping.max_grad_norm(1), None);
}

#[wasm_bindgen_test(unsupported = test)]
fn presets_of_other_programs_have_their_values() {
    let trl = PpoPreset::Trl.config();
    assert_eq!((trl.learning_rate, trl.ppo_epochs, trl.batch_size), (3e-6, 4, 8));
    assert_eq!(trl.kl_controller.kl_coef(), 0.05);
    assert_eq!((trl.temperature, trl.max_new_tokens), (0.7, 53));
    assert_eq!(trl.gradient_clipping.max_grad_norm(0), None);
    assert_eq!(trl.score_position, ScorePosition::TokenAfterResponse);

    let openrlhf = PpoPreset::OpenRlhf.config();
    assert_eq!(
        (openrlhf.learning_rate, openrlhf.critic_learning_rate),
        (1e-6, Some(9e-6))
    );
    assert_eq!((openrlhf.batch_size, openrlhf.minibatch_size), (1024, 128));
    let gae = AdvantageSource::Gae(GaeConfig {
        gamma: 1.0,
        lambda: 1.0,
    });
    assert_eq!((openrlhf.advantage, openrlhf.loss.value_clip_range), (gae, 0.5));
    assert_eq!(openrlhf.lr_plan(1000).warmup_steps, 30);

    let dschat = PpoPreset::DsChat.config();
    assert_eq!(
        (dschat.learning_rate, dschat.critic_learning_rate),
        (9.65e-6, Some(5e-6))
    );
    assert_eq!(
        (dschat.kl_controller.kl_coef(), dschat.score_clip),
        (0.1, Some(5.0))
    );
    assert_eq!(dschat.advantage_whitening, AdvantageWhitening::None);

    let rl4glue = PpoPreset::Rl4Glue.config();
    assert_eq!(
        (rl4glue.learning_rate, rl4glue.optimizer),
        (9e-6, OptimizerConfig::Adafactor)
    );
    let rllr = PpoConfig::default();
    assert_eq!(
        (rl4glue.batch_size, rl4glue.kl_controller),
        (16, rllr.kl_controller)
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn group_methods_have_their_values() {
    let [rloo, grpo, dr_grpo, dapo] = [
        PpoPreset::Rloo,
        PpoPreset::Grpo,
        PpoPreset::DrGrpo,
        PpoPreset::Dapo,
    ]
    .map(PpoPreset::config);
    assert_eq!(
        [&rloo, &grpo].map(|c| (c.learning_rate, c.advantage.group_size())),
        [(1e-6, 2), (1e-6, 8)]
    );
    assert_eq!(
        [&rloo, &grpo, &dapo].map(|c| c.kl_controller.kl_coef()),
        [0.05, 0.0, 0.0]
    );
    assert_eq!(grpo.prompt_order(20).batch, 8, "of 8 answers each");
    assert_eq!(grpo.prompt_order(20).steps_per_epoch(), 3);
    let max_len = grpo.max_new_tokens;
    assert_eq!(
        dr_grpo.loss_aggregation,
        LossAggregation::SequenceMeanOfTokenSumsOverMaxLen { max_len }
    );
    assert_eq!((dapo.loss.clip_range_low, dapo.loss.clip_range_high), (0.2, 0.28));
    assert_eq!(dapo.loss_aggregation, LossAggregation::TokenMean);
    assert_eq!(dapo.batch_size / dapo.minibatch_size, 16);
}

#[wasm_bindgen_test(unsupported = test)]
fn presets_are_found_by_name_and_make_sense() {
    for preset in PpoPreset::ALL {
        assert_eq!(PpoPreset::from_name(preset.name()), Some(preset));
        assert_eq!(preset.config().check(), Ok(()));
    }
    assert_eq!(PpoPreset::from_name("ppo"), None);
}

#[wasm_bindgen_test(unsupported = test)]
fn contradictions_are_named() {
    let message = |change: fn(&mut PpoConfig)| {
        let mut config = PpoConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert_eq!(
        message(|config| config.minibatch_size = 0),
        "minibatch_size is 0, expected at least 1"
    );
    assert_eq!(
        message(|config| config.learning_rate = f64::NAN),
        "learning_rate is NaN, expected a finite number, not negative"
    );
    assert_eq!(
        message(|config| config.temperature = 0.0),
        "temperature is 0, expected a positive number"
    );
    assert_eq!(
        message(|config| config.top_p = 0.0),
        "top_p is 0, expected above 0 and at most 1"
    );
    let odd = |config: &mut PpoConfig| {
        *config = PpoPreset::Grpo.config();
        config.batch_size = 63;
    };
    assert_eq!(
        message(odd),
        "batch_size is 63, expected a multiple of advantage.group.group_size"
    );
    assert!(message(|config| config.reference = ReferenceKind::Absent).starts_with("kl_controller is"));
    assert!(message(|config| config.critic = CriticKind::Absent).starts_with("critic is absent"));
    let full_in_loss = |config: &mut PpoConfig| {
        config.kl_place = KlPlace::Loss;
        config.kl_penalty = KlPenalty::Full;
    };
    assert!(message(full_in_loss).starts_with("kl_penalty is full"));
}
