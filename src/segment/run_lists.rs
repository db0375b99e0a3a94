//! Where the rows of a run lie among the lists of a training, so that a query compares itself with those of the lists it visits and not with
//! all. The rows keep their order, and have no codes before they are sealed.

use crate::quantizer::Quantizer;
use crate::segment::Training;
use crate::vector::Matrix;

/// Stands for the list of a row whose list is not known.
pub(crate) const UNKNOWN: u32 = u32::MAX;
/// From so many rows on a run has lists: fewer are compared in a microsecond or two.
const LEAST_ROWS: usize = 256;
/// Rows whose lists are found when runs are merged, at most: writers wait for it.
const MOST_UNKNOWN: usize = 512;

/// The rows of a run, list by list.
#[derive(Debug)]
pub(crate) struct RunLists {
    /// The fingerprint of the training whose lists they are.
    training: u64,
    /// The list of each row, by position.
    of_rows: Vec<u32>,
    /// Positions, list after list, ascending within each.
    order: Vec<u32>,
    /// Where each list begins in `order`, and the end of the last.
    starts: Vec<u32>,
}

impl RunLists {
    /// From the list of each row under a training. [`UNKNOWN`] ones are found where there are few; `None` where they stay unknown, or there is no
    /// quantizer.
    pub(crate) fn new(training: &Training, mut of_rows: Vec<u32>, vectors: &Matrix) -> Option<Self> {
        let quantizer = training.trained.as_ref()?.engine.quantizer();
        if of_rows.is_empty() {
            return None;
        }
        let unknown: Vec<usize> = (0..of_rows.len()).filter(|&row| of_rows[row] == UNKNOWN).collect();
        if of_rows.len() < LEAST_ROWS && !unknown.is_empty() || unknown.len() > MOST_UNKNOWN {
            return None;
        }
        if !unknown.is_empty() {
            let found = lists_of(quantizer, unknown.iter().map(|&row| vectors.row(row)));
            unknown.into_iter().zip(found).for_each(|(row, list)| of_rows[row] = list);
        }
        let lists = quantizer.lists();
        let mut starts = vec![0u32; lists + 1];
        for &list in &of_rows {
            *starts.get_mut(list as usize + 1)? += 1;
        }
        for list in 0..lists {
            starts[list + 1] += starts[list];
        }
        let (mut order, mut free) = (vec![0u32; of_rows.len()], starts.clone());
        for (position, &list) in (0u32..).zip(&of_rows) {
            let at = &mut free[list as usize];
            order[*at as usize] = position;
            *at += 1;
        }
        Some(Self { training: training.fingerprint, of_rows, order, starts })
    }

    /// Whether they are of this training, whose quantizer gives them.
    pub(crate) fn are_of(&self, training: &Training) -> bool {
        self.training == training.fingerprint
    }

    /// The list of a row.
    pub(crate) fn of_row(&self, position: usize) -> u32 {
        self.of_rows[position]
    }

    /// The list of every row, by position.
    pub(crate) fn into_rows(self) -> Vec<u32> {
        self.of_rows
    }

    /// Positions of the rows of a list, ascending.
    pub(crate) fn rows_of(&self, list: u32) -> &[u32] {
        let list = list as usize;
        let bound = |at: usize| self.starts.get(at).map_or(self.order.len(), |&start| start as usize);
        &self.order[bound(list)..bound(list + 1)]
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        4 * (self.of_rows.len() + self.order.len() + self.starts.len())
    }
}

/// The lists of vectors.
pub(crate) fn lists_of<'v>(quantizer: &Quantizer, vectors: impl Iterator<Item = &'v [f32]>) -> Vec<u32> {
    let mut carried = Matrix::new(quantizer.dim());
    vectors.for_each(|vector| carried.push(vector));
    quantizer.carry(&mut carried);
    quantizer.assign(&carried)
}
