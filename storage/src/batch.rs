//! What one commit does: collected first, applied whole or not at all.

use std::ops::Range;

use crate::envelope::PAYLOAD;
use crate::error::{Error, Result};
use crate::key::{CollectionId, LAST_ROW, SpaceId};
use crate::manifest::Manifest;

/// Most bytes of one record, settings value, manifest, delta or tombstone entry: 65,535 pieces.
const LARGEST: usize = PAYLOAD * u16::MAX as usize;

/// One change of a batch.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    PutCollection(CollectionId, Vec<u8>),
    DropCollection(CollectionId),
    PutRecord(CollectionId, u64, Vec<u8>),
    DeleteRecords(CollectionId, Range<u64>),
    PutVector(CollectionId, SpaceId, u64, Vec<u8>),
    DeleteVectors(CollectionId, SpaceId, Range<u64>),
    PutTombstones(CollectionId, Vec<u64>),
    PutDelta(CollectionId, u64, Vec<u8>),
    PutListEntry(CollectionId, u64, Vec<u8>),
    /// The encoded manifest, and the blobs that it names.
    PutManifest(CollectionId, Result<Vec<u8>>, Vec<u64>),
}

impl Change {
    pub(crate) fn collection(&self) -> CollectionId {
        match self {
            Change::PutCollection(c, _)
            | Change::DropCollection(c)
            | Change::PutRecord(c, ..)
            | Change::DeleteRecords(c, _)
            | Change::PutVector(c, ..)
            | Change::DeleteVectors(c, ..)
            | Change::PutTombstones(c, _)
            | Change::PutDelta(c, ..)
            | Change::PutListEntry(c, ..)
            | Change::PutManifest(c, ..) => *c,
        }
    }
}

/// Changes that are committed together, in the order in which they were put.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
    pub(crate) bytes: usize,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a collection's settings, which also creates it.
    pub fn put_collection(&mut self, c: CollectionId, settings: &[u8]) {
        self.push(settings.len(), Change::PutCollection(c, settings.to_vec()));
    }

    /// Removes a collection: settings, manifest, records, deltas, vectors, tombstones and lists. Its blobs go by [`Storage::sweep`](crate::Storage::sweep).
    pub fn drop_collection(&mut self, c: CollectionId) {
        self.push(0, Change::DropCollection(c));
    }

    /// Writes the record of a row.
    pub fn put_record(&mut self, c: CollectionId, row: u64, record: impl Into<Vec<u8>>) {
        let record = record.into();
        self.push(record.len(), Change::PutRecord(c, row, record));
    }

    /// Removes the record of a row; a row without one is fine.
    pub fn delete_record(&mut self, c: CollectionId, row: u64) {
        self.push(0, Change::DeleteRecords(c, row..row.saturating_add(1)));
    }

    /// Removes the records of these rows.
    pub fn delete_records(&mut self, c: CollectionId, rows: Range<u64>) {
        self.push(0, Change::DeleteRecords(c, rows));
    }

    /// Writes the vector of a row in a space.
    pub fn put_vector(&mut self, c: CollectionId, space: SpaceId, row: u64, vector: impl Into<Vec<u8>>) {
        let vector = vector.into();
        self.push(vector.len(), Change::PutVector(c, space, row, vector));
    }

    /// Removes the vectors of these rows in a space.
    pub fn delete_vectors(&mut self, c: CollectionId, space: SpaceId, rows: Range<u64>) {
        self.push(0, Change::DeleteVectors(c, space, rows));
    }

    /// Adds a tombstone entry: these rows are deleted.
    pub fn put_tombstones(&mut self, c: CollectionId, rows: &[u64]) {
        if !rows.is_empty() {
            self.push(rows.len() * 8, Change::PutTombstones(c, rows.to_vec()));
        }
    }

    /// Writes the delta entry of a number: fields of rows that have other values than their records say. Numbers ascend, and are used once.
    pub fn put_delta(&mut self, c: CollectionId, number: u64, delta: impl Into<Vec<u8>>) {
        let delta = delta.into();
        self.push(delta.len(), Change::PutDelta(c, number, delta));
    }

    /// Writes an entry of the collection's list log, whose numbers ascend.
    pub fn put_list_entry(&mut self, c: CollectionId, number: u64, entry: impl Into<Vec<u8>>) {
        let entry = entry.into();
        self.push(entry.len(), Change::PutListEntry(c, number, entry));
    }

    /// Writes a collection's manifest.
    pub fn put_manifest(&mut self, c: CollectionId, manifest: &Manifest) {
        let bytes = manifest.to_bytes();
        self.push(bytes.as_ref().map_or(0, Vec::len), Change::PutManifest(c, bytes, manifest.live_blobs()));
    }

    /// Whether nothing was put.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes were put.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Bytes of the values put, keys and envelopes not counted.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Refuses what the caller must mend, before anything is touched.
    pub(crate) fn check(&self) -> Result<()> {
        for change in &self.changes {
            let (what, bytes) = match change {
                Change::PutRecord(_, row, _) | Change::PutVector(_, _, row, _) if *row > LAST_ROW => {
                    return Err(Error::Reserved { what: "row", number: *row });
                }
                Change::PutRecord(_, _, bytes) | Change::PutVector(_, _, _, bytes) if bytes.len() <= LARGEST => continue,
                Change::PutRecord(c, row, record) => (format!("record {row} of collection {}", c.0), record.len()),
                Change::PutListEntry(c, number, entry) => (format!("list entry {number} of collection {}", c.0), entry.len()),
                Change::PutVector(c, _, row, vector) => (format!("vector {row} of collection {}", c.0), vector.len()),
                Change::PutCollection(c, settings) => {
                    if settings.len() >= PAYLOAD {
                        let what = format!("the settings of collection {}", c.0);
                        return Err(Error::TooLarge { what, bytes: settings.len() as u64, limit: PAYLOAD as u64 - 1 });
                    }
                    continue;
                }
                Change::PutManifest(c, manifest, _) => {
                    (format!("the manifest of collection {}", c.0), manifest.as_ref().map_err(Clone::clone)?.len())
                }
                Change::PutDelta(_, number, _) if *number == u64::MAX => {
                    return Err(Error::Reserved { what: "delta entry", number: *number });
                }
                Change::PutDelta(c, number, delta) => (format!("delta entry {number} of collection {}", c.0), delta.len()),
                Change::PutTombstones(c, rows) => (format!("a tombstone entry of collection {}", c.0), rows.len().saturating_mul(8)),
                Change::DeleteRecords(..) | Change::DeleteVectors(..) | Change::DropCollection(_) => {
                    continue;
                }
            };
            if bytes > LARGEST {
                return Err(Error::TooLarge { what, bytes: bytes as u64, limit: LARGEST as u64 });
            }
        }
        Ok(())
    }

    /// Room that a batch may take: its bytes, and for deletions the leaves that are written again.
    pub(crate) fn room(&self) -> u64 {
        const LEAF: u64 = 32 << 10;
        let deletes = |change: &&Change| matches!(change, Change::DeleteRecords(..) | Change::DeleteVectors(..));
        let deletions = self.changes.iter().filter(deletes).count() as u64;
        self.bytes as u64 + self.len() as u64 * 64 + (deletions * LEAF).min(256 << 20)
    }

    fn push(&mut self, bytes: usize, change: Change) {
        self.bytes += bytes;
        self.changes.push(change);
    }
}
