//! The policy and its critic, and the models they are trained beside.

use burn::module::Module;
use burn::tensor::{Device, ExecutionError, Tensor};
use rllr_model::{AdaptedLm, CausalLm, LoraAdapter, ScalarHead, ScalarModel};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::parameter_ids::{share_ids, with_own_ids};
use crate::responses::ResponseBatch;
use crate::trained_parts::num_trainable;
use crate::workers::with_own_graph;

/// What PPO trains: one module, so that one optimiser has all of it.
#[derive(Module, Debug)]
pub struct ActorCritic {
    /// Writes the responses.
    pub actor: Actor,
    /// Says how good a state is; group methods have none.
    pub critic: Option<Critic>,
}

/// The policy's trained part.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub enum Actor {
    /// All weights of a model.
    Full(CausalLm),
    /// A low-rank adapter on the frozen base.
    Adapter(LoraAdapter),
}

/// The value model's trained part.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub enum Critic {
    /// A head on the policy's own hidden states: TRL 0.7.2.
    SharedHead(ScalarHead),
    /// A model of its own: TRL 1.12, OpenRLHF, DeepSpeed-Chat.
    OwnModel(ScalarModel),
    /// An adapter of its own on the frozen base, and a head: RLLR.
    OwnAdapter(AdapterCritic),
}

/// A value model that shares the frozen base.
#[derive(Module, Debug)]
pub struct AdapterCritic {
    /// Turns the base into a value model; begins as the reward model's.
    pub adapter: LoraAdapter,
    /// Makes one number of a hidden state; begins as the reward model's.
    pub head: ScalarHead,
}

/// What the policy is held to. It never changes by training.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub enum Reference {
    /// A frozen copy of a whole model.
    FrozenCopy(CausalLm),
    /// The base with its adapters off. Right only where the policy's adapter began as nothing: after SFT was merged
    /// into the base (RLLR).
    AdaptersOff,
    /// The base with a frozen copy of the adapter that the policy began with: where an adapter from SFT is trained on.
    FrozenAdapter(LoraAdapter),
    /// None: for policies that are not held to anything. The KL coefficient must be 0.
    Absent,
}

/// Where values come from, as a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticKind {
    /// [`Critic::SharedHead`].
    SharedHead,
    /// [`Critic::OwnModel`].
    OwnModel,
    /// [`Critic::OwnAdapter`].
    OwnAdapter,
    /// No value model: group methods.
    Absent,
}

/// What the policy is held to, as a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// [`Reference::FrozenCopy`].
    FrozenCopy,
    /// [`Reference::AdaptersOff`].
    AdaptersOff,
    /// [`Reference::FrozenAdapter`].
    FrozenAdapter,
    /// [`Reference::Absent`].
    Absent,
}

/// Why models cannot be trained together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelsError {
    /// An adapter without the model that it adapts.
    #[error("the {what} is an adapter, or a base without adapters, but there is no frozen base model")]
    NoBase {
        /// Policy, value model or reference.
        what: &'static str,
    },
    /// No parameter of the policy, or none of the value model, would ever change.
    #[error(
        "policy or value model has no trainable parameter; is it on a device with autodiff, and not frozen?"
    )]
    NothingToTrain,
    /// Another value model than the settings say.
    #[error("the value model is {found:?}, the settings say {expected:?}")]
    Critic {
        /// What is there.
        found: CriticKind,
        /// What the settings say.
        expected: CriticKind,
    },
    /// Another reference than the settings say.
    #[error("the reference is {found:?}, the settings say {expected:?}")]
    Reference {
        /// What is there.
        found: ReferenceKind,
        /// What the settings say.
        expected: ReferenceKind,
    },
}

/// Policy, value model, reference, and the frozen model that adapters share.
#[derive(Clone, Debug)]
pub struct PpoModels {
    base: Option<CausalLm>,
    trained: ActorCritic,
    reference: Reference,
}

/// What policy and value model make of responses.
pub(crate) struct States {
    /// What the policy's output layer reads for each slot, `[batch, slots, d_model]`.
    pub(crate) hidden: Tensor<3>,
    /// Value of the state before each slot, `[batch, slots]`; 0 without a value model.
    pub(crate) values: Tensor<2>,
}

