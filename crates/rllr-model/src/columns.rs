//! Some neighbouring columns of all.

use std::ops::Range;

use burn::tensor::Tensor;

/// Columns `columns` along dimension `dim`; nothing is done where these are all.
pub(crate) fn columns_of<const D: usize>(x: Tensor<D>, dim: usize, columns: &Range<usize>) -> Tensor<D> {
    if *columns == (0..x.dims()[dim]) {
        return x;
    }
    x.narrow(dim, columns.start, columns.len())
}
