//! Which database a command goes to.

use std::path::PathBuf;

use clap::Args;

use crate::repl::DEFAULT_COLLECTION;

/// Which database, which collection, and how to answer.
#[derive(Args, Clone, Debug)]
pub(super) struct Target {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(super) db: PathBuf,
    /// The collection
    #[arg(long, value_name = "NAME", default_value = DEFAULT_COLLECTION)]
    pub(super) collection: String,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Open for reading only, beside other readers; by itself where nothing can be written
    #[arg(long)]
    pub(super) read_only: bool,
}
