//! Without parquet there is no table of what a ranker is trained on.

use std::path::Path;

use serde_json::Value as Json;
use torre_train::{FittedRanker, TreeOptions};

use crate::repl::Failure;

/// Refuses the table, before anything is trained.
pub(super) fn check(_: Option<&Json>) -> Result<(), Failure> {
    Err(Failure::new("--table: this program was built without parquet"))
}

/// What `check` has refused.
pub(super) fn write(_: &Path, _: &FittedRanker, _: &TreeOptions) -> Result<(), Failure> {
    check(None)
}
