//! The list of files that the page's service worker keeps when it is installed.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;

/// The service worker in the folder of the built page.
const SERVICE_WORKER: &str = "service-worker.js";

/// The line of it that the list replaces.
const EMPTY: &str = "const FILES = [];";

/// Writes the list of the page's own small files into its service worker.
///
/// The computing program is kept when it is first used: who only reads should not download it.
///
/// # Errors
/// When the service worker is missing, or has no such line.
pub fn list_files(dist: &Path) -> Result<()> {
    let path = dist.join(SERVICE_WORKER);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if !text.contains(EMPTY) {
        bail!("{} has no line `{EMPTY}`", path.display());
    }
    let mut files = vec!["./".to_owned()];
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_own = name != SERVICE_WORKER && name != "index.html" && !name.starts_with("worker");
        if is_own && entry.file_type()?.is_file() {
            files.push(name);
        }
    }
    if dist.join("models/index.json").is_file() {
        files.push("models/index.json".to_owned());
    }
    files.sort();
    let list = serde_json::to_string(&files)?;
    fs::write(&path, text.replace(EMPTY, &format!("const FILES = {list};")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_the_first_sight_needs() {
        let dist = tempfile::tempdir().unwrap();
        let source = include_str!("../../web/service-worker.js");
        fs::write(dist.path().join(SERVICE_WORKER), source).unwrap();
        for name in [
            "index.html",
            "page-1.js",
            "worker.js",
            "worker_bg.wasm",
            "worker-loader.js",
        ] {
            fs::write(dist.path().join(name), "").unwrap();
        }
        fs::create_dir(dist.path().join("models")).unwrap();
        fs::write(dist.path().join("models/index.json"), "").unwrap();
        list_files(dist.path()).unwrap();
        let text = fs::read_to_string(dist.path().join(SERVICE_WORKER)).unwrap();
        assert!(
            text.contains(r#"const FILES = ["./","models/index.json","page-1.js"];"#),
            "{text}"
        );
        assert!(list_files(dist.path()).is_err(), "once");
    }
}
