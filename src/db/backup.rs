//! Backup: a copy of one state of the whole database, as a database of its own.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use torre_storage::{Batch, Create, Durability, OpenOptions, Storage, codec};

use crate::db::Database;
use crate::db::list_log;
use crate::db::pinned::Pinned;
use crate::db::staging::Staging;
use crate::error::{Error, Result};
use crate::features::Row;
use crate::progress::{Progress, Stage};
use crate::segment::delta;

/// Bytes of rows in one commit of the copy.
const BATCH_BYTES: usize = 4 << 20;

/// What a backup holds.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # let directory = tempfile::tempdir().map_err(|source| torre::Error::Io { path: std::env::temp_dir(), source })?;
/// use torre::NoProgress;
///
/// let copy = directory.path().join("copy");
/// let report = database.backup(&copy, &NoProgress)?;
/// assert_eq!((report.collections, report.rows), (1, 2));
/// assert_eq!(Database::open(&copy)?.collection("films")?.len(), 2);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// Collections copied.
    pub collections: u64,
    /// Rows of all collections.
    pub rows: u64,
    /// Bytes that the copy takes on the disk.
    pub bytes: u64,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl Database {
    /// Copies the database as it is at this moment into a new one at `out`, where there must be nothing. Readers and writers go on
    /// meanwhile; sealing, training and compaction wait. The copy appears at `out` when it is whole and durable.
    ///
    /// # Errors
    /// [`Error::Io`] when there is something at `out`, damage of what is copied, [`Error::Interrupted`], storage errors of either side.
    /// Nothing is left at `out` then.
    pub fn backup(&self, out: impl AsRef<Path>, progress: &dyn Progress) -> Result<BackupReport> {
        let start = Instant::now();
        let mut staging = Staging::new(out.as_ref())?;
        let mut report = self.pin(&self.collections(), |pinned_all| {
            let options = OpenOptions { create: Create::New, ..OpenOptions::default() };
            let copy = Storage::open(staging.make()?, &options)?;
            copy.set_durability(Durability::Batched(Duration::from_secs(1)));
            let total = pinned_all.iter().map(|pinned| pinned.snapshot.live()).sum();
            let mut report = BackupReport { collections: pinned_all.len() as u64, ..BackupReport::default() };
            for pinned in pinned_all {
                copy_collection(pinned, &copy, &mut |rows| {
                    report.rows += rows;
                    progress.update(Stage::Copy, report.rows, Some(total));
                    if progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
                })?;
            }
            copy.flush()?;
            report.bytes = copy.disk_bytes()?;
            copy.close()?;
            Ok(report)
        })?;
        staging.finish()?;
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

/// Copies what lives: blobs first, then rows, and last what names them.
fn copy_collection(pinned: &Pinned, copy: &Storage, copied: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
    let shared = &*pinned.core.shared;
    let (id, manifest) = (shared.id, &pinned.manifest);
    let mut batch = Batch::new();
    batch.put_collection(id, &codec::encode(&shared.settings_of(&pinned.snapshot))?);
    copy.commit(batch)?;
    let mut done = HashSet::new();
    for part in manifest.parts() {
        if done.insert((part.blob, part.part)) {
            copy.write_blob(id, part.blob, part.part, &shared.storage.read_blob(id, part)?)?;
            copied(0)?;
        }
    }
    copy.flush_blobs()?;
    let (mut batch, mut rows) = (Batch::new(), 0);
    pinned.rows(|row, record, vector| {
        batch.put_record(id, row, record);
        batch.put_vector(id, shared.space, row, vector);
        rows += 1;
        if batch.bytes() >= BATCH_BYTES {
            copy.commit(std::mem::take(&mut batch))?;
            copied(std::mem::take(&mut rows))?;
        }
        Ok(())
    })?;
    // Deleted rows of the tail are not copied, and their numbers are not used again: they need no tombstones.
    let mut dead: Vec<u64> = pinned.snapshot.segments.iter().flat_map(|segment| segment.dead()).collect();
    dead.sort_unstable();
    if !dead.is_empty() {
        batch.put_tombstones(id, &dead);
    }
    let patches: Vec<(u64, Row)> = pinned.snapshot.patches.all().iter().map(|patch| (patch.row, patch.fields())).collect();
    if !patches.is_empty() {
        batch.put_delta(id, manifest.first_delta, delta::encode(patches.iter().map(|(row, fields)| (*row, fields))));
    }
    for (number, entry) in list_log::entries(&pinned.lists) {
        batch.put_list_entry(id, number, entry.encode()?);
        if batch.bytes() >= BATCH_BYTES {
            copy.commit(std::mem::take(&mut batch))?;
            copied(std::mem::take(&mut rows))?;
        }
    }
    batch.put_manifest(id, manifest);
    copy.commit(batch)?;
    copied(rows)
}
