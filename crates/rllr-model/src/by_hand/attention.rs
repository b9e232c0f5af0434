//! Attention that leaves out what nobody sees.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use pulp::Arch;

use super::{
    Derivative, Numbers, argument, differentiable, dot, floats, numbers, primitive, rows_of, tensor,
};
use crate::exponentials::{exponentiate_row, sum_of_row};
use crate::token_batch::UNSEEN;

#[cfg(test)]
mod tests;

/// Queries that are computed together. Under a causal mask the first of them sees none of the last one's keys, so fewer
/// leave out more, and make products that are too small for a processor.
const QUERIES: usize = 32;

/// Queries that lie side by side, and the keys that at least one of them sees.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    queries: Range<usize>,
    keys: Range<usize>,
}

/// `softmax(q k + bias) v`, window by window of queries.
///
/// With `E = exp(s − max s)`, `s = q k + bias`, it is `o = (E v) / (E 1)`. Its derivative, with `g` that of `o`:
///
/// ```text
/// w = g / (E 1)    c = Σ w o    d = E · (w vᵀ − c)
/// dq = d kᵀ    dk = qᵀ d    dv = Eᵀ w
/// ```
///
/// Source: Dao et al. 2022 (arXiv 2205.14135), appendix B.2, with the numerators kept.
///
/// # Shapes
///
/// - `queries`: `[batch, heads, queries, head_dim]`; a group of heads shares keys and values
/// - `keys`: `[batch, kv_heads, head_dim, keys]`
/// - `values`: `[batch, kv_heads, keys, head_dim]`
/// - `bias`: `[batch, heads, queries, keys]`, or 1 in place of any number but that of the keys; not differentiated
/// - output: as `queries`
pub(crate) fn attention(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    bias: Option<Tensor<4>>,
) -> Tensor<4> {
    let bias = bias.map(Bias::of);
    if ![&queries, &keys, &values].into_iter().any(Tensor::is_autodiff) {
        return Attended::new(queries, keys, values, bias.as_ref()).output();
    }
    let arguments = [queries.clone(), keys.clone(), values.clone()].map(argument);
    let [queries, keys, values] = [queries, keys, values].map(Tensor::inner);
    let attended = Attended::new(queries, keys, values, bias.as_ref());
    differentiable(&arguments, attended.output(), attended)
}

/// The result, and what the derivative needs.
#[derive(Clone, Debug)]
struct Attended {
    /// `[batch, heads, queries, head_dim]`.
    queries: Tensor<4>,
    /// `[batch, kv_heads, head_dim, keys]`.
    keys: Tensor<4>,
    /// `[batch, kv_heads, keys, head_dim]`.
    values: Tensor<4>,
    /// Heads side by side, as the next projection reads them, `[batch, queries, heads, head_dim]`.
    output: Numbers,
    windows: Vec<(Window, Numerators)>,
}

/// The numerators of a window.
#[derive(Clone, Debug)]
struct Numerators {
    /// `E`, `[batch, kv_heads, group · queries, keys]`.
    numerators: Tensor<4>,
    /// `1 / (E 1)`, `[batch, heads, queries]`.
    inverse_sums: Vec<f32>,
}

impl Attended {
    fn new(queries: Tensor<4>, keys: Tensor<4>, values: Tensor<4>, bias: Option<&Bias>) -> Self {
        let [batch, heads, rows, head_dim] = queries.dims();
        let [_, kv_heads, key_len, _] = values.dims();
        let mut output = vec![0.0; batch * rows * heads * head_dim];
        let mut windows = Vec::new();
        for window in windows_of(bias, rows, key_len) {
            let grouped = [batch, kv_heads, heads / kv_heads * window.queries.len()];
            let asking = part(&queries, 2, &window.queries).reshape(shape(grouped, head_dim));
            let scores = asking.matmul(part(&keys, 3, &window.keys));
            let numerators = Numerators::of(scores, heads, &window, bias);
            let sums = part(&values, 2, &window.keys);
            let sums = numbers(numerators.numerators.clone().matmul(sums));
            let sums = floats(&sums).chunks_exact(head_dim);
            let means = sums.zip(&numerators.inverse_sums);
            for (index, (sums, inverse)) in means.enumerate() {
                let place = place(index, heads, &window, rows);
                for (output, sum) in output[place * head_dim..][..head_dim].iter_mut().zip(sums) {
                    *output = sum * inverse;
                }
            }
            windows.push((window, numerators));
        }
        let output = Numbers::from_data(TensorData::new(output, [batch, rows, heads, head_dim]));
        Self {
            queries,
            keys,
            values,
            output,
            windows,
        }
    }

