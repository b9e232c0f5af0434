//! Models that are measured and tried: fetched from the host or read from the visitor's files, and kept at hand.

mod browser;
pub(super) mod given;
mod load;
mod shipped;

use burn::tensor::Device;
use futures_channel::mpsc::UnboundedReceiver;
use rllr_model::{AdaptedLm, DecodingLm, Tokenizer};

use super::devices::Devices;
use super::run::now;
use super::{failure, post};
use crate::protocol::models::{ModelEvent, ModelSource};
use crate::protocol::{DeviceChoice, Event, Failure, Request};
use given::File;

/// So many models stay at hand: two that are compared.
const KEPT: usize = 2;

/// The least time between two reports of progress, milliseconds.
const REPORT_EVERY: f64 = 50.0;

/// Why a request about models ends without its answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The visitor stopped it.
    Stopped,
    /// It cannot be carried out; the worker is well.
    Refused(Failure),
    /// The device or the worker is not well.
    Broken(Failure),
}

/// A model that can be asked.
pub(super) struct Loaded {
    source: ModelSource,
    device: DeviceChoice,
    parameters: u64,
    model: DecodingLm,
    /// Its tokenizer.
    pub(super) tokenizer: Tokenizer,
    /// Positions that it knows, if it is limited.
    pub(super) positions: Option<usize>,
}

impl Loaded {
    /// The model, to be asked.
    pub(super) fn lm(&self) -> AdaptedLm<'_> {
        self.model.as_lm()
    }
}

/// The models at hand, the last used one at the end.
#[derive(Default)]
pub(super) struct Models {
    loaded: Vec<Loaded>,
}

impl Models {
    /// The model of this source on this device; fetched, read and built if it is not at hand.
    pub(super) async fn get(
        &mut self,
        devices: &mut Devices,
        choice: DeviceChoice,
        source: &ModelSource,
        files: &[File],
        ear: &mut Ear<'_>,
    ) -> Result<&Loaded, Trouble> {
        let place = self
            .loaded
            .iter()
            .position(|loaded| loaded.source == *source && loaded.device == choice);
        let (loaded, seconds) = match place {
            Some(place) => (self.loaded.remove(place), 0.0),
            None => {
                // Before, not after: two and a half models may be more than there is room for.
                self.loaded.drain(..self.loaded.len().saturating_sub(KEPT - 1));
                let start = now();
                let device = devices.open(choice).await.map_err(Trouble::Broken)?;
                let loaded = build(source, choice, files, &device, ear).await?;
                (loaded, (now() - start) / 1000.0)
            }
        };
        post(&Event::Model(ModelEvent::Loaded {
            parameters: loaded.parameters,
            seconds,
        }));
        self.loaded.push(loaded);
        Ok(self.loaded.last().expect("one was pushed"))
    }
}

async fn build(
    source: &ModelSource,
    choice: DeviceChoice,
    files: &[File],
    device: &Device,
    ear: &mut Ear<'_>,
) -> Result<Loaded, Trouble> {
    let parts = match source {
        ModelSource::Shipped { name } => shipped::fetch(name, device, ear).await?,
        ModelSource::Given { files: names } => load::read(names, files, device, ear).await?,
    };
    let load::Built {
        model,
        tokenizer,
        parameters,
    } = parts.build(device)?;
    Ok(Loaded {
        source: source.clone(),
        device: choice,
        parameters,
        positions: model.decoder().max_positions(),
        model: model.without_adapter().for_decoding(),
        tokenizer,
    })
}

/// Hears whether the visitor has stopped a request, and reports its progress.
pub(super) struct Ear<'a> {
    requests: &'a mut UnboundedReceiver<Request>,
    stopped: bool,
    reported: f64,
}

impl<'a> Ear<'a> {
    /// Listens to these requests; all but a stop are dropped, because the page sends none meanwhile.
    pub(super) fn new(requests: &'a mut UnboundedReceiver<Request>) -> Self {
        Self {
            requests,
            stopped: false,
            reported: 0.0,
        }
    }

    /// Whether the visitor has stopped the request.
    pub(super) fn is_stopped(&mut self) -> bool {
        while let Ok(request) = self.requests.try_recv() {
            self.stopped |= request == Request::Stop;
        }
        self.stopped
    }

    /// An error when the visitor has stopped the request.
    pub(super) fn check(&mut self) -> Result<(), Trouble> {
        if self.is_stopped() {
            Err(Trouble::Stopped)
        } else {
            Ok(())
        }
    }

    /// Reports how much of a model is here, now and then and at the end.
    fn loading(&mut self, done: u64, total: u64, cached: u64) {
        if done == total || now() - self.reported >= REPORT_EVERY {
            self.reported = now();
            post(&Event::Model(ModelEvent::Loading { done, total, cached }));
        }
    }
}

/// A failure that is the model's, not the worker's.
fn bad_model(have: &impl ToString) -> Trouble {
    Trouble::Refused(failure::bad_model(&have.to_string()))
}
