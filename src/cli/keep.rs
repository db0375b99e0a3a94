//! `verify`, `salvage`, `backup`, `dump`, `load`: what keeps a database whole.

use std::path::PathBuf;

use clap::Args;

use crate::repl::Failure;
use crate::repl::output::Output;

/// Which database to check.
#[derive(Args, Clone, Debug)]
pub(crate) struct Verify {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// From where to where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Copy {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The new database's directory, which must not exist
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to write, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dump {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The directory of the dump, which must not exist
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to read, and into what.
#[derive(Args, Clone, Debug)]
pub(crate) struct Load {
    /// The new database's directory, which must not exist
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The directory of the dump
    #[arg(value_name = "DUMP")]
    pub(crate) dump: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command whose library call does not exist yet.
pub(super) fn later(command: &str) -> Result<Output, Failure> {
    Err(Failure::new(format!("`torre {command}` is not there yet: it comes with the work on durability")))
}
