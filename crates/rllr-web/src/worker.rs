//! The program that computes: Burn in a dedicated worker, so that the page never freezes.
//!
//! One loop takes one [`Request`] after the other; a training run looks for new ones between its steps.
//! All GPU calls stay in this one worker: Burn orders its work by thread.

mod constructors;
mod devices;
mod evaluate;
mod failure;
mod models;
mod run;
mod text_data;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::probe;
use crate::protocol::{Event, Request};
use devices::Devices;
use models::Models;

/// The worker's entry point.
pub fn start() {
    constructors::run_once();
    std::panic::set_hook(Box::new(|panic| {
        post(&Event::Failed(failure::panicked(&panic.to_string())))
    }));
    let (sender, requests) = unbounded();
    listen(sender);
    wasm_bindgen_futures::spawn_local(serve(requests));
    post(&Event::Ready);
}

/// Answers requests until one cannot be carried out.
async fn serve(mut requests: UnboundedReceiver<Request>) {
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
            // These belong to a run, and none is in progress: it may have ended while the request travelled.
            Request::Pause | Request::Resume => continue,
            Request::Stop => Ok(Event::Stopped),
            Request::Model(request) => {
                evaluate::serve(request, &mut devices, &mut models, &mut requests).await
            }
        };
        match answer {
            Ok(event) => post(&event),
            Err(failure) => return post(&Event::Failed(failure)),
        }
    }
}

fn listen(sender: UnboundedSender<Request>) {
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
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
