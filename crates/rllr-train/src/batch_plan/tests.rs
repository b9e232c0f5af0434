use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const ORDERS: [BatchOrder; 3] = [
    BatchOrder::Sequential,
    BatchOrder::Random,
    BatchOrder::LengthBucketed { window_batches: 4 },
];

/// Lengths from 5 to 104, without order.
fn lengths(examples: usize) -> Vec<usize> {
    (0..examples).map(|row| 5 + row * 37 % 100).collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn every_epoch_has_every_example_once() {
    for order in ORDERS {
        let plan = BatchPlan::new(lengths(50), 8, order, 3);
        assert_eq!(plan.steps_per_epoch(), 7);
        for epoch in 0..3 {
            let batches = plan.epoch(epoch);
            let mut sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
            let mut rows = batches.concat();
            rows.sort_unstable();
            assert!(rows.into_iter().eq(0..50), "{order:?}");
            sizes.sort_unstable();
            assert_eq!(sizes, [2, 8, 8, 8, 8, 8, 8], "{order:?}: what is left is kept");
        }
        let epochs_differ = plan.epoch(0) != plan.epoch(1);
        assert_eq!(epochs_differ, order != BatchOrder::Sequential);
    }
}

/// The plan is asked for each step alone, by a plan that knows nothing of the steps before.
#[wasm_bindgen_test(unsupported = test)]
fn a_resumed_run_goes_on_at_the_same_place() {
    for order in ORDERS {
        let plan = || BatchPlan::new(lengths(50), 8, order, 3);
        let whole: Vec<Vec<usize>> = (0..3).flat_map(|epoch| plan().epoch(epoch)).collect();
        for (step, batch) in whole.iter().enumerate() {
            assert_eq!(&plan().batch(step), batch, "{order:?}, step {step}");
            assert_eq!(plan().epoch_of(step), step / 7);
        }
        assert_eq!(whole.len(), plan().total_steps(3));
        let other_seed = BatchPlan::new(lengths(50), 8, order, 4);
        assert_eq!(
            other_seed.epoch(0) == plan().epoch(0),
            order == BatchOrder::Sequential
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn bucketing_lowers_padding() {
    let lengths = lengths(256);
    let share = |order| padding_share(&lengths, &BatchPlan::new(lengths.clone(), 8, order, 1).epoch(0));
    let random = share(BatchOrder::Random);
    let bucketed = share(BatchOrder::LengthBucketed { window_batches: 8 });
    assert!(random > 0.3, "{random}");
    assert!(bucketed < 0.15, "{bucketed}");
}

/// By hand: three rows of 4 slots hold 4 + 2 + 1 tokens, one of 5 holds 5.
#[wasm_bindgen_test(unsupported = test)]
fn the_share_of_padding_is_counted() {
    let share = padding_share(&[4, 2, 1, 5], &[vec![0, 1, 2], vec![3]]);
    assert!((share - 5.0 / 17.0).abs() < 1e-12, "{share}");
    let none: [Vec<usize>; 0] = [];
    assert_eq!(padding_share(&[], &none), 0.0);
    assert_eq!(
        BatchPlan::new(Vec::new(), 8, BatchOrder::Random, 0).batch(5),
        Vec::<usize>::new()
    );
}
