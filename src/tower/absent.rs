//! Towers in a build without the feature `onnx`: the types are there, and the compiler knows that no tower ever is.

use std::path::Path;

use crate::error::{Error, Result};

use crate::features::{EncodeOptions, FeatureSpec, Row};
use crate::model_error::ModelError;
pub(crate) use crate::tower_source::TowerSource;
use crate::types::Metric;
use crate::vector::Matrix;

/// An item tower and a user tower. Without the feature `onnx` there is none.
#[derive(Clone, Debug)]
pub enum TowerPair {}

/// One tower. Without the feature `onnx` there is none.
#[derive(Debug)]
pub(crate) enum Tower {}

/// A network that ranks. Without the feature `onnx` there is none.
pub(crate) enum Network {}

impl Network {
    pub(crate) fn load(_onnx: &[u8], _input: &str, _width: usize, _output: &str) -> Result<Self, ModelError> {
        let reason = "this build of Torre runs rankers of trees and linear models only; for networks use one with the feature `onnx`";
        Err(ModelError::graph("model", reason))
    }

    pub(crate) fn scores(&self, _rows: &[f32]) -> Result<Vec<f32>, ModelError> {
        match *self {}
    }
}

impl TowerPair {
    /// Reads and checks two ONNX files.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: this build has no towers.
    pub fn from_files(item: impl AsRef<Path>, user: impl AsRef<Path>) -> Result<Self> {
        Self::new(TowerSource::from_file(item)?, TowerSource::from_file(user)?)
    }

    /// Checks two ONNX files in memory.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: this build has no towers.
    pub fn from_bytes(item: &[u8], user: &[u8]) -> Result<Self> {
        Self::new(TowerSource::new(item), TowerSource::new(user))
    }

    /// Checks two towers whose specs may come beside their files.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: this build has no towers.
    pub fn new(item: TowerSource, user: TowerSource) -> Result<Self> {
        let _ = (item, user);
        Err(absent())
    }

    pub(crate) fn reopened(item: TowerSource, user: TowerSource) -> Result<Self> {
        Self::new(item, user)
    }

    /// Width of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        match *self {}
    }

    /// How near two vectors are.
    #[must_use]
    pub fn metric(&self) -> Metric {
        match *self {}
    }

    /// Whether both graphs make vectors of unit length themselves.
    #[must_use]
    pub fn normalized(&self) -> bool {
        match *self {}
    }

    /// The label of the trained pair.
    #[must_use]
    pub fn model(&self) -> &str {
        match *self {}
    }

    /// What the item tower reads.
    #[must_use]
    pub fn item_spec(&self) -> &FeatureSpec {
        match *self {}
    }

    /// What the user tower reads.
    #[must_use]
    pub fn user_spec(&self) -> &FeatureSpec {
        match *self {}
    }

    pub(crate) fn item(&self) -> &Tower {
        match *self {}
    }

    pub(crate) fn user(&self) -> &Tower {
        match *self {}
    }

    /// What the item tower was loaded from.
    #[must_use]
    pub fn item_source(&self) -> &TowerSource {
        match *self {}
    }

    /// What the user tower was loaded from.
    #[must_use]
    pub fn user_source(&self) -> &TowerSource {
        match *self {}
    }
}

impl crate::TowerReport {
    /// Checks one tower.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: this build has no towers.
    pub fn of(source: &TowerSource) -> Result<Self> {
        let _ = source;
        Err(absent())
    }
}

impl Tower {
    pub(crate) fn run(&self, _rows: &[&Row], _options: &EncodeOptions<'_>) -> Result<Matrix> {
        match *self {}
    }
}

fn absent() -> Error {
    Error::Unsupported { what: "this build of Torre has no towers; use one with the feature `onnx`".to_owned() }
}
