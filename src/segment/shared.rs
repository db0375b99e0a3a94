//! What readers and writers of one collection share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use quick_cache::sync::Cache;
use torre_storage::{CollectionId, Storage};

use crate::error::{Error, Result};
use crate::segment::{Asked, Place, Record, Settings, Snapshot};
use crate::sync::ArcSwap;
use crate::vector::Matrix;

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
    /// Called when there has come to be something to calibrate with.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Set once the collection is dropped: what its handles then miss in storage is no damage.
    dropped: AtomicBool,
}

/// Vectors kept for look-ups.
const CACHED_VECTORS: usize = 1 << 16;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("collection", &self.settings.name).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(storage: Storage, id: CollectionId, settings: Settings, snapshot: Snapshot) -> Self {
        let asked = Asked::new(settings.dim);
        let snapshot = ArcSwap::from_pointee(snapshot);
        Self {
            storage,
            id,
            settings,
            snapshot,
            vectors: Cache::new(CACHED_VECTORS),
            asked,
            wake: OnceLock::new(),
            dropped: AtomicBool::new(false),
        }
    }

    /// What is called when queries have given something to calibrate with; the first one given stays.
    pub(crate) fn on_sample(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.wake.set(Box::new(wake));
    }

    /// Notes vectors that users search with.
    pub(crate) fn note(&self, vectors: &Matrix) {
        if self.asked.note(vectors)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// The current state, for as long as the caller holds it.
    ///
    /// # Errors
    /// [`Error::CollectionDropped`].
    pub(crate) fn read(&self) -> Result<Arc<Snapshot>> {
        let snapshot = self.snapshot.load_full();
        if self.is_dropped() { Err(self.gone()) } else { Ok(snapshot) }
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Says whether the collection is dropped, before storage does it.
    pub(crate) fn set_dropped(&self, dropped: bool) {
        self.dropped.store(dropped, Ordering::Release);
    }

    /// The error of a handle to a collection that was dropped.
    pub(crate) fn gone(&self) -> Error {
        Error::CollectionDropped { name: self.settings.name.clone() }
    }

    /// The bytes of the record of a row that is live in a snapshot that the caller holds: as long as it does, the record stays.
    pub(crate) fn record(&self, row: u64) -> Result<Vec<u8>> {
        self.storage.record(self.id, row)?.ok_or_else(|| self.damaged(format!("row {row}"), "the record is missing"))
    }

    /// The records of several such rows, in their order.
    pub(crate) fn records(&self, rows: &[u64]) -> Result<Vec<Vec<u8>>> {
        let missing =
            |(row, record): (&u64, Option<Vec<u8>>)| record.ok_or_else(|| self.damaged(format!("row {row}"), "the record is missing"));
        rows.iter().zip(self.storage.records_of(self.id, rows)?).map(missing).collect()
    }

    /// Decodes a record that storage has vouched for.
    pub(crate) fn decode<'a>(&self, row: u64, bytes: &'a [u8]) -> Result<Record<'a>> {
        match Record::decode(bytes) {
            Ok(record) if record.dim() == self.settings.dim => Ok(record),
            Err(error @ torre_storage::Error::NewerPart { .. }) => Err(error.of_part(self.part(format!("row {row}"))).into()),
            _ => Err(self.damaged(format!("row {row}"), "the record does not decode")),
        }
    }

    pub(crate) fn damaged(&self, part: impl std::fmt::Display, what: &str) -> Error {
        if self.is_dropped() {
            return self.gone();
        }
        Error::Damaged { part: self.part(part), what: what.to_owned() }
    }

    /// A part of this collection, in words.
    fn part(&self, part: impl std::fmt::Display) -> String {
        format!("{part} of collection {:?}", self.settings.name)
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
