//! Sealing: the tail becomes a segment.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::IvfIndex;
use crate::ingest::Writer;
use crate::ingest::replace::{Frozen, too_many_rows};
use crate::progress::{Progress, Stage};
use crate::segment::{RowTable, Run, Sealed};

/// Rows of the tail from which on it is sealed in the background.
pub(crate) const SEAL_ROWS: u64 = 4096;

/// Seals the tail as it is now and returns the number of rows sealed: 0 when there are none, or no quantizer yet.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing has changed then.
pub(crate) fn seal(writer: &Writer, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.sealing.lock();
    let _span = tracing::debug_span!("seal").entered();
    let frozen = Frozen::with_tail(writer, 1)?;
    let Some(trained) = frozen.snapshot.training.trained.clone() else { return Ok(0) };
    if frozen.snapshot.runs.is_empty() {
        return Ok(0);
    }
    let tail = Run::merge(&frozen.snapshot.runs, &frozen.snapshot.training)?;
    let rows = tail.rows.len() as u64;
    let mut vectors = Arc::unwrap_or_clone(tail.vectors);
    progress.update(Stage::Seal, 0, Some(rows));
    let quantizer = trained.engine.quantizer();
    quantizer.carry(&mut vectors);
    let lists = tail.lists.map(|lists| lists.of_rows().collect());
    let (assignment, codes, error) = writer.shared.process().run(|| {
        let assignment = lists.unwrap_or_else(|| quantizer.assign(&vectors));
        let codes = quantizer.encode(&vectors, &assignment);
        let error = quantizer.error(&vectors, &assignment, &codes);
        (assignment, codes, error)
    });
    if progress.cancelled() {
        return Err(Error::Interrupted);
    }
    let (index, order) = IvfIndex::build(quantizer, &vectors, &assignment, &codes, trained.refine).ok_or_else(too_many_rows)?;
    let order: Vec<(u32, u32)> = order.into_iter().map(|at| (0, at)).collect();
    let sealed = Sealed {
        blob: frozen.blob,
        origin: frozen.snapshot.origin(),
        index: index.into(),
        rows: RowTable::gather(&[&tail.rows], &order)?,
        error,
    };
    let boundary = frozen.snapshot.next_row;
    let stored = frozen.store(sealed)?;
    frozen.install(stored, [], |next, _manifest, view| {
        next.runs.retain(|run| run.body.rows.len() > 0 && run.body.rows.base() >= boundary);
        next.segments.extend(view);
        next.sealed_row = boundary;
    })?;
    progress.update(Stage::Seal, rows, Some(rows));
    Ok(rows)
}
