//! What a ranker's file may ask for. It is hostile input until it has passed these.

/// Bytes of a model file.
pub(super) const MODEL_BYTES: usize = 256 << 20;
/// Bytes that a decoded file may take in memory beside the file itself.
pub(super) const DECODED_BYTES: usize = 256 << 20;
/// What one protobuf message is counted as in [`DECODED_BYTES`]: an empty one takes 2 bytes in the file.
pub(super) const MESSAGE_BYTES: usize = 512;
/// Nodes of the graph.
pub(super) const GRAPH_NODES: usize = 1_024;
/// Columns of any value of the graph.
pub(super) const WIDTH: usize = 4_096;
/// Columns of all values of the graph.
pub(super) const COLUMNS: u64 = 1 << 16;
/// Rows that go through the graph at once.
pub(super) const ROWS: usize = 256;
/// Branches and leaves of one ensemble.
pub(super) const TREE_NODES: usize = 1 << 21;
/// Targets, or classes, of one ensemble.
pub(super) const TARGETS: usize = 1_024;
/// Weights of one ensemble's leaves.
pub(super) const WEIGHTS: usize = 1 << 22;
/// Branches that one row may visit, at most: a few milliseconds.
pub(super) const VISITS: u64 = 1 << 20;
/// Bytes of the ranker's metadata.
pub(super) const SPEC_BYTES: usize = 16 << 20;
/// Texts of a vocabulary.
pub(super) const VOCAB: usize = 1 << 20;
/// Golden rows.
pub(super) const GOLDEN_ROWS: usize = 1_024;
/// Largest difference between a golden output and the score computed here, relative to the output, and absolute for outputs below 1.
pub(super) const GOLDEN_TOLERANCE: f32 = 1e-5;
