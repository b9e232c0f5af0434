//! The computing program of the page's worker. Natively it only exists so that the workspace builds.

fn main() {
    #[cfg(target_arch = "wasm32")]
    rllr_web::worker::start();
}
