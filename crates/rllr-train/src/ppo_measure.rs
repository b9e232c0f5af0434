//! What policy, reference and value model say of responses, before anything is updated.

use burn::tensor::{Tensor, TensorData, Transaction};
use rllr_reward::full_kl;

use crate::actor_critic::{PpoModels, States};
use crate::ppo_config::{KlPenalty, OldLogProbs, PpoConfig};
use crate::ppo_error::PpoError;
use crate::responses::{ResponseBatch, Responses, Sampled};
use crate::rollout::Rollout;
use crate::token_scores::{token_log_probs, vocabulary_log_probs};
use crate::workers::{Workers, map};
use burn::module::Module as _;

/// Measures a rollout, micro-batch by micro-batch, and reads it back once.
///
/// # Errors
///
/// [`PpoError`] for token ids that the model does not have, numbers that are not finite, or a device that fails.
pub(crate) async fn measure(
    models: &PpoModels,
    responses: Responses,
    scores: &[f32],
    config: &PpoConfig,
    workers: &dyn Workers,
) -> Result<Rollout, PpoError> {
    let mut rollout = Rollout::unmeasured(responses, config.score_position)
        .expect("responses with a token have a slot for their score");
    let rows: Vec<usize> = (0..rollout.responses.batch()).collect();

    // 1. Everything is asked for, nothing is waited for.
    let mut models = models.clone();
    models.set_trained(models.trained().valid());
    let device = models.device();
    let mut batches = Vec::new();
    for rows in rows.chunks(config.micro_batch_size) {
        let (slots, vocab_size) = (rollout.slots(rows), models.vocab_size());
        batches.push(rollout.responses.to_device(rows, slots, vocab_size, &device)?);
    }
    let known = Known::of(&rollout, config);
    let measured = map(workers, batches, |batch| match known {
        Known::Nothing => measure_batch(&models, &batch, config),
        Known::LogProbs => {
            let values = models.trained().values(models.base(), &batch);
            measure_others(&models, &batch, values, config)
        }
        Known::LogProbsAndValues => {
            let values = Tensor::zeros(batch.tokens.dims(), &device);
            measure_others(&models, &batch, values, config)
        }
    });
    let transaction = measured
        .into_iter()
        .fold(Transaction::default(), Transaction::register);

    // 2. One read.
    let measured = transaction.execute_async().await?;
    for (rows, data) in rows.chunks(config.micro_batch_size).zip(&measured) {
        rollout.take_in(rows, data);
    }
    if known != Known::Nothing {
        rollout.take_in_sampled(known);
        if models.reference().is_none() {
            rollout.ref_log_probs = rollout.log_probs.clone();
        }
    }
    rollout.check_finite(scores)?;
    Ok(rollout)
}

/// What the policy said when it wrote, and need not be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    LogProbs,
    /// Of a value model that is a head on the policy, at every slot that has a value.
    LogProbsAndValues,
}

impl Known {
    fn of(rollout: &Rollout, config: &PpoConfig) -> Self {
        match config.sampled(&rollout.responses) {
            None => Self::Nothing,
            // What comes behind the last token was not read when it was written.
            Some(sampled) if sampled.values.is_some() && rollout.reward_mask == rollout.mask => {
                Self::LogProbsAndValues
            }
            Some(_) => Self::LogProbs,
        }
    }
}

impl PpoConfig {
    /// What the policy said when it wrote, where that is to stand for what it would say now.
    fn sampled<'a>(&self, responses: &'a Responses) -> Option<&'a Sampled> {
        let is_wanted = self.old_log_probs == OldLogProbs::Sampled;
        let sampled = responses.sampled().filter(|_| is_wanted);
        sampled.filter(|sampled| sampled.temperature == self.temperature)
    }
}

