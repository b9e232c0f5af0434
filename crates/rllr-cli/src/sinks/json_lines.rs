//! One event a line.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rllr_train::RunEvent;

/// A file with one JSON object a line, forced out after each.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: Option<File>,
}

impl JsonLines {
    /// Events will be written to `path`. Nothing is touched before the first one.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
        }
    }

    /// Writes an event. With [`RunEvent::Started`] the file is first cut back to what the run goes on from, so that no
    /// step is there twice.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&mut self, event: &RunEvent) -> anyhow::Result<()> {
        let context = || format!("writing {}", self.path.display());
        if let RunEvent::Started {
            step, resumed_from, ..
        } = event
        {
            let kept = if resumed_from.is_some() {
                kept(&self.path, *step)?
            } else {
                String::new()
            };
            let partial = self.path.with_extension("jsonl.partial");
            fs::write(&partial, kept)
                .and_then(|()| fs::rename(&partial, &self.path))
                .with_context(context)?;
            self.file = None;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)
                .with_context(context)?,
        };
        // In one call, so that a killed run leaves half a line at most.
        let line = serde_json::to_string(event)? + "\n";
        file.write_all(line.as_bytes()).with_context(context)?;
        self.file = Some(file);
        Ok(())
    }
}

/// The lines of a file up to the first that is not whole or of a later step.
fn kept(path: &Path, step: usize) -> anyhow::Result<String> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let is_kept = |line: &&str| {
        line.ends_with('\n') && serde_json::from_str::<RunEvent>(line).is_ok_and(|event| event.step() <= step)
    };
    Ok(text.split_inclusive('\n').take_while(is_kept).collect())
}

#[cfg(test)]
mod tests {
    use rllr_train::Metrics;

    use super::*;

    fn step(step: usize, loss: f64) -> RunEvent {
        RunEvent::Step {
            phase: "pretrain".to_owned(),
            step,
            total: 9,
            metrics: Metrics::from([("loss".to_owned(), loss)]),
        }
    }

    fn started(step: usize) -> RunEvent {
        RunEvent::Started {
            step,
            resumed_from: (step > 0).then(|| format!("step-{step}")),
            config: Metrics::new()
                .into_keys()
                .map(|key| (key, String::new()))
                .collect(),
        }
    }

    #[test]
    fn a_resumed_run_has_every_step_once() {
        let path = std::env::temp_dir().join(format!("rllr-json-lines-{}.jsonl", std::process::id()));
        let mut sink = JsonLines::new(&path);
        for event in [started(0), step(1, 0.5), step(2, f64::NAN), step(3, 0.25)] {
            sink.write(&event).unwrap();
        }
        drop(sink);
        // Killed in the middle of a line.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"event\":\"st").unwrap();
        let mut sink = JsonLines::new(&path);
        for event in [started(2), step(3, 0.25)] {
            sink.write(&event).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let steps: Vec<(String, usize)> = text
            .lines()
            .map(|line| {
                let json: serde_json::Value = serde_json::from_str(line).unwrap();
                let event: RunEvent = serde_json::from_str(line).unwrap();
                (json["event"].as_str().unwrap().to_owned(), event.step())
            })
            .collect();
        let expected = [
            ("started", 0),
            ("step", 1),
            ("step", 2),
            ("started", 2),
            ("step", 3),
        ];
        assert_eq!(steps, expected.map(|(event, step)| (event.to_owned(), step)));
        assert!(text.contains("\"loss\":null"));
        // A new run begins the file anew.
        JsonLines::new(&path).write(&started(0)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        fs::remove_file(&path).unwrap();
    }
}
