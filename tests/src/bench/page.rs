//! The built page in headless Chrome: time and dispatches of training steps, what each dispatch costs the CPU, what the
//! default run asks of a GPU, memory over many steps, starting up, evaluation, and whether a run keeps the page from
//! answering.

mod default_run;
mod visit;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::median;
use crate::browser::{Page, Surroundings};

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Time and dispatches of training steps.
    Steps,
    /// Dispatches and bytes of the default run.
    DefaultRun,
    /// The page's own memory.
    Heap,
    /// Memory over many steps, by device.
    Memory,
    /// Download, compilation and first step, by device.
    StartUp,
    /// Tasks that keep the page from answering, by device.
    LongTasks,
    /// Examples a second, by device and mode.
    Evaluation,
}

/// A run to measure. The names are those of the page's settings.
struct Preset {
    device: &'static str,
    hidden_size: usize,
    layers: usize,
    batch_size: usize,
    seq_len: usize,
}

const PRESETS: [Preset; 6] = [
    preset("cpu", 32, 1, 2, 16),
    preset("webgpu", 32, 1, 2, 16),
    preset("webgpu", 32, 2, 2, 16),
    preset("cpu", 64, 2, 4, 128),
    preset("webgpu", 64, 2, 4, 128),
    preset("cpu", 128, 4, 8, 128),
];

/// Steps of a run; the first ones, which compile shaders, are left out.
const STEPS: usize = 25;
const WARM_UP_STEPS: usize = 5;

const fn preset(
    device: &'static str,
    hidden_size: usize,
    layers: usize,
    batch_size: usize,
    seq_len: usize,
) -> Preset {
    Preset {
        device,
        hidden_size,
        layers,
        batch_size,
        seq_len,
    }
}

/// Steps after which memory is compared with what it was after the first of them.
const MANY_STEPS: [usize; 3] = [100, 500, 1000];

/// Measures everything; the built page is in the folder `RLLR_DIST`.
///
/// # Errors
///
/// When there is no built page or browser, or a run fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let dist =
        std::env::var_os("RLLR_DIST").context("RLLR_DIST, the folder of the built page, is not set")?;
    let dist = with_counting_worker(Path::new(&dist))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let is_wanted = |part| args.only.is_empty() || args.only.contains(&part);
    if is_wanted(Part::Steps) {
        for preset in PRESETS {
            println!("{}", runtime.block_on(measure(&dist, &preset))?);
        }
    }
    if is_wanted(Part::DefaultRun) {
        println!("{}", runtime.block_on(default_run::counted(&dist))?);
    }
    if is_wanted(Part::Heap) {
        println!("{}", runtime.block_on(visit::heap(&dist))?);
    }
    for device in ["cpu", "webgpu"] {
        if is_wanted(Part::Memory) {
            println!("{}", runtime.block_on(measure_memory(&dist, device))?);
        }
        if is_wanted(Part::StartUp) {
            println!("{}", runtime.block_on(visit::start_up(&dist, device))?);
        }
        if is_wanted(Part::LongTasks) {
            println!("{}", runtime.block_on(visit::long_tasks(&dist, device))?);
        }
        if is_wanted(Part::Evaluation) {
            for mode in ["likelihood", "generate"] {
                println!("{}", runtime.block_on(visit::evaluation(&dist, device, mode))?);
            }
        }
    }
    Ok(())
}

/// A copy of the built page, with the worker that counts.
fn with_counting_worker(dist: &Path) -> anyhow::Result<PathBuf> {
    let copy = std::env::temp_dir().join(format!("rllr-bench-page-{}", std::process::id()));
    copy_folder(dist, &copy).with_context(|| format!("copying {}", dist.display()))?;
    fs::write(
        copy.join("bench-worker.js"),
        include_str!("../../bench/bench-worker.js"),
    )?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The events of so many steps.
async fn train(dist: &Path, preset: &Preset, steps: usize) -> anyhow::Result<Vec<Value>> {
    let request = json!({ "request": "train", "device": preset.device, "settings": {
        "hidden_size": preset.hidden_size, "layers": preset.layers,
        "batch_size": preset.batch_size, "seq_len": preset.seq_len, "steps": steps,
    } });
    events_of(dist, &request).await
}

/// What the counting worker answers to a request, to its end.
async fn events_of(dist: &Path, request: &Value) -> anyhow::Result<Vec<Value>> {
    let page = Page::open(dist, Surroundings::SoftwareAdapter, "").await?;
    let script = include_str!("../../bench/bench-page.js");
    let events = page
        .run_async_script(script, vec![json!(request.to_string())])
        .await?;
    let events = events.as_array().context("the page returns a list of events")?;
    let last = events.last().context("the page returns events")?;
    if last["event"] != "finished" && last["event"] != "completed" {
        bail!("the run failed: {last}");
    }
    Ok(events.clone())
}

/// What the worker holds after some steps, and after many.
async fn measure_memory(dist: &Path, device: &'static str) -> anyhow::Result<Value> {
    let most = MANY_STEPS.into_iter().max().context("there are such steps")?;
    let events = train(dist, &preset(device, 32, 1, 2, 16), most).await?;
    let steps: Vec<&Value> = events.iter().filter(|event| event["event"] == "step").collect();
    ensure!(steps.len() == most, "{} steps, expected {most}", steps.len());
    let after = MANY_STEPS.map(|count| {
        let step = steps[count - 1];
        json!({
            "steps": count, "wasm_bytes": step["wasm_bytes"],
            "gpu_bytes": step["gpu_bytes"], "gpu_buffers": step["gpu_buffers"],
        })
    });
    Ok(json!({ "bench": "page-memory", "device": device, "after": after }))
}

async fn measure(dist: &Path, preset: &Preset) -> anyhow::Result<Value> {
    let events = train(dist, preset, STEPS).await?;
    let parameters = events
        .iter()
        .find(|event| event["event"] == "started")
        .map(|event| event["parameters"].clone());
    let steps: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "step")
        .skip(WARM_UP_STEPS)
        .collect();
    ensure!(
        steps.len() == STEPS - WARM_UP_STEPS,
        "{} steps, expected {}",
        steps.len(),
        STEPS - WARM_UP_STEPS
    );
    let of_each = |name: &str| {
        steps
            .iter()
            .filter_map(|step| step[name].as_f64())
            .collect::<Vec<_>>()
    };
    let milliseconds = median(&mut of_each("milliseconds"));
    let mut result = json!({
        "bench": "page", "device": preset.device, "parameters": parameters, "hidden_size": preset.hidden_size,
        "layers": preset.layers, "tokens": preset.batch_size * preset.seq_len, "ms_median": milliseconds,
        "first_step_ms": events.iter().find(|event| event["event"] == "step").map(|step| step["milliseconds"].clone()),
    });
    let dispatches = median(&mut of_each("dispatches"));
    if dispatches > 0.0 {
        let busy = milliseconds - median(&mut of_each("waiting_ms"));
        result["dispatches"] = json!(dispatches);
        result["submissions"] = json!(median(&mut of_each("submissions")));
        result["js_and_wasm_ms"] = json!(busy);
        result["js_and_wasm_us_per_dispatch"] = json!(busy * 1000.0 / dispatches);
    }
    Ok(result)
}
