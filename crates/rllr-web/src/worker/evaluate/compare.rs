//! Two models on the same examples.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_task::bootstrap::{BootstrapConfig, mean_of_rows, paired_bootstrap};
use rllr_task::metrics::mcnemar_exact;

use super::SEED;
use crate::protocol::models::{Comparison, ModelEvent};
use crate::worker::failure;
use crate::worker::models::Trouble;

pub(super) fn compare(first: &[bool], second: &[bool]) -> Result<ModelEvent, Trouble> {
    let refuse =
        |error: &dyn std::fmt::Display| Trouble::Refused(failure::cannot_compare(&error.to_string()));
    let exact = mcnemar_exact(first, second).map_err(|error| refuse(&error))?;
    let differences: Vec<f64> = first
        .iter()
        .zip(second)
        .map(|(first, second)| f64::from(u8::from(*first)) - f64::from(u8::from(*second)))
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let paired = paired_bootstrap(differences.len(), &BootstrapConfig::default(), &mut rng, |rows| {
        mean_of_rows(&differences, rows)
    })
    .map_err(|error| refuse(&error))?;
    Ok(ModelEvent::Compared(Comparison {
        difference: paired.difference.estimate,
        interval: [paired.difference.lo, paired.difference.hi],
        bootstrap_p: Some(paired.p_value).filter(|p| p.is_finite()),
        only_first: exact.only_first,
        only_second: exact.only_second,
        exact_p: exact.p_value,
    }))
}
