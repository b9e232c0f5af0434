//! Memory that loading a model needs: the model, its largest tensor, and a little.
//!
//! Every way of loading runs in a process of its own, which watches itself in `/proc/self/status`. `VmHWM` is the most
//! memory that was ever resident, pages of the mapped files included, which the system takes back when it needs them;
//! `RssAnon` is without them, what only the process's end gives back, and has no high-water mark of its own: a thread
//! looks every millisecond.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::devices;
use rllr_cli::model_directory::ModelDirectory;
use rllr_model::{
    CausalLm, CausalLmConfig, ExportOptions, INDEX_FILE_NAME, SafetensorsStream, StoredType, initial_weights,
};
use serde_json::{Value, json};

/// What may be needed beside the model and its largest tensor: the program, its threads, the allocator's reserves.
const ALLOWANCE_BYTES: u64 = 200_000_000;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Megabytes of the model in f32.
    #[arg(long, default_value_t = 200)]
    megabytes: usize,
    /// Largest file of the model, in megabytes.
    #[arg(long, default_value_t = 50)]
    shard_megabytes: u64,
    /// Internal: load this directory and print the memory that it took.
    #[arg(long, hide = true, requires = "way")]
    child: Option<PathBuf>,
    /// Internal: how to load.
    #[arg(long, hide = true)]
    way: Option<Way>,
}

/// How a model comes into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// From mapped files, as the program does.
    Mapped,
    /// In pieces of 64 KiB, as the page does.
    Streamed,
}

impl Way {
    const ALL: [Self; 2] = [Self::Mapped, Self::Streamed];

    fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Streamed => "streamed",
        }
    }
}

/// Writes a random model in shards and loads it in every way, in every stored type.
///
/// # Errors
///
/// When a bound is broken, or there is no `/proc`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if let (Some(directory), Some(way)) = (&args.child, args.way) {
        println!("{}", load(directory, way)?);
        return Ok(());
    }
    if !Path::new("/proc/self/status").exists() {
        println!("SKIPPED: there is no /proc/self/status, where Linux says how much memory a process has");
        return Ok(());
    }
    let mut broken = Vec::new();
    for stored_type in [StoredType::F32, StoredType::BF16] {
        let directory = tempfile::tempdir()?;
        let shards = write_model(args, stored_type, directory.path())?;
        for way in Way::ALL {
            let measured = measure(directory.path(), way)?;
            let mut line = json!({
                "bench": "load", "way": way.name(), "stored": stored_type.torch_name(), "shards": shards,
            });
            for (key, value) in measured.as_object().context("the child prints an object")? {
                line[key] = value.clone();
            }
            println!("{line}");
            if line["within_bound"] != true {
                broken.push(line["way"].clone());
            }
        }
    }
    ensure!(broken.is_empty(), "more memory than the bound: {broken:?}");
    Ok(())
}

/// A model of about the wanted size, with an embedding that is its largest tensor by far, as in real ones.
fn config(megabytes: usize) -> anyhow::Result<CausalLmConfig> {
    let width = 768;
    // 4 heads' matrices and 3 of the feed-forward network, for each layer; a quarter of the model is embedding.
    let layer = 4 * width * width + 3 * width * 2048;
    let parameters = megabytes * 1_000_000 / 4;
    let json = json!({
        "model_type": "llama", "vocab_size": (parameters / 4 / width).max(1), "hidden_size": width,
        "intermediate_size": 2048, "num_hidden_layers": (parameters * 3 / 4 / layer).max(1),
        "num_attention_heads": 12, "num_key_value_heads": 12, "max_position_embeddings": 128,
        "tie_word_embeddings": true,
    });
    Ok(CausalLmConfig::from_hugging_face(&json.to_string())?)
}

/// Returns the number of files of weights.
fn write_model(args: &Args, stored_type: StoredType, directory: &Path) -> anyhow::Result<usize> {
    let config = config(args.megabytes)?;
    let weights = initial_weights(&config, 0.02, &mut ChaCha8Rng::seed_from_u64(0));
    let plan = weights.plan(&ExportOptions {
        stored_type,
        max_shard_bytes: args.shard_megabytes * 1_000_000,
    })?;
    for file in &plan.files {
        fs::write(directory.join(&file.name), weights.file(file, stored_type)?)?;
    }
    if let Some(index) = &plan.index {
        fs::write(directory.join(INDEX_FILE_NAME), index)?;
    }
    let mut keys = serde_json::to_value(&config)?;
    keys["model_type"] = json!("llama");
    fs::write(directory.join("config.json"), keys.to_string())?;
    Ok(plan.files.len())
}

/// Starts this program again and returns what it printed.
fn measure(directory: &Path, way: Way) -> anyhow::Result<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args(["load", "--child"])
        .arg(directory)
        .args(["--way", way.name()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("loading {} failed ({})", way.name(), output.status);
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What happens in the child: load, and say what it took.
fn load(path: &Path, way: Way) -> anyhow::Result<Value> {
    let device = devices::cpu();
    let directory = ModelDirectory::open(path)?;
    let config = directory.config()?;
    let before = status("RssAnon")?;
    let watch = Watch::start();
    let start = Instant::now();
    let (model, largest_tensor_bytes) = match way {
        Way::Mapped => (
            directory.load(&device)?,
            directory.weights()?.largest_tensor_bytes(),
        ),
        Way::Streamed => {
            let largest = directory.weights()?.largest_tensor_bytes();
            (stream(path, &config, &device)?, largest)
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let rss_anon_peak_bytes = watch.stop().max(status("RssAnon")?);
    let weights = model.device_weights()?;
    let parameters: usize = weights
        .shapes()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    let model_bytes = 4 * parameters as u64;
    let bound_bytes = model_bytes + largest_tensor_bytes as u64 + ALLOWANCE_BYTES;
    Ok(json!({
        "parameters": parameters, "model_bytes": model_bytes, "largest_tensor_bytes": largest_tensor_bytes,
        "rss_anon_before_bytes": before, "rss_anon_peak_bytes": rss_anon_peak_bytes,
        "vm_hwm_bytes": status("VmHWM")?, "bound_bytes": bound_bytes,
        "beside_model_and_largest_bytes": i128::from(rss_anon_peak_bytes)
            - i128::from(model_bytes) - largest_tensor_bytes as i128,
        "within_bound": rss_anon_peak_bytes <= bound_bytes, "seconds": seconds,
    }))
}

fn stream(path: &Path, config: &CausalLmConfig, device: &burn::tensor::Device) -> anyhow::Result<CausalLm> {
    let mut files: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "safetensors"));
    files.sort();
    let mut uploaded = rllr_model::UploadedWeights::default();
    for file in files {
        let mut stream = SafetensorsStream::new(device);
        let mut reader = fs::File::open(file)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = std::io::Read::read(&mut reader, &mut piece)?;
            if length == 0 {
                break;
            }
            stream.push(&piece[..length])?;
        }
        uploaded.add(stream.finish()?)?;
    }
    Ok(CausalLm::from_source(config, uploaded.into(), device)?)
}

/// Bytes that a line of `/proc/self/status` states.
fn status(key: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .with_context(|| format!("{key} in /proc/self/status"))?
        .parse()?;
    Ok(kilobytes << 10)
}

/// A thread that remembers the largest `RssAnon`.
struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start() -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, highest) = (Arc::clone(&stop), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(bytes) = status("RssAnon") {
                    highest.fetch_max(bytes, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { stop, peak, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that panicked has seen less; the caller looks once more itself.
        let _ = self.thread.join();
        self.peak.load(Ordering::Relaxed)
    }
}
