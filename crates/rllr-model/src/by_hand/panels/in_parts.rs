//! A product in as many parts as there are threads.

use rayon::prelude::*;

use super::{Panels, width};

/// Multiplications from which a product is shared between threads: as many as Burn's.
const PARALLEL_THRESHOLD: usize = 192 * 192 * 192;

/// Rows of a part are a multiple of this: whole tiles of eight rows and of six.
const ROW_MULTIPLE: usize = 24;

/// Whether a product of rows, `numbers` in all, with `d_out` columns is so large that threads gain.
pub(super) fn are_worth_it(numbers: usize, d_out: usize) -> bool {
    numbers * d_out >= PARALLEL_THRESHOLD && rayon::current_num_threads() > 1
}

/// `x W` on all threads of rayon's pool: `[rows, d_in]` -> `[rows, d_out]`.
pub(super) fn multiply(panels: &Panels, x: &[f32], out: &mut [f32]) {
    let threads = rayon::current_num_threads();
    let rows = x.len() / panels.d_in;
    if rows >= threads * ROW_MULTIPLE {
        let rows = rows.div_ceil(threads).next_multiple_of(ROW_MULTIPLE);
        by_rows(panels, rows, x, out);
    } else {
        let panel_count = panels.d_out.div_ceil(width());
        by_columns(panels, panel_count.div_ceil(threads), x, out);
    }
}

/// Each part has `rows` rows.
fn by_rows(panels: &Panels, rows: usize, x: &[f32], out: &mut [f32]) {
    let parts = out.par_chunks_mut(rows * panels.d_out);
    let parts = parts.zip(x.par_chunks(rows * panels.d_in));
    parts.for_each(|(out, x)| panels.columns(&panels.numbers, panels.d_out, x, out));
}

/// Each part has the columns of `panel_count` panels; for few rows of a large matrix.
fn by_columns(panels: &Panels, panel_count: usize, x: &[f32], out: &mut [f32]) {
    let rows = x.len() / panels.d_in;
    let wide = panel_count * width();
    let parts = panels.numbers.par_chunks(wide * panels.d_in);
    let parts = parts.enumerate().map(|(index, part)| {
        let columns = wide.min(panels.d_out - index * wide);
        let mut out = vec![0.0; rows * columns];
        panels.columns(part, columns, x, &mut out);
        (columns, out)
    });
    let parts: Vec<(usize, Vec<f32>)> = parts.collect();
    for (row, out) in out.chunks_exact_mut(panels.d_out).enumerate() {
        let mut rest = out;
        for (columns, part) in &parts {
            let (here, behind) = rest.split_at_mut(*columns);
            here.copy_from_slice(&part[row * columns..][..*columns]);
            rest = behind;
        }
    }
}
