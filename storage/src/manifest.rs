//! The manifest of a collection: what lives. Writing it is the one commit point of spaces, trainings and segments.

use serde::{Deserialize, Serialize};

use crate::codec::Versioned;
use crate::key::SpaceId;

/// What lives in a collection.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// The next row number to give out; numbers are never used twice.
    pub next_row: u64,
    /// Rows below are in segments or gone; from here on they are the tail.
    pub sealed_row: u64,
    /// The next blob number to give out; numbers are never used twice.
    pub next_blob: u64,
    /// The space that serves.
    pub space: SpaceId,
    /// The spaces that live, ascending.
    pub spaces: Vec<SpaceMeta>,
    /// Number of the training that serves.
    pub training: u32,
    /// The trainings that live, ascending.
    pub trainings: Vec<TrainingMeta>,
    /// The segments that live.
    pub segments: Vec<SegmentMeta>,
}

/// A space: what vectors mean.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct SpaceMeta {
    /// Its number, which the keys of its vectors carry.
    pub number: SpaceId,
    /// What tells it from every other space, in this database or elsewhere.
    pub fingerprint: u64,
    /// Its blobs: towers, specs.
    pub parts: Vec<BlobMeta>,
}

/// A training: how the vectors of a space are coded.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct TrainingMeta {
    /// Its number; numbers are never used twice.
    pub number: u32,
    /// The space that it belongs to.
    pub space: SpaceId,
    /// What tells its codes from every other training's, in this database or elsewhere.
    pub fingerprint: u64,
    /// Its blobs: quantizer, calibration, queries.
    pub parts: Vec<BlobMeta>,
}

/// A segment.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct SegmentMeta {
    /// The blob number that its parts share.
    pub blob: u64,
    /// The training that coded it.
    pub training: u32,
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
    pub part: u16,
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
    /// The space that serves, where it is listed.
    pub fn serving_space(&self) -> Option<&SpaceMeta> {
        self.spaces.iter().find(|space| space.number == self.space)
    }

    /// The training that serves, where it is listed.
    pub fn serving_training(&self) -> Option<&TrainingMeta> {
        self.trainings.iter().find(|training| training.number == self.training)
    }

    /// The parts of all blobs that live.
    pub fn parts(&self) -> impl Iterator<Item = &BlobMeta> {
        let spaces = self.spaces.iter().flat_map(|space| &space.parts);
        spaces
            .chain(self.trainings.iter().flat_map(|training| &training.parts))
            .chain(self.segments.iter().flat_map(|segment| &segment.parts))
    }

    /// The numbers of the blobs that live, ascending, each once.
    pub fn live_blobs(&self) -> Vec<u64> {
        let mut live: Vec<u64> = self.parts().map(|part| part.blob).chain(self.segments.iter().map(|segment| segment.blob)).collect();
        live.sort_unstable();
        live.dedup();
        live
    }
}