/// Log-probabilities of policy and reference, values and perhaps divergences, `[3 or 4, rows, slots]`.
///
/// - `models`: without autodiff
fn measure_batch(models: &PpoModels, batch: &ResponseBatch, config: &PpoConfig) -> Tensor<3> {
    let trained = models.trained();
    let States { hidden, values } = trained.states(models.base(), batch);
    let policy = trained.policy(models.base());
    let score = |lm, hidden| token_log_probs(lm, hidden, batch.tokens.clone(), config.temperature);
    let log_probs = score(policy, hidden.clone());
    let mut arrays = vec![log_probs.clone(), log_probs, values];
    if let Some(reference) = models.reference() {
        let ref_hidden = reference.hidden_columns(&batch.input, batch.predicting.clone());
        arrays[1] = score(reference, ref_hidden.clone());
        if config.kl_penalty == KlPenalty::Full {
            let all = |lm, hidden| vocabulary_log_probs(lm, hidden, config.temperature);
            arrays.push(full_kl(all(policy, hidden), all(reference, ref_hidden)));
        }
    }
    Tensor::stack::<3>(arrays, 0)
}

/// The same without the policy, whose log-probabilities are 0, `[3, rows, slots]`.
///
/// - `values`: `[rows, slots]`
fn measure_others(
    models: &PpoModels,
    batch: &ResponseBatch,
    values: Tensor<2>,
    config: &PpoConfig,
) -> Tensor<3> {
    let mut arrays = vec![values.zeros_like(), values.zeros_like(), values];
    if let Some(reference) = models.reference() {
        let hidden = reference.hidden_columns(&batch.input, batch.predicting.clone());
        arrays[1] = token_log_probs(reference, hidden, batch.tokens.clone(), config.temperature);
    }
    Tensor::stack::<3>(arrays, 0)
}

impl Rollout {
    /// Takes in what was measured of `rows`: log-probabilities of policy and reference, values and perhaps divergences,
    /// `[3 or 4, rows, slots]`. Slots that do not count are left out.
    fn take_in(&mut self, rows: &[usize], data: &TensorData) {
        let (slots, numbers) = (self.slots(rows), data.iter::<f32>().collect::<Vec<f32>>());
        let batch = self.mask.len();
        let arrays = numbers.chunks(rows.len() * slots);
        if arrays.len() == 4 && self.full_kl.is_none() {
            self.full_kl = Some(vec![0.0; batch]);
        }
        for (array, numbers) in arrays.enumerate() {
            for (&row, numbers) in rows.iter().zip(numbers.chunks(slots)) {
                let places = self.row(row);
                let (target, mask) = match array {
                    0 => (&mut self.log_probs, &self.mask),
                    1 => (&mut self.ref_log_probs, &self.mask),
                    2 => (&mut self.values, &self.reward_mask),
                    _ => (self.full_kl.as_mut().expect("made above"), &self.mask),
                };
                let counting = places.zip(numbers).filter(|(place, _)| mask[*place]);
                for (place, &number) in counting {
                    target[place] = number;
                }
            }
        }
    }

    /// The policy says of its tokens what it said when it wrote them.
    fn take_in_sampled(&mut self, known: Known) {
        let sampled = self.responses.sampled().expect("looked for before");
        let values = sampled
            .values
            .as_ref()
            .filter(|_| known == Known::LogProbsAndValues);
        let len = self.responses.response_len();
        let copy = |from: &[Vec<f32>], to: &mut [f32]| {
            for (numbers, row) in from.iter().zip(to.chunks_mut(len)) {
                row[..numbers.len()].copy_from_slice(numbers);
            }
        };
        copy(&sampled.log_probs, &mut self.log_probs);
        if let Some(values) = values {
            copy(values, &mut self.values);
        }
    }

    /// Slots that do not count are 0, so all numbers must be finite.
    fn check_finite(&self, scores: &[f32]) -> Result<(), PpoError> {
        let empty = Vec::new();
        let arrays = [
            ("log-probability of the policy", &self.log_probs),
            ("log-probability of the reference", &self.ref_log_probs),
            ("value", &self.values),
            ("divergence", self.full_kl.as_ref().unwrap_or(&empty)),
        ];
        for (what, array) in arrays {
            if let Some(place) = array.iter().position(|number| !number.is_finite()) {
                let len = self.responses.response_len();
                let row = place / len;
                return Err(PpoError::NotFinite {
                    what,
                    slot: place % len,
                    found: array[place],
                    sample: self.responses.sample(row, scores[row]),
                });
            }
        }
        Ok(())
    }
}
