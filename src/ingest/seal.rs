//! Sealing: the tail becomes a segment of storage.

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::code::join;
use crate::ingest::replace::Frozen;
use crate::progress::{Progress, Stage};
use crate::segment::{Sealed, View};

/// Rows of the tail from which on it is sealed in the background.
pub(crate) const SEAL_ROWS: u64 = 4096;

/// Seals the tail as it is now and returns the number of rows sealed: 0 when there are none, or no quantizer yet.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing has changed then.
pub(crate) fn seal(writer: &Writer, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.sealing.lock();
    let frozen = Frozen::with_tail(writer, 1)?;
    let snapshot = &*frozen.snapshot;
    let Some(trained) = &snapshot.training.trained else { return Ok(0) };
    let coded: Vec<View<Sealed>> = snapshot.segments.iter().filter(|view| !view.body.stored).cloned().collect();
    if snapshot.runs.is_empty() && coded.is_empty() {
        return Ok(0);
    }
    let _span = tracing::debug_span!("seal").entered();
    let rows = snapshot.unsealed();
    progress.update(Stage::Seal, 0, Some(rows));
    let sealed = join(writer, &frozen, trained, &coded)?;
    if progress.cancelled() {
        return Err(Error::Interrupted);
    }
    let boundary = snapshot.next_row;
    let stored = frozen.store(sealed)?;
    frozen.install(stored, [], |next, _manifest, view| {
        next.runs.retain(|run| run.body.rows.len() > 0 && run.body.rows.row(0) >= boundary);
        next.segments.retain(|segment| segment.body.stored);
        next.segments.extend(view);
        next.sealed_row = boundary;
        next.stored_row = boundary;
    })?;
    progress.update(Stage::Seal, rows, Some(rows));
    Ok(rows)
}
