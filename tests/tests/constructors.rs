//! In every wasm module that ships or tests, the constructors run exactly once.
//!
//! A module that breaks this works, but 32 times slower; no other test would notice.
#![cfg(not(target_arch = "wasm32"))]

use xtask::constructors::{Constructors, inspect};

#[test]
fn constructors_run_once_in_every_module() {
    let Some(modules) = std::env::var_os("RLLR_WASM_FILES") else {
        println!("SKIPPED: RLLR_WASM_FILES is unset: `cargo xtask test` sets it once the page is built");
        return;
    };
    let mut worker_found = false;
    let mut wrong = Vec::new();
    for module in std::env::split_paths(&modules) {
        let wasm = std::fs::read(&module).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
        match inspect(&wasm) {
            Ok(found) => {
                println!("{}: {found:?}", module.display());
                // The page's own worker, not the test module of a similar name.
                let is_worker = module.file_stem().is_some_and(|name| name == "worker");
                worker_found |= is_worker && matches!(found, Constructors::CalledOnce { .. });
            }
            Err(error) => wrong.push(format!("{}: {error}", module.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The worker links the GPU backend, which has constructors: without them the check would be an empty one.
    assert!(
        worker_found,
        "no worker module with constructors among {}",
        modules.display()
    );
}
