//! What readers and writers of one collection share.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use quick_cache::sync::Cache;
use torre_storage::{CollectionId, SpaceId, Storage};

use crate::error::{Error, Result};
use crate::features::{Row, Schema};
use crate::process::Process;
use crate::segment::{Lists, LiveRows, Place, Policies, QuerySample, Record, Settings, Snapshot, StoredRows, Values, delta};
use crate::sync::{ArcSwap, Mutex};
use crate::vector::Matrix;

/// A collection's storage, settings and current snapshot.
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) id: CollectionId,
    /// As they were when the collection was loaded: [`Shared::name`] is what it is called now.
    pub(crate) settings: Settings,
    /// Changed under the writer lock.
    name: Mutex<Arc<str>>,
    /// The space that serves; a collection has one so far.
    pub(crate) space: SpaceId,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Exact vectors of sealed rows, by row number, for histories looked up again and again.
    cache: Cache<u64, Arc<[f32]>>,
    /// Vectors searched with since the collection was opened.
    pub(crate) query_sample: QuerySample,
    pub(crate) lists: Lists,
    pub(crate) policies: Policies,
    /// What the database may do to its process.
    process: OnceLock<Arc<Process>>,
    /// Called when there is something to calibrate with.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Set once the collection is dropped: what its handles then miss in storage is no damage.
    dropped: AtomicBool,
}