    fn output(&self) -> Tensor<4> {
        tensor::<4>(self.output.clone()).swap_dims(1, 2)
    }
}

/// The place of row `index` of a window, `[batch, heads, queries]`, among `[batch, queries, heads]` of all `rows` queries.
#[inline(always)]
fn place(index: usize, heads: usize, window: &Window, rows: usize) -> usize {
    let count = window.queries.len();
    let (query, above) = (index % count, index / count);
    let (head, batch) = (above % heads, above / heads);
    (batch * rows + window.queries.start + query) * heads + head
}

impl Numerators {
    /// - `scores`: `[batch, kv_heads, group · queries, keys]`
    fn of(scores: Tensor<4>, heads: usize, window: &Window, bias: Option<&Bias>) -> Self {
        let (shape, count, seen) = (scores.dims(), window.queries.len(), window.keys.len());
        let mut scores = numbers(scores);
        let numerators = scores.storage_mut::<f32>();
        let mut inverse_sums = vec![0.0; shape[0] * heads * count];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let rows = numerators.chunks_exact_mut(seen).zip(&mut inverse_sums);
                for (index, (row, inverse)) in rows.enumerate() {
                    if let Some(bias) = bias {
                        let (query, above) = (index % count, index / count);
                        let head = [above / heads, above % heads];
                        let bias = bias.row(head, window.queries.start + query);
                        for (score, bias) in row.iter_mut().zip(&bias[window.keys.clone()]) {
                            *score += bias;
                        }
                    }
                    exponentiate_row(row);
                    *inverse = 1.0 / sum_of_row(row);
                }
            },
        );
        Self {
            numerators: tensor(scores),
            inverse_sums,
        }
    }
}

impl Derivative<3> for Attended {
    fn gradients(self, gradient: Numbers) -> [Numbers; 3] {
        let [batch, heads, _, head_dim] = self.queries.dims();
        let [_, kv_heads, key_len, _] = self.values.dims();
        let device = Device::flex();
        // Side by side: the product of `(w, −c)` with both is `w vᵀ − c`.
        let ones = Tensor::ones([batch, kv_heads, key_len, 1], &device);
        let values = Tensor::cat(vec![self.values.clone(), ones], 3);

        let mut of_queries = Vec::new();
        let mut of_keys = Tensor::zeros([batch, kv_heads, head_dim, key_len], &device);
        let mut of_values = Tensor::zeros([batch, kv_heads, key_len, head_dim], &device);
        for (window, numerators) in &self.windows {
            let count = window.queries.len();
            let grouped = [batch, kv_heads, heads / kv_heads * count];
            let asking = part(&self.queries, 2, &window.queries).reshape(shape(grouped, head_dim));
            let weights = self.weights(&gradient, window, &numerators.inverse_sums);
            let weights = weights.reshape(shape(grouped, head_dim + 1));
            let numerators = numerators.numerators.clone();

            let values = part(&values, 2, &window.keys).swap_dims(2, 3);
            let of_scores = weights.clone().matmul(values) * numerators.clone();
            let weights = weights.narrow(3, 0, head_dim);
            of_values = added(
                of_values,
                2,
                &window.keys,
                numerators.swap_dims(2, 3).matmul(weights),
            );
            let keys = part(&self.keys, 3, &window.keys).swap_dims(2, 3);
            let of_asking = of_scores.clone().matmul(keys);
            of_queries.push(of_asking.reshape([batch, heads, count, head_dim]));
            of_keys = added(of_keys, 3, &window.keys, asking.swap_dims(2, 3).matmul(of_scores));
        }
        [Tensor::cat(of_queries, 2), of_keys, of_values].map(primitive)
    }
}

