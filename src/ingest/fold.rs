//! Folding: what was patched goes into the records of its rows and into the stored columns of segments, and the delta entries that said so go.
//!
//! Until one commit says that the deltas are folded, all of them count: laid over a record that has some of their values already they give the same
//! row. Hence records are rewritten in any number of commits before it. A reader of a snapshot from before a patch must not meet its values
//! in a record: folding begins when nobody reads such a snapshot any more.

use std::collections::BTreeSet;

use torre_storage::{Batch, BlobMeta};

use crate::error::{Error, Result};
use crate::ingest::replace::Frozen;
use crate::ingest::sweep::{LOOK_EVERY, PATIENCE};
use crate::ingest::writer::Install;
use crate::ingest::{Sweep, Writer};
use crate::progress::{Progress, Stage};
use crate::segment::{Patches, Record, Snapshot, column_parts, free_column};
use crate::sync::{Instant, thread};

/// Records that are rewritten in one commit: so many that neighbours share its leaves, so few that the store can use the room of the old ones again.
const RECORDS: usize = 1000;

/// Folds what has been patched so far. Returns how many rows that were: 0 also where readers of older snapshots are not done in time, and `how` does
/// not wait for them.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing that can be seen has changed then.
pub(crate) fn fold(writer: &Writer, how: Sweep, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.maintenance.lock();
    let shared = &*writer.shared;
    let before = {
        let mut state = writer.lock();
        writer.check(&state)?;
        if shared.snapshot.load().patches.is_empty() {
            return Ok(0);
        }
        state.dead.begin_epoch(shared);
        shared.snapshot.load_full()
    };
    let start = Instant::now();
    while writer.lock().dead.is_read() {
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        if how == Sweep::Quick && start.elapsed() > PATIENCE {
            return Ok(0);
        }
        thread::sleep(LOOK_EVERY);
    }
    let folded = before.patches.clone();
    let rows = rewrite_records(writer, &before, progress)?;
    drop(before);
    store_columns(writer, &folded)?;
    shared.storage.remove_deltas(shared.id, folded.next)?;
    Ok(rows)
}

/// Puts the records of the live rows that are patched with their new values; returns how many.
fn rewrite_records(writer: &Writer, snapshot: &Snapshot, progress: &dyn Progress) -> Result<u64> {
    let shared = &*writer.shared;
    let rows: Vec<u64> = snapshot.patches.all().iter().map(|patch| patch.row).collect();
    let live: Vec<u64> = snapshot.places(&rows).into_iter().map(|(row, _)| row).collect();
    let (mut done, total) = (0, live.len() as u64);
    for rows in live.chunks(RECORDS) {
        progress.update(Stage::Fold, done, Some(total));
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        let mut batch = Batch::new();
        for (&row, bytes) in rows.iter().zip(shared.records(rows)?) {
            let record = shared.decode(row, &bytes)?;
            let features = shared.features(snapshot, row, &record)?;
            batch.put_record(shared.id, row, Record::encode(record.id, &features.to_bytes()));
        }
        let committed = shared.storage.commit(batch);
        committed.map_err(|error| if shared.is_dropped() { shared.gone() } else { error.into() })?;
        done += rows.len() as u64;
    }
    progress.update(Stage::Fold, done, Some(total));
    Ok(total)
}

/// Stores the columns that patches have changed, and says with them that the deltas up to those are folded.
fn store_columns(writer: &Writer, folded: &Patches) -> Result<()> {
    let shared = &*writer.shared;
    // No segment comes or goes from here on.
    let _sealing = writer.sealing.lock();
    let segments = shared.read()?.segments.len();
    let frozen = Frozen::segments(writer, segments as u64)?;
    let metas = writer.lock().manifest.segments.clone();
    let patches = frozen.snapshot.patches.all();
    let (mut stored, mut replaced) = (Vec::<(u64, Vec<BlobMeta>)>::new(), Vec::<BlobMeta>::new());
    for (blob, view) in (frozen.blob..).zip(&frozen.snapshot.segments) {
        let Some(mut meta) = metas.iter().find(|meta| meta.blob == view.body.blob).cloned() else { continue };
        let is_patched = |row: u64| patches.binary_search_by_key(&row, |patch| patch.row).ok();
        let here = view.body.rows.numbers().filter_map(|row| patches.get(is_patched(row)?));
        let changed: BTreeSet<Box<str>> = here.flat_map(|patch| patch.fields().into_fields().map(|(name, _)| name)).collect();
        let mut added = Vec::new();
        for column in view.body.rows.columns().iter().filter(|column| changed.contains(&column.field)) {
            replaced.extend(column_parts(shared, &meta, &column.field)?);
            let parts = column.write(shared, blob, free_column(&meta))?;
            meta.parts.extend(&parts);
            added.extend(parts);
        }
        stored.push((meta.blob, added));
    }
    shared.storage.flush_blobs()?;

    let mut state = writer.lock();
    let now = shared.snapshot.load_full();
    let mut manifest = state.manifest.clone();
    manifest.first_delta = folded.next;
    for (blob, parts) in stored {
        if let Some(meta) = manifest.segments.iter_mut().find(|meta| meta.blob == blob) {
            meta.parts.retain(|part| !replaced.contains(part));
            meta.parts.extend(parts);
        }
    }
    let snapshot = Snapshot { patches: now.patches.without(folded.next, folded), ..Snapshot::clone(&now) };
    writer.install(&mut state, Install { batch: Batch::new(), manifest, snapshot })?;
    drop(state);
    shared.storage.delete_parts(shared.id, &replaced)?;
    Ok(())
}
