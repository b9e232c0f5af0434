//! Milliseconds of a PPO iteration by phase, native; with `--torch` TRL's beside.
//!
//! Prints one JSON object a line. Run it as `cargo xtask bench ppo`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::ppo::main()
}

/// It starts processes and threads, which a browser does not have.
#[cfg(target_arch = "wasm32")]
fn main() {}
