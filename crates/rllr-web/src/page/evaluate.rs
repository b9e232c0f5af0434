//! Measuring a model on examples, and asking it.
//!
//! In reading order: [`desk`] says what is done next, [`results`] holds the answers, [`matrix`] is a way to look at
//! them, [`export`] writes them down. [`given`] sorts the visitor's files, [`mapping`] reads their columns, [`tasks`]
//! says which test sets there are. The rest draws it.

pub mod desk;
pub mod results;

pub mod export;
pub mod given;
pub mod mapping;
pub mod matrix;
pub mod tasks;
pub mod text;

#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub(in crate::page) mod files;
#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub(in crate::page) mod store;
#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub(in crate::page) mod view;
