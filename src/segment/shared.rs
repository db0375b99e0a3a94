//! What readers and writers of one collection share.

use std::sync::Arc;

use quick_cache::sync::Cache;
use torre_storage::{CollectionId, Storage};

use crate::error::{Error, Result};
use crate::segment::{Asked, Place, Record, Settings, Snapshot};
use crate::sync::ArcSwap;

/// A collection's storage, settings and current snapshot.
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) id: CollectionId,
    pub(crate) settings: Settings,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Exact vectors of sealed rows, by row number, for histories looked up again and again.
    vectors: Cache<u64, Arc<[f32]>>,
    /// Vectors searched with since the collection was opened.
    pub(crate) asked: Asked,
}

/// Vectors kept for look-ups.
const CACHED_VECTORS: usize = 1 << 16;

impl Shared {
    pub(crate) fn new(storage: Storage, id: CollectionId, settings: Settings, snapshot: Snapshot) -> Self {
        let asked = Asked::new(settings.dim);
        Self { storage, id, settings, snapshot: ArcSwap::from_pointee(snapshot), vectors: Cache::new(CACHED_VECTORS), asked }
    }

    /// The bytes of the record of a row that is live in a snapshot that the caller holds: as long as it does, the record stays.
    pub(crate) fn record(&self, row: u64) -> Result<Vec<u8>> {
        self.storage.record(self.id, row)?.ok_or_else(|| self.damaged(format!("row {row}"), "the record is missing"))
    }

    /// Decodes a record that storage has vouched for.
    pub(crate) fn decode<'a>(&self, row: u64, bytes: &'a [u8]) -> Result<Record<'a>> {
        Record::decode(bytes)
            .filter(|record| record.dim() == self.settings.dim)
            .ok_or_else(|| self.damaged(format!("row {row}"), "the record does not decode"))
    }

    pub(crate) fn damaged(&self, part: impl std::fmt::Display, what: &str) -> Error {
        Error::Damaged { part: format!("{part} of collection {:?}", self.settings.name), what: what.to_owned() }
    }

    /// Copies the exact vector of a live row into `out`.
    pub(crate) fn vector(&self, snapshot: &Snapshot, place: Place, out: &mut [f32]) -> Result<()> {
        if let Some(vector) = snapshot.vector(place) {
            out.copy_from_slice(vector);
            return Ok(());
        }
        let row = snapshot.row(place);
        if let Some(vector) = self.vectors.get(&row) {
            out.copy_from_slice(&vector);
            return Ok(());
        }
        let bytes = self.record(row)?;
        self.decode(row, &bytes)?.copy_vector(out);
        self.vectors.insert(row, Arc::from(&*out));
        Ok(())
    }
}
