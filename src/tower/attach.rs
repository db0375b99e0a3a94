//! A model file becomes a tower: checked, prepared, tried on made-up rows, and its golden rows replayed.

use std::sync::Arc;

use super::golden;
use super::onnx::{Attach, Tower};
use super::trial::Trial;
use crate::features::TowerRole;
use crate::model_error::ModelError;
use crate::tower_source::TowerSource;

/// What became of a tower's checks beside the tower.
pub(super) struct Attached {
    pub(super) tower: Tower,
    /// None where the tower was tried before.
    pub(super) trial: Option<Trial>,
    /// The largest difference of an element of a golden vector; none without golden rows.
    pub(super) golden: Option<f32>,
}

/// Loads the tower of a role, or of either.
pub(super) fn attach(source: &Arc<TowerSource>, role: Option<TowerRole>, attach: Attach) -> Result<Attached, ModelError> {
    let load = || {
        let (tower, trial) = Tower::new(source, role, attach)?;
        let golden = golden::replay(&tower)?;
        Ok(Attached { tower, trial, golden })
    };
    load().map_err(|error: ModelError| error.in_file(source.path.as_deref()))
}
