//! Gradients of a micro-batch against those of full logits in one graph.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};

use super::adapters::adapter_models;
use super::*;
use crate::actor_critic::States;
use crate::checkpointing::Checkpointing;
use crate::gradients::gather_gradients;
use crate::ppo_config::PpoPreset;
use crate::ppo_lesson::lesson;
use crate::ppo_loss::{PpoPredictions, PpoTargets, ppo_loss};
use crate::ppo_update::micro_batches;

/// A policy whose own hidden states the value head reads.
fn shared_models() -> PpoModels {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let trained = ActorCritic {
        actor: Actor::Full(lm(1, &device)),
        critic: Some(Critic::SharedHead(ScalarHead::new(
            8,
            HeadInitialization::Normal,
            &mut rng,
            &device,
        ))),
    };
    PpoModels::new(None, trained, Reference::FrozenCopy(lm(4, &Device::flex()))).unwrap()
}

/// Every gradient of a module, parameter by parameter.
fn flat(trained: &ActorCritic, gradients: GradientsParams) -> Vec<Vec<f32>> {
    struct Reader(GradientsParams, Vec<Vec<f32>>);
    impl ModuleVisitor for Reader {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.remove::<D>(param.id);
            let numbers = gradient.map_or_else(Vec::new, |gradient| gradient.into_data().iter().collect());
            self.1.push(numbers);
        }
    }
    let mut reader = Reader(gradients, Vec::new());
    burn::module::Module::visit(trained, &mut reader);
    reader.1
}

/// The same loss by plain autodiff.
fn plain(models: &PpoModels, scored: &ScoredRollout, config: &PpoConfig) -> GradientsParams {
    let (experience, rows) = (&scored.experience, [2, 0, 1]);
    let rollout = &experience.rollout;
    let slots = rollout.slots(&rows);
    let batch = rollout
        .responses
        .to_device(&rows, slots, 12, &models.device())
        .unwrap();
    let States { hidden, values } = models.trained().states(models.base(), &batch);
    let logits = models.policy().logits(hidden) / config.temperature;
    let all = log_softmax(logits, 2);
    let entropies = -(all.clone().exp() * all.clone()).sum_dim(2).squeeze_dim::<2>(2);
    let log_probs = all
        .gather(2, batch.tokens.clone().unsqueeze_dim(2))
        .squeeze_dim(2);
    let device = models.device();
    let tensor = |numbers| Tensor::<2>::from_data(TensorData::new(numbers, [rows.len(), slots]), &device);
    let select = |array: &[f32]| tensor(rollout.select(array, &rows, slots));
    let weights = |mask: &[bool]| {
        let len = rollout.responses.response_len();
        let weights = config
            .loss_aggregation
            .token_weights(&rollout.select(mask, &rows, len), len);
        tensor(
            weights
                .chunks(len)
                .flat_map(|row| row[..slots].to_vec())
                .collect(),
        )
    };
    let targets = PpoTargets {
        old_log_probs: select(&rollout.log_probs),
        old_values: select(&rollout.values),
        advantages: select(&experience.advantages),
        returns: select(&experience.returns),
        policy_weights: weights(&rollout.mask),
        value_weights: weights(&rollout.reward_mask),
    };
    let predictions = PpoPredictions {
        log_probs,
        values,
        entropies,
    };
    let loss = ppo_loss(predictions, targets, &config.loss);
    GradientsParams::from_grads(loss.total.backward(), models.trained())
}

/// Policy, value model and head of every kind get the gradients that they would get from full logits in one graph,
/// whether it is kept or computed a second time. Without the value model's own share they would get none, silently.
#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_those_of_full_logits() {
    let kinds = [
        models(),
        shared_models(),
        adapter_models(|_| Reference::AdaptersOff),
    ];
    for (kind, models) in kinds.into_iter().enumerate() {
        for checkpointing in [Checkpointing::None, Checkpointing::PerBlock] {
            let mut config = PpoConfig {
                critic: models.critic_kind(),
                reference: models.reference_kind(),
                temperature: 1.3,
                checkpointing,
                ..config()
            };
            config.loss.entropy_coef = 0.05;
            config.loss.vf_coef = 0.7;
            let mut trainer = PpoTrainer::new(models.clone(), config.clone(), 10).unwrap();
            let scored = block_on(trainer.score(responses(), &SCORES)).unwrap();
            let expected = flat(models.trained(), plain(&models, &scored, &config));
            config.micro_batch_size = 2;
            let parts = micro_batches(&scored.experience, &[2, 0, 1], &config);
            let lessons = parts
                .iter()
                .flat_map(|part| lesson(&models, &scored.experience, part, &config).gradients);
            let found = gather_gradients(models.trained(), lessons, None).gradients;
            let found = flat(models.trained(), found);
            assert_eq!(found.len(), expected.len());
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let largest = expected.iter().fold(1e-3_f32, |a, b| a.max(b.abs()));
                let place = format!("models {kind}, {checkpointing:?}, parameter {index}");
                assert_eq!(found.len(), expected.len(), "{place}");
                for (f, e) in found.iter().zip(expected) {
                    assert!((f - e).abs() < 1e-4 * largest, "{place}: {f} {e}");
                }
            }
            // The head is the last parameter of the module.
            let head = &found[found.len() - 1];
            assert!(head.iter().any(|g| g.abs() > 1e-4), "models {kind}: {head:?}");
        }
    }
}

/// Weight decay alone changes weights; that is not learning.
#[wasm_bindgen_test(unsupported = test)]
fn a_value_model_that_is_only_decayed_is_seen() {
    let mut trainer = trainer(|config| config.loss.vf_coef = 0.0);
    let error = block_on(trainer.step(responses(), &SCORES))
        .unwrap_err()
        .to_string();
    let expected = "the first step did not change the weights of the head of the value model";
    assert!(error.starts_with(expected), "{error}");
}

/// The value model learns on, long after the first step whose weights are checked.
#[wasm_bindgen_test(unsupported = test)]
fn value_model_and_adapter_learn_in_every_step() {
    let models = adapter_models(|_| Reference::AdaptersOff);
    let config = PpoConfig {
        critic: models.critic_kind(),
        reference: models.reference_kind(),
        // Without decay only gradients change weights.
        optimizer: PpoPreset::Trl.config().optimizer,
        ..config()
    };
    let mut trainer = PpoTrainer::new(models, config, 10).unwrap();
    let mut errors = Vec::new();
    for number in 0..6 {
        let before = trainer.models().trained().clone();
        let step = step(&mut trainer);
        errors.push(step.minibatches[0].value_error);
        for (part, change) in crate::trained_parts::part_changes(&before, trainer.models().trained()) {
            assert!(change.into_scalar::<f32>() > 0.0, "step {number}: {part}");
        }
    }
    assert!(errors[5] < errors[0], "{errors:?}");
}
