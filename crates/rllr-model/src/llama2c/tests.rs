use burn::tensor::{Device, TensorData, Tolerance};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLm, PaddingSide, TokenBatch};

/// The seven numbers of a small model: 4 heads of 4, 2 of keys and values.
const SMALL: [i32; 7] = [16, 20, 2, 4, 2, 11, 6];

/// A file with this header and random weights.
fn file(header: [i32; 7], elements: usize) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut bytes: Vec<u8> = header.iter().flat_map(|n| n.to_le_bytes()).collect();
    for _ in 0..elements {
        bytes.extend(rng.random_range(-0.5f32..0.5).to_le_bytes());
    }
    bytes
}

fn small(vocab_size: i32) -> Vec<u8> {
    let header = SMALL.map(|n| if n == SMALL[5] { vocab_size } else { n });
    let block = 2 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 20 * 16;
    let classifier = if vocab_size < 0 { 11 * 16 } else { 0 };
    file(header, 11 * 16 + 2 * block + 16 + 6 * 4 + classifier)
}

#[wasm_bindgen_test(unsupported = test)]
fn the_header_becomes_the_configuration() {
    let shared = Llama2cModel::parse(&small(11)).unwrap();
    let config = &shared.config;
    let sizes = [
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
        config.max_position_embeddings,
    ];
    assert_eq!(sizes, [11, 16, 20, 2, 4, 2, 4, 6]);
    assert_eq!((config.norm_epsilon, config.rope_theta), (1e-5, 1e4));
    assert!(config.tie_word_embeddings && !shared.weights.0.contains_key("lm_head.weight"));

    let own = Llama2cModel::parse(&small(-11)).unwrap();
    assert!(!own.config.tie_word_embeddings);
    assert_eq!(own.weights.0["lm_head.weight"].shape, [11, 16]);
}

/// Row `2i` of a head goes to row `i`, row `2i + 1` to row `i + head_dim / 2`.
#[wasm_bindgen_test(unsupported = test)]
fn rows_of_a_head_are_reordered() {
    // Two heads of four rows, one column.
    let matrix = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0];
    assert_eq!(
        half_split_rows(&matrix, 2, 1),
        [0.0, 2.0, 1.0, 3.0, 10.0, 12.0, 11.0, 13.0]
    );
    // One head of two rows stays as it is, whatever the columns.
    assert_eq!(half_split_rows(&[1.0, 2.0, 3.0, 4.0], 1, 2), [1.0, 2.0, 3.0, 4.0]);
}

