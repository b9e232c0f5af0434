//! What a run will need, printed before it begins: `rllr run --dry-run`.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::{CausalLm, CausalLmConfig, PaddingSide, TokenBatch, initial_weights};
use rllr_train::plan::{PassSize, StagePlan, forward_flops};
use rllr_train::{LmTrainer, LmTrainerConfig};
use serde::Serialize;

use crate::data::output::{print_json, table};
use crate::terminal::say;

/// Width of the largest model that a device's speed is measured with.
const WIDEST: usize = 512;

/// Rows and tokens of a measured step.
const STEP: PassSize = PassSize { rows: 8, len: 64 };

/// How long a speed is measured.
const MEASURING: Duration = Duration::from_millis(700);

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanForm {
    /// A table and a sentence, for people.
    Table,
    /// A JSON object a stage, for programs.
    JsonLines,
}

/// A line of the plan, for programs.
#[derive(Serialize)]
struct PlanLine<'a> {
    stage: &'a str,
    steps: usize,
    parameters: u64,
    trained_parameters: u64,
    /// The phase that needs the most memory.
    largest_phase: Option<&'a str>,
    memory_bytes: u64,
    /// What the memory consists of.
    memory: Vec<(&'a str, u64)>,
    flops: f64,
    estimated_seconds: f64,
}

/// Floating-point operations a second of training, measured: some steps of a model of this shape, with two blocks.
///
/// # Errors
///
/// When the device fails.
pub fn measured_speed(config: &CausalLmConfig, device: &Device) -> anyhow::Result<f64> {
    let small = measured_config(config);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let weights = initial_weights(&small, 0.02, &mut rng);
    let model = CausalLm::from_weights(&small, &weights, &device.clone().autodiff())?;
    let vocab_size = u32::try_from(small.vocab_size)?;
    let row = |row: usize| {
        (0..STEP.len).map(move |slot| u32::try_from(row * 31 + slot * 7).unwrap_or(0) % vocab_size)
    };
    let rows: Vec<Vec<u32>> = (0..STEP.rows).map(|index| row(index).collect()).collect();
    let batch = TokenBatch::from_rows(&rows, PaddingSide::Right, small.vocab_size)?;
    let mut trainer = LmTrainer::new(model, LmTrainerConfig::default());
    let mut step = || {
        let metrics = pollster::block_on(trainer.step(&batch).read());
        metrics.map(drop).map_err(|error| anyhow::anyhow!("{error:?}"))
    };
    // The first step has work that no later one has.
    step()?;
    let (start, mut steps) = (Instant::now(), 0.0);
    while start.elapsed() < MEASURING {
        step()?;
        steps += 1.0;
    }
    let seconds = start.elapsed().as_secs_f64();
    // Forward, and twice as much backward.
    Ok(3.0 * steps * forward_flops(&small, STEP, 1.0) / seconds)
}

/// The model itself with two blocks, or a narrower one where that is too large to be tried.
fn measured_config(config: &CausalLmConfig) -> CausalLmConfig {
    let base = CausalLmConfig {
        num_hidden_layers: config.num_hidden_layers.min(2),
        vocab_size: config.vocab_size.min(2048),
        max_position_embeddings: config.max_position_embeddings.max(STEP.len),
        ..config.clone()
    };
    if config.hidden_size <= WIDEST {
        return base;
    }
    CausalLmConfig {
        hidden_size: WIDEST,
        intermediate_size: WIDEST * 8 / 3,
        num_attention_heads: 8,
        num_key_value_heads: 8,
        head_dim: WIDEST / 8,
        ..base
    }
}

