//! Compaction: segments become fewer, deleted rows go. Policy and mechanism apart.

use crate::error::{Error, Result};
use crate::index::{IvfIndex, Selection};
use crate::ingest::Writer;
use crate::ingest::replace::{Frozen, too_many_rows};
use crate::progress::{Progress, Stage};
use crate::segment::{RowTable, Sealed, View};

/// Rows of a segment, and how many of them are live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) live: u64,
}

/// The segments that should be merged into one, oldest first; none when all is well.
///
/// A segment is merged once those after it hold a quarter of its live rows, so that each is more than four times the sum of the
/// later ones: there are logarithmically many, and a row is rewritten a few times per level. A segment of which a quarter is
/// deleted is rewritten too, with all that follow. One without live rows costs nothing to leave out.
pub(crate) fn pick(segments: &[Size]) -> Vec<usize> {
    let mut later = 0;
    let mut first = segments.len();
    for (at, size) in segments.iter().enumerate().rev().filter(|(_, size)| size.live > 0) {
        let wasteful = (size.rows - size.live) * 4 > size.rows;
        if wasteful || (later > 0 && size.live <= 4 * later) {
            first = at;
        }
        later += size.live;
    }
    (0..segments.len()).filter(|&at| at >= first || segments[at].live == 0).collect()
}

/// Merges the chosen segments into one without their deleted rows. Returns the number of rows dropped.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing that can be seen has changed then.
pub(crate) fn compact(writer: &Writer, choose: impl FnOnce(&[Size]) -> Vec<usize>, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.maintenance.lock();
    let _span = tracing::debug_span!("compact").entered();
    let frozen = Frozen::segments(writer, 1)?;
    let sizes: Vec<Size> =
        frozen.snapshot.segments.iter().map(|view| Size { rows: view.body.rows.len() as u64, live: view.live() }).collect();
    let old: Vec<&View<Sealed>> = choose(&sizes).into_iter().filter_map(|at| frozen.snapshot.segments.get(at)).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let rows: u64 = old.iter().map(|view| view.live()).sum();
    progress.update(Stage::Compact, 0, Some(rows));
    let inputs: Vec<(&IvfIndex, &Selection)> = old.iter().map(|view| (&*view.body.index, &view.selection)).collect();
    let (index, order) = IvfIndex::merge(&inputs).ok_or_else(too_many_rows)?;
    if progress.cancelled() {
        return Err(Error::Interrupted);
    }
    let tables: Vec<&RowTable> = old.iter().map(|view| &view.body.rows).collect();
    let sealed = Sealed {
        blob: frozen.blob,
        origin: frozen.snapshot.origin(),
        index: index.into(),
        rows: RowTable::gather(&tables, &order)?,
        error: old.iter().map(|view| view.body.error * view.live() as f64).sum::<f64>() / rows.max(1) as f64,
    };
    let dead: Vec<u64> = old.iter().flat_map(|view| view.dead()).collect();
    let dropped = dead.len() as u64;
    let stored = frozen.store(sealed)?;
    let blobs: Vec<u64> = old.iter().map(|view| view.body.blob).collect();
    let mut replaced = Vec::new();
    frozen.install(stored, dead, |next, manifest, view| {
        // In the place of the last of them: what was sealed meanwhile is later still.
        let last = next.segments.iter().rposition(|segment| blobs.contains(&segment.body.blob));
        let at = last.map_or(0, |last| (last + 1).saturating_sub(blobs.len()));
        let new = if view.is_some() { manifest.segments.pop() } else { None };
        let old = manifest.segments.extract_if(.., |meta| blobs.contains(&meta.blob));
        replaced.extend(old.flat_map(|meta| meta.parts));
        next.segments.retain(|segment| !blobs.contains(&segment.body.blob));
        if let (Some(view), Some(meta)) = (view, new) {
            next.segments.insert(at, view);
            manifest.segments.insert(at.min(manifest.segments.len()), meta);
        }
    })?;
    writer.shared.storage.delete_parts(writer.shared.id, &replaced)?;
    progress.update(Stage::Compact, rows, Some(rows));
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(live: &[u64]) -> Vec<Size> {
        live.iter().map(|&live| Size { rows: live, live }).collect()
    }

    #[test]
    fn leaves_geometric_segments_alone() {
        assert_eq!(pick(&[]), [0; 0]);
        assert_eq!(pick(&sizes(&[5])), [0; 0]);
        assert_eq!(pick(&sizes(&[100, 20, 4])), [0; 0]);
        assert_eq!(pick(&sizes(&[100, 20, 5])), [0, 1, 2]);
        assert_eq!(pick(&sizes(&[1000, 20, 5])), [1, 2]);
        assert_eq!(pick(&sizes(&[4, 4])), [0, 1]);
    }

    #[test]
    fn rewrites_a_segment_with_many_deleted_rows() {
        assert_eq!(pick(&[Size { rows: 100, live: 75 }]), [0; 0]);
        assert_eq!(pick(&[Size { rows: 100, live: 74 }]), [0]);
    }

    #[test]
    fn leaves_out_what_has_no_live_rows_without_touching_the_others() {
        let (dead, large) = (Size { rows: 100, live: 0 }, Size { rows: 9000, live: 9000 });
        assert_eq!(pick(&[dead]), [0]);
        assert_eq!(pick(&[dead, large, dead, Size { rows: 10, live: 10 }]), [0, 2]);
    }
}