/// Vectors kept for look-ups.
const CACHED_VECTORS: usize = 1 << 16;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("collection", &self.name()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(storage: Storage, id: CollectionId, settings: Settings, snapshot: Snapshot) -> Self {
        let query_sample = QuerySample::new(settings.dim);
        let space = snapshot.space.number;
        let snapshot = ArcSwap::from_pointee(snapshot);
        let name = Mutex::new(Arc::from(&*settings.name));
        Self {
            storage,
            id,
            settings,
            name,
            space,
            snapshot,
            cache: Cache::new(CACHED_VECTORS),
            query_sample,
            lists: Lists::default(),
            policies: Policies::default(),
            process: OnceLock::new(),
            wake: OnceLock::new(),
            dropped: AtomicBool::new(false),
        }
    }

    /// What the collection is called.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name.lock())
    }

    /// Gives the collection the name that storage has for it. Whoever calls holds the writer lock.
    pub(crate) fn set_name(&self, name: &str) {
        *self.name.lock() = name.into();
    }

    /// The process of the database; one of the collection's own before it is in a database.
    pub(crate) fn process(&self) -> &Process {
        self.process.get_or_init(Arc::default)
    }

    /// Puts the collection into a database's process; the first one given stays.
    pub(crate) fn is_in(&self, process: &Arc<Process>) {
        let _ = self.process.set(Arc::clone(process));
    }

    /// What is called when queries have given something to calibrate with; the first one given stays.
    pub(crate) fn on_sample(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.wake.set(Box::new(wake));
    }

    /// Notes vectors that users search with.
    pub(crate) fn note(&self, vectors: &Matrix) {
        if self.query_sample.note(vectors)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// The settings as they are to be stored with a state.
    pub(crate) fn settings_of(&self, snapshot: &Snapshot) -> Settings {
        Settings { name: self.name().to_string(), schema: Schema::clone(&snapshot.schema), ..self.settings.clone() }
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
        Error::CollectionDropped { name: self.name().to_string() }
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
        Record::decode(bytes).map_err(|error| self.undecoded(row, error, "the record does not decode"))
    }

    /// The features of a row in a snapshot: its record's, with what was patched since.
    pub(crate) fn features(&self, snapshot: &Snapshot, row: u64, record: &Record<'_>) -> Result<Row> {
        let stored = Row::from_bytes(record.features);
        let mut features = stored.ok_or_else(|| self.damaged(format!("row {row}"), "the features do not decode"))?;
        snapshot.patches.apply(row, &mut features);
        Ok(features)
    }

    /// Decodes a delta entry that storage has vouched for: rows with their changed fields.
    pub(crate) fn delta(&self, number: u64, bytes: &[u8]) -> Result<Vec<(u64, Row)>> {
        let part = format!("delta entry {number}");
        delta::decode(bytes).map_err(|error| match error {
            error if error.is_damage() => self.damaged(part, "it does not decode"),
            newer => newer.of_part(self.part(part)).into(),
        })
    }

    /// Decodes a vector that storage has vouched for.
    pub(crate) fn values<'a>(&self, row: u64, bytes: &'a [u8]) -> Result<Values<'a>> {
        let undecoded = "the vector does not decode";
        match Values::decode(bytes) {
            Ok(values) if values.dim() == self.settings.dim => Ok(values),
            Ok(_) => Err(self.damaged(format!("row {row}"), undecoded)),
            Err(error) => Err(self.undecoded(row, error, undecoded)),
        }
    }

    /// What is newer is no damage.
    fn undecoded(&self, row: u64, error: torre_storage::Error, what: &str) -> Error {
        let part = format!("row {row}");
        if error.is_damage() { self.damaged(part, what) } else { error.of_part(self.part(part)).into() }
    }

    /// The stored vectors of several rows that are live in a snapshot that the caller holds, in their order.
    pub(crate) fn vectors_of(&self, rows: &[u64]) -> Result<Vec<Vec<u8>>> {
        let missing = |(row, vector): (&u64, Option<Vec<u8>>)| vector.ok_or_else(|| self.without_vector(*row));
        rows.iter().zip(self.storage.vectors_of(self.id, self.space, rows)?).map(missing).collect()
    }

    /// The stored vectors of these rows, ascending: also of rows that are not live any more.
    pub(crate) fn vectors(&self, rows: Range<u64>) -> torre_storage::Rows<'_> {
        self.storage.vectors(self.id, self.space, rows)
    }

    /// Records and vectors of these rows, ascending: also of rows that are not live any more.
    pub(crate) fn stored(&self, rows: Range<u64>) -> StoredRows<'_> {
        StoredRows::new(&self.storage, self.id, self.space, rows)
    }

    /// The error of a live row that has no vector.
    pub(crate) fn without_vector(&self, row: u64) -> Error {
        self.damaged(format!("row {row}"), "the vector is missing")
    }

    /// The error of a walk through stored vectors that came by no vector of this or that live row.
    pub(crate) fn all_there(&self, live: &LiveRows) -> Result<()> {
        live.missing().map_or(Ok(()), |row| Err(self.without_vector(row)))
    }

    pub(crate) fn damaged(&self, part: impl std::fmt::Display, what: &str) -> Error {
        if self.is_dropped() {
            return self.gone();
        }
        Error::Damaged { part: self.part(part), what: what.to_owned() }
    }

    /// A part of this collection, in words.
    fn part(&self, part: impl std::fmt::Display) -> String {
        format!("{part} of collection {:?}", self.name())
    }

    /// The exact vector of a live row, from memory or storage.
    pub(crate) fn exact_vector(&self, snapshot: &Snapshot, place: Place) -> Result<Vec<f32>> {
        if let Some(vector) = snapshot.vector(place) {
            return Ok(vector.to_vec());
        }
        let row = snapshot.row(place);
        let bytes = self.storage.vector(self.id, self.space, row)?.ok_or_else(|| self.without_vector(row))?;
        Ok(self.values(row, &bytes)?.to_vec())
    }

    /// Copies the exact vector of a live row into `out`, and keeps it for the next time.
    pub(crate) fn vector(&self, snapshot: &Snapshot, place: Place, out: &mut [f32]) -> Result<()> {
        if let Some(vector) = snapshot.vector(place) {
            out.copy_from_slice(vector);
            return Ok(());
        }
        let row = snapshot.row(place);
        if let Some(vector) = self.cache.get(&row) {
            out.copy_from_slice(&vector);
            return Ok(());
        }
        out.copy_from_slice(&self.exact_vector(snapshot, place)?);
        self.cache.insert(row, Arc::from(&*out));
        Ok(())
    }
}
