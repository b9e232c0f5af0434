//! Models on the way from the host to the worker: in pieces, each with its hash.
//!
//! [`manifest`] says which files and pieces a model has, [`download`] fetches and verifies them.
//! Neither knows a browser: network, storage and clock are arguments. `cargo xtask demo` cuts the models.

pub mod download;
pub mod manifest;
