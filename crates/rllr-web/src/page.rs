//! The page: what is seen.
//!
//! In reading order: [`session`] says what the page does next, [`text`] what it says, `store` carries it out,
//! and the panels draw it. No module here knows Burn or a model; all computing is in the worker.

pub mod session;
pub mod text;

pub mod browser;
pub mod device_choice;
pub mod evaluate;
pub mod numbers;
pub mod permalink;
pub mod try_it;
pub mod word_diff;

pub mod live;
pub mod reward;

#[cfg(all(target_arch = "wasm32", feature = "page"))]
mod app;
#[cfg(all(target_arch = "wasm32", feature = "page"))]
mod kept;
#[cfg(all(target_arch = "wasm32", feature = "page"))]
mod store;
#[cfg(all(target_arch = "wasm32", feature = "page"))]
mod worker_link;

#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub use app::start;
