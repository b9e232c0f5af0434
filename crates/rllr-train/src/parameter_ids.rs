//! Whose parameters are whose.
//!
//! Burn finds a parameter's gradient and moments by its id, and a clone keeps its ids. A value model that began as a
//! clone of what the policy began as would be trained by the policy's gradients, silently.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// Whether two modules have a parameter with the same id.
pub(crate) fn share_ids(a: &impl Module, b: &impl Module) -> bool {
    !ids(a).is_disjoint(&ids(b))
}

fn ids(module: &impl Module) -> BTreeSet<u64> {
    struct Ids(BTreeSet<u64>);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.insert(param.id.val());
        }
    }
    let mut ids = Ids(BTreeSet::new());
    module.visit(&mut ids);
    ids.0
}

/// The module with parameters of its own: the same values, other ids, and tensors that no other graph holds.
pub(crate) fn with_own_ids<M: Module>(module: M) -> M {
    struct Renew;
    impl ModuleMapper for Renew {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (_, tensor, mapper) = param.consume();
            let own = if tensor.is_require_grad() {
                Tensor::from_inner(tensor.inner()).require_grad()
            } else {
                tensor
            };
            Param::from_mapped_value(ParamId::new(), own, mapper)
        }
    }
    module.map(&mut Renew)
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// A copy with ids of its own has the same values, is trained, and its gradients are not found in the original.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_copy_gets_gradients_of_its_own() {
        let layer: Linear = LinearConfig::new(2, 3).init(&Device::flex().autodiff());
        let copy = layer.clone();
        assert!(share_ids(&layer, &copy));
        let own = with_own_ids(copy);
        assert!(!share_ids(&layer, &own));
        let values = |layer: &Linear| layer.weight.val().into_data();
        assert_eq!(values(&layer), values(&own));
        assert!(own.weight.is_require_grad());

        let loss = (own.weight.val() * 2.0).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &own);
        assert!(gradients.get::<2>(own.weight.id).is_some());
        assert!(gradients.get::<2>(layer.weight.id).is_none());
    }
}
