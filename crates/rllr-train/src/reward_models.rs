//! The reward model that is trained, the frozen model below its adapter, and its scores.

use burn::module::Module;
use burn::tensor::{Device, Tensor, Transaction};
use rand_chacha::rand_core::Rng;
use rllr_model::{
    CausalLm, Decoder, HeadInitialization, LoraAdapter, PaddingSide, ScalarHead, ScalarModel, TokenBatch,
};

use crate::actor_critic::{AdapterCritic, ModelsError};
use crate::micro_batching::MicroBatching;
use crate::optimization::UpdateError;
use crate::reward_step::RewardTrainingError;
use crate::trained_parts::{num_trainable, total_change};
use crate::workers::{OneByOne, Workers, map, with_own_graph};

/// The trained part of a reward model.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub enum TrainedReward {
    /// All weights of a model with a scalar head.
    Full(ScalarModel),
    /// An adapter and a head on a frozen base: RLLR. A value model may begin as a clone of it.
    Adapter(AdapterCritic),
}

/// What is trained, and the frozen model that it adapts, if it is an adapter.
#[derive(Clone, Debug)]
pub struct RewardModels {
    base: Option<CausalLm>,
    trained: TrainedReward,
}

impl TrainedReward {
    /// A language model with a new head; its output layer is dropped.
    #[must_use]
    pub fn full(lm: CausalLm, head: HeadInitialization, rng: &mut impl Rng) -> Self {
        let d_model = lm.output_weight().dims()[0];
        let device = lm.devices()[0].clone();
        let head = ScalarHead::new(d_model, head, rng, &device);
        Self::Full(ScalarModel::new(lm, head))
    }

    /// An adapter with a new head.
    ///
    /// - `d_model`: width of the base
    #[must_use]
    pub fn adapter(
        adapter: LoraAdapter,
        d_model: usize,
        head: HeadInitialization,
        rng: &mut impl Rng,
    ) -> Self {
        let device = adapter.devices()[0].clone();
        let head = ScalarHead::new(d_model, head, rng, &device);
        Self::Adapter(AdapterCritic { adapter, head })
    }

    /// The layer that makes one number of a hidden state.
    #[must_use]
    pub fn head(&self) -> &ScalarHead {
        match self {
            Self::Full(model) => model.head(),
            Self::Adapter(AdapterCritic { head, .. }) => head,
        }
    }

    /// How much each part changed between two states, with its name.
    pub(crate) fn changes(before: &Self, after: &Self) -> Vec<(&'static str, Tensor<1>)> {
        let below = match (before, after) {
            (Self::Full(old), Self::Full(new)) => {
                ("reward model", total_change(old.decoder(), new.decoder()))
            }
            (Self::Adapter(old), Self::Adapter(new)) => (
                "adapter of the reward model",
                total_change(&old.adapter, &new.adapter),
            ),
            _ => unreachable!("an optimiser step keeps what is trained"),
        };
        let head = total_change(before.head(), after.head());
        vec![below, ("head of the reward model", head)]
    }
}

impl RewardModels {
    /// The base is frozen here; what is trained must be on a device with autodiff.
    ///
    /// # Errors
    ///
    /// [`ModelsError`] when an adapter has no base, or nothing can be trained.
    pub fn new(base: Option<CausalLm>, trained: TrainedReward) -> Result<Self, ModelsError> {
        if num_trainable(&trained) == 0 {
            return Err(ModelsError::NothingToTrain);
        }
        if matches!(trained, TrainedReward::Adapter(_)) && base.is_none() {
            return Err(ModelsError::NoBase { what: "reward model" });
        }
        Ok(Self {
            base: base.map(|base| base.valid()),
            trained,
        })
    }

    /// What is trained.
    #[must_use]
    pub fn trained(&self) -> &TrainedReward {
        &self.trained
    }

    /// The frozen model below the adapter.
    #[must_use]
    pub fn base(&self) -> Option<&CausalLm> {
        self.base.as_ref()
    }

    /// The decoder below adapter and head.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        match &self.trained {
            TrainedReward::Full(model) => model.decoder(),
            TrainedReward::Adapter(_) => {
                let base = self.base.as_ref().expect("adapters come with their base");
                base.decoder()
            }
        }
    }

    /// The adapter, where there is one.
    #[must_use]
    pub fn adapter(&self) -> Option<&LoraAdapter> {
        match &self.trained {
            TrainedReward::Full(_) => None,
            TrainedReward::Adapter(AdapterCritic { adapter, .. }) => Some(adapter),
        }
    }

    /// Number of token ids that the model has.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.decoder().vocab_size()
    }

    /// The device without autodiff: tokens lie there.
    #[must_use]
    pub fn device(&self) -> Device {
        self.trained.devices()[0].clone().inner()
    }

    /// One score per row of prompt and response: the value at its last token, `[rows]`.
    ///
    /// Nothing is dropped out, and the device is read once.
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError`] for a row without tokens or with ids that the model does not have, and for a device that
    /// fails.
    pub async fn score<R: AsRef<[u32]>>(
        &self,
        rows: &[R],
        micro_batching: MicroBatching,
    ) -> Result<Vec<f32>, RewardTrainingError> {
        self.score_with(&OneByOne, rows, micro_batching).await
    }

    /// [`RewardModels::score`] with parts computed by `workers`.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn score_with<R: AsRef<[u32]>>(
        &self,
        workers: &dyn Workers,
        rows: &[R],
        micro_batching: MicroBatching,
    ) -> Result<Vec<f32>, RewardTrainingError> {
        let models = Self {
            base: self.base.clone(),
            trained: self.trained.valid(),
        };
        let lengths: Vec<usize> = rows.iter().map(|row| row.as_ref().len()).collect();
        let parts = micro_batching.cut(&lengths);
        if parts.is_empty() {
            return Ok(Vec::new());
        }

        // 1. Everything is asked for, nothing is waited for.
        let mut batches = Vec::new();
        for part in &parts {
            let rows: Vec<&[u32]> = part.iter().map(|&row| rows[row].as_ref()).collect();
            batches.push(TokenBatch::from_rows(
                &rows,
                PaddingSide::Left,
                models.vocab_size(),
            )?);
        }
        let scores = map(workers, batches, |batch| {
            let input = batch.to_device(&models.device());
            let [_, columns] = batch.dims();
            // All rows end together, so all scores stand in the last column.
            let last = columns - 1..columns;
            let hidden = models.decoder().forward_columns(&input, models.adapter(), last);
            models.trained.head().values(hidden).squeeze_dim::<1>(1)
        });
        let transaction = scores
            .into_iter()
            .fold(Transaction::default(), Transaction::register);

        // 2. One read.
        let found = transaction.execute_async().await.map_err(UpdateError::Device)?;
        let mut scores = vec![f32::NAN; rows.len()];
        for (part, data) in parts.iter().zip(found) {
            for (&row, score) in part.iter().zip(data.iter::<f32>()) {
                scores[row] = score;
            }
        }
        Ok(scores)
    }

    /// The same, whose gradients are computed apart; see [`with_own_graph`].
    pub(crate) fn with_own_graph(&self) -> Self {
        let mut models = self.clone();
        models.trained = with_own_graph(&self.trained);
        models
    }

    pub(crate) fn set_trained(&mut self, trained: TrainedReward) {
        self.trained = trained;
    }
}