impl ActorCritic {
    /// The policy, on the base where it is an adapter.
    #[must_use]
    pub fn policy<'a>(&'a self, base: Option<&'a CausalLm>) -> AdaptedLm<'a> {
        match &self.actor {
            Actor::Full(lm) => lm.without_adapter(),
            Actor::Adapter(adapter) => shared(base).with_adapter(adapter),
        }
    }

    /// Reads responses once with the policy, and where needed once more with the value model.
    pub(crate) fn states(&self, base: Option<&CausalLm>, batch: &ResponseBatch) -> States {
        let hidden = self.policy_states(base, batch);
        let values = match &self.critic {
            Some(Critic::SharedHead(head)) => head.values(hidden.clone()),
            _ => self.values(base, batch),
        };
        States { hidden, values }
    }

    /// What the policy's output layer reads for each slot, `[batch, slots, d_model]`.
    fn policy_states(&self, base: Option<&CausalLm>, batch: &ResponseBatch) -> Tensor<3> {
        self.policy(base)
            .hidden_columns(&batch.input, batch.predicting.clone())
    }

    /// Value of the state before each slot, `[batch, slots]`; 0 without a value model.
    pub(crate) fn values(&self, base: Option<&CausalLm>, batch: &ResponseBatch) -> Tensor<2> {
        match &self.critic {
            None => Tensor::zeros(batch.tokens.dims(), &batch.tokens.device()),
            Some(Critic::SharedHead(head)) => head.values(self.policy_states(base, batch)),
            Some(Critic::OwnModel(model)) => {
                let columns = batch.predicting.clone();
                let states = model.decoder().forward_columns(&batch.input, None, columns);
                model.head().values(states)
            }
            Some(Critic::OwnAdapter(AdapterCritic { adapter, head })) => {
                let lm = shared(base).with_adapter(adapter);
                head.values(lm.hidden_columns(&batch.input, batch.predicting.clone()))
            }
        }
    }
}

/// [`PpoModels::new`] refuses adapters without a base.
fn shared(base: Option<&CausalLm>) -> &CausalLm {
    base.expect("adapters come with their base")
}

impl PpoModels {
    /// Models that are trained together.
    ///
    /// Base and reference are frozen here; policy and value model must be on a device with autodiff.
    ///
    /// - `base`: the model that adapters share, if there are any
    ///
    /// # Errors
    ///
    /// [`ModelsError`] when an adapter has no base, or nothing can be trained.
    pub fn new(
        base: Option<CausalLm>,
        trained: ActorCritic,
        reference: Reference,
    ) -> Result<Self, ModelsError> {
        let adapted = [
            ("policy", matches!(trained.actor, Actor::Adapter(_))),
            (
                "value model",
                matches!(trained.critic, Some(Critic::OwnAdapter(_))),
            ),
            (
                "reference",
                matches!(reference, Reference::AdaptersOff | Reference::FrozenAdapter(_)),
            ),
        ];
        if let (None, Some((what, _))) = (&base, adapted.into_iter().find(|(_, adapted)| *adapted)) {
            return Err(ModelsError::NoBase { what });
        }
        // A value model that began as a clone of the fine-tuned model would share the policy's ids.
        let ActorCritic { actor, critic } = trained;
        let critic = critic.map(|critic| {
            if share_ids(&actor, &critic) {
                with_own_ids(critic)
            } else {
                critic
            }
        });
        let trained = ActorCritic { actor, critic };
        let critic = trained.critic.as_ref().map(num_trainable);
        if num_trainable(&trained.actor) == 0 || critic == Some(0) {
            return Err(ModelsError::NothingToTrain);
        }
        Ok(Self {
            base: base.map(|base| base.valid()),
            trained,
            reference: match reference {
                Reference::FrozenCopy(lm) => Reference::FrozenCopy(lm.valid()),
                Reference::FrozenAdapter(adapter) => Reference::FrozenAdapter(adapter.valid()),
                other => other,
            },
        })
    }

    /// What is trained.
    #[must_use]
    pub fn trained(&self) -> &ActorCritic {
        &self.trained
    }

