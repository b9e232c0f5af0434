//! Running other programs: shown to the user, read line by line, or silently.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

/// A program's path, when it is on `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

/// A command as one would type it, for messages.
#[must_use]
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs a command whose output the user sees, all of it on standard error:
/// standard output is for the results of the chore itself.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let text = shown(command);
    eprintln!("$ {text}");
    let status = command
        .stdout(std::io::stderr())
        .status()
        .with_context(|| cannot_start(command.get_program()))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Runs a command silently and returns what it wrote to standard output.
///
/// # Errors
/// When it cannot be started or does not exit with 0; the message ends with what it wrote to standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let text = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command.get_program()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{text}` failed ({}): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and hands over each line of its output and errors as it comes.
///
/// # Errors
/// When it cannot be started. Its exit status is returned, not judged.
pub fn stream(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    eprintln!("$ {}", shown(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command.get_program()))?;
    let (sender, lines) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as _),
        child.stderr.take().map(|pipe| Box::new(pipe) as _),
    ];
    for pipe in outputs.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                // The receiver lives until both pipes are closed, so sending cannot fail before that.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
    drop(sender);
    for line in lines {
        on_line(line.trim_end_matches('\r'));
    }
    child.wait().with_context(|| format!("lost `{}`", shown(command)))
}

fn cannot_start(program: &OsStr) -> String {
    format!(
        "cannot start `{}`: is it installed and on PATH?",
        program.to_string_lossy()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_returned_and_failure_explained() {
        let text = output(Command::new("sh").args(["-c", "echo hello"])).unwrap();
        assert_eq!(text, "hello\n");
        let error = output(Command::new("sh").args(["-c", "echo because >&2; exit 3"])).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("exit status: 3") && message.ends_with("because"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_program_says_what_to_do() {
        let error = output(&mut Command::new("rllr-no-such-program")).unwrap_err();
        assert!(
            error.to_string().contains("is it installed and on PATH?"),
            "{error}"
        );
    }

    #[test]
    fn lines_of_both_outputs_arrive() {
        let mut lines = Vec::new();
        let status = stream(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 5"]),
            |line| {
                lines.push(line.to_owned());
            },
        )
        .unwrap();
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        assert_eq!(status.code(), Some(5));
    }
}
