//! A run of the tail: recent rows with their vectors, compared one by one until they are sealed into a segment.

use std::sync::Arc;

use crate::index::Selection;
use crate::segment::{RowTable, RunLists, TableError, Training, UNKNOWN, View, run_lists};
use crate::vector::Matrix;

/// Rows that are not yet in a segment: list by list where it has lists, and in order of arrival.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rows: RowTable,
    pub(crate) vectors: Arc<Matrix>,
    /// Where its rows lie among the lists; `None` where they are compared all.
    pub(crate) lists: Option<Arc<RunLists>>,
}

/// A row on its way into a run: its list, its number, and where it is among what the run is made of.
struct Placed {
    list: u32,
    row: u64,
    at: (u32, u32),
}

impl Run {
    pub(crate) fn view(self) -> View<Run> {
        View { selection: Selection::flat(self.rows.len()), body: self.into() }
    }

    /// A run of rows in order of arrival, each with its vector and its list under the training, or [`UNKNOWN`].
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn new(training: &Training, rows: RowTable, vectors: Matrix, of_rows: Vec<u32>) -> Result<Run, TableError> {
        let placed = (0..).zip(of_rows).map(|(at, list)| Placed { list, row: rows.row(at as usize), at: (0, at) }).collect();
        match Self::in_order(training, placed, |(_, at)| vectors.row(at as usize)) {
            (order, Some(lists)) => {
                let mut of_order = Matrix::with_capacity(vectors.dim(), order.len());
                order.iter().for_each(|&(_, at)| of_order.push(vectors.row(at as usize)));
                Ok(Run { rows: RowTable::gather(&[&rows], &order)?, vectors: of_order.into(), lists: Some(lists.into()) })
            }
            (_, None) => Ok(Run { rows, vectors: vectors.into(), lists: None }),
        }
    }

    /// One run of the live rows of several. Where it has lists, they are of this training.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn merge(runs: &[View<Run>], training: &Training) -> Result<Run, TableError> {
        let live = runs.iter().map(|run| run.live() as usize).sum();
        let mut placed = Vec::with_capacity(live);
        for (part, run) in (0..).zip(runs) {
            let lists = run.body.lists(training);
            let known = lists.into_iter().flat_map(RunLists::of_rows);
            let of_rows = (0u32..).zip(known.chain(std::iter::repeat(UNKNOWN))).zip(run.body.rows.numbers());
            let live = of_rows.filter(|((at, _), _)| run.selection.contains(*at as usize / 64, *at as usize % 64));
            placed.extend(live.map(|((at, list), row)| Placed { list, row, at: (part, at) }));
        }
        let vector = |(part, at): (u32, u32)| runs[part as usize].body.vectors.row(at as usize);
        let (order, lists) = Self::in_order(training, placed, vector);
        let mut vectors = Matrix::with_capacity(runs.first().map_or(0, |run| run.body.vectors.dim()), live);
        order.iter().for_each(|&at| vectors.push(vector(at)));
        let tables: Vec<&RowTable> = runs.iter().map(|run| &run.body.rows).collect();
        Ok(Run { rows: RowTable::gather(&tables, &order)?, vectors: vectors.into(), lists: lists.map(Arc::new) })
    }

    /// The order of rows in a run: list by list where the lists are known, and by their numbers.
    fn in_order<'v>(
        training: &Training,
        mut placed: Vec<Placed>,
        vector: impl Fn((u32, u32)) -> &'v [f32],
    ) -> (Vec<(u32, u32)>, Option<RunLists>) {
        let mut of_rows: Vec<u32> = placed.iter().map(|row| row.list).collect();
        let known = run_lists::complete(training, &mut of_rows, |at| vector(placed[at].at));
        placed.iter_mut().zip(of_rows).for_each(|(row, list)| row.list = if known { list } else { UNKNOWN });
        // Stable, for it makes use of what is in order already.
        placed.sort_by_key(|row| (row.list, row.row));
        let of_rows: Vec<u32> = placed.iter().map(|row| row.list).collect();
        let lists = if known { RunLists::new(training, &of_rows) } else { None };
        (placed.into_iter().map(|row| row.at).collect(), lists)
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
