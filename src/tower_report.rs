//! What was seen of a tower when it was checked.

use crate::features::{InputSpec, TowerRole};

/// The checks of one tower, all passed; see `TowerReport::of`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TowerReport {
    /// Item or user.
    pub role: TowerRole,
    /// The label of the trained pair.
    pub model: String,
    /// The vector's width.
    pub dim: usize,
    /// What the graph takes.
    pub inputs: Vec<InputSpec>,
    /// The operators of the graph in alphabetical order, with how many nodes each has.
    pub operators: Vec<(String, usize)>,
    /// Batch sizes at which made-up rows gave the same vectors as each alone.
    pub batches: Vec<usize>,
    /// Made-up rows whose vectors were compared with the reference evaluator's.
    pub compared: usize,
    /// The largest difference to it, as a share of the vector's largest element.
    pub difference: f64,
    /// The largest that is allowed, as such a share; what rounding does to an ill-conditioned row comes on top.
    pub tolerance: f64,
    /// The node at which the reference stopped, where the whole graph would have taken too long.
    pub cut: Option<String>,
    /// Golden rows of the spec, all replayed.
    pub golden: usize,
    /// The largest difference of an element of their vectors; `None` without golden rows.
    pub golden_difference: Option<f32>,
}
