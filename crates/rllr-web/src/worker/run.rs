//! One training run, a step at a time, with an ear for pause and stop.

use futures_channel::mpsc::UnboundedReceiver;
use js_sys::{Function, Promise};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{CausalLm, CausalLmConfig, initial_weights};
use rllr_train::{LmStepMetrics, LmTrainer, LmTrainerConfig};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

use super::devices::Devices;
use super::text_data::{TextData, VOCAB_SIZE};
use super::{failure, post, scope};
use crate::protocol::{DeviceChoice, Event, Failure, Request, TrainSettings};

/// Width of one attention head.
const HEAD_DIM: usize = 8;
/// Standard deviation of fresh weights; transformers' `initializer_range`.
const INITIALIZER_RANGE: f64 = 0.02;

/// Trains until the steps are done or a stop is asked for, and returns the run's last event.
pub(super) async fn train(
    devices: &mut Devices,
    choice: DeviceChoice,
    settings: &TrainSettings,
    requests: &mut UnboundedReceiver<Request>,
) -> Result<Event, Failure> {
    settings
        .validate()
        .map_err(|error| failure::bad_settings(&error))?;
    let device = devices.open(choice).await?;
    let mut data = TextData::new(settings.seed).map_err(|error| failure::internal(&error))?;
    let config = model_config(settings);
    let weights = initial_weights(
        &config,
        INITIALIZER_RANGE,
        &mut ChaCha8Rng::seed_from_u64(settings.seed),
    );
    let model = CausalLm::from_weights(&config, &weights, &device.autodiff())
        .map_err(|error| failure::internal(&error))?;
    let optimizer = LmTrainerConfig {
        learning_rate: settings.learning_rate,
        ..LmTrainerConfig::default()
    };
    let mut trainer = LmTrainer::new(model, optimizer);
    post(&Event::Started {
        device: choice,
        parameters: config.num_parameters(),
    });

    let mut progress = Progress::new(settings.batch_size * settings.seq_len);
    for _ in 0..settings.steps {
        if let Interruption::Stop = listen(requests).await {
            return Ok(Event::Stopped);
        }
        let started = now();
        let batch = data
            .next_batch(settings.batch_size, settings.seq_len)
            .map_err(|error| failure::internal(&error))?;
        // Reading the loss each step is also the brake on the GPU's queue, which has no other in the browser.
        let metrics = trainer
            .step(&batch)
            .read()
            .await
            .map_err(|error| failure::device_lost(&error))?;
        post(&progress.step(metrics, now() - started)?);
        macrotask().await;
    }
    Ok(progress.finished())
}

fn model_config(settings: &TrainSettings) -> CausalLmConfig {
    let heads = settings.hidden_size / HEAD_DIM;
    CausalLmConfig {
        vocab_size: VOCAB_SIZE,
        hidden_size: settings.hidden_size,
        intermediate_size: 2 * settings.hidden_size,
        num_hidden_layers: settings.layers,
        num_attention_heads: heads,
        num_key_value_heads: heads / 2,
        head_dim: HEAD_DIM,
        max_position_embeddings: settings.seq_len,
        norm_epsilon: 1e-6,
        rope_theta: 10_000.0,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

/// Numbers of the run so far.
struct Progress {
    tokens_per_step: usize,
    milliseconds: Vec<f64>,
    first_loss: f64,
    last_loss: f64,
}

impl Progress {
    fn new(tokens_per_step: usize) -> Self {
        Self {
            tokens_per_step,
            milliseconds: Vec::new(),
            first_loss: f64::NAN,
            last_loss: f64::NAN,
        }
    }

    fn step(&mut self, metrics: LmStepMetrics, milliseconds: f64) -> Result<Event, Failure> {
        let LmStepMetrics { loss, grad_norm } = metrics;
        self.milliseconds.push(milliseconds);
        let step = self.milliseconds.len();
        if !(loss.is_finite() && grad_norm.is_finite()) {
            return Err(failure::not_finite(step, loss, grad_norm));
        }
        self.last_loss = f64::from(loss);
        if step == 1 {
            self.first_loss = self.last_loss;
        }
        Ok(Event::Step {
            step,
            loss: self.last_loss,
            grad_norm: f64::from(grad_norm),
            milliseconds,
            tokens_per_second: self.tokens_per_step as f64 / milliseconds * 1000.0,
        })
    }

    fn finished(self) -> Event {
        let seconds = self.milliseconds.iter().sum::<f64>() / 1000.0;
        let steps = self.milliseconds.len();
        // The first step compiles shaders.
        let mut steady = self.milliseconds[usize::from(steps > 1)..].to_vec();
        steady.sort_by(f64::total_cmp);
        Event::Finished {
            steps,
            seconds,
            milliseconds_per_step_median: steady[steady.len() / 2],
            first_loss: self.first_loss,
            last_loss: self.last_loss,
        }
    }
}

/// What the page asked for between two steps.
enum Interruption {
    None,
    Stop,
}

/// Carries out what was asked since the last step; a pause waits here for its end.
async fn listen(requests: &mut UnboundedReceiver<Request>) -> Interruption {
    while let Ok(request) = requests.try_recv() {
        match request {
            Request::Stop => return Interruption::Stop,
            Request::Pause => {
                post(&Event::Paused);
                if let Interruption::Stop = wait_for_resume(requests).await {
                    return Interruption::Stop;
                }
                post(&Event::Resumed);
            }
            // A second run or check is not started inside a run; the page offers neither.
            _ => {}
        }
    }
    Interruption::None
}

async fn wait_for_resume(requests: &mut UnboundedReceiver<Request>) -> Interruption {
    loop {
        match requests.recv().await {
            Ok(Request::Resume) => return Interruption::None,
            Ok(Request::Stop) | Err(_) => return Interruption::Stop,
            Ok(_) => {}
        }
    }
}

/// Milliseconds since the worker's start.
pub(super) fn now() -> f64 {
    scope().performance().expect("a worker has a clock").now()
}

/// Gives the event loop a turn. Awaiting a ready future would not: messages wait for a macrotask. A message to
/// ourselves comes at once, where browsers stretch a chain of zero timers to 4 ms each.
pub(super) async fn macrotask() {
    let channel = MessageChannel::new().expect("a worker can make a channel");
    let turn = Promise::new(&mut |resolve: Function, _| channel.port1().set_onmessage(Some(&resolve)));
    channel
        .port2()
        .post_message(&JsValue::NULL)
        .expect("null can be posted");
    JsFuture::from(turn)
        .await
        .expect("this promise is never rejected");
    channel.port1().close();
}
