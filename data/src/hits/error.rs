//! Why hits cannot be written.

use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

/// A file of hits that cannot be written. What stood under its name before still does.
#[derive(ThisError, Debug)]
#[error("{}: {problem}", .path.display())]
pub struct HitError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub problem: HitProblem,
}

/// Why.
#[derive(ThisError, Debug)]
#[allow(missing_docs, reason = "the message of each says what it is and what its fields are")]
#[non_exhaustive]
pub enum HitProblem {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("cannot write hits to {extension:?}; expected .parquet, .jsonl, .csv or .npy")]
    Format { extension: String },
    #[error(
        "the id {id:?} (of the hits of {user:?}) is no whole number from 0 to 2^63 - 1, and a .npy file of hits has only such; write .parquet, .jsonl or .csv"
    )]
    NotANumber { user: String, id: String },
    #[error("{what}")]
    Parquet { what: String },
}

impl HitError {
    pub(super) fn new(path: &Path, problem: impl Into<HitProblem>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}
