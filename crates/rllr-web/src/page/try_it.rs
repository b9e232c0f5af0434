//! One text, one answer, and what an edited word changes.

pub mod change;

#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub(in crate::page) mod view;
