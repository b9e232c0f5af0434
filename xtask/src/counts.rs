//! Counting tests in what the test runners print.
//!
//! A test that cannot run on this machine prints a line that begins with `SKIPPED: ` and the reason.
//! Its runner says that it passed; here it is counted as skipped and not as passed.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::AddAssign;

/// How the tests of one or several runs ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that ran and held.
    pub passed: u64,
    /// Tests that did not hold, timed out or could not be started.
    pub failed: u64,
    /// Tests that could not run here, or are marked to be ignored.
    pub skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    /// `N passed, M failed`, with `, K skipped` where some were.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed")?;
        if *skipped > 0 {
            write!(f, ", {skipped} skipped")?;
        }
        Ok(())
    }
}

/// Whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// `cargo test`, or `wasm-bindgen-test-runner`, which closes with the same line. One summary per test program.
    Libtest,
    /// `cargo nextest run --success-output immediate`: one summary, and each test's output in a section of its own.
    Nextest,
}

/// Reads the output of one run, line by line.
#[derive(Debug, Clone)]
pub struct Reader {
    runner: Runner,
    section: Section,
    reported: Counts,
    reasons: Vec<String>,
}

/// What nextest's current lines belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// The runner's own words, or a test that failed.
    Shown,
    /// The output of a test that passed; it interests nobody, unless the test skipped itself.
    Passed,
    /// The rest of a section whose test has said that it skipped itself.
    Skipped,
}

impl Reader {
    /// A reader for a run that has not begun.
    #[must_use]
    pub fn new(runner: Runner) -> Self {
        Self {
            runner,
            section: Section::Shown,
            reported: Counts::default(),
            reasons: Vec::new(),
        }
    }

    /// Takes one line without its line end. Returns whether it is worth showing.
    pub fn line(&mut self, line: &str) -> bool {
        match self.runner {
            Runner::Libtest => self.libtest_line(line),
            Runner::Nextest => self.nextest_line(line),
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let themselves = u64::try_from(self.reasons.len()).unwrap_or(u64::MAX);
        let Counts {
            passed,
            failed,
            skipped,
        } = self.reported;
        Counts {
            passed: passed.saturating_sub(themselves),
            failed,
            skipped: skipped + themselves,
        }
    }

    /// Why tests skipped themselves, one entry per test.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    fn libtest_line(&mut self, line: &str) -> bool {
        if let Some(counts) = libtest_summary(line) {
            self.reported += counts;
        } else if let Some(reason) = skip_reason(line) {
            self.reasons.push(reason.to_owned());
        }
        true
    }

    fn nextest_line(&mut self, line: &str) -> bool {
        if let Some(counts) = nextest_summary(line) {
            self.reported += counts;
            self.section = Section::Shown;
        } else if let Some(status) = nextest_status(line) {
            let passed = ["PASS", "LEAK", "FLAKY"].contains(&status);
            self.section = if passed { Section::Passed } else { Section::Shown };
            return true;
        } else if let (Section::Passed, Some(reason)) = (self.section, skip_reason(line)) {
            self.reasons.push(reason.to_owned());
            self.section = Section::Skipped;
            return true;
        }
        self.section == Section::Shown
    }
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; ...`
fn libtest_summary(line: &str) -> Option<Counts> {
    let (_verdict, numbers) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for item in numbers.split(';') {
        match number_and_word(item)? {
            (n, "passed") => counts.passed = n,
            (n, "failed") => counts.failed = n,
            (n, "ignored") => counts.skipped = n,
            _ => break,
        }
    }
    Some(counts)
}

/// `Summary [   0.271s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 1 skipped`
fn nextest_summary(line: &str) -> Option<Counts> {
    let rest = line.trim().strip_prefix("Summary [")?;
    let (_, numbers) = rest.split_once(" run: ")?;
    let mut counts = Counts::default();
    let mut in_brackets = false;
    for item in numbers.split(", ") {
        // "3 passed (1 slow, 1 leaky)": what is in the brackets is counted already.
        let was_in_brackets = in_brackets;
        in_brackets = (in_brackets || item.contains('(')) && !item.ends_with(')');
        if was_in_brackets {
            continue;
        }
        match number_and_word(item)? {
            (n, "passed") => counts.passed += n,
            (n, "skipped") => counts.skipped += n,
            // "failed", "timed out", "exec failed": whatever it is called, it did not hold.
            (n, _) => counts.failed += n,
        }
    }
    Some(counts)
}

fn number_and_word(item: &str) -> Option<(u64, &str)> {
    let mut words = item.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?))
}

/// The word before the time in lines such as `    PASS [   0.046s] package test`.
fn nextest_status(line: &str) -> Option<&str> {
    let (before, after) = line.split_once(" [")?;
    let (time, _) = after.split_once("s]")?;
    let time = time.trim_start_matches('>').trim();
    let status = before.split_whitespace().next()?;
    let is_word = status
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    (is_word && time.parse::<f64>().is_ok()).then_some(status)
}

/// The reason after `SKIPPED: `, which stands at the line's beginning
/// or, when the runner has begun the line for the test, after `test name ... `.
fn skip_reason(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = match line
        .strip_prefix("test ")
        .and_then(|rest| rest.split_once(" ... "))
    {
        Some((_name, rest)) => rest,
        None => line,
    };
    line.strip_prefix("SKIPPED: ")
}
