use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLmConfig, PaddingSide, initial_weights};

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn head(d_model: usize, initialization: HeadInitialization) -> Vec<f32> {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let head = ScalarHead::new(d_model, initialization, rng, &Device::flex());
    assert!(!head.has_bias());
    numbers(head.score.weight.val())
}

/// 40,000 draws: mean and mean square have standard errors of `σ/200` and `σ²·√(2/40,000)`; four of each.
#[wasm_bindgen_test(unsupported = test)]
fn heads_begin_as_the_field_has_them() {
    let d_model = 40_000;
    let widths = [
        (HeadInitialization::Normal, 1.0 / 40_001f64.sqrt()),
        (HeadInitialization::Small, 1.0 / 40_001.0),
    ];
    for (initialization, sigma) in widths {
        let weight = head(d_model, initialization);
        let mean = weight.iter().map(|x| f64::from(*x)).sum::<f64>() / d_model as f64;
        let square = weight.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / d_model as f64;
        assert!(
            mean.abs() < 4.0 * sigma / 200.0,
            "{initialization:?}: mean {mean}"
        );
        assert!(
            (square / (sigma * sigma) - 1.0).abs() < 4.0 * (2.0 / 40_000f64).sqrt(),
            "{initialization:?}: mean square {square}"
        );
    }
    assert_eq!(head(5, HeadInitialization::Zero), [0.0; 5]);
}

/// The value at the last token of each row, by hand: columns 4 and 2 when padded right, 4 and 4 when padded left.
/// The second row ends with token 0, which is also the filler of padding, and the first has one in its middle.
#[wasm_bindgen_test(unsupported = test)]
fn a_row_is_read_at_its_last_token_wherever_padding_is() {
    let device = Device::flex();
    let rows: [&[u32]; 2] = [&[5, 0, 7, 3, 2], &[4, 6, 0]];
    let values = [[1.0f32, 2.0, 3.0, 4.0, 5.0], [10.0, 20.0, 30.0, 40.0, 50.0]];
    for (side, expected) in [
        (PaddingSide::Right, [5.0, 30.0]),
        (PaddingSide::Left, [5.0, 50.0]),
    ] {
        let batch = TokenBatch::from_rows(&rows, side, 8).unwrap();
        let values = Tensor::<2>::from_data(values, &device);
        assert_eq!(numbers(last_values(values, &batch)), expected, "{side:?}");
    }
}

fn config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 11,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 8,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    }
}

fn weights() -> Weights {
    initial_weights(&config(), 0.5, &mut ChaCha8Rng::seed_from_u64(2))
}

/// The same rows score the same with padding on either side, though one ends with the filler's id.
#[wasm_bindgen_test(unsupported = test)]
fn scores_do_not_depend_on_padding() {
    let device = Device::flex();
    let lm = CausalLm::from_weights(&config(), &weights(), &device).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let model = ScalarModel::new(lm, ScalarHead::new(8, HeadInitialization::Normal, rng, &device));
    let rows: [&[u32]; 3] = [&[5, 0, 7, 3, 2, 1], &[4, 6, 0], &[9]];
    let scores = |side| {
        let batch = TokenBatch::from_rows(&rows, side, 11).unwrap();
        numbers(model.scores(&batch.to_device(&device), &batch))
    };
    let (left, right) = (scores(PaddingSide::Left), scores(PaddingSide::Right));
    let alone: Vec<f32> = rows
        .iter()
        .flat_map(|row| {
            let batch = TokenBatch::from_rows(&[row], PaddingSide::Right, 11).unwrap();
            numbers(model.scores(&batch.to_device(&device), &batch))
        })
        .collect();
    for ((left, right), alone) in left.iter().zip(&right).zip(&alone) {
        assert!((left - right).abs() < 1e-5 && (left - alone).abs() < 1e-5);
    }
    assert!(left[0] != left[1] && left[1] != left[2]);
}

fn tensor(shape: &[usize], data: &[f32]) -> HostTensor {
    HostTensor {
        shape: shape.to_vec(),
        data: data.to_vec(),
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_value_head_is_read_and_written_in_trls_names() {
    let device = Device::flex();
    let numbers_of_the_head = [0.5, -1.0, 0.25, 0.0, 1.5, -0.5, 2.0, 1.0];
    let mut file = weights();
    file.0.insert(
        VALUE_HEAD_WEIGHT.to_owned(),
        tensor(&[1, 8], &numbers_of_the_head),
    );
    file.0.insert(VALUE_HEAD_BIAS.to_owned(), tensor(&[1], &[0.75]));
    let head = ScalarHead::take_value_head(&mut file, 8, &device).unwrap();
    assert_eq!(file, weights(), "what is left is the language model");
    assert!(head.has_bias());

    // By hand: 0.5·1 − 1·2 + 0.25·3 + 0·4 + 1.5·5 − 0.5·6 + 2·7 + 1·8 + 0.75 = 26.5.
    let hidden = Tensor::<3>::from_data([[[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]], &device);
    assert_eq!(numbers(head.values(hidden)), [26.5]);

    let written = pollster::block_on(head.to_value_head()).unwrap();
    assert_eq!(
        written.0[VALUE_HEAD_WEIGHT],
        tensor(&[1, 8], &numbers_of_the_head)
    );
    assert_eq!(written.0[VALUE_HEAD_BIAS], tensor(&[1], &[0.75]));
    assert_eq!(written.0.len(), 2);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_value_head_that_does_not_fit_is_named() {
    let device = Device::flex();
    let mut file = weights();
    let take = |file: &mut Weights| {
        ScalarHead::take_value_head(file, 8, &device)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        take(&mut file),
        "tensor v_head.summary.weight is missing, expected one of shape [1, 8]"
    );
    file.0
        .insert(VALUE_HEAD_WEIGHT.to_owned(), tensor(&[1, 7], &[0.0; 7]));
    assert_eq!(
        take(&mut file),
        "tensor v_head.summary.weight has shape [1, 7], expected [1, 8]"
    );
    file.0
        .insert(VALUE_HEAD_WEIGHT.to_owned(), tensor(&[1, 8], &[0.0; 8]));
    file.0.insert(VALUE_HEAD_BIAS.to_owned(), tensor(&[2], &[0.0; 2]));
    let before = file.clone();
    assert_eq!(
        take(&mut file),
        "tensor v_head.summary.bias has shape [2], expected [1]"
    );
    assert_eq!(file, before);
}

/// A classifier's file may hold a bias, which no exporter of a reward model writes but some trainers do.
#[wasm_bindgen_test(unsupported = test)]
fn a_score_head_with_a_bias_is_kept() {
    let device = Device::flex();
    let mut file = weights();
    file.0
        .insert("score.weight".to_owned(), tensor(&[1, 8], &[0.0; 8]));
    file.0.insert("score.bias".to_owned(), tensor(&[1], &[1.25]));
    let model = ScalarModel::from_weights(&config(), &file, &device).unwrap();
    let batch = TokenBatch::from_rows(&[[1u32, 2]], PaddingSide::Right, 11).unwrap();
    assert_eq!(numbers(model.scores(&batch.to_device(&device), &batch)), [1.25]);
    assert_eq!(pollster::block_on(model.weights()).unwrap(), file);
}
