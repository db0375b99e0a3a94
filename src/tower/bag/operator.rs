//! The operator that loops over bags become.

/// The operator that parts elements into bags: `[bags x length, ..]` becomes `[bags, length, ..]`. Its inputs are the elements, the offsets
/// of the bags and of the end, and what has been seen to agree with them, where a loop reads it: the ends of the bags, their number, the
/// number of elements, whether there is one to begin with, and the indices. No file may use it.
pub(crate) const OPERATOR: &str = "EmbeddingBag";
