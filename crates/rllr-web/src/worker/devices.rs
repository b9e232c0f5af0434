//! The worker's two devices, opened when they are first asked for.

use burn::tensor::Device;
use rllr_train::{Check, SelfCheck, self_check};

use super::failure;
use crate::protocol::{CheckRow, DeviceChoice, Event, Failure, SelfCheckSummary};

/// Opened devices. A GPU is opened once: Burn refuses a second start.
#[derive(Default)]
pub(super) struct Devices {
    gpu: Option<Device>,
}

impl Devices {
    /// Opens a device, without autodiff.
    pub(super) async fn open(&mut self, choice: DeviceChoice) -> Result<Device, Failure> {
        match (choice, &self.gpu) {
            (DeviceChoice::Cpu, _) => Ok(Device::flex()),
            (DeviceChoice::WebGpu, Some(gpu)) => Ok(gpu.clone()),
            (DeviceChoice::WebGpu, None) => {
                let opened = Device::wgpu_options().init_async().await;
                let gpu = opened.map_err(|error| failure::no_gpu(&error))?;
                Ok(self.gpu.insert(gpu).clone())
            }
        }
    }

    /// Compares a device with the CPU.
    pub(super) async fn self_check(&mut self, choice: DeviceChoice) -> Result<Event, Failure> {
        let device = self.open(choice).await?;
        let check = self_check(&device, &Device::flex())
            .await
            .map_err(|error| failure::self_check(&error))?;
        Ok(Event::SelfChecked {
            device: choice,
            report: summary(choice, &check),
        })
    }
}

fn summary(choice: DeviceChoice, check: &SelfCheck) -> SelfCheckSummary {
    let message = match (choice, check.passed()) {
        (DeviceChoice::Cpu, true) => "The CPU trains, and decodes with its cache what it computes without.",
        (DeviceChoice::WebGpu, true) => "The GPU computes what the CPU computes.",
        (_, false) => "This device computes other numbers than the CPU, so it is not used.",
    };
    SelfCheckSummary {
        passed: check.passed(),
        rows: check.checks.iter().map(row).collect(),
        message: message.to_owned(),
    }
}

fn row(check: &Check) -> CheckRow {
    CheckRow {
        name: check.name.describe().to_owned(),
        largest_difference: check
            .largest_difference
            .is_finite()
            .then_some(f64::from(check.largest_difference)),
        tolerance: f64::from(check.tolerance),
        passed: check.passed(),
    }
}
