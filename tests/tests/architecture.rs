//! The dependency rule and the rule that the core knows no target, read from manifests and sources.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

/// The core crates, and which of this project's crates each may use: arrows point one way.
const CORE: [(&str, &[&str]); 5] = [
    ("rllr-task", &[]),
    ("rllr-model", &["rllr-task"]),
    ("rllr-reward", &["rllr-task", "rllr-model"]),
    ("rllr-eval", &["rllr-task", "rllr-model"]),
    (
        "rllr-train",
        &["rllr-task", "rllr-model", "rllr-reward", "rllr-eval"],
    ),
];

/// What would tie the core to a program, a target or a hidden input.
const FORBIDDEN: [&str; 14] = [
    "clap",
    "tokio",
    "web-sys",
    "js-sys",
    "wasm-bindgen",
    "wasm-bindgen-futures",
    "leptos",
    "wgpu",
    "anyhow",
    "reqwest",
    "ureq",
    "rayon",
    "pollster",
    "tracing-subscriber",
];

/// Burn's features that choose a device: the programs' and the tests' business.
const BACKENDS: [&str; 9] = [
    "flex", "wgpu", "webgpu", "vulkan", "metal", "cuda", "rocm", "cpu", "default",
];

#[test]
fn manifests_keep_the_dependency_rule() {
    for (name, allowed) in CORE {
        let path = crates().join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        assert_eq!(
            broken_manifest_rules(name, allowed, &manifest),
            Vec::<String>::new()
        );
    }
}

#[test]
fn core_sources_know_no_target() {
    for (name, _) in CORE {
        let files = rust_files(&crates().join(name).join("src"));
        assert!(!files.is_empty(), "{name} has sources");
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            assert_eq!(target_lines(&source), Vec::<usize>::new(), "{}", file.display());
        }
    }
}

#[test]
fn every_crate_is_under_a_rule() {
    let mut found: Vec<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut known: Vec<&str> = CORE
        .iter()
        .map(|(name, _)| *name)
        .chain(["rllr-cli", "rllr-web"])
        .collect();
    known.sort_unstable();
    assert_eq!(found, known, "a new crate needs a rule here");
}

/// The checks themselves: each rule, broken on purpose.
#[test]
fn broken_rules_are_found() {
    let manifest = |lines: &str| format!("[dependencies]\n{lines}\n");
    let broken = |lines: &str| broken_manifest_rules("rllr-model", &["rllr-task"], &manifest(lines)).len();
    assert_eq!(
        broken("rllr-task.workspace = true\nserde = \"1\"\nburn = { workspace = true }"),
        0
    );
    assert_eq!(broken("rllr-train.workspace = true"), 1);
    assert_eq!(broken("clap = \"4\""), 1);
    assert_eq!(broken("arguments = { package = \"clap\", version = \"4\" }"), 1);
    assert_eq!(broken("burn = { workspace = true, features = [\"flex\"] }"), 1);
    assert_eq!(broken("\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\""), 1);
    assert_eq!(
        broken("\n[target.'cfg(target_arch = \"wasm32\")'.dependencies]\ngetrandom.workspace = true"),
        0
    );
    assert_eq!(
        broken("\n[dev-dependencies]\npollster = \"1\"\nburn = { features = [\"flex\"] }"),
        0
    );
    let task = broken_manifest_rules("rllr-task", &[], &manifest("burn.workspace = true"));
    assert_eq!(task.len(), 1, "{task:?}");

    assert_eq!(
        target_lines("fn a() {}\n#[cfg(target_arch = \"wasm32\")]\nfn b() {}"),
        [2]
    );
    assert_eq!(target_lines("if cfg!(not(target_family = \"wasm\")) {}"), [1]);
    assert_eq!(
        target_lines("#[cfg_attr(unix, allow(dead_code))]\n#[cfg(windows)]"),
        [1, 2]
    );
    assert_eq!(
        target_lines("#[cfg(feature = \"gpu\")]\n#[cfg(test)]\nmod tests {\n#[cfg(unix)]"),
        Vec::<usize>::new()
    );
}

/// What a core crate's manifest does that it must not.
fn broken_manifest_rules(name: &str, allowed: &[&str], manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut broken = Vec::new();
    for section in ["dependencies", "build-dependencies"] {
        for (key, value) in manifest
            .get(section)
            .and_then(|table| table.as_table())
            .into_iter()
            .flatten()
        {
            let package = value
                .get("package")
                .and_then(|package| package.as_str())
                .unwrap_or(key);
            if package.starts_with("rllr-") && !allowed.contains(&package) {
                broken.push(format!("{name} may not use {package}"));
            }
            if FORBIDDEN.contains(&package) || (name == "rllr-task" && package.starts_with("burn")) {
                broken.push(format!("{name} may not depend on {package}"));
            }
            let features = value
                .get("features")
                .and_then(|features| features.as_array())
                .into_iter()
                .flatten();
            for feature in features.filter_map(|feature| feature.as_str()) {
                if package == "burn" && BACKENDS.contains(&feature) {
                    broken.push(format!("{name} may not choose Burn's backend {feature}"));
                }
            }
        }
    }
    // The one target table that the core needs: the browser's source of randomness, a feature of a dependency.
    for (target, table) in manifest
        .get("target")
        .and_then(|table| table.as_table())
        .into_iter()
        .flatten()
    {
        let packages = table
            .get("dependencies")
            .and_then(|table| table.as_table())
            .into_iter()
            .flatten();
        for (package, _) in packages.filter(|(package, _)| *package != "getrandom") {
            broken.push(format!(
                "{name} depends on {package} for the target {target} only"
            ));
        }
    }
    broken
}

/// Numbers of the lines, from 1, that ask for the target before the file's tests begin.
fn target_lines(source: &str) -> Vec<usize> {
    let before_tests = source.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let asks = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let condition = code.contains("cfg(") || code.contains("cfg!(") || code.contains("cfg_attr(");
        let words = ["target_", "unix", "windows"];
        condition && words.iter().any(|word| code.contains(word))
    };
    before_tests
        .zip(1..)
        .filter(|(line, _)| asks(line))
        .map(|(_, number)| number)
        .collect()
}

/// All sources below a folder but the test modules.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().unwrap() != "tests.rs"
        {
            files.push(path);
        }
    }
    files
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}
