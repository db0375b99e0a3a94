//! What sealing, compaction and building have in common: rows frozen at the start, a new segment made without a lock, and
//! deletions that happened meanwhile carried over when it is installed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use torre_storage::{Batch, Manifest};

use crate::error::{Error, Result};
use crate::index::Mask;
use crate::ingest::Writer;
use crate::ingest::writer::{Install, State};
use crate::progress::Progress;
use crate::segment::{Sealed, Snapshot, View};
use crate::sync::{MutexGuard, thread};

/// Records deleted per batch while nothing waits for them.
const RECORDS_PER_BATCH: usize = 10_000;
/// Between two looks whether the readers of older snapshots are done.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A piece of maintenance under way: the state that it started from, and the numbers it may use.
pub(crate) struct Frozen<'w> {
    writer: &'w Writer,
    pub(crate) snapshot: Arc<Snapshot>,
    /// The eras of all snapshots before that somebody may still read.
    before: Vec<Weak<()>>,
    /// Number of the blob that the new segment goes into; the next `blobs - 1` numbers are reserved too.
    pub(crate) blob: u64,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.writer.lock().fixed_row = 0;
    }
}

impl<'w> Frozen<'w> {
    /// Takes the current state and keeps its runs from being merged until this value is dropped. The caller holds the
    /// maintenance lock.
    pub(crate) fn new(writer: &'w Writer, blobs: u64) -> Self {
        let mut state = writer.lock();
        let snapshot = Snapshot::clone(&writer.shared.snapshot.load());
        state.eras.retain(|era| era.strong_count() > 0);
        state.eras.push(Arc::downgrade(&snapshot.era));
        let before = state.eras.clone();
        let snapshot = Arc::new(Snapshot { era: Arc::default(), ..snapshot });
        writer.shared.snapshot.store(Arc::clone(&snapshot));
        state.fixed_row = snapshot.next_row;
        let blob = state.manifest.next_blob;
        state.manifest.next_blob += blobs;
        Self { writer, snapshot, before, blob }
    }

    /// Writes the new segment's blob and makes it durable; `None` for a segment without rows.
    pub(crate) fn store(&self, sealed: Sealed) -> Result<Option<Stored>> {
        if sealed.rows.len() == 0 {
            return Ok(None);
        }
        let meta = sealed.write(&self.writer.shared)?;
        self.writer.shared.storage.flush_blobs()?;
        Ok(Some(Stored { sealed, meta }))
    }

    /// Removes records of rows that were dead when this work began, once nobody reads a snapshot from before: there they may be live.
    /// Their tombstones stay until the next manifest.
    pub(crate) fn drop_records(&self, mut dead: Vec<u64>, progress: &dyn Progress) -> Result<()> {
        while !dead.is_empty() && self.before.iter().any(|era| era.strong_count() > 0) {
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            thread::sleep(LOOK_EVERY);
        }
        dead.sort_unstable();
        for rows in dead.chunks(RECORDS_PER_BATCH) {
            let mut batch = Batch::new();
            for &row in rows {
                batch.delete_record(self.writer.shared.id, row);
            }
            self.writer.shared.storage.commit(batch)?;
        }
        Ok(())
    }

    /// Puts the new segment in the place of the parts that it was made from, under the writer lock.
    pub(crate) fn install(
        &self,
        stored: Option<Stored>,
        change: impl FnOnce(&mut Snapshot, &mut Manifest, Option<View<Sealed>>),
    ) -> Result<()> {
        let mut state: MutexGuard<'_, State> = self.writer.lock();
        let now = self.writer.shared.snapshot.load_full();
        let mut next = Snapshot::clone(&now);
        let mut manifest = state.manifest.clone();
        let view = stored.map(|stored| {
            let mask = self.mask_of_gone(&now, &stored.sealed);
            manifest.segments.push(stored.meta);
            let live = stored.sealed.rows.len() as u64 - mask.1;
            View { body: stored.sealed.into(), mask: mask.0, live }
        });
        change(&mut next, &mut manifest, view);
        let tail_dead: Vec<u64> = state.tail_dead.iter().copied().filter(|&row| row >= next.sealed_row).collect();
        let mut batch = Batch::new();
        batch.replace_tombstones(self.writer.shared.id, u64::MAX, &entombed(&next, &tail_dead));
        self.writer.install(&mut state, Install { batch, manifest, snapshot: next })?;
        state.tail_dead = tail_dead;
        Ok(())
    }

    /// Masks the rows of the new segment that have been deleted or replaced since this work began.
    fn mask_of_gone(&self, now: &Snapshot, sealed: &Sealed) -> (Mask, u64) {
        let mut mask = sealed.index.mask();
        let mut gone = 0;
        let mut remove = |id: &str, row: u64| {
            if let Some(position) = sealed.ids.find(id)
                && sealed.rows.get(position) == row
            {
                let (block, lane) = sealed.index.block_lane(position);
                gone += u64::from(mask.delete(block, lane));
            }
        };
        for before in &self.snapshot.segments {
            let Some(after) = now.segments.iter().find(|view| view.body.blob == before.body.blob) else { continue };
            for position in newly_masked(before, after) {
                remove(before.body.ids.get(position), before.body.rows.get(position));
            }
        }
        for before in &self.snapshot.runs {
            let Some(after) = now.runs.iter().find(|view| Arc::ptr_eq(&view.body, &before.body)) else { continue };
            if before.live != after.live {
                for position in before.positions() {
                    if after.mask.is_set(position / 64, position % 64) {
                        remove(before.body.ids.get(position), before.body.rows.get(position));
                    }
                }
            }
        }
        (mask, gone)
    }
}

/// A segment numbers its rows with 32 bits.
pub(crate) fn too_many_rows() -> Error {
    Error::Unsupported { what: "a collection can hold 2^32 rows in its index; spread the rows over several collections".to_owned() }
}

/// A segment whose blob is durable, not yet named by the manifest.
pub(crate) struct Stored {
    sealed: Sealed,
    meta: torre_storage::SegmentMeta,
}

fn newly_masked(before: &View<Sealed>, after: &View<Sealed>) -> Vec<usize> {
    if before.live == after.live {
        return Vec::new();
    }
    (0..before.body.rows.len())
        .filter(|&position| {
            let (block, lane) = before.body.index.block_lane(position);
            after.mask.is_set(block, lane) && !before.mask.is_set(block, lane)
        })
        .collect()
}

/// Rows whose tombstones are still needed: deleted rows of segments, and deleted rows of the tail, whose records would come
/// back when the tail is read again.
fn entombed(snapshot: &Snapshot, tail_dead: &[u64]) -> Vec<u64> {
    let mut rows: Vec<u64> = snapshot.segments.iter().flat_map(View::dead).chain(tail_dead.iter().copied()).collect();
    rows.sort_unstable();
    rows
}

impl View<Sealed> {
    /// Row numbers of the deleted rows.
    pub(crate) fn dead(&self) -> Vec<u64> {
        if self.live == self.body.rows.len() as u64 {
            return Vec::new();
        }
        (0..self.body.rows.len())
            .filter(|&position| {
                let (block, lane) = self.body.index.block_lane(position);
                self.mask.is_set(block, lane)
            })
            .map(|position| self.body.rows.get(position))
            .collect()
    }
}
