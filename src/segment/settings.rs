//! A collection's settings, as they are stored.

use serde::{Deserialize, Serialize};
use torre_storage::codec::Versioned;

use crate::features::Schema;
use crate::types::{Metric, Refine};

/// Fixed when a collection is created, but for which fields of the schema are indexed: [`Snapshot`](crate::segment::Snapshot) has the schema of
/// a state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) dim: usize,
    pub(crate) metric: Metric,
    /// True when item and user towers make the vectors.
    pub(crate) towers: bool,
    pub(crate) schema: Schema,
}

impl Versioned for Settings {
    const WHAT: &'static str = "the settings of a collection";
    const VERSION: u8 = 1;
}

/// How the index is built; `None` lets the data decide.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct IndexSettings {
    pub(crate) m: Option<usize>,
    pub(crate) lists: Option<usize>,
    /// May be auto; [`Trained`](crate::segment::Trained) knows what that came to.
    pub(crate) refine: Refine,
    pub(crate) seed: u64,
}