/// Prints the stages with their steps, parameters, memory and time.
///
/// - `seeds`: how often all of it is done
/// - `about`: what the numbers were estimated from
///
/// # Errors
///
/// When they cannot be written.
pub fn print_plan(
    stages: &[StagePlan],
    seeds: usize,
    flops_per_second: f64,
    about: &str,
    form: PlanForm,
) -> anyhow::Result<()> {
    if form == PlanForm::JsonLines {
        return stages
            .iter()
            .try_for_each(|stage| print_json(&line(stage, flops_per_second)));
    }
    let header = [
        "stage",
        "steps",
        "parameters",
        "of them trained",
        "memory",
        "mostly",
        "time",
    ];
    let rows = stages.iter().map(|stage| {
        vec![
            stage.stage.clone(),
            stage.steps.to_string(),
            count(stage.parameters as f64),
            count(stage.trained_parameters as f64),
            bytes(stage.memory.peak_bytes()),
            largest_term(stage),
            time(stage.seconds(flops_per_second)),
        ]
    });
    say!("{}", table(&header, rows.collect()));
    let largest = stages.iter().max_by_key(|stage| stage.memory.peak_bytes());
    let largest = largest.context("found no stage to plan, expected at least one method")?;
    let seconds: f64 = stages.iter().map(|stage| stage.seconds(flops_per_second)).sum();
    let times = if seeds == 1 {
        String::new()
    } else {
        format!(" with each of {seeds} seeds")
    };
    say!(
        "An estimate: {}{times}, at most {} of memory (in {}). {about}",
        time(seconds),
        bytes(largest.memory.peak_bytes()),
        largest.stage
    );
    Ok(())
}

fn line(stage: &StagePlan, flops_per_second: f64) -> PlanLine<'_> {
    let largest = stage.memory.largest_phase();
    let terms = largest.into_iter().flat_map(|phase| &phase.terms);
    PlanLine {
        stage: &stage.stage,
        steps: stage.steps,
        parameters: stage.parameters,
        trained_parameters: stage.trained_parameters,
        largest_phase: largest.map(|phase| phase.name),
        memory_bytes: stage.memory.peak_bytes(),
        memory: terms.map(|term| (term.name, term.bytes)).collect(),
        flops: stage.flops,
        estimated_seconds: stage.seconds(flops_per_second),
    }
}

/// The largest use of memory with its share.
fn largest_term(stage: &StagePlan) -> String {
    let Some(phase) = stage.memory.largest_phase() else {
        return "-".to_owned();
    };
    let largest = phase.terms.iter().max_by_key(|term| term.bytes);
    largest.map_or("-".to_owned(), |term| {
        format!(
            "{} {:.0} %",
            term.name,
            100.0 * term.bytes as f64 / phase.bytes() as f64
        )
    })
}

fn count(number: f64) -> String {
    scaled(number, &["", " k", " M", " G"])
}

fn bytes(number: u64) -> String {
    scaled(number as f64, &[" B", " kB", " MB", " GB", " TB"])
}

/// Three digits with a unit of thousands.
fn scaled(number: f64, units: &[&str]) -> String {
    let mut value = number;
    let mut place = 0;
    while value >= 999.5 && place + 1 < units.len() {
        (value, place) = (value / 1000.0, place + 1);
    }
    let decimals = match value {
        _ if place == 0 || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", units[place])
}

fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1.0 => "1 s".to_owned(),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(count(144_000.0), "144 k");
        assert_eq!(count(6_738_415_616.0), "6.74 G");
        assert_eq!(count(7.0), "7");
        assert_eq!(count(999_600.0), "1.00 M");
        assert_eq!(bytes(27_300_000_000), "27.3 GB");
        assert_eq!(
            [0.2, 90.0, 600.0, 10_800.0, 864_000.0].map(time),
            ["1 s", "90 s", "10 min", "3.0 h", "10 days"]
        );
    }

    #[test]
    fn a_large_model_is_measured_by_a_small_one() {
        let large = CausalLmConfig {
            hidden_size: 4096,
            num_hidden_layers: 32,
            ..CausalLmConfig::default()
        };
        let found = measured_config(&large);
        assert_eq!((found.hidden_size, found.num_hidden_layers), (WIDEST, 2));
        assert_eq!(found.num_attention_heads * found.head_dim, WIDEST);
    }

    /// Any computer does some ten million operations a second, and none a hundred million million on such steps.
    #[test]
    fn speeds_are_plausible() {
        let config = CausalLmConfig {
            vocab_size: 64,
            hidden_size: 32,
            intermediate_size: 64,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            num_key_value_heads: 2,
            head_dim: 16,
            max_position_embeddings: 64,
            tie_word_embeddings: true,
            ..CausalLmConfig::default()
        };
        let speed = measured_speed(&config, &crate::devices::cpu()).unwrap();
        assert!((1e7..1e14).contains(&speed), "{speed:e}");
    }
}
