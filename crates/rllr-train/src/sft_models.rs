//! The language model that is trained, and the frozen one below its adapter.

use burn::module::Module as _;
use burn::tensor::Device;
use rllr_model::{AdaptedLm, CausalLm};

use crate::actor_critic::{Actor, ModelsError};
use crate::trained_parts::num_trainable;
use crate::workers::with_own_graph;

/// What is trained, and the frozen model that it adapts, if it is an adapter.
///
/// What is trained is an [`Actor`], so that a policy goes from supervised training to reinforcement learning as it is.
#[derive(Clone, Debug)]
pub struct SftModels {
    base: Option<CausalLm>,
    trained: Actor,
}

impl SftModels {
    /// The base is frozen here; what is trained must be on a device with autodiff.
    ///
    /// # Errors
    ///
    /// [`ModelsError`] when an adapter has no base, or nothing can be trained.
    pub fn new(base: Option<CausalLm>, trained: Actor) -> Result<Self, ModelsError> {
        if matches!(trained, Actor::Adapter(_)) && base.is_none() {
            return Err(ModelsError::NoBase {
                what: "trained model",
            });
        }
        if num_trainable(&trained) == 0 {
            return Err(ModelsError::NothingToTrain);
        }
        Ok(Self {
            base: base.map(|base| base.valid()),
            trained,
        })
    }

    /// What is trained.
    #[must_use]
    pub fn trained(&self) -> &Actor {
        &self.trained
    }

    /// The frozen model below the adapter.
    #[must_use]
    pub fn base(&self) -> Option<&CausalLm> {
        self.base.as_ref()
    }

    /// The model in its present state.
    #[must_use]
    pub fn lm(&self) -> AdaptedLm<'_> {
        match &self.trained {
            Actor::Full(lm) => lm.without_adapter(),
            Actor::Adapter(adapter) => {
                let base = self.base.as_ref().expect("adapters come with their base");
                base.with_adapter(adapter)
            }
        }
    }

    /// Number of token ids that the model has.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.lm().base().output_weight().dims()[1]
    }

    /// The device without autodiff: tokens lie there.
    #[must_use]
    pub fn device(&self) -> Device {
        self.trained.devices()[0].clone().inner()
    }

    /// The same, whose gradients are computed apart; see [`with_own_graph`].
    pub(crate) fn with_own_graph(&self) -> Self {
        let mut models = self.clone();
        models.trained = with_own_graph(&self.trained);
        models
    }

    pub(crate) fn set_trained(&mut self, trained: Actor) {
        self.trained = trained;
    }
}
