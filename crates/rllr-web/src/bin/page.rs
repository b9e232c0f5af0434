//! The page's program. The entry point for the browser; natively it only exists so that the workspace builds.

fn main() {
    #[cfg(target_arch = "wasm32")]
    rllr_web::page::start();
}
