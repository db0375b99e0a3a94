//! The manifest of a collection: what lives. Writing it is the one commit point of segments and generations.

use serde::{Deserialize, Serialize};

use crate::codec::Versioned;

/// What lives in a collection.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// The next row number to give out; numbers are never used twice.
    pub next_row: u64,
    /// Rows below are in segments or gone; from here on they are the tail.
    pub sealed_row: u64,
    /// The next blob number to give out; numbers are never used twice.
    pub next_blob: u64,
    /// Number of the current generation.
    pub generation: u32,
    /// The generations that live, ascending.
    pub generations: Vec<GenerationMeta>,
    /// The segments that live.
    pub segments: Vec<SegmentMeta>,
}

/// A generation: towers, specs, quantizer, calibration as blobs.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct GenerationMeta {
    /// Its number.
    pub number: u32,
    /// Its blobs.
    pub parts: Vec<BlobMeta>,
}

/// A segment.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct SegmentMeta {
    /// The blob number that its parts share.
    pub blob: u64,
    /// The generation that coded it.
    pub generation: u32,
    /// Rows in it, deleted ones included.
    pub rows: u64,
    /// Its parts.
    pub parts: Vec<BlobMeta>,
}

/// Where a blob's part is, and what its bytes must be.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct BlobMeta {
    /// Number of the blob in its collection.
    pub blob: u64,
    /// Number of the part in the blob.
    pub part: u8,
    /// Length in bytes.
    pub bytes: u64,
    /// crc32c of all bytes.
    pub crc: u32,
}

impl Versioned for Manifest {
    const WHAT: &'static str = "a manifest";
    const VERSION: u8 = 1;
}

impl Manifest {
    /// The numbers of the blobs that live, ascending, each once.
    pub fn live_blobs(&self) -> Vec<u64> {
        let parts = self.generations.iter().flat_map(|g| &g.parts).chain(self.segments.iter().flat_map(|s| &s.parts));
        let mut live: Vec<u64> = parts.map(|part| part.blob).chain(self.segments.iter().map(|s| s.blob)).collect();
        live.sort_unstable();
        live.dedup();
        live
    }
}
