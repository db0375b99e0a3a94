//! Why a bench cannot be run.

use std::path::{Path, PathBuf};

use torre_data::ImportError;

#[derive(thiserror::Error, Debug)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Torre(#[from] torre::Error),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// What the arguments name cannot be measured.
    #[error("{0}")]
    Unusable(String),
}

impl BenchError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
