//! Policy, value model and reference as adapters on one frozen base.

use rllr_model::{LoraAdapter, LoraConfig};

use super::*;
use crate::actor_critic::AdapterCritic;

/// RLLR's layout: policy and value model are adapters on one frozen base.
pub(super) fn adapter_models(reference: impl FnOnce(&LoraAdapter) -> Reference) -> PpoModels {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let lora = LoraConfig::of_the_paper(lm_config().architecture);
    let mut adapter = || LoraAdapter::new(&lora, &lm_config(), &mut rng, &device).unwrap();
    let (actor, critic) = (adapter(), adapter());
    let head = ScalarHead::new(8, HeadInitialization::Normal, &mut rng, &device);
    let reference = reference(&actor);
    let trained = ActorCritic {
        actor: Actor::Adapter(actor),
        critic: Some(Critic::OwnAdapter(AdapterCritic {
            adapter: critic,
            head,
        })),
    };
    PpoModels::new(Some(lm(1, &device)), trained, reference).unwrap()
}

fn adapter_trainer(models: PpoModels) -> PpoTrainer {
    let config = PpoConfig {
        critic: CriticKind::OwnAdapter,
        reference: models.reference_kind(),
        ..config()
    };
    PpoTrainer::new(models, config, 10).unwrap()
}

/// An adapter begins as nothing, so the policy begins as the reference; then both adapters learn, and the base stays.
#[wasm_bindgen_test(unsupported = test)]
fn adapters_learn_on_a_base_that_stays() {
    let mut trainer = adapter_trainer(adapter_models(|_| Reference::AdaptersOff));
    let frozen = trainer.models().base().unwrap().clone();
    let first = step(&mut trainer);
    assert_eq!(first.experience.kl_from_reference(), 0.0);
    assert!(first.experience.rollout.values.iter().any(|value| *value != 0.0));
    let second = step(&mut trainer);
    assert!(second.experience.kl_from_reference().abs() > 1e-3);
    let base = trainer.models().base().unwrap();
    assert_eq!(total_change(&frozen, base).into_scalar::<f32>(), 0.0);
    let (old, new) = (&first.experience.rollout, &second.experience.rollout);
    assert_eq!(old.ref_log_probs, new.ref_log_probs);
    assert_ne!(
        old.values, new.values,
        "the value model has an adapter of its own"
    );
}

/// Where an adapter is trained on, the base without it is another policy than the one that training began with.
#[wasm_bindgen_test(unsupported = test)]
fn an_adapter_that_is_trained_on_is_held_to_its_copy() {
    let mut trainer = adapter_trainer(adapter_models(|_| Reference::AdaptersOff));
    step(&mut trainer);
    let Actor::Adapter(begun) = trainer.models().trained().actor.clone() else {
        panic!("the policy is an adapter");
    };
    let continued = |reference| {
        let trained = ActorCritic {
            actor: Actor::Adapter(begun.clone()),
            critic: trainer.models().trained().critic.clone(),
        };
        let base = Some(lm(1, &Device::flex()));
        let mut trainer = adapter_trainer(PpoModels::new(base, trained, reference).unwrap());
        step(&mut trainer).experience.kl_from_reference().abs()
    };
    assert_eq!(continued(Reference::FrozenAdapter(begun.clone())), 0.0);
    assert!(
        continued(Reference::AdaptersOff) > 1e-3,
        "the mistake that others made"
    );

    // A reset reference is such a copy.
    trainer.reset_reference();
    assert_eq!(trainer.models().reference_kind(), ReferenceKind::FrozenAdapter);
    assert_eq!(step(&mut trainer).experience.kl_from_reference(), 0.0);
}
