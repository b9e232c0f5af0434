//! What a visitor waits for: starting up, a run that leaves the page alone, an evaluation.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rllr_model::ExportOptions;
use serde_json::{Value, json};

use crate::browser::{Page, Surroundings};
use crate::small_models::write_random_model;

/// A short run of every stage.
const SHORT_RUN: &str = "#task=film_sentiment&demonstrations=64&sft_epochs=2&ppo_steps=2&ppo_batch_size=8&held_out=16&hidden_size=16&layers=1";

/// A run of 1,000 steps of reinforcement, 500 with each reward, of the smallest model, after a little of everything else.
const LONG_RUN: &str = "#task=film_sentiment&demonstrations=64&sft_epochs=2&ppo_steps=500&ppo_batch_size=8&held_out=16&hidden_size=16&layers=1";

/// Steps after which the page's memory is looked at; both rewards are at the same step.
const LOOKED_AT: [usize; 3] = [50, 250, 500];

/// What the page's scripts hold, after what they forgot was collected.
const HEAP: &str = "gc(); return performance.memory.usedJSHeapSize";

/// A long run that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_secs(600);

/// The embedded examples that are evaluated.
const TASK: &str = "news_topic";

/// Tokens of a written answer.
const NEW_TOKENS: usize = 32;

/// How many of them a software adapter answers: it writes two tokens a second.
const EXAMPLES_ON_SOFTWARE: usize = 16;

/// Loads the worker's program as a browser without a cache does, in parts.
const LOAD: &str = "
    const [done] = arguments;
    (async () => {
        const start = performance.now();
        const answer = await fetch('worker_bg.wasm', { cache: 'no-store' });
        const bytes = await answer.arrayBuffer();
        const loaded = performance.now();
        await WebAssembly.compile(bytes);
        done({ bytes: bytes.byteLength, download_ms: loaded - start, compile_ms: performance.now() - loaded });
    })().catch((error) => done({ error: String(error) }));";

/// Keeps the tasks of the page's thread that took longer than 50 ms, from here on.
const WATCH: &str = "
    window.longTasks = [];
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) longTasks.push(task.duration);
    }).observe({ type: 'longtask' });";

/// Opens the page with a run in its address, and begins the run.
async fn begin(dist: &Path, device: &str, run: &str) -> anyhow::Result<(Page, Instant)> {
    let page = Page::open(dist, Surroundings::SoftwareAdapter, run).await?;
    page.click(&format!("device-{device}")).await?;
    page.run_script(WATCH).await?;
    let begun = Instant::now();
    page.click("train").await?;
    Ok((page, begun))
}

/// Milliseconds until the program is there, is compiled, has checked itself, and has done its first step.
pub(super) async fn start_up(dist: &Path, device: &str) -> anyhow::Result<Value> {
    let page = Page::open(dist, Surroundings::SoftwareAdapter, "").await?;
    let load = page.run_async_script(LOAD, Vec::new()).await?;
    ensure!(load["error"].is_null(), "loading the program: {load}");
    drop(page);
    let (page, begun) = begin(dist, device, SHORT_RUN).await?;
    page.wait_until("the device is checked", async || {
        page.exists(&format!("check-{device}")).await
    })
    .await?;
    let checked = begun.elapsed();
    page.wait_until("the first step is done", async || {
        Ok(page.phase().await? == "training" && page.step().await? > 0)
    })
    .await?;
    Ok(json!({
        "bench": "page-start-up", "device": device, "bytes": load["bytes"], "download_ms": load["download_ms"],
        "compile_ms": load["compile_ms"], "click_to_checked_ms": checked.as_millis(),
        "click_to_first_step_ms": begun.elapsed().as_millis(),
    }))
}

/// Tasks of the page's own thread over 50 ms during a whole run: none is wanted.
pub(super) async fn long_tasks(dist: &Path, device: &str) -> anyhow::Result<Value> {
    let (page, begun) = begin(dist, device, SHORT_RUN).await?;
    page.wait_for_phase("finished").await?;
    let tasks: Vec<f64> = serde_json::from_value(page.run_script("return longTasks").await?)?;
    Ok(json!({
        "bench": "page-long-tasks", "device": device, "seconds": begun.elapsed().as_secs_f64(), "count": tasks.len(),
        "longest_ms": tasks.iter().copied().fold(0.0, f64::max),
    }))
}

/// Bytes that the page's own scripts hold in the course of a long run on the CPU: what is drawn grows with the steps, and
/// nothing else may.
pub(super) async fn heap(dist: &Path) -> anyhow::Result<Value> {
    let (page, begun) = begin(dist, "cpu", LONG_RUN).await?;
    let mut after = Vec::new();
    for steps in LOOKED_AT {
        while page.step().await? < steps || page.phase().await? == "starting" {
            ensure!(
                !["failed", "stopped"].contains(&&*page.phase().await?),
                "the run ended before step {steps}"
            );
            ensure!(begun.elapsed() < LONGEST_RUN, "step {steps} was not reached");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let bytes = page.run_script(HEAP).await?;
        after.push(json!({ "steps": steps, "page_bytes": bytes }));
    }
    Ok(
        json!({ "bench": "page-heap", "device": "cpu", "seconds": begun.elapsed().as_secs_f64(), "after": after }),
    )
}

/// A shipped model if there is one, else one with random weights.
fn model(folder: &Path) -> anyhow::Result<PathBuf> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/student");
    if shipped.is_dir() {
        return Ok(shipped);
    }
    let made = folder.join("model");
    write_random_model(&made, 1, &ExportOptions::default())?;
    Ok(made)
}

/// Examples a second in the evaluator.
pub(super) async fn evaluation(dist: &Path, device: &str, mode: &str) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let model = model(folder.path())?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&model)? {
        // The driver takes no `..` in a path.
        files.push(entry?.path().canonicalize()?);
    }
    let page = Page::open(dist, Surroundings::SoftwareAdapter, "").await?;
    page.keep_what_is_saved().await?;
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    page.upload("evaluate-model-files", &paths).await?;
    page.select("evaluate-data", TASK).await?;
    page.run_script("document.querySelector('[data-testid=\"evaluate-options\"]').open = true")
        .await?;
    page.select("evaluate-device", device).await?;
    page.fill("evaluate-tokens", &NEW_TOKENS.to_string()).await?;
    if device == "webgpu" {
        page.fill("evaluate-limit", &EXAMPLES_ON_SOFTWARE.to_string())
            .await?;
    }
    page.click(&format!("evaluate-{mode}")).await?;
    // The first evaluation compiles shaders.
    for _ in 0..2 {
        page.click("evaluate").await?;
        page.wait_for_evaluator("finished").await?;
    }
    let measured: Value = serde_json::from_str(&page.saved("save-json").await?)?;
    let only = measured.get(0).unwrap_or(&measured);
    let (count, seconds) = (only["n"].as_f64(), only["seconds"].as_f64());
    let (count, seconds) = count
        .zip(seconds)
        .with_context(|| format!("the page saved {measured}"))?;
    Ok(json!({
        "bench": "page-evaluation", "device": device, "mode": mode, "model": model.file_name().map(|name| name.to_string_lossy()),
        "examples": count, "new_tokens": NEW_TOKENS, "examples_per_second": count / seconds,
    }))
}
