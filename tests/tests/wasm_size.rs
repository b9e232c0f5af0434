//! The page's code stays within its budget of bytes on the wire.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;
use xtask::sizes::{budget_bytes, wasm_sizes};

#[test]
fn compressed_modules_stay_within_their_budgets() {
    let Some(dist) = std::env::var_os("RLLR_DIST") else {
        println!("SKIPPED: RLLR_DIST is unset: `cargo xtask test` sets it once the page is built");
        return;
    };
    let sizes = wasm_sizes(Path::new(&dist)).unwrap_or_else(|error| panic!("{}: {error}", dist.display()));
    let mut over = Vec::new();
    for size in &sizes {
        let budget = budget_bytes(&size.name);
        println!(
            "{}: {} bytes compressed, {budget} allowed",
            size.name, size.gzip_bytes
        );
        if size.gzip_bytes > budget {
            over.push(format!(
                "{} has {} bytes compressed, {budget} are allowed",
                size.name, size.gzip_bytes
            ));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
    let worker = sizes.iter().filter(|size| size.name.contains("worker")).count();
    assert!(
        worker == 1 && sizes.len() == 2,
        "expected one page and one worker module, found {sizes:?}"
    );
}
