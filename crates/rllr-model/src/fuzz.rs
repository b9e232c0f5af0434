//! A few thousand damaged files. `examples/fuzz_files.rs` runs the same cases by the million.

mod cases;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    CausalLm, CausalLmConfig, ExportOptions, Llama2cModel, Llama2cVocabulary, SafetensorsFiles,
    SafetensorsStream, ShardIndex, StoredType, UploadedWeights, Weights, WeightsError, initial_weights,
};

#[wasm_bindgen_test(unsupported = test)]
fn damaged_files_are_errors_and_never_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let seeds = cases::Seeds::new(&mut rng);
    let mut counts = cases::Counts::default();
    for _ in 0..3000 {
        cases::run(&seeds, &mut rng, &mut counts);
    }
    // A run that refuses everything has stopped at the first check each time, and one that takes everything has
    // damaged nothing.
    for (kind, count) in counts.kinds() {
        assert!(count.accepted > 0 && count.refused > 0, "{kind}: {count:?}");
    }
}
