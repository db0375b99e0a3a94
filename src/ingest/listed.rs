//! The lists of rows on their way in: the thread that brings many finds them before it waits for its turn, so that no other waits for that.

use std::sync::Arc;

use crate::ingest::Op;
use crate::segment::{Shared, Training, UNKNOWN, lists_of};

/// The lists of fewer rows are found later, for several batches at once: beside them, what all centroids take would weigh too much.
const LEAST_ROWS: usize = 64;
/// More rows than these are shared out over the database's threads.
const MANY_ROWS: usize = 512;

/// The lists of the rows that some changes put, in their order.
#[derive(Default)]
pub(crate) struct Listed {
    /// The fingerprint of the training whose lists they are.
    training: u64,
    lists: Vec<u32>,
}

impl Listed {
    /// Finds the lists under the training that serves now; none where that has no quantizer or rows are few.
    pub(crate) fn new(shared: &Shared, ops: &[Op]) -> Self {
        let rows = || {
            ops.iter().filter_map(|op| match op {
                Op::Put(row) | Op::Replace { row, .. } => Some(row.vector.as_slice()),
                Op::Patch(_) | Op::Delete(_) | Op::DeleteRow { .. } | Op::List(_) => None,
            })
        };
        let training = Arc::clone(&shared.snapshot.load().training);
        match &training.trained {
            Some(trained) if rows().nth(LEAST_ROWS - 1).is_some() => {
                let find = || lists_of(trained.engine.quantizer(), rows());
                // The database's threads may be long busy with other work.
                let lists = if rows().nth(MANY_ROWS).is_some() { shared.process().run(find) } else { find() };
                Self { training: training.fingerprint, lists }
            }
            _ => Self::default(),
        }
    }

    /// The list of the row that is put at a place among them, under a training.
    pub(crate) fn of(&self, place: usize, training: &Training) -> u32 {
        if self.training == training.fingerprint { self.lists.get(place).copied().unwrap_or(UNKNOWN) } else { UNKNOWN }
    }
}
