//! A run of the tail: recent rows with their vectors, scanned exactly until they are sealed into a segment.

use crate::index::Selection;
use crate::segment::{Ids, Rows, View};
use crate::vector::Matrix;

/// Rows in order of arrival, not yet in a segment.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ids: Ids,
    pub(crate) rows: Rows,
    pub(crate) vectors: Matrix,
}

impl Run {
    pub(crate) fn view(self) -> View<Run> {
        View { selection: Selection::flat(self.rows.len()), body: self.into() }
    }

    /// One run of the live rows of several, which follow each other in row order.
    pub(crate) fn merge(runs: &[View<Run>]) -> Run {
        let live = runs.iter().map(|run| run.live() as usize).sum();
        let dim = runs.first().map_or(0, |run| run.body.vectors.dim());
        let (mut rows, mut vectors) = (Vec::with_capacity(live), Matrix::with_capacity(dim, live));
        for run in runs {
            for position in run.positions() {
                rows.push(run.body.rows.get(position));
                vectors.push(run.body.vectors.row(position));
            }
        }
        let ids = Ids::from_iter(runs.iter().flat_map(|run| run.positions().map(|position| run.body.ids.get(position))));
        Run { ids, rows: Rows::new(&rows), vectors }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.ids.memory() + self.rows.memory() + self.vectors.as_slice().len() * 4
    }
}

impl View<Run> {
    /// The live positions, ascending.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        (0..self.body.rows.len()).filter(|&position| self.selection.contains(position / 64, position % 64))
    }
}
