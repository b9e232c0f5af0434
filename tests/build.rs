//! Tells the tests where the small pretrained model of the project's data folder lies, if it is there: a browser reads
//! no files, so its tests have to build the model in.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_stories)");
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let Some(folder) = root.map(|root| root.join("../shared/models/stories260K")) else {
        return;
    };
    if folder.join("stories260K.bin").is_file() && folder.join("tok512.bin").is_file() {
        println!("cargo::rerun-if-changed={}", folder.display());
        println!("cargo::rustc-cfg=has_stories");
        println!("cargo::rustc-env=RLLR_STORIES={}", folder.display());
    }
}