/// The decoder on imported weights against a plain loop over the numbers of the file, written like `run.c`.
#[wasm_bindgen_test(unsupported = test)]
fn an_imported_model_computes_what_llama2c_computes() {
    for vocab_size in [11, -11] {
        let bytes = small(vocab_size);
        let Llama2cModel { config, weights } = Llama2cModel::parse(&bytes).unwrap();
        let device = Device::flex();
        let model = CausalLm::from_weights(&config, &weights, &device).unwrap();
        let tokens = vec![1u32, 7, 3, 10, 0, 5];
        let batch = TokenBatch::from_rows(std::slice::from_ref(&tokens), PaddingSide::Right, 11).unwrap();
        let logits = model.forward(&batch.to_device(&device)).into_data();
        let expected = TensorData::new(reference::logits(&bytes, &tokens), [1, 6, 11]).convert::<f32>();
        logits.assert_approx_eq::<f32>(&expected, Tolerance::absolute(2e-5));
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_header_that_does_not_fit_is_refused() {
    let bytes = small(11);
    let length = bytes.len();
    let with = |field: usize, value: i32| {
        let mut changed = bytes.clone();
        changed[4 * field..4 * field + 4].copy_from_slice(&value.to_le_bytes());
        changed
    };
    let cases = [
        (
            bytes[..27].to_vec(),
            "the llama2.c file ends at byte 27 within the header".to_owned(),
        ),
        (Vec::new(), "ends at byte 0 within the header".to_owned()),
        (
            bytes[..length - 1].to_vec(),
            format!(
                "the llama2.c model of this header has {length} bytes, found {}",
                length - 1
            ),
        ),
        (
            [&bytes[..], &[0]].concat(),
            format!("has {length} bytes, found {}", length + 1),
        ),
        (
            with(0, 0),
            "llama2.c header: dim is 0, expected at least 1".to_owned(),
        ),
        (with(1, -1), "hidden_dim is -1, expected at least 1".to_owned()),
        (with(2, i32::MIN), "n_layers is -2147483648".to_owned()),
        (
            with(3, 5),
            "dim is 16, expected an even number for each of the 5 heads".to_owned(),
        ),
        (
            with(3, 16),
            "dim is 16, expected an even number for each of the 16 heads".to_owned(),
        ),
        (
            with(4, 3),
            "n_kv_heads is 3, expected a divisor of n_heads, which is 4".to_owned(),
        ),
        (with(5, i32::MIN), "bytes, found".to_owned()),
        (with(6, i32::MAX), "bytes, found".to_owned()),
        (
            with(0, LATER_VERSIONS),
            "this is version 20 of llama2.c's format, expected version 0".to_owned(),
        ),
        (
            file([i32::MAX - 1, i32::MAX, i32::MAX, 1, 1, i32::MAX, i32::MAX], 0),
            "bytes, found 28".to_owned(),
        ),
    ];
    for (bytes, expected) in cases {
        let message = Llama2cModel::parse(&bytes).unwrap_err().to_string();
        assert!(message.contains(&expected), "{message}\nexpected {expected}");
    }
}

/// `run.c`'s forward pass as plain loops in f64, reading the file in its own order.
mod reference {
    use super::SMALL;

    struct Reader<'a>(&'a [u8]);

    impl Reader<'_> {
        fn take(&mut self, elements: usize) -> Vec<f64> {
            let (head, rest) = self.0.split_at(4 * elements);
            self.0 = rest;
            head.as_chunks()
                .0
                .iter()
                .map(|&b| f64::from(f32::from_le_bytes(b)))
                .collect()
        }

        fn take_layers(&mut self, elements: usize) -> [Vec<f64>; 2] {
            [self.take(elements), self.take(elements)]
        }
    }

    fn multiply(matrix: &[f64], x: &[f64]) -> Vec<f64> {
        let row = |row: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum();
        matrix.chunks_exact(x.len()).map(row).collect()
    }

    fn normalise(x: &[f64], weight: &[f64]) -> Vec<f64> {
        let mean_square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let scale = 1.0 / (mean_square + 1e-5).sqrt();
        x.iter().zip(weight).map(|(x, w)| w * (scale * x)).collect()
    }

    /// Turns neighbouring pairs, as `run.c` does.
    fn rotate(x: &mut [f64], position: usize, head_dim: usize) {
        for (pair, numbers) in x.chunks_exact_mut(2).enumerate() {
            let place = (2 * pair % head_dim) as f64;
            let angle = position as f64 / 10_000f64.powf(place / head_dim as f64);
            let (sin, cos) = angle.sin_cos();
            let (a, b) = (numbers[0], numbers[1]);
            (numbers[0], numbers[1]) = (a * cos - b * sin, a * sin + b * cos);
        }
    }

    fn add(x: &mut [f64], y: &[f64]) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }

    /// Each query head over all positions so far; a group of heads shares keys and values.
    fn attend(
        q: &[f64],
        keys: &[Vec<f64>],
        values: &[Vec<f64>],
        head_dim: usize,
        heads_per_group: usize,
    ) -> Vec<f64> {
        let mut attended = Vec::new();
        for (head, query) in q.chunks_exact(head_dim).enumerate() {
            let place = head / heads_per_group * head_dim;
            let score = |k: &Vec<f64>| multiply(&k[place..][..head_dim], query)[0] / (head_dim as f64).sqrt();
            let weights: Vec<f64> = keys.iter().map(|k| score(k).exp()).collect();
            let total: f64 = weights.iter().sum();
            for column in place..place + head_dim {
                let weighted = weights.iter().zip(values).map(|(w, v)| w / total * v[column]);
                attended.push(weighted.sum());
            }
        }
        attended
    }

    pub(super) fn logits(file: &[u8], tokens: &[u32]) -> Vec<f64> {
        let [dim, hidden, layers, heads, kv_heads, vocab, seq_len] = SMALL.map(|n| n as usize);
        assert_eq!(layers, 2, "the reader below reads two");
        let (head_dim, kv_dim) = (dim / heads, dim / heads * kv_heads);
        let own_classifier = i32::from_le_bytes(file[20..24].try_into().unwrap()) < 0;
        let mut reader = Reader(&file[28..]);
        let embedding = reader.take(vocab * dim);
        let attention_norm = reader.take_layers(dim);
        let wq = reader.take_layers(dim * dim);
        let wk = reader.take_layers(kv_dim * dim);
        let wv = reader.take_layers(kv_dim * dim);
        let wo = reader.take_layers(dim * dim);
        let ffn_norm = reader.take_layers(dim);
        let w1 = reader.take_layers(hidden * dim);
        let w2 = reader.take_layers(dim * hidden);
        let w3 = reader.take_layers(hidden * dim);
        let final_norm = reader.take(dim);
        reader.take(seq_len * head_dim);
        let classifier = if own_classifier {
            reader.take(vocab * dim)
        } else {
            embedding.clone()
        };

        let mut keys = [Vec::new(), Vec::new()];
        let mut values = [Vec::new(), Vec::new()];
        let mut logits = Vec::new();
        for (position, &token) in tokens.iter().enumerate() {
            let mut x = embedding[token as usize * dim..][..dim].to_vec();
            for layer in 0..layers {
                let normed = normalise(&x, &attention_norm[layer]);
                let mut q = multiply(&wq[layer], &normed);
                let mut k = multiply(&wk[layer], &normed);
                rotate(&mut q, position, head_dim);
                rotate(&mut k, position, head_dim);
                keys[layer].push(k);
                values[layer].push(multiply(&wv[layer], &normed));
                let attended = attend(&q, &keys[layer], &values[layer], head_dim, heads / kv_heads);
                add(&mut x, &multiply(&wo[layer], &attended));
                let normed = normalise(&x, &ffn_norm[layer]);
                let gate = multiply(&w1[layer], &normed);
                let up = multiply(&w3[layer], &normed);
                let silu = |x: f64| x / (1.0 + (-x).exp());
                let inner: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| silu(*g) * u).collect();
                add(&mut x, &multiply(&w2[layer], &inner));
            }
            logits.extend(multiply(&classifier, &normalise(&x, &final_norm)));
        }
        logits
    }
}
