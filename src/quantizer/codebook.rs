//! What a product quantizer is: 256 centroids for each of its parts.

/// Centroids of one sub-quantizer: a code is a byte.
pub(crate) const CENTROIDS: usize = 256;
/// Groups of centroids of one sub-quantizer; a code's high nibble is its group, so that the scan can filter on 4 bits.
pub(crate) const GROUPS: usize = 16;

/// Splits a residual into `m` parts of (almost) equal width and names for each the nearest of 256 centroids.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ProductQuantizer {
    /// `m + 1` bounds: part `j` is the dimensions `bounds[j]..bounds[j + 1]`.
    pub(crate) bounds: Vec<u32>,
    /// Part `j`'s 256 centroids, row after row, start at `256 * bounds[j]`. The centroids 16 g .. 16 g + 15 are group g.
    pub(crate) codebook: Vec<f32>,
    /// Part `j`'s 16 group centres (means of their centroids, weighted by use), row after row, start at `16 * bounds[j]`.
    pub(crate) groups: Vec<f32>,
}
