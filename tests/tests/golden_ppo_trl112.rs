//! The PPO trainer against every recorded run of TRL 1.12, natively.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::golden::ppo_cases;
use rllr_tests::ppo_trace::Tolerance;
use rllr_tests::ppo_trl112::check_all;

#[test]
fn golden_ppo_trl112_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(
        &ppo_cases("ppo_trl112")?,
        &devices::cpu(),
        Tolerance::CPU,
    ))
}
