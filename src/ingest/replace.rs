//! What sealing, compaction and building have in common: rows frozen at the start, a new segment made without a lock, and
//! deletions that happened meanwhile carried over when it is installed.

use std::sync::Arc;

use torre_storage::{Batch, Manifest};

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::ingest::Writer;
use crate::ingest::writer::{Install, State};
use crate::segment::{Sealed, Snapshot, View};
use crate::sync::MutexGuard;

/// A piece of maintenance under way: the state that it started from, and the numbers it may use.
pub(crate) struct Frozen<'w> {
    writer: &'w Writer,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its runs must not be merged.
    tail: bool,
    /// Number of the blob that the new segment goes into; the next `blobs - 1` numbers are reserved too.
    pub(crate) blob: u64,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if self.tail {
            self.writer.lock().fixed_row = 0;
        }
    }
}

impl<'w> Frozen<'w> {
    /// Takes the current state and keeps its runs from being merged until this value is dropped. The caller holds the lock `sealing`.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: what would be made could not be installed.
    pub(crate) fn with_tail(writer: &'w Writer, blobs: u64) -> Result<Self> {
        Self::new(writer, blobs, true)
    }

    /// Takes the current state, of which only the segments will be replaced. The caller holds the lock `maintenance`.
    ///
    /// # Errors
    /// As [`Frozen::with_tail`].
    pub(crate) fn segments(writer: &'w Writer, blobs: u64) -> Result<Self> {
        Self::new(writer, blobs, false)
    }

    fn new(writer: &'w Writer, blobs: u64, tail: bool) -> Result<Self> {
        let mut state = writer.lock();
        writer.check(&state)?;
        // Of an epoch of its own: no sweep has to wait for this, which holds what it replaces in memory.
        let snapshot = Arc::new(Snapshot { epoch: Arc::default(), ..Snapshot::clone(&writer.shared.snapshot.load()) });
        if tail {
            state.fixed_row = snapshot.next_row;
        }
        let blob = state.manifest.next_blob;
        state.manifest.next_blob += blobs;
        Ok(Self { writer, snapshot, tail, blob })
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

    /// Puts the new segment in the place of the parts that it was made from, under the writer lock. `dropped` are deleted rows that are in
    /// no part any more.
    pub(crate) fn install(
        &self,
        stored: Option<Stored>,
        dropped: impl IntoIterator<Item = u64>,
        change: impl FnOnce(&mut Snapshot, &mut Manifest, Option<View<Sealed>>),
    ) -> Result<()> {
        let mut state: MutexGuard<'_, State> = self.writer.lock();
        let _span = tracing::debug_span!("install").entered();
        let now = self.writer.shared.snapshot.load_full();
        let mut next = Snapshot::clone(&now);
        let mut manifest = state.manifest.clone();
        let view = match stored {
            Some(Stored { mut sealed, meta }) => {
                // What was patched since this work began; its deltas count until they are folded.
                if let Some(rows) = sealed.rows.patched(&now.patches.since(self.snapshot.patches.next))? {
                    sealed.rows = rows;
                }
                let selection = self.still_live(&now, &sealed);
                manifest.segments.push(meta);
                Some(View { body: sealed.into(), selection })
            }
            None => None,
        };
        change(&mut next, &mut manifest, view);
        self.writer.install(&mut state, Install { batch: Batch::new(), manifest, snapshot: next })?;
        state.dead.drop_rows(dropped);
        Ok(())
    }

    /// The rows of the new segment but for those that have been deleted or replaced since this work began.
    fn still_live(&self, now: &Snapshot, sealed: &Sealed) -> Selection {
        let mut selection = sealed.index.all();
        let mut remove = |id: &str, row: u64| {
            if let Some(position) = sealed.rows.position(id, row) {
                let (block, lane) = sealed.index.block_lane(position);
                selection.remove(block, lane);
            }
        };
        for before in &self.snapshot.segments {
            let Some(after) = now.segments.iter().find(|view| view.body.blob == before.body.blob) else { continue };
            for position in newly_dead(before, after) {
                remove(before.body.rows.id(position), before.body.rows.row(position));
            }
        }
        for before in &self.snapshot.runs {
            let Some(after) = now.runs.iter().find(|view| view.body.is(&before.body)) else { continue };
            if before.live() != after.live() {
                for position in before.positions() {
                    if !after.selection.contains(position / 64, position % 64) {
                        remove(before.body.rows.id(position), before.body.rows.row(position));
                    }
                }
            }
        }
        selection
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

fn newly_dead(before: &View<Sealed>, after: &View<Sealed>) -> Vec<usize> {
    if before.live() == after.live() {
        return Vec::new();
    }
    before.body.index.layout().positions(|block| before.selection.word(block) & !after.selection.word(block)).collect()
}

impl View<Sealed> {
    /// Row numbers of the deleted rows.
    pub(crate) fn dead(&self) -> Vec<u64> {
        if self.live() == self.body.rows.len() as u64 {
            return Vec::new();
        }
        self.body.index.layout().positions(|block| !self.selection.word(block)).map(|position| self.body.rows.row(position)).collect()
    }
}
