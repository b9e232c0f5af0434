use burn::tensor::activation::softmax;
use burn::tensor::{Device, TensorData};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::by_hand::tests::{assert_same, like, tensor_of};

/// Causal, with some keys of the left hidden in each row, `[batch, 1, queries, keys]`; the queries are the last ones.
fn bias(hidden: &[usize], queries: usize, keys: usize) -> Tensor<4> {
    let mut bias = Vec::new();
    for hidden in hidden {
        for query in 0..queries {
            let own = keys - queries + query;
            bias.extend((0..keys).map(|key| if key <= own && key >= *hidden { 0.0 } else { UNSEEN }));
        }
    }
    let shape = [hidden.len(), 1, queries, keys];
    Tensor::from_data(TensorData::new(bias, shape), &Device::flex())
}

/// The formula, keys and values repeated for the heads that share them.
fn plain([queries, keys, values]: [Tensor<4>; 3], bias: Option<Tensor<4>>) -> Tensor<4> {
    let group = queries.dims()[1] / values.dims()[1];
    let repeated = |x: Tensor<4>| {
        let [batch, kv_heads, rows, columns] = x.dims();
        x.reshape([batch, kv_heads, 1, rows, columns])
            .repeat_dim(2, group)
            .reshape([batch, kv_heads * group, rows, columns])
    };
    let scores = queries.matmul(repeated(keys));
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    softmax(scores, 3).matmul(repeated(values))
}

fn arguments(heads: usize, kv_heads: usize, queries: usize, keys: usize) -> [Tensor<4>; 3] {
    [
        tensor_of([2, heads, queries, 6], 1) * 3.0,
        tensor_of([2, kv_heads, 6, keys], 2) * 3.0,
        tensor_of([2, kv_heads, keys, 6], 3),
    ]
}

fn assert_formula(arguments: &[Tensor<4>; 3], bias: Option<&Tensor<4>>) {
    let bias = |of: &Tensor<4>| bias.map(|bias| like(bias, of));
    assert_same(
        arguments,
        |[q, k, v]| {
            let bias = bias(&q);
            attention(q, k, v, bias)
        },
        |arguments| {
            let bias = bias(&arguments[0]);
            plain(arguments, bias)
        },
    );
}

/// One window, a part of one, and several, whole heads and groups of them, all columns and the last ones.
#[wasm_bindgen_test(unsupported = test)]
fn attention_is_the_formula_and_so_is_its_derivative() {
    for (heads, kv_heads, queries, keys) in [(1, 1, 3, 3), (4, 2, 64, 64), (4, 2, 150, 150), (2, 1, 70, 200)]
    {
        let bias = bias(&[0, 1], queries, keys);
        let arguments = arguments(heads, kv_heads, queries, keys);
        assert_formula(&arguments, Some(&bias));
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn without_a_bias_every_query_sees_every_key() {
    assert_formula(&arguments(2, 2, 70, 9), None);
}

/// As ALiBi's, which differs by head, and one that is the same for all queries.
#[wasm_bindgen_test(unsupported = test)]
fn a_bias_may_be_of_each_head_or_of_all_queries() {
    let by_head = bias(&[0, 0], 80, 80) + tensor_of([2, 4, 80, 80], 5);
    let for_all = tensor_of([1, 1, 1, 80], 6);
    for bias in [by_head, for_all] {
        assert_formula(&arguments(4, 2, 80, 80), Some(&bias));
    }
}

/// A row of padding sees nothing, and has the mean over all keys; beside others that do see something, and alone.
#[wasm_bindgen_test(unsupported = test)]
fn queries_that_see_nothing_have_the_mean_of_all() {
    let arguments = arguments(2, 1, 70, 70);
    let hidden = Tensor::full([2, 1, 70, 70], UNSEEN, &Device::flex());
    for bias in [bias(&[3, 3], 70, 70), bias(&[0, 40], 70, 70), hidden] {
        assert_formula(&arguments, Some(&bias));
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn windows_hold_what_one_of_their_queries_sees() {
    let window = |queries, keys| Window { queries, keys };
    assert_eq!(
        windows_of(Some(&Bias::of(bias(&[35, 0], 130, 130))), 130, 130),
        [
            window(0..32, 0..130),
            window(32..64, 0..130),
            window(64..96, 0..96),
            window(96..128, 0..128),
            window(128..130, 0..130)
        ]
    );
    let ends = Bias::of(bias(&[0], 2, 9));
    assert_eq!(windows_of(Some(&ends), 2, 9), [window(0..2, 0..9)]);
    let all = [window(0..32, 0..9), window(32..33, 0..9)];
    assert_eq!(windows_of(None, 33, 9), all);
    let nothing = Bias::of(Tensor::full([1, 1, 1, 9], UNSEEN, &Device::flex()));
    assert_eq!(windows_of(Some(&nothing), 3, 9), [window(0..3, 0..9)]);
    // The window of a sliding mask begins later.
    let sliding = Bias::of(bias(&[5, 3], 40, 60).slice([0..2, 0..1, 20..40, 0..60]));
    assert_eq!(windows_of(Some(&sliding), 20, 60), [window(0..20, 3..60)]);
}

/// A loss that is not finite must be seen, not smoothed over.
#[wasm_bindgen_test(unsupported = test)]
fn what_is_no_number_stays_none() {
    let [queries, keys, values] = arguments(1, 1, 3, 3);
    let broken = keys.slice_fill([0..1, 0..1, 0..1, 0..1], f32::NAN);
    let output = attention(queries, broken, values, None).into_data();
    assert!(output.iter::<f32>().any(f32::is_nan));
}
