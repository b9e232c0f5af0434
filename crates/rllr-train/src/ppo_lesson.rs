//! What a micro-batch teaches: the gradients of its loss.
//!
//! The loss is a small function of log-probabilities, entropies and values, which are arguments to it. Its gradients by
//! them are handed on to policy and value model, and each of these is differentiated by itself, at once or block by
//! block. Logits are held for some rows at a time.

use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use rllr_model::ScalarHead;
use rllr_reward::kl_in_loss;

use crate::actor_critic::{AdapterCritic, Critic, PpoModels};
use crate::checkpointing::{DecoderPass, gradients};
use crate::loss_aggregation::weighted_sum;
use crate::ppo_config::{KlPenalty, PpoConfig};
use crate::ppo_experience::Experience;
use crate::ppo_loss::{PpoLoss, PpoPredictions, PpoTargets, ppo_loss};
use crate::ppo_update::MicroBatch;
use crate::responses::ResponseBatch;
use crate::scored_loss::{ScoreArguments, argument};
use crate::token_scores::score_tokens;
use crate::workers::{Workers, map_in_turns};

/// What a micro-batch teaches.
pub(crate) struct Lesson {
    /// Of the loss by the trained parameters; those of policy and value model apart, to be added up.
    pub(crate) gradients: Vec<GradientsParams>,
    /// See [`PpoLoss::stats`].
    pub(crate) stats: Tensor<1>,
    /// Under the policy as it is now, `[rows, slots]`.
    pub(crate) log_probs: Tensor<2>,
}

/// What micro-batches teach, each by itself; graphs and gradients of as many as there are workers are held together.
pub(crate) fn lessons(
    models: &PpoModels,
    experience: &Experience,
    micro_batches: &[MicroBatch],
    config: &PpoConfig,
    workers: &dyn Workers,
) -> impl Iterator<Item = Lesson> {
    map_in_turns(workers, micro_batches, |part| {
        lesson(&models.with_own_graph(), experience, part, config)
    })
}

/// Gradients of a micro-batch's loss.
pub(crate) fn lesson(
    models: &PpoModels,
    experience: &Experience,
    micro_batch: &MicroBatch,
    config: &PpoConfig,
) -> Lesson {
    let policy = models.policy();
    let batch = experience
        .rollout
        .responses
        .to_device(
            &micro_batch.rows,
            micro_batch.slots,
            models.vocab_size(),
            &models.device(),
        )
        .expect("the same tokens were measured");
    let pass = DecoderPass {
        decoder: policy.base().decoder(),
        adapter: policy.adapter(),
        input: &batch.input,
        columns: batch.predicting.clone(),
    };
    let (of_policy, mut lesson) = gradients(config.checkpointing, pass, models.trained(), |hidden| {
        // 1. What does the policy say now?
        let scored = score_tokens(policy, hidden.clone(), batch.tokens.clone(), config.temperature);
        let scores = ScoreArguments::new(scored);
        let log_probs = scores.log_probs().inner();

        // 2. And the value model? How far is all that from what they should say?
        let learned = learn_values(models, config, &batch, hidden, |values| {
            let loss = loss(experience, micro_batch, config, &scores, values);
            (loss.total, loss.stats.inner())
        });

        // 3. The value model has its gradients; the policy gets them when this returns.
        let mut found = learned.by_arguments;
        let surrogate = scores.surrogate_of(&mut found);
        let surrogate = match learned.surrogate {
            Some(of_values) => surrogate + of_values,
            None => surrogate,
        };
        let lesson = Lesson {
            gradients: learned.gradients.into_iter().collect(),
            stats: learned.stats,
            log_probs,
        };
        (surrogate, lesson)
    });
    lesson.gradients.push(of_policy);
    lesson
}

/// What is left of a loss when the value model was taught.
struct ValuesLearned {
    /// Of a value model that is a pass of its own.
    gradients: Option<GradientsParams>,
    /// Of a value model that reads the policy's hidden states: to be differentiated with the policy, `[1]`.
    surrogate: Option<Tensor<1>>,
    /// Gradients by the other arguments of the loss.
    by_arguments: burn::tensor::Gradients,
    /// The loss's statistics.
    stats: Tensor<1>,
}

