//! Whether training has changed what it should.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use rllr_model::ScalarHead;

use crate::actor_critic::{ActorCritic, AdapterCritic, Critic};
use crate::gradients::global_norm;

/// The policy, as it is called where its weights did not change.
pub(crate) const POLICY: &str = "policy";

/// The value model's head, as it is called where its weights did not change.
const HEAD: &str = "head of the value model";

/// How much each trained part changed between two states, with its name; see [`total_change`].
///
/// Adapter and head of a value model are parts of their own: an adapter that has no part in the values stays as it is.
pub(crate) fn part_changes(before: &ActorCritic, after: &ActorCritic) -> Vec<(&'static str, Tensor<1>)> {
    let mut changes = vec![(POLICY, total_change(&before.actor, &after.actor))];
    let head = |old: &ScalarHead, new: &ScalarHead| (HEAD, total_change(old, new));
    match (&before.critic, &after.critic) {
        (Some(Critic::SharedHead(old)), Some(Critic::SharedHead(new))) => changes.push(head(old, new)),
        (Some(Critic::OwnModel(old)), Some(Critic::OwnModel(new))) => {
            changes.push(("value model", total_change(old.decoder(), new.decoder())));
            changes.push(head(old.head(), new.head()));
        }
        (Some(Critic::OwnAdapter(old)), Some(Critic::OwnAdapter(new))) => {
            let change = total_change(&old.adapter, &new.adapter);
            changes.push(("adapter of the value model", change));
            changes.push(head(&old.head, &new.head));
        }
        (None, None) => {}
        _ => unreachable!("an optimiser step keeps the kind of the value model"),
    }
    changes
}

/// Gradient norms of the parts that learn from the very first step, with their names; see [`global_norm`].
///
/// Behind a head that begins as 0 the rest of a value model has no gradient yet.
pub(crate) fn part_gradients(
    trained: &ActorCritic,
    gradients: &GradientsParams,
) -> Vec<(&'static str, Tensor<1>)> {
    let of_policy = (POLICY, global_norm(&trained.actor, gradients));
    let head = match &trained.critic {
        None => None,
        Some(Critic::SharedHead(head) | Critic::OwnAdapter(AdapterCritic { head, .. })) => Some(head),
        Some(Critic::OwnModel(model)) => Some(model.head()),
    };
    let of_head = head.map(|head| (HEAD, global_norm(head, gradients)));
    let device = trained.devices()[0].clone().inner();
    let parts = std::iter::once(of_policy).chain(of_head);
    parts
        .map(|(part, norm)| (part, norm.unwrap_or_else(|| Tensor::zeros([1], &device)).inner()))
        .collect()
}

/// Number of numbers that training may change.
#[must_use]
pub fn num_trainable<M: Module>(module: &M) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0 += param.shape().num_elements();
            }
        }
    }
    let mut count = Count(0);
    module.visit(&mut count);
    count.0
}

/// `Σ |after − before|` over all parameters of two states of a module, `[1]`; 0 when nothing changed.
#[must_use]
pub fn total_change<M: Module>(before: &M, after: &M) -> Tensor<1> {
    struct Flatten(Vec<Tensor<1>>);
    impl ModuleVisitor for Flatten {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val().inner();
            let len = value.shape().num_elements();
            self.0.push(value.reshape([len]));
        }
    }
    let [mut old, mut new] = [Flatten(Vec::new()), Flatten(Vec::new())];
    before.visit(&mut old);
    after.visit(&mut new);
    let changes = old
        .0
        .into_iter()
        .zip(new.0)
        .map(|(old, new)| (new - old).abs().sum());
    Tensor::cat(changes.collect(), 0).sum()
}
