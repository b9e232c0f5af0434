//! Gives damaged and random bytes to every reader of model files. Nothing is caught: a panic ends the program.
//!
//! `cargo run --release -p rllr-model --example fuzz_files -- [CASES] [SEED]`
//!
//! Checked beside the absence of panics: a file that arrives in pieces is read as a whole one is, what is accepted the
//! safetensors crate reads alike, no accepted index names anything but plain files, and accepted models and
//! vocabularies of llama2.c can be built.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a program: it reads its arguments and a clock, and prints"
)]

#[path = "../src/fuzz/cases.rs"]
mod cases;

use std::error::Error;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{
    CausalLm, CausalLmConfig, ExportOptions, Llama2cModel, Llama2cVocabulary, SafetensorsFiles,
    SafetensorsStream, ShardIndex, StoredType, UploadedWeights, Weights, WeightsError, initial_weights,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let cases: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let seeds = cases::Seeds::new(&mut rng);
    let mut counts = cases::Counts::default();
    let start = Instant::now();
    for _ in 0..cases {
        cases::run(&seeds, &mut rng, &mut counts);
    }
    println!(
        "{cases} cases, seed {seed}: no panic, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    for (kind, count) in counts.kinds() {
        println!(
            "{kind:>12}: {} accepted, {} refused",
            count.accepted, count.refused
        );
    }
    Ok(())
}
