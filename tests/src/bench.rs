//! Benchmarks that `cargo xtask bench` runs. Native: they drive devices, browsers and PyTorch.

pub mod decode;
pub mod load;
pub mod memory;
pub mod page;
pub mod ppo;
mod ppo_iteration;
mod torch;
pub mod train_step;

/// Sorts and returns the middle; not a number when there is none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
