//! Sealing: the tail becomes a segment of storage.

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::code;
use crate::ingest::replace::Frozen;
use crate::progress::{Progress, Stage};
use crate::segment::{Sealed, View};

/// Rows of the tail from which on it is sealed in the background.
pub(crate) const SEAL_ROWS: u64 = 8192;

/// What is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seal {
    /// All of the tail.
    All,
    /// What is coded of it: there is nothing left to compute.
    Coded,
}

/// Seals the tail as it is now and returns the number of rows sealed: 0 when there are none, or no quantizer yet.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing has changed then.
pub(crate) fn seal(writer: &Writer, what: Seal, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.sealing.lock();
    let frozen = Frozen::with_tail(writer, 1)?;
    let snapshot = &*frozen.snapshot;
    let Some(trained) = &snapshot.training.trained else { return Ok(0) };
    let coded: Vec<View<Sealed>> = snapshot.segments.iter().filter(|view| !view.body.stored).cloned().collect();
    let (runs, rows, boundary) = match what {
        Seal::All => (&*snapshot.runs, snapshot.unsealed(), snapshot.next_row),
        Seal::Coded => (&[][..], code::coded(snapshot), snapshot.sealed_row),
    };
    if runs.is_empty() && coded.is_empty() {
        return Ok(0);
    }
    let _span = tracing::debug_span!("seal").entered();
    progress.update(Stage::Seal, 0, Some(rows));
    let sealed = code::join(writer, &frozen, trained, (&coded, runs))?;
    if progress.cancelled() {
        return Err(Error::Interrupted);
    }
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
