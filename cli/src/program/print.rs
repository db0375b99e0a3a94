//! What goes to standard output and standard error, and how the process ends.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use crate::repl::Failure;

/// Writes to standard output. A reader that went away (`torre ... | head`) ends the process quietly.
pub(super) fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        problem(&format!("standard output: {error}"));
        std::process::exit(1);
    }
}

/// A line on standard error. There is nowhere to say that this failed.
pub(super) fn problem(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}

/// A line on standard error that is no failure.
pub(super) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "note: {message}");
}

/// The exit code of a failure, after its line on standard error.
pub(super) fn fail(failure: &Failure) -> ExitCode {
    problem(&failure.to_string());
    ExitCode::from(if failure.usage { 2 } else { 1 })
}

/// Columns of the terminal, where standard output is one.
pub(super) fn width() -> Option<u16> {
    if io::stdout().is_terminal() { comfy_table::Table::new().width() } else { None }
}
