//! Coding: rows of the tail get codes, so that a query visits a few lists of them and does not compare itself with every vector. Nothing is
//! written: in storage these rows are the tail's until they are sealed, and a crash leaves them there to be coded again.

use crate::error::Result;
use crate::index::{IvfIndex, Selection};
use crate::ingest::Writer;
use crate::ingest::replace::{Frozen, too_many_rows};
use crate::segment::{RowTable, Run, Sealed, Snapshot, Trained, View};

/// Vectors of so many bytes are compared in a few microseconds.
const EASY_BYTES: u64 = 64 << 10;
/// Fewer rows are not worth a part of their own.
const LEAST_ROWS: u64 = 64;
/// To code some rows all centroids are laid out: that is to be the lesser part of the work.
const LISTS_A_ROW: u64 = 16;

/// Whether the runs of the tail have grown enough to be coded.
pub(crate) fn wants_code(snapshot: &Snapshot) -> bool {
    let Some(trained) = &snapshot.training.trained else { return false };
    let quantizer = trained.engine.quantizer();
    let (rows, row_bytes) = (snapshot.tail(), 4 * quantizer.dim() as u64);
    rows >= LEAST_ROWS.max(quantizer.lists() as u64 / LISTS_A_ROW) && rows * row_bytes >= EASY_BYTES
}

/// Codes the runs of the tail as they are now, together with earlier coded parts of like size, so that there are logarithmically many.
/// Returns the number of rows coded: 0 when there are none, or no quantizer yet.
///
/// # Errors
/// [`Error::Poisoned`](crate::Error::Poisoned), too many rows; nothing has changed then.
pub(crate) fn code(writer: &Writer) -> Result<u64> {
    let _alone = writer.sealing.lock();
    let frozen = Frozen::with_tail(writer, 1)?;
    let snapshot = &*frozen.snapshot;
    let Some(trained) = &snapshot.training.trained else { return Ok(0) };
    let coded = snapshot.tail();
    if snapshot.runs.is_empty() {
        return Ok(0);
    }
    let _span = tracing::debug_span!("code").entered();
    let (mut first, mut rows) = (snapshot.segments.len(), coded);
    while let Some(before) = snapshot.segments[..first].last().filter(|view| !view.body.stored && view.live() <= 2 * rows) {
        rows += before.live();
        first -= 1;
    }
    let joined = &snapshot.segments[first..];
    let sealed = join(writer, &frozen, trained, joined)?;
    let boundary = snapshot.next_row;
    frozen.publish(sealed, |next, view| {
        next.segments.retain(|segment| !joined.iter().any(|old| old.body.blob == segment.body.blob));
        next.segments.extend(view);
        next.runs.retain(|run| run.body.rows.len() > 0 && run.body.rows.row(0) >= boundary);
        next.sealed_row = boundary;
    })?;
    Ok(coded)
}

/// One segment, not stored, of the live rows of some coded parts and of all runs.
///
/// # Errors
/// Too many rows.
pub(super) fn join(writer: &Writer, frozen: &Frozen<'_>, trained: &Trained, coded: &[View<Sealed>]) -> Result<Sealed> {
    let snapshot = &*frozen.snapshot;
    let quantizer = trained.engine.quantizer();
    let tail = Run::merge(&snapshot.runs)?;
    let mut vectors = std::sync::Arc::unwrap_or_clone(tail.vectors);
    quantizer.carry(&mut vectors);
    let (assignment, codes, error) = writer.shared.process().run(|| {
        let assignment = quantizer.assign(&vectors);
        let codes = quantizer.encode(&vectors, &assignment);
        let error = quantizer.error(&vectors, &assignment, &codes);
        (assignment, codes, error)
    });
    let (index, order) = IvfIndex::build(quantizer, &vectors, &assignment, &codes, trained.refine).ok_or_else(too_many_rows)?;
    let order: Vec<(u32, u32)> = order.into_iter().map(|at| (0, at)).collect();
    let rows = RowTable::gather(&[&tail.rows], &order)?;
    let new = Sealed { blob: frozen.blob, origin: snapshot.origin(), index: index.into(), rows, error, stored: false };
    if coded.is_empty() {
        return Ok(new);
    }
    let all = new.index.all();
    let inputs: Vec<(&IvfIndex, &Selection)> =
        coded.iter().map(|view| (&*view.body.index, &view.selection)).chain([(&*new.index, &all)]).collect();
    let (index, order) = IvfIndex::merge(&inputs).ok_or_else(too_many_rows)?;
    let tables: Vec<&RowTable> = coded.iter().map(|view| &view.body.rows).chain([&new.rows]).collect();
    let errors = coded.iter().map(|view| view.body.error * view.live() as f64).sum::<f64>() + error * new.rows.len() as f64;
    let rows = RowTable::gather(&tables, &order)?;
    let error = errors / rows.len().max(1) as f64;
    Ok(Sealed { index: index.into(), rows, error, ..new })
}
