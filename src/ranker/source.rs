//! Where a ranker comes from: the bytes of its model, and a spec where that is not inside.

use std::path::{Path, PathBuf};

use super::limits;
use crate::error::{Error, Result};
use crate::model_error::ModelError;

/// An ONNX file, and the ranker's spec that belongs to it where the file itself carries none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankerSource {
    /// The ONNX file's bytes, weights inside.
    pub onnx: Vec<u8>,
    /// The spec (JSON); it goes before the one in the file's metadata.
    pub spec: Option<String>,
    /// The file it was read from, for errors to name.
    pub path: Option<PathBuf>,
}

impl RankerSource {
    /// A model whose metadata carries its spec.
    #[must_use]
    pub fn new(onnx: impl Into<Vec<u8>>) -> Self {
        Self { onnx: onnx.into(), spec: None, path: None }
    }

    /// The same model with this spec instead of the one in its metadata.
    #[must_use]
    pub fn with_spec(mut self, spec: impl Into<String>) -> Self {
        self.spec = Some(spec.into());
        self
    }

    /// Reads an ONNX file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`ModelError::TooLarge`] when it is larger than any ranker.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > limits::MODEL_BYTES as u64 {
            let error = ModelError::TooLarge { what: "bytes", got: bytes, limit: limits::MODEL_BYTES as u64 };
            return Err(error.in_file(Some(path)).into());
        }
        Ok(Self { path: Some(path.to_owned()), ..Self::new(std::fs::read(path).map_err(io)?) })
    }
}
