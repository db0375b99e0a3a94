//! Sweeping: records and vectors of deleted and replaced rows go, and tombstones that nothing needs any more.
//!
//! A row that dies leaves its record and its vector, which older snapshots may still read, and a tombstone, which says on opening that the row is dead as
//! long as a segment, a record or a vector names it. Storage may hold more tombstones than are needed: they are written again only when most are not.

use std::sync::{Arc, Weak};
use std::time::Duration;

use torre_storage::Batch;

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::writer::{Install, State};
use crate::progress::Progress;
use crate::segment::{Shared, Snapshot, View};
use crate::sync::{Instant, thread};

/// Dead rows from which on the background removes their records.
pub(crate) const SWEEP_ROWS: usize = 4096;
/// Dead rows that the background sweeps at a time: there is other work.
const QUICK_ROWS: usize = 1 << 15;
/// Tombstones that nothing needs and that are left alone, beside as many as are needed.
const SPARE_TOMBSTONES: u64 = 8192;
/// Between two looks whether the readers of older snapshots are done.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long the background waits for them; what they may read stays for the next sweep.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// What deleted and replaced rows have left in storage.
#[derive(Default)]
pub(crate) struct Dead {
    /// Rows whose records may still be there.
    rows: Vec<u64>,
    /// Rows in the tombstone entries of storage.
    tombstones: u64,
    /// Rows below this one were there when the collection was opened: whether the dead of them have records is known only of `rows`.
    opened: u64,
    /// Snapshots before the last sweep that somebody may still read.
    epochs: Vec<Epoch>,
}

/// Snapshots between two sweeps.
struct Epoch {
    held: Weak<()>,
    /// The first row that none of them can name.
    end: u64,
}

impl Dead {
    /// What is found when a collection is opened: dead rows that are in no segment, all tombstones, the number of the next row.
    pub(crate) fn found(rows: Vec<u64>, tombstones: u64, next_row: u64) -> Self {
        Self { rows, tombstones, opened: next_row, epochs: Vec::new() }
    }

    /// Rows that have just died, with their tombstones.
    pub(crate) fn bury(&mut self, rows: impl Iterator<Item = u64>) {
        let before = self.rows.len();
        self.rows.extend(rows);
        self.tombstones += (self.rows.len() - before) as u64;
    }

    /// Dead rows that have left their segment. The records of those that died since the opening are seen to already.
    pub(crate) fn drop_rows(&mut self, rows: impl IntoIterator<Item = u64>) {
        let opened = self.opened;
        self.rows.extend(rows.into_iter().filter(|&row| row < opened));
    }

    /// Dead rows whose records can go now: as many as there are, or nearly.
    pub(crate) fn removable(&self) -> usize {
        match self.floor() {
            0 => self.rows.len(),
            floor => self.rows.iter().filter(|&&row| row >= floor).count(),
        }
    }

    /// Publishes the current snapshot as the first of a new epoch, so that it shows when nobody reads any before.
    pub(super) fn begin_epoch(&mut self, shared: &Shared) {
        let now = shared.snapshot.load_full();
        self.epochs.retain(|epoch| epoch.held.strong_count() > 0);
        self.epochs.push(Epoch { held: Arc::downgrade(&now.epoch), end: now.next_row });
        shared.snapshot.store(Arc::new(Snapshot { epoch: Arc::default(), ..Snapshot::clone(&now) }));
    }

    /// Whether somebody may read a snapshot of an epoch before the current one.
    pub(super) fn is_read(&self) -> bool {
        self.epochs.iter().any(|epoch| epoch.held.strong_count() > 0)
    }

    /// Rows below may be named by a snapshot that somebody reads.
    fn floor(&self) -> u64 {
        self.epochs.iter().filter(|epoch| epoch.held.strong_count() > 0).map(|epoch| epoch.end).max().unwrap_or(0)
    }

    fn tombstones_needed(&self, snapshot: &Snapshot) -> u64 {
        let masked: u64 = snapshot.segments.iter().map(|view| view.body.rows.len() as u64 - view.live()).sum();
        masked + self.rows.len() as u64
    }
}

/// How far a sweep goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sweep {
    /// What readers hold stays, and so do some tombstones too many.
    Quick,
    /// Waits for readers, and leaves nothing.
    Whole,
}

/// Removes the records of dead rows that no reader can see. Returns how many rows went.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing that can be seen has changed then.
pub(crate) fn sweep(writer: &Writer, how: Sweep, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.maintenance.lock();
    let _span = tracing::debug_span!("sweep").entered();
    let shared = &*writer.shared;
    let mut rows = {
        let mut state = writer.lock();
        // The snapshot may name rows that are dead already.
        writer.check(&state)?;
        if !state.dead.rows.is_empty() {
            state.dead.begin_epoch(shared);
        }
        std::mem::take(&mut state.dead.rows)
    };
    rows.sort_unstable();
    rows.dedup();
    let start = Instant::now();
    let result = loop {
        let floor = writer.lock().dead.floor();
        let held = rows.partition_point(|&row| row < floor);
        if held > 0 && (how == Sweep::Whole || start.elapsed() < PATIENCE) {
            if progress.cancelled() {
                break Err(Error::Interrupted);
            }
            thread::sleep(LOOK_EVERY);
            continue;
        }
        let end = if how == Sweep::Whole { rows.len() } else { rows.len().min(held + QUICK_ROWS) };
        break remove(shared, &rows[held..end], progress).map(|()| held..end);
    };
    let mut state = writer.lock();
    let gone = result.as_ref().map_or(0..0, Clone::clone);
    state.dead.rows.extend(rows[..gone.start].iter().chain(&rows[gone.end..]));
    result?;
    let folded = fold(writer, &mut state, how)?;
    drop(state);
    if let Some(last) = folded {
        // Whichever of them come back after a crash say nothing new.
        shared.storage.remove_tombstones(shared.id, last)?;
    }
    Ok(gone.len() as u64)
}

/// Removes what storage has of these rows. A crash may leave any of it, with the tombstones of the rows.
fn remove(shared: &Shared, rows: &[u64], progress: &dyn Progress) -> Result<()> {
    let (storage, id, stop) = (&shared.storage, shared.id, || progress.cancelled());
    let all = storage.remove_vectors(id, shared.space, rows, stop)? && storage.remove_records(id, rows, stop)?;
    if all { Ok(()) } else { Err(Error::Interrupted) }
}

/// Writes the tombstones again, without those that nothing needs any more, where these are too many. Answers the number of the last entry that
/// is not needed any more then.
fn fold(writer: &Writer, state: &mut State, how: Sweep) -> Result<Option<u64>> {
    let snapshot = writer.shared.snapshot.load_full();
    let needed = state.dead.tombstones_needed(&snapshot);
    let bearable = match how {
        Sweep::Quick => 2 * needed + SPARE_TOMBSTONES,
        Sweep::Whole => needed,
    };
    if state.dead.tombstones <= bearable {
        return Ok(None);
    }
    let _span = tracing::debug_span!("fold tombstones").entered();
    let mut rows: Vec<u64> = snapshot.segments.iter().flat_map(View::dead).chain(state.dead.rows.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut batch = Batch::new();
    let last = writer.shared.storage.last_tombstone(writer.shared.id);
    batch.put_tombstones(writer.shared.id, &rows);
    // With the manifest, which says what the next row's number is: the last rows may have left nothing else to tell.
    let manifest = state.manifest.clone();
    writer.install(state, Install { batch, manifest, snapshot: Snapshot::clone(&snapshot) })?;
    state.dead.tombstones = rows.len() as u64;
    Ok(Some(last))
}
