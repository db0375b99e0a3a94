//! The `torre` binary: see `torre --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    torre_cli::main(std::env::args_os())
}
