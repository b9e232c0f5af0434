//! The program that computes: Burn in a dedicated worker, so that the page never freezes.
//!
//! One loop takes one [`Request`] after the other; a training run looks for new ones between its steps.
//! All GPU calls stay in this one worker: Burn orders its work by thread.

mod constructors;
mod checkpoints;
mod devices;
mod evaluate;
mod failure;
mod keeping;
mod live;
mod models;
mod run;
mod text_data;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::probe;
use crate::protocol::{Event, Request};
use crate::story::Inspecting;
use checkpoints::Checkpoints;
use devices::Devices;
use models::Models;

/// The worker's entry point.
pub fn start() {
    constructors::run_once();
    std::panic::set_hook(Box::new(|panic| {
        post(&Event::Broken(failure::panicked(&panic.to_string())))
    }));
    let (sender, requests) = unbounded();
    let checkpoints = Checkpoints::default();
    listen(sender, checkpoints.clone());
    wasm_bindgen_futures::spawn_local(serve(requests, checkpoints));
    post(&Event::Ready);
}

/// Answers requests until one cannot be carried out.
async fn serve(mut requests: UnboundedReceiver<Request>, checkpoints: Checkpoints) {
    let mut devices = Devices::default();
    let mut models = Models::default();
    while let Ok(request) = requests.recv().await {
        let answer = match request {
            Request::Probe => Ok(Event::Probed {
                webgpu: probe::webgpu().await,
            }),
            Request::SelfCheck { device } => devices.self_check(device).await,
            Request::Train { device, settings } => {
                run::train(&mut devices, device, &settings, &mut requests).await
            }
            Request::Run {
                device,
                settings,
                spent_ms,
                inspected,
                begun_ms,
            } => {
                let inspecting = if inspected {
                    Inspecting::WasTold
                } else {
                    Inspecting::Now
                };
                let asked = live::Asked {
                    device,
                    settings,
                    spent_ms,
                    begun_ms,
                    inspecting,
                };
                Ok(live::run(asked, &mut devices, &checkpoints, &mut requests).await)
            }
            // These belong to a run, and none is in progress: it may have ended while the request travelled.
            Request::Pause | Request::Resume | Request::StepOnce => continue,
            Request::Stop => Ok(Event::Stopped),
            Request::Model(request) => {
                evaluate::serve(request, &mut devices, &mut models, &mut requests).await
            }
        };
        match answer {
            Ok(event) => {
                post(&event);
                if matches!(event, Event::Failed(_) | Event::Broken(_)) {
                    return;
                }
            }
            Err(failure) => return post(&Event::Failed(failure)),
        }
    }
}

fn listen(sender: UnboundedSender<Request>, checkpoints: Checkpoints) {
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
        if checkpoints.receive(&message.data()).is_some() {
            return;
        }
        let text = models::given::text_of(&message.data());
        match Request::from_json(&text) {
            // The receiver is gone only after a failure, which has been reported.
            Ok(request) => drop(sender.unbounded_send(request)),
            Err(error) => post(&Event::Failed(failure::bad_request(&error))),
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
}

/// Sends an event to the page.
fn post(event: &Event) {
    scope()
        .post_message(&JsValue::from_str(&event.to_json()))
        .expect("a string can always be posted");
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}
