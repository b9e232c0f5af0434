//! One line at the bottom of a terminal that says how far a stage is, and nothing where nobody looks.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use rllr_train::Metrics;

use super::progress::time;

/// Shortest time between two paintings.
const PAUSE: Duration = Duration::from_millis(100);

/// Cells of the bar.
const CELLS: usize = 20;

/// Metrics that are shown, where a stage has them, in this order; there is no room for more.
const SHOWN: [&str; 8] = [
    "loss",
    "mean_token_accuracy",
    "accuracy",
    "objective/scores",
    "objective/kl",
    "objective/entropy",
    "rollout/accuracy",
    "rollout/invalid_rate",
];

/// A line on standard error: bar, rate, time left and the newest metrics. Silent unless standard error is a terminal.
///
/// It is written here because the usual crate switches a feature of an atomics crate on that all of Burn would be
/// compiled once more for.
#[derive(Debug)]
pub struct StatusLine {
    name: String,
    unit: &'static str,
    begun: (Instant, usize),
    painted: Option<Instant>,
    is_shown: bool,
}

impl StatusLine {
    /// A line for a stage.
    ///
    /// - `unit`: what is counted, such as `steps`
    /// - `done`: what was done before
    #[must_use]
    pub fn new(name: &str, unit: &'static str, done: usize) -> Self {
        Self {
            name: name.to_owned(),
            unit,
            begun: (Instant::now(), done),
            painted: None,
            is_shown: io::stderr().is_terminal(),
        }
    }

    /// A line that is never shown.
    #[must_use]
    pub fn hidden() -> Self {
        let mut line = Self::new("", "", 0);
        line.is_shown = false;
        line
    }

    /// Shows how far it is, if the last time is a while ago.
    pub fn show(&mut self, done: usize, total: usize, metrics: &Metrics) {
        let now = Instant::now();
        let is_early = self
            .painted
            .is_some_and(|painted| now.duration_since(painted) < PAUSE);
        if !self.is_shown || (is_early && done < total) {
            return;
        }
        self.painted = Some(now);
        let text = self.text(done, total, metrics, now);
        // Nobody may be listening, which is no reason to stop training.
        let _ = write!(io::stderr(), "\r\x1b[2K{}", fitted(&text, width()));
        let _ = io::stderr().flush();
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.painted.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
            let _ = io::stderr().flush();
        }
    }

    fn text(&self, done: usize, total: usize, metrics: &Metrics, now: Instant) -> String {
        let (begun, first) = self.begun;
        let rate = (done - first.min(done)) as f64 / now.duration_since(begun).as_secs_f64().max(1e-9);
        let left = if rate > 0.0 {
            time(Duration::from_secs_f64((total - done.min(total)) as f64 / rate))
        } else {
            "?".to_owned()
        };
        let full = (CELLS * done).checked_div(total).unwrap_or(CELLS).min(CELLS);
        let bar = "█".repeat(full) + &"░".repeat(CELLS - full);
        let shown = SHOWN
            .iter()
            .filter_map(|name| Some((name, metrics.get(*name)?)))
            .map(|(name, value)| format!("  {name} {value:.3}"));
        let Self { name, unit, .. } = self;
        let numbers: String = shown.collect();
        format!("{name} {bar} {done}/{total}  {rate:.1} {unit}/s, {left} left{numbers}")
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Cells of the terminal's line, as the shell says; a safe number where it does not.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(100)
}

/// The first `width` characters: a line that wraps could not be painted over.
fn fitted(text: &str, width: usize) -> String {
    text.chars().take(width.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_how_fast_and_how_long() {
        let mut line = StatusLine::new("rllr", "steps", 10);
        let start = Instant::now();
        line.begun = (start, 10);
        let metrics = Metrics::from([
            ("objective/kl".to_owned(), 0.25),
            ("loss".to_owned(), 1.5),
            ("epoch".to_owned(), 3.0),
        ]);
        let text = line.text(30, 60, &metrics, start + Duration::from_secs(10));
        let bar = "█".repeat(10) + &"░".repeat(10);
        let expected = format!("rllr {bar} 30/60  2.0 steps/s, 15s left  loss 1.500  objective/kl 0.250");
        assert_eq!(text, expected);
        assert_eq!(fitted("abcdef", 4), "abc");
        let text = line.text(10, 60, &Metrics::new(), start);
        assert!(text.contains("? left"), "{text}");
        StatusLine::hidden().show(1, 2, &metrics);
    }
}