/// Teaches the value model.
///
/// - `hidden`: the policy's, `[rows, slots, d_model]`
/// - `loss`: of values, `[rows, slots]`: what is differentiated, and its statistics
fn learn_values(
    models: &PpoModels,
    config: &PpoConfig,
    batch: &ResponseBatch,
    hidden: Tensor<3>,
    loss: impl FnOnce(Tensor<2>) -> (Tensor<1>, Tensor<1>),
) -> ValuesLearned {
    let learn = |values: Tensor<2>| {
        let values_argument = argument(values.clone());
        let (total, stats) = loss(values_argument.clone());
        let mut by_arguments = total.backward();
        let surrogate = match values_argument.grad_remove(&mut by_arguments) {
            Some(gradient) => (values * Tensor::from_inner(gradient)).sum(),
            None => values.sum() * 0.0,
        };
        (surrogate, (by_arguments, stats))
    };
    let (decoder, adapter, head): (_, _, &ScalarHead) = match &models.trained().critic {
        None => {
            let [rows, slots, _] = hidden.dims();
            let (_, (by_arguments, stats)) = learn(Tensor::zeros([rows, slots], &models.device()));
            return ValuesLearned {
                gradients: None,
                surrogate: None,
                by_arguments,
                stats,
            };
        }
        Some(Critic::SharedHead(head)) => {
            let (surrogate, (by_arguments, stats)) = learn(head.values(hidden));
            return ValuesLearned {
                gradients: None,
                surrogate: Some(surrogate),
                by_arguments,
                stats,
            };
        }
        Some(Critic::OwnModel(model)) => (model.decoder(), None, model.head()),
        Some(Critic::OwnAdapter(AdapterCritic { adapter, head })) => {
            let base = models.base().expect("adapters come with their base");
            (base.decoder(), Some(adapter), head)
        }
    };
    let pass = DecoderPass {
        decoder,
        adapter,
        input: &batch.input,
        columns: batch.predicting.clone(),
    };
    let (gradients, (by_arguments, stats)) =
        gradients(config.checkpointing, pass, models.trained(), |hidden| {
            learn(head.values(hidden))
        });
    ValuesLearned {
        gradients: Some(gradients),
        surrogate: None,
        by_arguments,
        stats,
    }
}

/// Loss of a micro-batch as a function of scores and values.
fn loss(
    experience: &Experience,
    micro_batch: &MicroBatch,
    config: &PpoConfig,
    scores: &ScoreArguments,
    values: Tensor<2>,
) -> PpoLoss {
    let MicroBatch { rows, slots, .. } = micro_batch;
    let rollout = &experience.rollout;
    let (shape, device) = ([rows.len(), *slots], values.device().inner());
    let tensor = |numbers: Vec<f32>| Tensor::<2>::from_data(TensorData::new(numbers, shape), &device);
    let select = |array: &[f32]| tensor(rollout.select(array, rows, *slots));
    let policy_weights = tensor(micro_batch.policy_weights.clone());
    let predictions = PpoPredictions {
        log_probs: scores.log_probs(),
        values,
        entropies: scores.entropies(),
    };
    let targets = PpoTargets {
        old_log_probs: select(&rollout.log_probs),
        old_values: select(&rollout.values),
        advantages: select(&experience.advantages),
        returns: select(&experience.returns),
        policy_weights: policy_weights.clone(),
        value_weights: tensor(micro_batch.value_weights.clone()),
    };
    let mut loss = ppo_loss(predictions, targets, &config.loss);
    if let (KlPenalty::Estimate(estimator), true) = (config.kl_penalty, experience.kl_coef_in_loss != 0.0) {
        let ref_log_probs = select(&rollout.ref_log_probs);
        let kl = kl_in_loss(scores.log_probs(), ref_log_probs, estimator, config.kl_clamps);
        loss.total = loss.total + weighted_sum(kl, policy_weights) * experience.kl_coef_in_loss;
    }
    loss
}
