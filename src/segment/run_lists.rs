//! Where the rows of a run lie among the lists of a training, so that a query compares itself with those of the lists it visits and not with
//! all. They lie list by list, as a segment's do: a list's rows are read from one place, and have no codes before they are sealed.

use std::ops::Range;

use crate::quantizer::Quantizer;
use crate::segment::Training;
use crate::vector::Matrix;

/// Stands for the list of a row whose list is not known.
pub(crate) const UNKNOWN: u32 = u32::MAX;
/// From so many rows on a run has lists: fewer are compared in a microsecond or two.
const LEAST_ROWS: usize = 256;
/// Rows whose lists are found when runs are merged, at most: writers wait for it.
const MOST_UNKNOWN: usize = 512;

/// Which rows of a run are of which list.
#[derive(Debug)]
pub(crate) struct RunLists {
    /// The fingerprint of the training whose lists they are.
    training: u64,
    /// The position at which each list begins, and the end of the last.
    starts: Vec<u32>,
}

impl RunLists {
    /// From the list of each row under a training, by position; these ascend. `None` where there is no quantizer, or it has no such list.
    pub(super) fn new(training: &Training, of_rows: &[u32]) -> Option<Self> {
        debug_assert!(of_rows.is_sorted());
        let lists = training.trained.as_ref()?.engine.quantizer().lists();
        let mut starts = vec![0u32; lists + 1];
        for &list in of_rows {
            *starts.get_mut(list as usize + 1)? += 1;
        }
        for list in 0..lists {
            starts[list + 1] += starts[list];
        }
        Some(Self { training: training.fingerprint, starts })
    }

    /// Whether they are of this training, whose quantizer gives them.
    pub(crate) fn are_of(&self, training: &Training) -> bool {
        self.training == training.fingerprint
    }

    /// The list of every row, by position.
    pub(crate) fn of_rows(&self) -> impl Iterator<Item = u32> {
        (0..).zip(self.starts.windows(2)).flat_map(|(list, bounds)| std::iter::repeat_n(list, (bounds[1] - bounds[0]) as usize))
    }

    /// Positions of the rows of a list.
    pub(crate) fn rows_of(&self, list: u32) -> Range<u32> {
        let bound = |at: usize| self.starts.get(at).or(self.starts.last()).copied().unwrap_or(0);
        bound(list as usize)..bound(list as usize + 1)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        4 * self.starts.len()
    }
}

/// Finds the lists that are [`UNKNOWN`] where they are few; false where some stay unknown, or there is no quantizer.
pub(super) fn complete<'v>(training: &Training, of_rows: &mut [u32], vector: impl Fn(usize) -> &'v [f32]) -> bool {
    let Some(trained) = training.trained.as_ref().filter(|_| !of_rows.is_empty()) else { return false };
    let unknown: Vec<usize> = (0..of_rows.len()).filter(|&row| of_rows[row] == UNKNOWN).collect();
    if of_rows.len() < LEAST_ROWS && !unknown.is_empty() || unknown.len() > MOST_UNKNOWN {
        return false;
    }
    if !unknown.is_empty() {
        let found = lists_of(trained.engine.quantizer(), unknown.iter().map(|&row| vector(row)));
        unknown.into_iter().zip(found).for_each(|(row, list)| of_rows[row] = list);
    }
    true
}

/// The lists of vectors.
pub(crate) fn lists_of<'v>(quantizer: &Quantizer, vectors: impl Iterator<Item = &'v [f32]>) -> Vec<u32> {
    let mut carried = Matrix::new(quantizer.dim());
    vectors.for_each(|vector| carried.push(vector));
    quantizer.carry(&mut carried);
    quantizer.assign(&carried)
}
