use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLm, CausalLmConfig, initial_weights};

fn model() -> CausalLm {
    let config = CausalLmConfig {
        vocab_size: 11,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 8,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.5, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(&config, &weights, &Device::flex()).unwrap()
}

/// By hand: −6 over three tokens and twelve characters.
#[wasm_bindgen_test(unsupported = test)]
fn scores_are_divided_as_asked_for() {
    let score = LabelScore {
        log_likelihood: -6.0,
        tokens: 3,
    };
    assert_eq!(score.normalized(Normalization::Sum), -6.0);
    assert_eq!(score.normalized(Normalization::MeanByToken), -2.0);
    assert_eq!(
        score.normalized(Normalization::MeanByCharacter { characters: 12 }),
        -0.5
    );
}

/// By hand: answers of three, one and two tokens have two, no and one column.
#[wasm_bindgen_test(unsupported = test)]
fn answers_lie_side_by_side() {
    let answers: [&[u32]; 3] = [&[1, 2, 3], &[4], &[5, 6]];
    assert_eq!(spans(&answers), [0..2, 2..2, 2..3]);
    let batch = TokenBatch::from_rows(&[[7u32, 8]], PaddingSide::Left, 9).unwrap();
    let columns = AnswerColumns::new(&batch, &[answers]);
    assert_eq!(columns.tokens, [1, 2, 5]);
    let input = columns.input(&batch, &Device::flex());
    let positions: Vec<i64> = input.key_positions.into_data().iter::<i64>().collect();
    assert_eq!(positions, [0, 1, 2, 3, 2]);
    let bias: Vec<bool> = input
        .attention_bias
        .unwrap()
        .into_data()
        .iter::<f32>()
        .map(|bias| bias == 0.0)
        .collect();
    let (sees, hidden) = (true, false);
    #[rustfmt::skip]
    let expected = [
        sees, sees, sees, hidden, hidden,
        sees, sees, sees, sees, hidden,
        sees, sees, hidden, hidden, sees,
    ];
    assert_eq!(bias, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn what_does_not_fit_is_named() {
    let model = model();
    let score = |prompts: &[Vec<u32>], answers: &[Vec<Vec<u32>>]| {
        let scores = model.without_adapter().label_scores(prompts, answers);
        pollster::block_on(scores).unwrap_err().to_string()
    };
    let prompts = [vec![1, 2], vec![3, 4, 5, 6, 7]];
    let cases = [
        (
            vec![vec![vec![1]]],
            "1 lists of answers, expected one for each of 2 prompts",
        ),
        (
            vec![vec![vec![1]], vec![vec![2], vec![]]],
            "answers to prompt 1: row 1 of the batch has no token; every row needs at least one",
        ),
        (
            vec![vec![vec![1], vec![11]], vec![vec![2]]],
            "answers to prompt 0: row 1, token 0: id 11, expected an id below 11",
        ),
        (
            vec![vec![vec![1, 2, 3, 4]], vec![vec![1, 2, 3, 4]]],
            "prompt 1 has 5 tokens and its longest answer 4, more than the 8 that the model can read",
        ),
    ];
    for (answers, message) in cases {
        assert_eq!(score(&prompts, &answers), message);
    }
    let message = score(&[vec![]], &[vec![vec![1]]]);
    assert_eq!(
        message,
        "prompts: row 0 of the batch has no token; every row needs at least one"
    );
}
