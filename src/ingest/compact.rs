//! Compaction: segments become fewer, deleted rows go. Policy and mechanism apart.

use crate::error::{Error, Result};
use crate::index::{IvfIndex, Mask};
use crate::ingest::Writer;
use crate::ingest::replace::{Frozen, too_many_rows};
use crate::progress::{Progress, Stage};
use crate::segment::{Ids, Rows, Sealed};

/// Rows of a segment, and how many of them are live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) live: u64,
}

/// The first of the segments that should be merged with all that follow it, oldest first; `None` when all is well.
///
/// A segment is merged once those after it hold a quarter of its live rows, so that each is more than four times the sum of the
/// later ones: there are logarithmically many, and a row is rewritten a few times per level. A segment of which a quarter is
/// deleted is rewritten too.
pub(crate) fn pick(segments: &[Size]) -> Option<usize> {
    let mut later = 0;
    let mut first = None;
    for (at, size) in segments.iter().enumerate().rev() {
        let wasteful = (size.rows - size.live) * 4 > size.rows;
        if wasteful || (later > 0 && size.live <= 4 * later) {
            first = Some(at);
        }
        later += size.live;
    }
    first
}

/// Merges the segments from `first` on into one without their deleted rows. Returns the number of rows dropped.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing that can be seen has changed then.
pub(crate) fn compact(writer: &Writer, first: impl FnOnce(&[Size]) -> Option<usize>, progress: &dyn Progress) -> Result<u64> {
    let _alone = writer.maintenance.lock();
    let frozen = Frozen::new(writer, 1);
    let sizes: Vec<Size> =
        frozen.snapshot.segments.iter().map(|view| Size { rows: view.body.rows.len() as u64, live: view.live }).collect();
    let Some(first) = first(&sizes).filter(|&first| first < sizes.len()) else { return Ok(0) };
    let old = &frozen.snapshot.segments[first..];
    let rows: u64 = old.iter().map(|view| view.live).sum();
    progress.update(Stage::Compact, 0, Some(rows));
    let inputs: Vec<(&IvfIndex, &Mask)> = old.iter().map(|view| (&view.body.index, &view.mask)).collect();
    let (index, order) = IvfIndex::merge(&inputs).ok_or_else(too_many_rows)?;
    if progress.cancelled() {
        return Err(Error::Interrupted);
    }
    let numbers: Vec<u64> = order.iter().map(|&(from, at)| old[from as usize].body.rows.get(at as usize)).collect();
    let sealed = Sealed {
        blob: frozen.blob,
        generation: frozen.snapshot.generation.number,
        index,
        ids: Ids::from_iter(order.iter().map(|&(from, at)| old[from as usize].body.ids.get(at as usize))),
        rows: Rows::new(&numbers),
        error: old.iter().map(|view| view.body.error * view.live as f64).sum::<f64>() / rows.max(1) as f64,
    };
    let dead: Vec<u64> = old.iter().flat_map(|view| view.dead()).collect();
    let dropped = dead.len() as u64;
    let stored = frozen.store(sealed)?;
    frozen.drop_records(dead, progress)?;
    let blobs: Vec<u64> = old.iter().map(|view| view.body.blob).collect();
    frozen.install(stored, |next, manifest, view| {
        manifest.segments.retain(|meta| !blobs.contains(&meta.blob));
        next.segments.retain(|segment| !blobs.contains(&segment.body.blob));
        next.segments.extend(view);
    })?;
    for blob in blobs {
        writer.shared.storage.delete_blob(writer.shared.id, blob)?;
    }
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
        assert_eq!(pick(&[]), None);
        assert_eq!(pick(&sizes(&[5])), None);
        assert_eq!(pick(&sizes(&[100, 20, 4])), None);
        assert_eq!(pick(&sizes(&[100, 20, 5])), Some(0));
        assert_eq!(pick(&sizes(&[1000, 20, 5])), Some(1));
        assert_eq!(pick(&sizes(&[4, 4])), Some(0));
    }

    #[test]
    fn rewrites_a_segment_with_many_deleted_rows() {
        assert_eq!(pick(&[Size { rows: 100, live: 75 }]), None);
        assert_eq!(pick(&[Size { rows: 100, live: 74 }]), Some(0));
        assert_eq!(pick(&[Size { rows: 100, live: 0 }]), Some(0));
    }
}
