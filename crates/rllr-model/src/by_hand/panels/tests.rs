use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::by_hand::tests::{close, tensor_of};

/// Rows, `d_in`, `d_out`: whole tiles and rests of them, whole panels and rests.
const SHAPES: [[usize; 3]; 6] = [
    [1, 1, 1],
    [2, 5, 7],
    [8, 16, 32],
    [13, 24, 33],
    [23, 7, 64],
    [40, 30, 100],
];

#[wasm_bindgen_test(unsupported = test)]
fn a_product_with_panels_is_the_product_with_the_matrix() {
    for [rows, d_in, d_out] in SHAPES {
        let weight: Tensor<2> = tensor_of([d_in, d_out], 1);
        let bias: Tensor<1> = tensor_of([d_out], 2);
        let x: Tensor<3> = tensor_of([1, rows, d_in], 3);
        let expected = x.clone().matmul(weight.clone().unsqueeze());
        let found = Panels::new(weight.clone(), None).product(x.clone());
        close(&found.into_data(), &expected.clone().into_data());
        // A matrix that is only a view of another, and a batch of single rows.
        let upright = weight.transpose().mul_scalar(1.0).transpose();
        let x = x.reshape([rows, 1, d_in]);
        let found = Panels::new(upright, Some(bias.clone())).product(x);
        let expected = (expected + bias.unsqueeze()).reshape([rows, 1, d_out]);
        close(&found.into_data(), &expected.into_data());
    }
}

/// A row's result is the same to the bit whatever other rows are with it: what a policy writes does not hang on how many
/// prompts are answered at once.
#[wasm_bindgen_test(unsupported = test)]
fn rows_do_not_know_of_each_other() {
    let (rows, d_in) = (15, 40);
    let panels = Panels::new(tensor_of([d_in, 50], 1), None);
    let x: Tensor<3> = tensor_of([rows, 1, d_in], 2);
    let together = panels.product(x.clone()).into_data();
    let alone: Vec<Tensor<3>> = (0..rows)
        .map(|row| panels.product(x.clone().narrow(0, row, 1)))
        .collect();
    assert_eq!(together, Tensor::cat(alone, 0).into_data());
}

/// Every set of instructions that this processor has, against a plain loop.
#[wasm_bindgen_test(unsupported = test)]
fn every_set_of_instructions_multiplies_alike() {
    for [rows, d_in, d_out] in SHAPES {
        let numbers = |shape: [usize; 2], seed| tensor_of(shape, seed).into_data().iter::<f32>().collect();
        let (weight, x): (Vec<f32>, Vec<f32>) = (numbers([d_in, d_out], 1), numbers([rows, d_in], 2));
        let sum = |row: usize, column: usize| -> f64 {
            let terms =
                (0..d_in).map(|k| f64::from(x[row * d_in + k]) * f64::from(weight[k * d_out + column]));
            terms.sum()
        };
        for arch in every_arch() {
            let found = arch.dispatch(Whole {
                weight: &weight,
                x: &x,
                d_in,
                d_out,
            });
            assert_eq!(found.len(), rows * d_out);
            for (index, found) in found.into_iter().enumerate() {
                let expected = sum(index / d_out, index % d_out);
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error < 1e-5,
                    "{arch:?} [{rows}, {d_in}, {d_out}] {index}: {found}, not {expected}"
                );
            }
        }
    }
}

fn every_arch() -> Vec<Arch> {
    #[cfg(target_arch = "x86_64")]
    let narrower = pulp::x86::V3::try_new().map(Arch::V3);
    #[cfg(not(target_arch = "x86_64"))]
    let narrower = None;
    let all = [Some(Arch::Scalar), narrower, Some(Arch::new())];
    all.into_iter().flatten().collect()
}

/// A matrix cut and multiplied by one set of instructions.
struct Whole<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    d_in: usize,
    d_out: usize,
}

impl WithSimd for Whole<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let panels = cut(self.weight, self.d_out, 2 * S::F32_LANES);
        let mut out = vec![f32::NAN; self.x.len() / self.d_in * self.d_out];
        let product = Product {
            panels: &panels,
            d_in: self.d_in,
            columns: self.d_out,
            x: self.x,
            out: &mut out,
        };
        product.with_simd(simd);
        out
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn large_matrices_and_many_rows_are_left_to_burn() {
    let device = burn::tensor::Device::flex();
    let weight = |columns| Tensor::<2>::zeros([1 << 10, columns], &device);
    assert_eq!(are_quick(&weight(1 << 11)), lanes() > 1);
    assert!(!are_quick(&weight((1 << 11) + 1)));
    let panels = Panels::new(weight(3), None);
    let rows = |batch, seq_len| Tensor::<3>::zeros([batch, seq_len, 1 << 10], &device);
    assert!(panels.suit(&rows(8, 8)));
    assert!(!panels.suit(&rows(13, 5)));
}
