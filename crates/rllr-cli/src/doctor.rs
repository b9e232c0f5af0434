//! `rllr doctor`: what this machine can compute on, and whether it computes right.

use crate::terminal::say;
use std::fmt::Write as _;

use burn::tensor::Device;
use rllr_train::{Check, SelfCheck, SelfCheckError, self_check};
use serde::Serialize;

use crate::devices::{self, Adapter, DeviceError};
use crate::exit::ExitError;

/// Arguments of `rllr doctor`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// What was found, device by device.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: &'static str,
    threads: usize,
    devices: Vec<DeviceDiagnosis>,
    /// Why no GPU was looked for or found, if so.
    gpu_note: Option<String>,
}

#[derive(Debug, Serialize)]
struct DeviceDiagnosis {
    /// What to write after `--device`.
    device: String,
    usable: bool,
    adapter: Option<Adapter>,
    checks: Vec<CheckRow>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct CheckRow {
    name: &'static str,
    passed: bool,
    /// `None` when the device gave something that is not a number.
    largest_difference: Option<f32>,
    tolerance: f32,
}

/// Finds the devices, checks each, and prints what it found.
///
/// # Errors
///
/// [`ExitError::NoDevice`] when not even the CPU computes right.
pub fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let diagnosis = diagnose();
    if args.json {
        say!("{}", serde_json::to_string_pretty(&diagnosis)?);
    } else {
        say!("{}", render(&diagnosis)?.trim_end());
    }
    if diagnosis.devices.iter().any(|device| device.usable) {
        return Ok(());
    }
    let message =
        "no device passed the self-check, not even the CPU: please report this with the output above";
    Err(ExitError::NoDevice(message.to_owned()).into())
}

fn diagnose() -> Diagnosis {
    let mut devices = vec![check_device("cpu".to_owned(), None, Ok(devices::cpu()))];
    let (adapters, gpu_note) = match devices::adapters() {
        Ok(adapters) if adapters.is_empty() => (
            adapters,
            Some(
                "no GPU adapter found: a graphics driver with Vulkan, Metal or DirectX 12 is needed"
                    .to_owned(),
            ),
        ),
        Ok(adapters) => (adapters, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    for (number, adapter) in adapters.into_iter().enumerate() {
        devices.push(check_device(
            format!("webgpu:{number}"),
            Some(adapter),
            devices::open_adapter(number),
        ));
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        threads,
        devices,
        gpu_note,
    }
}

fn check_device(
    name: String,
    adapter: Option<Adapter>,
    opened: Result<Device, DeviceError>,
) -> DeviceDiagnosis {
    let checked = opened.map_err(|error| error.to_string()).and_then(|device| {
        let result: Result<SelfCheck, SelfCheckError> =
            pollster::block_on(self_check(&device, &devices::cpu()));
        result.map_err(|error| error.to_string())
    });
    match checked {
        Ok(check) => DeviceDiagnosis {
            device: name,
            usable: check.passed(),
            adapter,
            checks: check.checks.iter().map(check_row).collect(),
            error: None,
        },
        Err(error) => DeviceDiagnosis {
            device: name,
            usable: false,
            adapter,
            checks: Vec::new(),
            error: Some(error),
        },
    }
}

fn check_row(check: &Check) -> CheckRow {
    CheckRow {
        name: check.name.describe(),
        passed: check.passed(),
        largest_difference: check
            .largest_difference
            .is_finite()
            .then_some(check.largest_difference),
        tolerance: check.tolerance,
    }
}

fn render(diagnosis: &Diagnosis) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "rllr {}, {} CPU threads",
        diagnosis.version, diagnosis.threads
    )?;
    for device in &diagnosis.devices {
        render_device(&mut text, device)?;
    }
    if let Some(note) = &diagnosis.gpu_note {
        writeln!(text, "\nGPU: {note}")?;
    }
    Ok(text)
}

fn render_device(text: &mut String, device: &DeviceDiagnosis) -> std::fmt::Result {
    let verdict = if device.usable { "usable" } else { "NOT USABLE" };
    writeln!(text, "\n--device {}: {verdict}", device.device)?;
    if let Some(adapter) = &device.adapter {
        let kind = if adapter.software {
            "software adapter, slower than --device cpu"
        } else {
            "hardware"
        };
        writeln!(text, "  adapter    {} ({kind})", adapter.name)?;
        writeln!(text, "  driver     {}, {}", adapter.driver, adapter.backend)?;
        let features = if adapter.features.is_empty() {
            "none".to_owned()
        } else {
            adapter.features.join(", ")
        };
        writeln!(text, "  features   {features}")?;
        writeln!(
            text,
            "  limits     buffer {} MiB, binding {} MiB, {} buffers per kernel, {} threads per workgroup",
            adapter.max_buffer_bytes >> 20,
            adapter.max_binding_bytes >> 20,
            adapter.max_buffers_per_kernel,
            adapter.max_threads_per_workgroup
        )?;
    }
    if let Some(error) = &device.error {
        writeln!(text, "  error      {error}")?;
    }
    if !device.checks.is_empty() {
        writeln!(
            text,
            "  {:<34} {:>12} {:>10}  result",
            "self-check against the CPU", "difference", "allowed"
        )?;
    }
    for check in &device.checks {
        let difference = check
            .largest_difference
            .map_or("not finite".to_owned(), |d| format!("{d:.1e}"));
        let result = if check.passed { "agrees" } else { "DIFFERS" };
        writeln!(
            text,
            "  {:<34} {difference:>12} {:>10.0e}  {result}",
            check.name, check.tolerance
        )?;
    }
    Ok(())
}