impl Attended {
    /// `w` and `−c` of a window, `[batch, heads, queries, head_dim + 1]`.
    fn weights(&self, gradient: &Numbers, window: &Window, inverse_sums: &[f32]) -> Tensor<4> {
        let [batch, heads, rows, head_dim] = self.queries.dims();
        let (gradient, start, [of_batch, of_head, of_query]) = rows_of(gradient.clone());
        let (gradient, output) = (gradient.storage::<f32>(), floats(&self.output));
        let count = window.queries.len();
        let mut weights = vec![0.0; batch * heads * count * (head_dim + 1)];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let rows_of_window = weights.chunks_exact_mut(head_dim + 1).zip(inverse_sums);
                for (index, (weights, inverse)) in rows_of_window.enumerate() {
                    let (query, above) = (window.queries.start + index % count, index / count);
                    let row = above / heads * of_batch + above % heads * of_head + query * of_query;
                    let gradient = &gradient[start + row..][..head_dim];
                    let output = &output[place(index, heads, window, rows) * head_dim..][..head_dim];
                    for (weight, gradient) in weights.iter_mut().zip(gradient) {
                        *weight = gradient * inverse;
                    }
                    weights[head_dim] = -dot(&weights[..head_dim], output);
                }
            },
        );
        let shape = [batch, heads, count, head_dim + 1];
        tensor(Numbers::from_data(TensorData::new(weights, shape)))
    }
}

/// What is added to scores.
struct Bias {
    numbers: Numbers,
    /// `[1 or batch, 1 or heads, 1 or queries, keys]`.
    shape: [usize; 4],
}

impl Bias {
    fn of(bias: Tensor<4>) -> Self {
        let shape = bias.dims();
        let numbers = numbers(bias);
        Self { numbers, shape }
    }

    /// Of one query.
    #[inline(always)]
    fn row(&self, [batch, head]: [usize; 2], query: usize) -> &[f32] {
        let [batches, heads, queries, keys] = self.shape;
        let at = |index: usize, count: usize| if count == 1 { 0 } else { index };
        let row = (at(batch, batches) * heads + at(head, heads)) * queries + at(query, queries);
        &floats(&self.numbers)[row * keys..][..keys]
    }

    /// From the first to the last key that one of these queries sees in any row of the batch; all keys when one of them
    /// sees none, because the softmax of what is all equally hidden is the mean over all.
    fn seen_by(&self, queries: &Range<usize>) -> Range<usize> {
        let [batches, heads, count, len] = self.shape;
        let queries = if count == 1 { &(0..1) } else { queries };
        let mut keys = len..0;
        for head in (0..batches).flat_map(|batch| (0..heads).map(move |head| [batch, head])) {
            for query in queries.clone() {
                let row = self.row(head, query);
                let is_seen = |bias: &f32| *bias > UNSEEN / 2.0;
                let Some(first) = row.iter().position(is_seen) else {
                    return 0..len;
                };
                keys.start = keys.start.min(first);
                if let Some(last) = row[keys.end..].iter().rposition(is_seen) {
                    keys.end += last + 1;
                }
            }
        }
        keys
    }
}

/// Cuts the queries into windows.
fn windows_of(bias: Option<&Bias>, queries: usize, keys: usize) -> Vec<Window> {
    let starts = (0..queries).step_by(QUERIES);
    let windows = starts.map(|start| {
        let queries = start..queries.min(start + QUERIES);
        let keys = bias.map_or(0..keys, |bias| bias.seen_by(&queries));
        Window { queries, keys }
    });
    windows.collect()
}

fn part(x: &Tensor<4>, axis: usize, range: &Range<usize>) -> Tensor<4> {
    if range.len() == x.dims()[axis] {
        return x.clone();
    }
    x.clone().narrow(axis, range.start, range.len())
}

/// `x` with `more` added to some of its columns.
fn added(x: Tensor<4>, axis: usize, range: &Range<usize>, more: Tensor<4>) -> Tensor<4> {
    if range.len() == x.dims()[axis] {
        return x + more;
    }
    let mut slices = x.dims().map(|len| 0..len);
    slices[axis] = range.clone();
    let sum = part(&x, axis, range) + more;
    x.slice_assign(slices, sum)
}

fn shape([batch, kv_heads, rows]: [usize; 3], columns: usize) -> [usize; 4] {
    [batch, kv_heads, rows, columns]
}