    /// The frozen model that adapters share.
    #[must_use]
    pub fn base(&self) -> Option<&CausalLm> {
        self.base.as_ref()
    }

    /// The policy in its present state, which gradients can flow through.
    #[must_use]
    pub fn policy(&self) -> AdaptedLm<'_> {
        self.trained.policy(self.base())
    }

    /// What the policy is held to, if it is.
    #[must_use]
    pub fn reference(&self) -> Option<AdaptedLm<'_>> {
        match &self.reference {
            Reference::FrozenCopy(lm) => Some(lm.without_adapter()),
            Reference::AdaptersOff => Some(shared(self.base()).without_adapter()),
            Reference::FrozenAdapter(adapter) => Some(shared(self.base()).with_adapter(adapter)),
            Reference::Absent => None,
        }
    }

    /// Where values come from.
    #[must_use]
    pub fn critic_kind(&self) -> CriticKind {
        match self.trained.critic {
            None => CriticKind::Absent,
            Some(Critic::SharedHead(_)) => CriticKind::SharedHead,
            Some(Critic::OwnModel(_)) => CriticKind::OwnModel,
            Some(Critic::OwnAdapter(_)) => CriticKind::OwnAdapter,
        }
    }

    /// What the policy is held to.
    #[must_use]
    pub fn reference_kind(&self) -> ReferenceKind {
        match self.reference {
            Reference::FrozenCopy(_) => ReferenceKind::FrozenCopy,
            Reference::AdaptersOff => ReferenceKind::AdaptersOff,
            Reference::FrozenAdapter(_) => ReferenceKind::FrozenAdapter,
            Reference::Absent => ReferenceKind::Absent,
        }
    }

    /// Number of token ids that the policy has.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.policy().base().output_weight().dims()[1]
    }

    /// The device without autodiff: what is measured is measured there.
    #[must_use]
    pub fn device(&self) -> Device {
        self.trained.devices()[0].clone().inner()
    }

    /// From now on the policy is held to what it is now. Source: arXiv 2505.24864.
    pub fn reset_reference(&mut self) {
        self.reference = match &self.trained.actor {
            Actor::Full(lm) => Reference::FrozenCopy(lm.valid()),
            Actor::Adapter(adapter) => Reference::FrozenAdapter(adapter.valid()),
        };
    }

    /// Of what is never trained: the base, and a reference that is a copy.
    pub(crate) async fn frozen_fingerprints(
        &self,
    ) -> Result<Vec<(&'static str, Fingerprint)>, ExecutionError> {
        let mut found = Vec::new();
        if let Some(base) = &self.base {
            found.push(("base", Fingerprint::of(base).await?));
        }
        match &self.reference {
            Reference::FrozenCopy(lm) => found.push(("reference", Fingerprint::of(lm).await?)),
            Reference::FrozenAdapter(adapter) => found.push(("reference", Fingerprint::of(adapter).await?)),
            Reference::AdaptersOff | Reference::Absent => {}
        }
        Ok(found)
    }

    /// The reference, where it is weights of its own.
    pub(crate) fn reference_copy(&self) -> Option<Actor> {
        match &self.reference {
            Reference::FrozenCopy(lm) => Some(Actor::Full(lm.clone())),
            Reference::FrozenAdapter(adapter) => Some(Actor::Adapter(adapter.clone())),
            Reference::AdaptersOff | Reference::Absent => None,
        }
    }

    /// From now on the policy is held to this.
    pub(crate) fn set_reference(&mut self, reference: Actor) {
        self.reference = match reference {
            Actor::Full(lm) => Reference::FrozenCopy(lm.valid()),
            Actor::Adapter(adapter) => Reference::FrozenAdapter(adapter.valid()),
        };
    }

    /// The same, whose gradients are computed apart; see [`with_own_graph`].
    pub(crate) fn with_own_graph(&self) -> Self {
        let mut models = self.clone();
        models.trained = with_own_graph(&self.trained);
        models
    }

    pub(crate) fn set_trained(&mut self, trained: ActorCritic) {
        self.trained = trained;
    }
}
