//! PyTorch in a process of its own, that waits between its turns.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A script of `tests/bench` that answers lines with lines.
pub(super) struct Torch {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Torch {
    /// Starts a script with Python, `RLLR_PYTHON` or else python3, and gives it its job.
    pub(super) fn start(script: &str, job: &Value) -> anyhow::Result<Self> {
        let python = std::env::var("RLLR_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        Self::start_with(&python, script, job)
    }

    /// Starts a script with this Python, and gives it its job.
    pub(super) fn start_with(python: &str, script: &str, job: &Value) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench").join(script);
        let mut process = Command::new(python)
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {python}; is it a Python that has torch?"))?;
        let input = process.stdin.take().context("the process has an input")?;
        let output = BufReader::new(process.stdout.take().context("the process has an output")?);
        let mut torch = Self {
            process,
            input,
            output,
        };
        let answer = torch.ask(&job.to_string())?;
        ensure!(
            answer.trim() == "ready",
            "PyTorch answered {answer:?}; has {python} the package torch?"
        );
        Ok(torch)
    }

    /// One turn.
    pub(super) fn run<T: DeserializeOwned>(&mut self, turn: &impl Serialize) -> anyhow::Result<T> {
        Ok(serde_json::from_str(&self.ask(&serde_json::to_string(turn)?)?)?)
    }

    fn ask(&mut self, line: &str) -> anyhow::Result<String> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
