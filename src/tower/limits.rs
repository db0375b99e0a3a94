//! What a model file may ask for. A tower is hostile input until it has passed these.

/// Rows of one run: larger batches are cut into micro-batches of this size.
pub(crate) const MICRO_BATCH: usize = 64;
pub(crate) use crate::tower_source::MODEL_BYTES;
/// Bytes of a model file outside of weights and metadata: nodes, names, attributes.
pub(crate) const STRUCTURE_BYTES: usize = 32 << 20;
/// Protobuf messages in a model file; an empty one takes 2 bytes there and hundreds decoded.
pub(crate) const MESSAGES: usize = 200_000;
/// Protobuf fields in the structure of a model file.
pub(crate) const FIELDS: usize = 2_000_000;
/// Nodes of a graph; preparing a chain takes time that grows faster than its length.
pub(crate) const NODES: usize = 4_096;
/// Dimensions of one tensor.
pub(crate) const RANK: usize = 8;
/// Elements of one value that the graph computes, at the largest batch (128 MB of f32).
pub(crate) const VALUE_ELEMENTS: usize = 1 << 25;
/// Elements of the values that are alive at once, at any batch (512 MB of f32).
pub(crate) const TOTAL_ELEMENTS: usize = 1 << 27;
/// Elements that are alive at once in a batch of several rows: larger batches fall out of the caches and are slower a row (8 MB of f32).
pub(crate) const BATCH_ELEMENTS: usize = 1 << 21;
/// What a node costs beside its steps, in steps.
pub(crate) const NODE_STEPS: u64 = 3_000;
/// Multiply-adds (or element steps) of one run at the largest batch: about ten seconds of one core.
pub(crate) const WORK: u64 = 1 << 38;
/// Elements of an integer tensor whose content is followed through the graph, so that shapes can be told before running.
pub(crate) const FOLLOWED_ELEMENTS: usize = 4_096;
/// Largest difference between a golden vector and what the tower makes of its row.
pub(crate) const GOLDEN_TOLERANCE: f32 = 1e-4;
/// Largest difference between a vector and the reference evaluator's, as a share of the vector's largest element.
pub(crate) const TOLERANCE: f64 = 1e-5;
/// The same where the graph rounds its numbers to small integers.
pub(crate) const TOLERANCE_QUANTIZED: f64 = 1e-3;
/// Steps that the reference evaluator may take for all rows: a fraction of a second.
pub(crate) const REFERENCE_STEPS: u64 = 1 << 26;
/// Elements that it may keep of a row's values, and read of the weights (128 MB each).
pub(crate) const REFERENCE_ELEMENTS: usize = 1 << 24;
/// Steps of a batch of made-up rows.
pub(crate) const TRIAL_STEPS: u64 = 1 << 33;
/// Bytes of weights up to which a graph is loaded a second time to see its values.
pub(crate) const INSPECTED_BYTES: usize = 1 << 27;
