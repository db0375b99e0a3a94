//! What a sweep removed.

/// What a sweep removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Blobs that no manifest named.
    pub blobs: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Records, vectors, delta and tombstone entries of dropped collections.
    pub records: u64,
}
