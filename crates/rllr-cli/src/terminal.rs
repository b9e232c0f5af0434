//! Writing results to standard output.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};

/// Writes one line to standard output: `println!`, but for readers that stop reading.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::terminal::write_line(format_args!($($text)*))
    };
}
pub(crate) use say;

/// Writes one line of warning to standard error: results on standard output stay what they are.
macro_rules! warning {
    ($($text:tt)*) => {
        $crate::terminal::write_warning(format_args!($($text)*))
    };
}
pub(crate) use warning;

/// Writes a warning. When nobody can read it, nothing is lost that was asked for.
pub fn write_warning(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Writes a line. When nobody reads any more, as behind `| head`, the program has done its work and ends.
/// On any other failure, such as a full disk, it ends with an error: results must not be lost in silence.
pub fn write_line(text: Arguments<'_>) {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "error: the results could not be written to standard output: {error}"
            );
            std::process::exit(1);
        }
    }
}
