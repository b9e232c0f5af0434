//! The web page and its worker: two wasm programs of one crate.
//!
//! - `page` (feature `page`): what is seen. Leptos and web-sys, no Burn, small.
//! - `worker` (feature `worker`): what computes. Burn, loaded only when the visitor asks for a computation.
//!
//! They share [`protocol`], and nothing else passes between them.
//! The parts that need neither a browser nor Burn also compile natively, for their tests.

pub mod delivery;
pub mod kept_run;
pub mod live;
pub mod protocol;
pub mod settings;

#[cfg(feature = "worker")]
pub mod story;

#[cfg(target_arch = "wasm32")]
pub mod fetch;
#[cfg(target_arch = "wasm32")]
pub mod opfs;
#[cfg(target_arch = "wasm32")]
pub mod probe;

pub mod page;

#[cfg(all(target_arch = "wasm32", feature = "worker"))]
pub mod worker;

/// The commit this was built from, if the build was told through the environment variable `RLLR_COMMIT`.
pub const COMMIT: Option<&str> = option_env!("RLLR_COMMIT");
