//! The tail of a collection that is opened: runs of the rows that are in no segment, from their records and vectors; and what was patched.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::Result;
use crate::features::Schema;
use crate::segment::{ColumnsBuilder, RowTable, Run, Shared, Snapshot, Stored, TableError, Training, UNKNOWN, lists_of};
use crate::vector::Matrix;

/// Rows of one run of a tail that is read back.
const RUN_ROWS: usize = 1 << 14;

/// Row and blob numbers only grow, by one, so no database reaches this number. A stored one at or beyond it is damage, and numbering does not continue from it.
pub(super) const IMPOSSIBLE: u64 = 1 << 62;

/// Adds the rows from the snapshot's `sealed_row` on that are not dead, and counts its next row on.
///
/// # Errors
/// Damage; storage errors.
pub(super) fn read_tail(shared: &Shared, snapshot: &mut Snapshot, dead: &HashSet<u64>) -> Result<()> {
    let dim = shared.settings.dim;
    let schema = Arc::clone(&snapshot.schema);
    let mut part = TailPart::new(&schema, dim);
    for stored in shared.stored(snapshot.sealed_row..u64::MAX) {
        let Stored { row, record, vector } = stored?;
        if row >= IMPOSSIBLE {
            return Err(shared.damaged(format!("row {row}"), "there cannot be such a row"));
        }
        snapshot.next_row = snapshot.next_row.max(row + 1);
        if dead.contains(&row) {
            continue;
        }
        let record = record.ok_or_else(|| shared.damaged(format!("row {row}"), "it has a vector and no record"))?;
        let vector = vector.ok_or_else(|| shared.without_vector(row))?;
        let record = shared.decode(row, &record)?;
        if !part.columns.is_empty() {
            part.columns.push(&shared.features(snapshot, row, &record)?);
        }
        part.ids.push(record.id.to_owned());
        part.rows.push(row);
        shared.values(row, &vector)?.push_to(&mut part.vectors);
        if part.rows.len() == RUN_ROWS {
            snapshot.runs.push(std::mem::replace(&mut part, TailPart::new(&schema, dim)).run(&snapshot.training)?.view());
        }
    }
    if !part.rows.is_empty() {
        snapshot.runs.push(part.run(&snapshot.training)?.view());
    }
    Ok(())
}

/// Adds what delta entries from number `first` on say; 0 where there has never been one. Counts the snapshot's next row on: also a dead row's number is
/// not used again while a delta names it.
///
/// # Errors
/// Damage; storage errors.
pub(super) fn read_deltas(shared: &Shared, snapshot: &mut Snapshot, first: u64) -> Result<()> {
    for entry in shared.storage.deltas(shared.id, first..u64::MAX) {
        let (number, bytes) = entry?;
        let rows = shared.delta(number, &bytes)?;
        let end = rows.last().map_or(0, |(row, _)| row.saturating_add(1));
        if first == 0 || number.max(end) >= IMPOSSIBLE {
            return Err(shared.damaged(format!("delta entry {number}"), "there cannot be such an entry"));
        }
        snapshot.next_row = snapshot.next_row.max(end);
        snapshot.patches.push(number, &rows, bytes.len());
    }
    Ok(())
}

/// Rows of the tail that are read back, for one run.
struct TailPart<'s> {
    ids: Vec<String>,
    rows: Vec<u64>,
    columns: ColumnsBuilder<'s>,
    vectors: Matrix,
}

impl<'s> TailPart<'s> {
    fn new(schema: &'s Schema, dim: usize) -> Self {
        let columns = ColumnsBuilder::new(schema.indexed());
        Self { ids: Vec::new(), rows: Vec::new(), columns, vectors: Matrix::new(dim) }
    }

    /// With the lists of the training: what was compared by lists before is so again.
    fn run(self, training: &Training) -> Result<Run, TableError> {
        let rows = RowTable::from_iter(self.ids.iter().map(String::as_str).zip(self.rows.iter().copied()))?;
        let lists = training.trained.as_ref().map(|trained| lists_of(trained.engine.quantizer(), self.vectors.iter()));
        let lists = lists.unwrap_or_else(|| vec![UNKNOWN; self.rows.len()]);
        Run::new(training, rows.with_columns(self.columns.finish()?), self.vectors, lists)
    }
}
