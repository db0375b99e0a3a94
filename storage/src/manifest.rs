//! The manifest of a collection: what lives. Writing it is the one commit point of spaces, trainings and segments.

use serde::{Deserialize, Serialize};

use crate::codec::{self, Versioned};
use crate::error::{Error, Result};
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
    /// The rankers that are attached. They stand behind the rest, from version 2 on.
    #[serde(skip)]
    pub rankers: Vec<RankerMeta>,
    /// The policies that are kept. They stand behind the rankers, from version 3 on.
    #[serde(skip)]
    pub policies: Vec<PolicyMeta>,
    /// The first delta entry that counts: those before it are folded into records and columns. 0 where there has never been one. Behind the
    /// policies.
    #[serde(skip)]
    pub first_delta: u64,
}

/// A second-stage model.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct RankerMeta {
    /// The name that it is attached under; no two have the same one.
    pub name: String,
    /// Its blobs: the model, and its spec where that came beside it.
    pub parts: Vec<BlobMeta>,
}

/// Rules for the order of hits.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyMeta {
    /// The name that it is kept under; no two have the same one.
    pub name: String,
    /// How many times one of this name has been set since there was none: from 1.
    pub version: u64,
    /// Its blob: the rules.
    pub part: BlobMeta,
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

/// The versions of a manifest: 2 has rankers, 3 has policies and the first delta too.
struct Layout;

impl Versioned for Layout {
    const WHAT: &'static str = "a manifest";
    const VERSION: u8 = 3;
}

impl Manifest {
    /// The version and the bytes: the oldest version that has what there is, so that a Torre that knows no more can go on with such a database.
    ///
    /// # Errors
    /// As [`codec::encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let version = self.version();
        match version {
            1 => codec::pack(vec![version], self),
            2 => codec::pack(vec![version], &(self, &self.rankers)),
            _ => codec::pack(vec![version], &(self, &self.rankers, &self.policies, self.first_delta)),
        }
    }

    fn version(&self) -> u8 {
        if self.first_delta != 0 || !self.policies.is_empty() {
            Layout::VERSION
        } else if self.rankers.is_empty() {
            1
        } else {
            2
        }
    }

    /// The manifest of these bytes, in any of the versions.
    ///
    /// # Errors
    /// As [`codec::decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let rest = codec::version::<Layout>(bytes)?;
        let found = match bytes.first() {
            Some(1) => return codec::unpack(rest, Layout::WHAT),
            Some(2) => {
                let (manifest, rankers): (Self, Vec<RankerMeta>) = codec::unpack(rest, Layout::WHAT)?;
                Self { rankers, ..manifest }
            }
            _ => {
                let (manifest, rankers, policies, first_delta): (Self, Vec<RankerMeta>, Vec<PolicyMeta>, u64) =
                    codec::unpack(rest, Layout::WHAT)?;
                Self { rankers, policies, first_delta, ..manifest }
            }
        };
        // There is one way to write a manifest.
        if bytes.first() == Some(&found.version()) {
            Ok(found)
        } else {
            Err(Error::corrupt(Layout::WHAT, "it has another version than its content"))
        }
    }

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
            .chain(self.rankers.iter().flat_map(|ranker| &ranker.parts))
            .chain(self.policies.iter().map(|policy| &policy.part))
    }

    /// The numbers of the blobs that live, ascending, each once.
    pub fn live_blobs(&self) -> Vec<u64> {
        let mut live: Vec<u64> = self.parts().map(|part| part.blob).chain(self.segments.iter().map(|segment| segment.blob)).collect();
        live.sort_unstable();
        live.dedup();
        live
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rankers_come_with_a_version_of_their_own() {
        let without = Manifest { next_row: 7, segments: vec![SegmentMeta::default()], ..Manifest::default() };
        let bytes = without.to_bytes().unwrap();
        assert_eq!(bytes[0], 1);
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), without);
        let part = BlobMeta { blob: 9, part: 1, bytes: 3, crc: 4 };
        let with = Manifest { rankers: vec![RankerMeta { name: "r".to_owned(), parts: vec![part] }], ..without };
        let bytes = with.to_bytes().unwrap();
        assert_eq!(bytes[0], 2);
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), with);
        assert_eq!(with.live_blobs(), [0, 9]);
        for end in 0..bytes.len() {
            assert!(Manifest::from_bytes(&bytes[..end]).is_err());
        }
        assert!(Manifest::from_bytes(&[&[3], &bytes[1..]].concat()).is_err());
    }

    #[test]
    fn deltas_come_with_a_version_that_is_refused_where_they_are_not_known() {
        for rankers in [vec![], vec![RankerMeta { name: "r".to_owned(), parts: vec![] }]] {
            let with = Manifest { next_row: 7, rankers, first_delta: 5, ..Manifest::default() };
            let bytes = with.to_bytes().unwrap();
            assert_eq!(bytes[0], 3);
            assert_eq!(Manifest::from_bytes(&bytes).unwrap(), with);
            assert!((0..bytes.len()).all(|end| Manifest::from_bytes(&bytes[..end]).is_err()));
        }
    }

    #[test]
    fn so_do_policies() {
        let part = BlobMeta { blob: 4, part: 0, bytes: 3, crc: 4 };
        let policies = vec![PolicyMeta { name: "p".to_owned(), version: 7, part }];
        let rankers = vec![RankerMeta { name: "r".to_owned(), parts: vec![] }];
        for rankers in [vec![], rankers] {
            let with = Manifest { rankers, policies: policies.clone(), ..Manifest::default() };
            let bytes = with.to_bytes().unwrap();
            assert_eq!(bytes[0], 3);
            assert_eq!(Manifest::from_bytes(&bytes).unwrap(), with);
            assert_eq!(with.live_blobs(), [4]);
            for end in 0..bytes.len() {
                assert!(Manifest::from_bytes(&bytes[..end]).is_err());
            }
            assert!(Manifest::from_bytes(&[&[4], &bytes[1..]].concat()).is_err());
        }
    }
}
