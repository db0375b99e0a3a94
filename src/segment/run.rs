//! A run of the tail: recent rows with their vectors, compared one by one until they are sealed into a segment.

use std::sync::Arc;

use crate::index::Selection;
use crate::segment::{RowTable, RunLists, TableError, Training, UNKNOWN, View};
use crate::vector::Matrix;

/// Rows in order of arrival, not yet in a segment.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rows: RowTable,
    pub(crate) vectors: Arc<Matrix>,
    /// Where its rows lie among the lists; `None` where they are compared all.
    pub(crate) lists: Option<Arc<RunLists>>,
}

impl Run {
    pub(crate) fn view(self) -> View<Run> {
        View { selection: Selection::flat(self.rows.len()), body: self.into() }
    }

    /// One run of the live rows of several, which follow each other in row order. Where it has lists, they are of this training.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn merge(runs: &[View<Run>], training: &Training) -> Result<Run, TableError> {
        let live = runs.iter().map(|run| run.live() as usize).sum();
        let dim = runs.first().map_or(0, |run| run.body.vectors.dim());
        let (mut order, mut vectors) = (Vec::with_capacity(live), Matrix::with_capacity(dim, live));
        let mut of_rows = Vec::with_capacity(live);
        for (at, run) in runs.iter().enumerate() {
            let lists = run.body.lists(training);
            for position in run.positions() {
                order.push((at as u32, position as u32));
                vectors.push(run.body.vectors.row(position));
                of_rows.push(lists.map_or(UNKNOWN, |lists| lists.of_row(position)));
            }
        }
        let tables: Vec<&RowTable> = runs.iter().map(|run| &run.body.rows).collect();
        let lists = RunLists::new(training, of_rows, &vectors).map(Arc::new);
        Ok(Run { rows: RowTable::gather(&tables, &order)?, vectors: vectors.into(), lists })
    }

    /// Where its rows lie among the lists of a training, if that is known.
    pub(crate) fn lists(&self, training: &Training) -> Option<&RunLists> {
        self.lists.as_deref().filter(|lists| lists.are_of(training))
    }

    /// Whether another run is this one, whatever their columns hold.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.vectors, &other.vectors)
    }

    /// The same run with another table of its rows.
    pub(crate) fn with_rows(&self, rows: RowTable) -> Self {
        Self { rows, vectors: Arc::clone(&self.vectors), lists: self.lists.clone() }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.rows.memory() + self.vectors.as_slice().len() * 4 + self.lists.as_ref().map_or(0, |lists| lists.memory())
    }
}

impl View<Run> {
    /// The live positions, ascending.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        (0..self.body.rows.len()).filter(|&position| self.selection.contains(position / 64, position % 64))
    }
}
