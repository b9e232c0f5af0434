//! What a person sees in a terminal.

use std::time::{Duration, Instant};

use rllr_train::{Metrics, RunEvent};

/// Shortest time between two lines about steps.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes lines of events: how far a run is, how fast it is, and how long it will take.
#[derive(Debug)]
pub struct Progress {
    /// When this process began, and the steps that were done then.
    begun: (Instant, usize),
    last_line: Option<Instant>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            begun: (Instant::now(), 0),
            last_line: None,
        }
    }
}

impl Progress {
    /// The line to show, if there is something to show: not for every step of a fast run.
    pub fn line(&mut self, event: &RunEvent) -> Option<String> {
        self.line_at(event, Instant::now())
    }

    fn line_at(&mut self, event: &RunEvent, now: Instant) -> Option<String> {
        match event {
            RunEvent::Started {
                step, resumed_from, ..
            } => {
                self.begun = (now, *step);
                resumed_from.as_ref().map(|name| format!("going on from {name}"))
            }
            RunEvent::Phase { phase, total, .. } => Some(format!("{phase}: {total} steps")),
            RunEvent::Step {
                phase,
                step,
                total,
                metrics,
            } => {
                let is_early = self
                    .last_line
                    .is_some_and(|last| now.duration_since(last) < PAUSE);
                if is_early && step < total {
                    return None;
                }
                self.last_line = Some(now);
                let (begun, first) = self.begun;
                let speed = (step - first) as f64 / now.duration_since(begun).as_secs_f64().max(1e-9);
                let left = Duration::from_secs_f64((total - step) as f64 / speed.max(1e-9));
                let numbers = shown(metrics);
                Some(format!(
                    "{phase} {step}/{total}  {numbers}  {speed:.1} steps/s, {} left",
                    time(left)
                ))
            }
            RunEvent::Samples { .. } => None,
            RunEvent::Evaluated { metrics, .. } => Some(format!("  measured: {}", shown(metrics))),
            RunEvent::Checkpoint { name, .. } => Some(format!("  saved {name}")),
            RunEvent::Warning { message, .. } => Some(format!("warning: {message}")),
            RunEvent::Finished { step } => Some(format!("finished after {step} steps")),
        }
    }
}

fn shown(metrics: &Metrics) -> String {
    let number = |(name, value): (&String, &f64)| {
        let size = value.abs();
        if size != 0.0 && !(1e-3..1e6).contains(&size) {
            format!("{name} {value:.2e}")
        } else {
            format!("{name} {value:.4}")
        }
    };
    metrics.iter().map(number).collect::<Vec<_>>().join("  ")
}

/// `1h 2m 3s`, from the first unit that is not 0.
pub(super) fn time(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs}s"),
        (0, minutes, secs) => format!("{minutes}m {secs}s"),
        (hours, minutes, secs) => format!("{hours}h {minutes}m {secs}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_time_left_count_from_this_process() {
        let start = Instant::now();
        let mut progress = Progress::default();
        let started = RunEvent::Started {
            step: 10,
            resumed_from: Some("step-000000010".to_owned()),
            config: rllr_train::ConfigKeys::new(),
        };
        assert_eq!(
            progress.line_at(&started, start).as_deref(),
            Some("going on from step-000000010")
        );
        let step = |step| RunEvent::Step {
            phase: "sft".to_owned(),
            step,
            total: 100,
            metrics: Metrics::from([("loss".to_owned(), 1.25), ("lr".to_owned(), 2e-5)]),
        };
        let line = progress.line_at(&step(20), start + Duration::from_secs(5));
        assert_eq!(
            line.as_deref(),
            Some("sft 20/100  loss 1.2500  lr 2.00e-5  2.0 steps/s, 40s left")
        );
        assert_eq!(
            progress.line_at(&step(21), start + Duration::from_millis(5_400)),
            None
        );
        assert!(
            progress
                .line_at(&step(100), start + Duration::from_millis(5_500))
                .is_some()
        );
        assert_eq!(time(Duration::from_secs(3_723)), "1h 2m 3s");
    }
}
