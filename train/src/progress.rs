//! What a run says while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ranking::Quality;

/// Where a run is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Progress {
    /// Said once, before the first step.
    Plan {
        /// Examples of an epoch.
        examples: usize,
        /// Epochs at most.
        epochs: usize,
        /// Parameters of the tables of embeddings, which both towers share.
        table_parameters: usize,
        /// Parameters of the item tower's layers.
        item_parameters: usize,
        /// Parameters of the user tower's layers.
        user_parameters: usize,
        /// Users whose validation is measured.
        validation_users: usize,
    },
    /// Said about twice a second.
    Step {
        /// Epochs passed.
        epoch: usize,
        /// Examples of this epoch passed.
        done: usize,
        /// Examples of an epoch.
        examples: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
        /// Examples a second, of the epoch so far.
        per_second: f64,
        /// Until the last epoch's end, if nothing ends it before.
        left: Duration,
    },
    /// Said after each epoch.
    Epoch(EpochReport),
}

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of its examples.
    pub loss: f64,
    /// Length of the gradients of item and user vectors, a mean over steps: a tower that gets none learns nothing.
    pub gradients: [f64; 2],
    /// Validation, where there is any.
    pub validation: Option<Quality>,
    /// Mean cosine of item vectors with their mean direction, and of user vectors with theirs: at 1 a tower has collapsed.
    pub alike: [f64; 2],
    /// Seconds, validation included.
    pub seconds: f64,
}
