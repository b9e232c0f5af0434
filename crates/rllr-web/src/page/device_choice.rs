//! Which device can be chosen, and which one is chosen at first.

use super::session::Session;
use super::text;
use crate::protocol::{DeviceChoice, WebGpuSupport};

/// Why WebGPU cannot be offered, as far as the page itself can see.
pub fn webgpu_refusal(found: Option<&WebGpuSupport>, session: &Session) -> Option<String> {
    match found {
        None => Some(text::PROBING.to_owned()),
        Some(WebGpuSupport::Unavailable(reason)) => Some(text::no_adapter_short(reason).to_owned()),
        Some(WebGpuSupport::Available(_)) if session.is_rejected(DeviceChoice::WebGpu) => {
            Some(text::DEVICE_REJECTED.to_owned())
        }
        Some(WebGpuSupport::Available(_)) => None,
    }
}

/// The device to begin with: WebGPU on real hardware, else the CPU, which is faster than a software adapter.
pub fn default_device(found: &WebGpuSupport) -> DeviceChoice {
    match found {
        WebGpuSupport::Available(adapter) if !adapter.is_software() => DeviceChoice::WebGpu,
        WebGpuSupport::Available(_) | WebGpuSupport::Unavailable(_) => DeviceChoice::Cpu,
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::page::session::Command;
    use crate::protocol::{Adapter, Event, NoAdapter, SelfCheckSummary};

    #[wasm_bindgen_test(unsupported = test)]
    fn the_first_choice_of_device() {
        let hardware = Adapter {
            vendor: "intel".into(),
            ..Adapter::default()
        };
        let software = Adapter {
            is_fallback: true,
            ..hardware.clone()
        };
        let first = |found| default_device(&found);
        assert_eq!(first(WebGpuSupport::Available(hardware)), DeviceChoice::WebGpu);
        assert_eq!(first(WebGpuSupport::Available(software)), DeviceChoice::Cpu);
        assert_eq!(
            first(WebGpuSupport::Unavailable(NoAdapter::ApiMissing)),
            DeviceChoice::Cpu
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn webgpu_is_refused_with_a_reason() {
        let available = WebGpuSupport::Available(Adapter::default());
        let none = WebGpuSupport::Unavailable(NoAdapter::InsecureContext);
        let mut session = Session::default();
        assert_eq!(webgpu_refusal(None, &session).as_deref(), Some(text::PROBING));
        assert_eq!(webgpu_refusal(Some(&available), &session), None);
        let refusal = webgpu_refusal(Some(&none), &session).expect("there is none");
        assert!(refusal.contains("HTTPS"), "{refusal}");

        session.command(Command::Check(DeviceChoice::WebGpu));
        session.event(Event::Ready);
        session.event(Event::Probed {
            webgpu: available.clone(),
        });
        let report = SelfCheckSummary {
            passed: false,
            rows: Vec::new(),
            message: String::new(),
        };
        session.event(Event::SelfChecked {
            device: DeviceChoice::WebGpu,
            report,
        });
        assert_eq!(
            webgpu_refusal(Some(&available), &session).as_deref(),
            Some(text::DEVICE_REJECTED)
        );
    }
}
