//! How long the page's default run would take on a GPU, from what it asks of one.
//!
//! Times on a software adapter say nothing about a GPU. Counts do: a short run, of a default run's sizes, tells how many
//! dispatches each of its events costs and how many bytes they are given; the recorded default run tells how many such
//! events there are.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use rllr_web::live::{LiveSettings, RecordedRun};
use serde_json::{Value, json};

use super::{events_of, median};

/// The recorded run that the page shows.
const RECORDED: &str = include_str!("../../../../assets/runs/recorded-run.json");

/// What an event is: its kind, and the stage that it is of, if any.
type Kind = (String, String);

/// What an event cost: dispatches, bytes, submissions.
type Costs = [f64; 3];

/// Names of the costs in the worker's events.
const COSTS: [&str; 3] = ["dispatches", "bound_bytes", "submissions"];

/// Seconds of one dispatch behind another on GPUs of laptops, from the quickest to the slowest that were measured;
/// source: arXiv 2604.02344.
const LAPTOP_DISPATCH: [(&str, f64); 4] = [
    ("vulkan, quickest", 24e-6),
    ("vulkan, slowest", 36e-6),
    ("metal, quickest", 32e-6),
    ("metal, slowest", 71e-6),
];

/// Bytes that the memory of a laptop without a graphics card moves in a second: two channels of DDR4-3200.
const LAPTOP_BYTES_PER_SECOND: f64 = 51.2e9;

/// Counts of a default run, and the seconds that they make.
pub(super) async fn counted(dist: &Path) -> anyhow::Result<Value> {
    let recorded = RecordedRun::from_json(RECORDED)?;
    let defaults = LiveSettings::default();
    ensure!(
        recorded.settings == defaults,
        "the recorded run is not the default run"
    );
    // Less data and fewer steps, none of them smaller.
    let short = LiveSettings {
        demonstrations: 64,
        sft_epochs: 1,
        ppo_steps: 2,
        ..defaults
    };
    let request = json!({
        "request": "run", "device": "webgpu", "settings": short, "spent_ms": 0.0, "inspected": false, "begun_ms": 0.0,
    });
    let costs = costs_of(&events_of(dist, &request).await?)?;
    let mut of_stages: BTreeMap<String, Costs> = BTreeMap::new();
    for timed in &recorded.events {
        let kind = kind_of(&serde_json::to_value(&timed.event)?)?;
        let cost = costs
            .get(&kind)
            .with_context(|| format!("the short run has no event {kind:?}"))?;
        let sum = of_stages.entry(kind.1).or_default();
        for (sum, cost) in sum.iter_mut().zip(cost) {
            *sum += cost;
        }
    }
    Ok(report(&costs, &of_stages))
}

/// What an event of each kind costs in the middle.
fn costs_of(events: &[Value]) -> anyhow::Result<BTreeMap<Kind, Costs>> {
    let mut seen: BTreeMap<Kind, [Vec<f64>; 3]> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "live") {
        let of_kind = seen.entry(kind_of(&event["happened"])?).or_default();
        for (all, name) in of_kind.iter_mut().zip(COSTS) {
            all.push(
                event[name]
                    .as_f64()
                    .with_context(|| format!("an event without {name}"))?,
            );
        }
    }
    Ok(seen
        .into_iter()
        .map(|(kind, mut all)| (kind, all.each_mut().map(|numbers| median(numbers))))
        .collect())
}

fn kind_of(event: &Value) -> anyhow::Result<Kind> {
    let what = event["what"].as_str().context("an event says what happened")?;
    let stage = event["stage"].as_str().unwrap_or("none");
    Ok((what.to_owned(), stage.to_owned()))
}

fn report(costs: &BTreeMap<Kind, Costs>, of_stages: &BTreeMap<String, Costs>) -> Value {
    let total = |cost: usize| of_stages.values().map(|costs| costs[cost]).sum::<f64>();
    let (dispatches, bytes) = (total(0), total(1));
    let seconds: BTreeMap<&str, f64> = LAPTOP_DISPATCH
        .iter()
        .map(|(name, each)| (*name, dispatches * each))
        .collect();
    let steps: BTreeMap<&str, f64> = costs
        .iter()
        .filter(|((what, _), _)| what == "step")
        .map(|((_, stage), costs)| (stage.as_str(), costs[0]))
        .collect();
    let stages: BTreeMap<&str, f64> = of_stages
        .iter()
        .map(|(stage, costs)| (stage.as_str(), costs[0]))
        .collect();
    json!({
        "bench": "page-default-run", "dispatches": dispatches, "submissions": total(2), "gigabytes": bytes / 1e9,
        "dispatches_by_stage": stages, "dispatches_a_step": steps, "seconds_of_dispatches": seconds,
        "seconds_of_memory": bytes / LAPTOP_BYTES_PER_SECOND,
    })
}
