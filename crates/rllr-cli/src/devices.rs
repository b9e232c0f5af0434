//! Which devices this machine has, and opening them.

use burn::tensor::Device;
use rllr_train::self_check;
use serde::Serialize;

use crate::exit::ExitError;

/// A device as a user names it: `--device cpu`, `--device webgpu` or `--device webgpu:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// The first GPU that passes the self-check, else the CPU.
    Auto,
    /// Burn's CPU backend.
    Cpu,
    /// The GPU adapter of this number, as `rllr doctor` counts them.
    WebGpu(usize),
}

impl std::str::FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("found {text:?}, expected auto, cpu, webgpu or webgpu:N");
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "webgpu" => Ok(Self::WebGpu(0)),
            Some(("webgpu", number)) => number.parse().map(Self::WebGpu).map_err(|_| expected()),
            _ => Err(expected()),
        }
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::WebGpu(number) => write!(f, "webgpu:{number}"),
        }
    }
}

/// Opens the device that a user named.
///
/// # Errors
///
/// [`ExitError::NoDevice`] when it is not there, or does not compute right.
pub fn open(name: DeviceName) -> anyhow::Result<Device> {
    let checked = |number: usize| -> Result<Device, String> {
        let device = open_adapter(number).map_err(|error| error.to_string())?;
        let check = pollster::block_on(self_check(&device, &cpu())).map_err(|error| error.to_string())?;
        if check.passed() {
            return Ok(device);
        }
        Err(format!(
            "GPU adapter {number} computes wrong numbers; `rllr doctor` shows which. Use --device cpu, or update the driver"
        ))
    };
    match name {
        DeviceName::Cpu => Ok(cpu()),
        DeviceName::WebGpu(number) => checked(number).map_err(|error| ExitError::NoDevice(error).into()),
        DeviceName::Auto => {
            // A software adapter is right, but slower than the CPU backend.
            let adapters = adapters().unwrap_or_default();
            let hardware = (0..adapters.len()).filter(|&number| !adapters[number].software);
            Ok(hardware
                .filter_map(|number| checked(number).ok())
                .next()
                .unwrap_or_else(cpu))
        }
    }
}

/// One GPU adapter, as its driver describes it.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    /// Name of the card or of the software that imitates one.
    pub name: String,
    /// Driver and its version.
    pub driver: String,
    /// Graphics interface below WebGPU: Vulkan, Metal, Dx12.
    pub backend: String,
    /// Whether it is a CPU that imitates a GPU: right, but slower than the CPU backend.
    pub software: bool,
    /// Optional features that matter here and that the adapter has.
    pub features: Vec<&'static str>,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Largest part of a buffer that one kernel can be given, in bytes.
    pub max_binding_bytes: u64,
    /// Buffers that one kernel can be given.
    pub max_buffers_per_kernel: u32,
    /// Threads of one workgroup.
    pub max_threads_per_workgroup: u32,
}

/// Why a GPU cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no such adapter.
    #[error(
        "there is no GPU adapter {wanted}: {found} found. `rllr doctor` lists them; --device cpu always works"
    )]
    NoAdapter {
        /// Number asked for, from 0.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// This program was built without GPU support.
    #[error("this rllr was built without GPU support; build it with --features gpu, or use --device cpu")]
    NotBuilt,
    /// The driver refused.
    #[error("GPU adapter {name} could not be opened: {reason}. Use --device cpu, or update the driver")]
    Refused {
        /// The adapter's name.
        name: String,
        /// What the driver or Burn said.
        reason: String,
    },
}

/// The CPU, on which every other device is checked.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}

#[cfg(feature = "gpu")]
pub use gpu::{adapters, open_adapter};

#[cfg(feature = "gpu")]
mod gpu {
    use burn::tensor::Device;
    use burn::tensor::wgpu::{WgpuSetup, wgpu};

    use super::{Adapter, DeviceError};

    /// All GPU adapters of this machine, hardware before software.
    ///
    /// # Errors
    ///
    /// None at present; the result has the type of the build without GPU support.
    pub fn adapters() -> Result<Vec<Adapter>, DeviceError> {
        Ok(found(&instance()).iter().map(describe).collect())
    }

    /// Opens the adapter of this number.
    ///
    /// # Errors
    ///
    /// [`DeviceError`] when there is no such adapter or the driver refuses.
    pub fn open_adapter(number: usize) -> Result<Device, DeviceError> {
        let instance = instance();
        let mut all = found(&instance);
        if number >= all.len() {
            return Err(DeviceError::NoAdapter {
                wanted: number,
                found: all.len(),
            });
        }
        let adapter = all.swap_remove(number);
        let info = adapter.get_info();
        let refused = |reason: String| DeviceError::Refused {
            name: info.name.clone(),
            reason,
        };
        // What Burn's own start asks for: everything that the adapter can do.
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("rllr"),
            required_features: adapter
                .features()
                .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
            required_limits: adapter.limits(),
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| refused(error.to_string()))?;
        let setup = WgpuSetup {
            instance,
            adapter,
            device,
            queue,
            backend: info.backend,
        };
        Device::wgpu_options()
            .setup(setup)
            .init()
            .map_err(|error| refused(error.to_string()))
    }

    fn instance() -> wgpu::Instance {
        wgpu::Instance::default()
    }

    fn found(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
        let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        adapters.sort_by_key(|adapter| is_software(&adapter.get_info()));
        adapters
    }

    fn is_software(info: &wgpu::AdapterInfo) -> bool {
        info.device_type == wgpu::DeviceType::Cpu
    }

    fn describe(adapter: &wgpu::Adapter) -> Adapter {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let named = [
            ("shader-f16", wgpu::Features::SHADER_F16),
            ("subgroup", wgpu::Features::SUBGROUP),
            ("timestamp-query", wgpu::Features::TIMESTAMP_QUERY),
        ];
        Adapter {
            software: is_software(&info),
            name: info.name,
            driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
            backend: info.backend.to_string(),
            features: named
                .iter()
                .filter(|(_, flag)| features.contains(*flag))
                .map(|(name, _)| *name)
                .collect(),
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffers_per_kernel: limits.max_storage_buffers_per_shader_stage,
            max_threads_per_workgroup: limits.max_compute_invocations_per_workgroup,
        }
    }
}

/// All GPU adapters of this machine.
///
/// # Errors
///
/// Always [`DeviceError::NotBuilt`]: this program was built without GPU support.
#[cfg(not(feature = "gpu"))]
pub fn adapters() -> Result<Vec<Adapter>, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// Opens the adapter of this number.
///
/// # Errors
///
/// Always [`DeviceError::NotBuilt`]: this program was built without GPU support.
#[cfg(not(feature = "gpu"))]
pub fn open_adapter(_number: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_those_of_the_help() {
        assert_eq!("auto".parse(), Ok(DeviceName::Auto));
        assert_eq!("cpu".parse(), Ok(DeviceName::Cpu));
        assert_eq!("webgpu".parse(), Ok(DeviceName::WebGpu(0)));
        assert_eq!("webgpu:2".parse(), Ok(DeviceName::WebGpu(2)));
        assert_eq!(DeviceName::WebGpu(2).to_string(), "webgpu:2");
        for bad in ["", "gpu", "cpu:0", "webgpu:", "webgpu:x", "webgpu:-1"] {
            let message = bad.parse::<DeviceName>().unwrap_err();
            assert_eq!(
                message,
                format!("found {bad:?}, expected auto, cpu, webgpu or webgpu:N")
            );
        }
    }
}
