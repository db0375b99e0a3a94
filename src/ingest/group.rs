//! The changes of several writers put together: what one batch of storage will hold, and what the next snapshot looks like.
//!
//! Ids resolve against the snapshot and, before it, against the group itself, so that the changes take effect in the order in
//! which they were handed in.

use std::collections::HashMap;

use torre_storage::Batch;

use crate::features::Row;
use crate::ingest::{Changes, NewRow, Op};
use crate::segment::{ColumnsBuilder, ListChange, ListLog, Place, Record, RowTable, Run, Shared, Snapshot, TableError, Values};
use crate::types::ItemId;
use crate::vector::Matrix;

/// Changes under way to one commit.
pub(crate) struct Group<'s> {
    snapshot: &'s Snapshot,
    /// Rows that the group puts; `None` where a later change of the group took the row away again.
    rows: Vec<Option<NewRow>>,
    /// What the group last did to an id: the index of its row, or `None` for deleted.
    latest: HashMap<ItemId, Option<usize>>,
    /// Live rows of the snapshot that the group replaces or deletes.
    dead: Vec<Place>,
    /// Changes of stored lists, each with the place of its writer among those of the group.
    lists: Vec<(usize, ListChange)>,
}

/// What an id stands for at this point of the group.
enum Current {
    Absent,
    Stored(Place),
    Here(usize),
}

impl<'s> Group<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, rows: Vec::new(), latest: HashMap::new(), dead: Vec::new(), lists: Vec::new() }
    }

    fn current(&self, id: &ItemId) -> Current {
        match self.latest.get(id) {
            Some(Some(index)) => Current::Here(*index),
            Some(None) => Current::Absent,
            None => self.snapshot.locate(id.as_str()).map_or(Current::Absent, Current::Stored),
        }
    }

    /// True when every `Replace` among the changes still replaces the row that it was made from.
    pub(crate) fn admits(&self, ops: &[Op]) -> bool {
        ops.iter().all(|op| match op {
            Op::Replace { row, from } => matches!(self.current(&row.id), Current::Stored(place) if self.snapshot.row(place) == *from),
            _ => true,
        })
    }

    /// Takes one writer's changes in, in their order: of several with one id the last wins.
    pub(crate) fn add(&mut self, writer: usize, ops: Vec<Op>) -> Changes {
        let mut changes = Changes::default();
        for op in ops {
            let Some(id) = op.id() else {
                if let Op::List(change) = op {
                    self.lists.push((writer, change));
                }
                continue;
            };
            let current = self.current(id);
            if let Op::DeleteRow { row, .. } = &op
                && !matches!(current, Current::Stored(place) if self.snapshot.row(place) == *row)
            {
                continue;
            }
            match current {
                Current::Stored(place) => self.dead.push(place),
                Current::Here(index) => self.rows[index] = None,
                Current::Absent => {}
            }
            let was_there = !matches!(current, Current::Absent);
            match op {
                Op::Put(row) | Op::Replace { row, .. } => {
                    if was_there {
                        changes.updated += 1;
                    } else {
                        changes.inserted += 1;
                    }
                    self.latest.insert(row.id.clone(), Some(self.rows.len()));
                    self.rows.push(Some(row));
                }
                Op::Delete(id) | Op::DeleteRow { id, .. } => {
                    changes.deleted += u64::from(was_there);
                    self.latest.insert(id, None);
                }
                // It has no id.
                Op::List(_) => {}
            }
        }
        changes
    }

    /// The entry of the list log that the group's changes of lists are, if there are any.
    pub(crate) fn list_log(&mut self, shared: &Shared) -> Option<(Vec<usize>, ListLog)> {
        let (writers, changes): (Vec<usize>, Vec<ListChange>) = std::mem::take(&mut self.lists).into_iter().unzip();
        (!changes.is_empty()).then(|| (writers, shared.lists.entry(changes)))
    }

    /// The batch that makes the group durable, together with an entry of the list log; `None` when it changes nothing.
    ///
    /// # Errors
    /// An entry that is too large.
    pub(crate) fn batch(&self, shared: &Shared, lists: Option<&ListLog>) -> torre_storage::Result<Option<Batch>> {
        let mut batch = Batch::new();
        for (number, row) in self.numbered() {
            batch.put_record(shared.id, number, Record::encode(row.id.as_str(), &row.features));
            batch.put_vector(shared.id, shared.space, number, Values::encode(&row.vector));
        }
        let mut dead: Vec<u64> = self.dead().collect();
        dead.sort_unstable();
        if !dead.is_empty() {
            batch.put_tombstones(shared.id, &dead);
        }
        if let Some(log) = lists {
            batch.put_list_entry(shared.id, log.number, log.entry.encode()?);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Numbers of the rows that the group replaces or deletes.
    pub(crate) fn dead(&self) -> impl Iterator<Item = u64> {
        self.dead.iter().map(|&place| self.snapshot.row(place))
    }

    /// The rows that the group puts, as a run of the tail: made before the commit, because publishing cannot fail after it.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn run(&self, dim: usize) -> Result<Run, TableError> {
        let rows = RowTable::from_iter(self.numbered().map(|(number, row)| (row.id.as_str(), number)))?;
        let mut columns = ColumnsBuilder::new(self.snapshot.schema.indexed());
        if !columns.is_empty() {
            // They were encoded a moment ago, and so they decode.
            self.numbered().for_each(|(_, row)| columns.push(&Row::from_bytes(&row.features).unwrap_or_default()));
        }
        let rows = rows.with_columns(columns.finish()?);
        let mut vectors = Matrix::with_capacity(dim, rows.len());
        self.numbered().for_each(|(_, row)| vectors.push(&row.vector));
        Ok(Run { rows, vectors: vectors.into() })
    }

    /// The snapshot after the group, whose rows are the run. Runs that begin below `fixed_row` are left as they are.
    pub(crate) fn publish(self, run: Run, fixed_row: u64) -> Snapshot {
        let mut next = self.snapshot.clone();
        next.version += 1;
        for &place in &self.dead {
            next.remove(place);
        }
        if run.rows.len() > 0 {
            next.next_row += run.rows.len() as u64;
            next.push_run(run.view(), fixed_row);
        }
        next
    }

    /// The rows that stay, with their row numbers.
    fn numbered(&self) -> impl Iterator<Item = (u64, &NewRow)> {
        (self.snapshot.next_row..).zip(self.rows.iter().flatten())
    }
}
