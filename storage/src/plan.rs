//! What one batch writes to the store of records.

use std::collections::BTreeMap;

use crate::backend::Backend;
use crate::batch::Change;
use crate::durability::Sequence;
use crate::envelope::{PAYLOAD, seal};
use crate::error::{Error, Result};
use crate::key::{self, CollectionId, Key};
use crate::storage::Writer;

/// The writes of one batch. Changes come in order, and a later one sees the earlier.
pub(crate) struct Plan<'a> {
    records: &'a dyn Backend,
    sequence: Sequence,
    pub(crate) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Collections touched, and whether they live afterwards.
    pub(crate) collections: BTreeMap<CollectionId, bool>,
    pub(crate) tombstones: BTreeMap<CollectionId, u64>,
    /// Blobs that the batch's manifests name.
    pub(crate) named: Vec<(CollectionId, Vec<u64>)>,
}

impl<'a> Plan<'a> {
    /// A plan without writes; `records` is the store that they are for.
    pub(crate) fn new(records: &'a dyn Backend, sequence: Sequence) -> Self {
        Self { records, sequence, writes: BTreeMap::new(), collections: BTreeMap::new(), tombstones: BTreeMap::new(), named: Vec::new() }
    }

    pub(crate) fn add(&mut self, writer: &Writer, change: Change) -> Result<()> {
        let c = change.collection();
        let lives = self.collections.get(&c).or_else(|| writer.collections.get(&c)).copied();
        match (&change, lives) {
            (Change::PutCollection(..), None) | (_, Some(true)) => {}
            _ => return Err(Error::UnknownCollection { id: c.0 }),
        }
        self.collections.insert(c, !matches!(change, Change::DropCollection(_)));
        match change {
            Change::PutCollection(c, settings) => {
                let mut payload = vec![1];
                payload.extend_from_slice(&settings);
                self.put(Key::Collection(c), &payload);
            }
            Change::DropCollection(c) => {
                // Records, deltas, vectors, tombstones and list entries may be many: they go by the sweep, in batches of their own.
                self.put(Key::Collection(c), &[0]);
                self.remove(key::manifest(c))?;
            }
            Change::PutRecord(collection, row, record) => self.put(Key::Record { collection, row, piece: 0 }, &record),
            Change::DeleteRecords(c, rows) => self.remove(key::records(c, rows))?,
            Change::PutVector(collection, space, row, vector) => self.put(Key::Vector { collection, space, row, piece: 0 }, &vector),
            Change::DeleteVectors(c, space, rows) => self.remove(key::vectors(c, space, rows))?,
            Change::PutTombstones(c, rows) => {
                let number = self.last_tombstone(writer, c) + 1;
                self.tombstones.insert(c, number);
                self.put_rows(c, number, &rows);
            }
            Change::PutDelta(collection, number, delta) => self.put(Key::Delta { collection, number, piece: 0 }, &delta),
            Change::PutListEntry(collection, number, entry) => self.put(Key::ListEntry { collection, number, piece: 0 }, &entry),
            Change::PutManifest(collection, manifest, blobs) => {
                self.put(Key::Manifest { collection, piece: 0 }, &manifest?);
                self.named.push((collection, blobs));
            }
        }
        Ok(())
    }

    /// The plan with a head for every collection touched.
    pub(crate) fn finish(mut self, writer: &Writer) -> Self {
        for c in self.collections.keys().copied().collect::<Vec<_>>() {
            let last = self.last_tombstone(writer, c).to_le_bytes();
            self.put(Key::Head(c), &last);
        }
        self
    }

    fn put_rows(&mut self, collection: CollectionId, number: u64, rows: &[u64]) {
        let payload: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        self.put(Key::Tombstones { collection, number, piece: 0 }, &payload);
    }

    /// Puts a value in as many pieces as it needs. Pieces of a longer one before stay behind the last and are no part of it.
    fn put(&mut self, key: Key, payload: &[u8]) {
        let pieces = payload.len().div_ceil(PAYLOAD).max(1);
        for piece in 0..pieces {
            let part = &payload[piece * PAYLOAD..payload.len().min((piece + 1) * PAYLOAD)];
            let key = key.piece(piece as u16);
            let encoded = key.encode();
            let value = seal(key, &encoded, pieces as u32, self.sequence, part);
            self.writes.insert(encoded, Some(value));
        }
    }

    /// Removes all there is in a range, in the store and in this batch.
    fn remove(&mut self, range: std::ops::Range<Vec<u8>>) -> Result<()> {
        if range.start >= range.end {
            return Ok(());
        }
        for (_, value) in self.writes.range_mut(range.clone()) {
            *value = None;
        }
        let mut start = range.start;
        loop {
            let page = self.records.range(&start..&range.end, 1024, 4 << 20)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            start.clone_from(last);
            start.push(0);
            self.writes.extend(page.into_iter().map(|(key, _)| (key, None)));
        }
    }

    fn last_tombstone(&self, writer: &Writer, c: CollectionId) -> u64 {
        self.tombstones.get(&c).or_else(|| writer.tombstones.get(&c)).copied().unwrap_or(0)
    }
}
