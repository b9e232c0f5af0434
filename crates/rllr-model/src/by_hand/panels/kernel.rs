//! The loop that multiplies.

use pulp::{Simd, WithSimd};

/// Columns of a panel where vectors are widest: two of 16 numbers.
const WIDEST: usize = 32;

/// Processors with vectors of so many numbers have registers for the sums of eight rows, others for those of six.
const WIDE_LANES: usize = 16;

/// The product of rows with whole panels, whose width is that of two vectors.
pub(super) struct Product<'a> {
    /// `[panels, d_in, width]`.
    pub(super) panels: &'a [f32],
    pub(super) d_in: usize,
    /// How many columns of the panels count.
    pub(super) columns: usize,
    /// `[rows, d_in]`.
    pub(super) x: &'a [f32],
    /// `[rows, columns]`.
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = 2 * S::F32_LANES;
        let rows = self.x.len() / self.d_in;
        let panels = self.panels;
        for (panel, first) in panels.chunks_exact(self.d_in * width).zip((0..).step_by(width)) {
            let mut row = 0;
            while row < rows {
                row += match rows - row {
                    8.. if S::F32_LANES >= WIDE_LANES => self.tile::<S, 8>(simd, panel, row, first),
                    6.. if S::F32_LANES < WIDE_LANES => self.tile::<S, 6>(simd, panel, row, first),
                    4.. => self.tile::<S, 4>(simd, panel, row, first),
                    2.. => self.tile::<S, 2>(simd, panel, row, first),
                    _ => self.tile::<S, 1>(simd, panel, row, first),
                };
            }
        }
    }
}

impl Product<'_> {
    /// The product of `ROWS` rows from `row` on with one panel, whose first column is `first`; how many rows that were.
    ///
    /// The sums stay in registers while the panel is read once, from its first number to its last.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize>(
        &mut self,
        simd: S,
        panel: &[f32],
        row: usize,
        first: usize,
    ) -> usize {
        let x: [&[f32]; ROWS] =
            std::array::from_fn(|of_tile| &self.x[(row + of_tile) * self.d_in..][..self.d_in]);
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        let (panel, _) = S::as_simd_f32s(panel);
        for (index, weights) in panel.as_chunks::<2>().0.iter().enumerate() {
            for (sums, x) in sums.iter_mut().zip(x) {
                let x = simd.splat_f32s(x[index]);
                sums[0] = simd.mul_add_e_f32s(x, weights[0], sums[0]);
                sums[1] = simd.mul_add_e_f32s(x, weights[1], sums[1]);
            }
        }
        self.store::<S, ROWS>(&sums, row, first);
        ROWS
    }

    /// Writes the sums of a tile.
    #[inline(always)]
    fn store<S: Simd, const ROWS: usize>(&mut self, sums: &[[S::f32s; 2]; ROWS], row: usize, first: usize) {
        let width = 2 * S::F32_LANES;
        let rows = self.out[row * self.columns..].chunks_exact_mut(self.columns);
        for (sums, out) in sums.iter().zip(rows) {
            let out = &mut out[first..];
            if out.len() >= width {
                let (vectors, _) = S::as_mut_simd_f32s(out);
                vectors[0] = sums[0];
                vectors[1] = sums[1];
            } else {
                let mut numbers = [0.0; WIDEST];
                let (vectors, _) = S::as_mut_simd_f32s(&mut numbers);
                vectors[..2].copy_from_slice(sums);
                out.copy_from_slice(&numbers[..out.len()]);
            }
        }
    }
}
