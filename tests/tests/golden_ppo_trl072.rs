//! The PPO trainer against every recorded run of TRL 0.7.2, natively.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::golden::ppo_cases;
use rllr_tests::ppo_trace::Tolerance;
use rllr_tests::ppo_trl072::check_all;

#[test]
fn golden_ppo_trl072_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(
        &ppo_cases("ppo_trl072")?,
        &devices::cpu(),
        Tolerance::CPU,
    ))
}
