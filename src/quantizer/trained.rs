//! The quantizers of one training.

use super::codebook::ProductQuantizer;
use super::nearest::{Nearest, Rows};
use crate::types::Metric;
use crate::vector::Matrix;

/// One generation's quantizers. Immutable once trained.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Quantizer {
    pub(crate) metric: Metric,
    /// A row a list.
    pub(crate) coarse: Matrix,
    pub(crate) pq: ProductQuantizer,
    /// Weight of an error along the vector against one across it when encoding; 1 counts both the same.
    pub(crate) eta: f32,
    /// Weight of the error of a code's group beside the code's own when encoding: 0 where codes alone say how near a vector is.
    pub(crate) group_weight: u8,
    /// Everything here is of vectors multiplied by 2 to this power; see [`scale`](super::scale).
    pub(crate) exponent: i16,
}

impl Quantizer {
    /// The list of each vector: the one with the nearest centroid by squared distance, under every metric (residuals are smallest
    /// that way; for inner product the alternative, the centroid of largest product, drowns in the few longest centroids).
    pub(crate) fn assign(&self, vectors: &Matrix) -> Vec<u32> {
        Nearest::new(&self.coarse).of(Rows::All(vectors))
    }

    pub(crate) fn dim(&self) -> usize {
        self.coarse.dim()
    }

    pub(crate) fn lists(&self) -> usize {
        self.coarse.rows()
    }
}
