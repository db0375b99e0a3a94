//! What attaching a tower checks, as a report: for those who train, in their own tests.

use std::sync::Arc;

use super::attach::attach;
use super::onnx::Attach;
use crate::error::Result;
use crate::tower_report::TowerReport;
use crate::tower_source::TowerSource;

impl TowerReport {
    /// Does everything that attaching does with one tower, item or user, and says what was seen.
    ///
    /// # Errors
    /// [`crate::Error::Model`], as [`crate::TowerPair::from_files`].
    pub fn of(source: &TowerSource) -> Result<Self> {
        let attached = attach(&Arc::new(source.clone()), None, Attach::First)?;
        let spec = attached.tower.spec();
        let trial = attached.trial.unwrap_or_default();
        Ok(Self {
            role: spec.tower(),
            model: spec.model().to_owned(),
            dim: spec.dim(),
            inputs: spec.inputs().to_vec(),
            operators: trial.operators.into_iter().collect(),
            batches: trial.batches,
            compared: trial.compared,
            difference: trial.difference,
            tolerance: trial.tolerance,
            cut: trial.cut,
            golden: spec.golden().len(),
            golden_difference: attached.golden,
        })
    }
}
