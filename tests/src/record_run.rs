//! Records a run of the page's worker, natively.
//!
//! It is the same code: the events that the worker would post are kept with their times.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use rllr_train::MemoryStore;
use rllr_web::live::{LiveEvent, LiveField, LiveSettings, RECORD_FORMAT, RecordedRun, StageName, TimedEvent};
use rllr_web::story::{Flow, Inspecting, Observer, run};

/// Keeps what it is told, with the time.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    /// What it was told.
    pub events: Vec<TimedEvent>,
    talk: Talk,
}

/// Whether a recorder shows what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Nothing.
    Quiet,
    /// Measurements, in the terminal.
    Measurements,
}

impl Recorder {
    /// A recorder whose clock starts now.
    #[must_use]
    pub fn new(talk: Talk) -> Self {
        Self {
            start: Instant::now(),
            events: Vec::new(),
            talk,
        }
    }
}

impl Observer for Recorder {
    async fn tell(&mut self, event: LiveEvent) -> Flow {
        let at_ms = (self.start.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        if self.talk == Talk::Measurements {
            show(at_ms, &event);
        }
        self.events.push(TimedEvent { at_ms, event });
        Flow::GoOn
    }
}

fn show(at_ms: f64, event: &LiveEvent) {
    let seconds = at_ms / 1000.0;
    match event {
        LiveEvent::Began {
            parameters, floor, ..
        } => {
            println!("{seconds:.1} s: {parameters} parameters, floor {floor:?}");
        }
        LiveEvent::Stage { stage, total, .. } => {
            println!("{seconds:.1} s: {} of {total} steps", stage.name())
        }
        LiveEvent::Evaluated { stage, step, metrics } => {
            println!("{seconds:.1} s: {} {step} {metrics:?}", stage.name());
        }
        LiveEvent::Step { stage, step, metrics }
            if matches!(stage, StageName::OrdinaryPpo | StageName::LabelPpo) =>
        {
            let shown = [
                "objective/scores",
                "objective/kl",
                "rollout/accuracy",
                "rollout/invalid_rate",
                "policy/entropy_avg",
            ];
            let shown = shown.map(|name| metrics.get(name).copied().unwrap_or(f64::NAN));
            println!("{seconds:.1} s: {} {step} {shown:.3?}", stage.name());
        }
        LiveEvent::Sample { response, .. } => println!("    {response:?}"),
        LiveEvent::Warning { message, .. } => println!("    warning: {message}"),
        LiveEvent::Inspected(inspection) => println!(
            "{seconds:.1} s: sensitivity {:?}, pairs ranked right {:?}",
            inspection.sensitivity, inspection.pair_accuracy
        ),
        LiveEvent::Answered(answers) => println!("{seconds:.1} s: accuracy {:?}", answers.accuracy),
        LiveEvent::Step { .. } | LiveEvent::Saved { .. } => {}
    }
}

/// Records a run and writes it.
///
/// # Errors
///
/// For arguments that are no settings, a run that fails, and a file that cannot be written.
pub fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .context("expected the file to write as the first argument")?;
    let mut settings = LiveSettings::default();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .context("expected settings as name=value")?;
        let Some(field) = LiveField::from_name(name) else {
            bail!(
                "found {name}, expected one of {}",
                LiveField::ALL.map(LiveField::name).join(", ")
            );
        };
        settings.set(field, value)?;
    }
    let recorded = record(&settings, Talk::Measurements)?;
    let json = recorded.to_json();
    RecordedRun::from_json(&json).context("the page could not read what was recorded")?;
    std::fs::write(&file, &json).with_context(|| format!("cannot write {file}"))?;
    println!("{file}: {} bytes", json.len());
    Ok(())
}

/// Runs the whole method on the CPU and keeps its events.
///
/// # Errors
///
/// When the run fails.
pub fn record(settings: &LiveSettings, talk: Talk) -> anyhow::Result<RecordedRun> {
    // Before the run: the sources may change while it takes its minutes.
    let commit = commit()?;
    let mut recorder = Recorder::new(talk);
    let stores = |_: StageName| MemoryStore::default();
    pollster::block_on(run(
        settings,
        &Device::flex(),
        stores,
        Inspecting::Now,
        &mut recorder,
    ))?;
    let mut events = recorder.events;
    // Where a run could go on from says nothing of one that is over.
    events.retain(|timed| !matches!(timed.event, LiveEvent::Saved { .. }));
    Ok(RecordedRun {
        format: RECORD_FORMAT,
        commit,
        device: "CPU, native".to_owned(),
        settings: settings.clone(),
        events,
    })
}

/// The commit of the sources, marked where they differ from it.
fn commit() -> anyhow::Result<String> {
    let git = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .output()
            .context("cannot run git")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "crates"])?;
    Ok(if changed.is_empty() {
        commit
    } else {
        format!("{commit} with changes")
    })
}
