//! The changes of several writers put together: what one batch of storage will hold, and what the next snapshot looks like.
//!
//! Ids resolve against the snapshot and, before it, against the group itself, so that the changes take effect in the order in
//! which they were handed in.

use std::collections::{BTreeMap, HashMap};

use torre_storage::{Batch, Manifest};

use crate::features::Row;
use crate::ingest::listed::Listed;
use crate::ingest::op::{FieldPatch, Version};
use crate::ingest::{Changes, NewRow, Op};
use crate::segment::{
    Columns, ColumnsBuilder, ListChange, ListLog, Place, Record, RowTable, Run, Shared, Snapshot, TableError, Values, delta,
};
use crate::types::ItemId;
use crate::vector::Matrix;

/// Changes under way to one commit.
pub(crate) struct Group<'s> {
    snapshot: &'s Snapshot,
    /// Rows that the group puts; `None` where a later change of the group took the row away again.
    rows: Vec<Option<NewRow>>,
    /// The list of each of them, or [`UNKNOWN`].
    lists_of_rows: Vec<u32>,
    /// What the group last did to an id: the index of its row, or `None` for deleted.
    latest: HashMap<ItemId, Option<usize>>,
    /// Live rows of the snapshot that the group replaces or deletes.
    dead: Vec<Place>,
    /// Changes of stored lists, each with the place of its writer among those of the group.
    lists: Vec<(usize, ListChange)>,
    /// Live rows of the snapshot whose fields the group changes where they are, by number, with their new values.
    patched: BTreeMap<u64, (Place, Row)>,
}

/// What a group makes visible, made before it is committed: publishing cannot fail after it.
pub(crate) struct Made {
    /// The rows that the group puts, as a run of the tail.
    run: Run,
    /// Columns of parts of the snapshot in which rows are patched.
    columns: Vec<(u32, Columns)>,
    /// The bytes of the delta entry; none where no row is patched.
    delta: Vec<u8>,
}

/// What an id stands for at this point of the group.
enum Current {
    Absent,
    Stored(Place),
    Here(usize),
}

impl<'s> Group<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        let (rows, latest, dead) = (Vec::new(), HashMap::new(), Vec::new());
        Self { snapshot, rows, lists_of_rows: Vec::new(), latest, dead, lists: Vec::new(), patched: BTreeMap::new() }
    }

    fn current(&self, id: &ItemId) -> Current {
        match self.latest.get(id) {
            Some(Some(index)) => Current::Here(*index),
            Some(None) => Current::Absent,
            None => self.snapshot.locate(id.as_str()).map_or(Current::Absent, Current::Stored),
        }
    }

    /// True when every change that was made from a row finds that row as it was.
    pub(crate) fn admits(&self, ops: &[Op]) -> bool {
        let is_live = |id: &ItemId, row: u64| matches!(self.current(id), Current::Stored(place) if self.snapshot.row(place) == row);
        ops.iter().all(|op| match op {
            Op::Replace { row, from } => is_live(&row.id, from.row) && self.is_unpatched(*from),
            Op::Patch(patch) => is_live(&patch.id, patch.of.row) && (!patch.whole || self.is_unpatched(patch.of)),
            Op::Put(_) | Op::Delete(_) | Op::DeleteRow { .. } | Op::List(_) => true,
        })
    }

    /// Whether a row has the fields that it was seen with.
    fn is_unpatched(&self, of: Version) -> bool {
        self.snapshot.patches.number(of.row) == of.patched && !self.patched.contains_key(&of.row)
    }

    /// Takes one writer's changes in, in their order: of several with one id the last wins.
    pub(crate) fn add(&mut self, writer: usize, ops: Vec<Op>, listed: &Listed) -> Changes {
        let (mut changes, mut put) = (Changes::default(), 0);
        for op in ops {
            let op = match op {
                Op::Patch(patch) => {
                    changes.patched += u64::from(self.patch(patch));
                    continue;
                }
                Op::List(change) => {
                    self.lists.push((writer, change));
                    continue;
                }
                other => other,
            };
            let Some(id) = op.id() else { continue };
            let current = self.current(id);
            if let Op::DeleteRow { of, .. } = &op
                && !(matches!(current, Current::Stored(place) if self.snapshot.row(place) == of.row) && self.is_unpatched(*of))
            {
                continue;
            }
            match current {
                Current::Stored(place) => {
                    self.patched.remove(&self.snapshot.row(place));
                    self.dead.push(place);
                }
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
                    self.lists_of_rows.push(listed.of(put, &self.snapshot.training));
                    put += 1;
                }
                Op::Delete(id) | Op::DeleteRow { id, .. } => {
                    changes.deleted += u64::from(was_there);
                    self.latest.insert(id, None);
                }
                // Taken in before.
                Op::Patch(_) | Op::List(_) => {}
            }
        }
        changes
    }

    /// Takes in a patch that the group admits; false where its row is not there.
    fn patch(&mut self, patch: FieldPatch) -> bool {
        let Current::Stored(place) = self.current(&patch.id) else { return false };
        if patch.fields.is_empty() {
            return true;
        }
        let (_, fields) = self.patched.entry(patch.of.row).or_insert_with(|| (place, Row::new()));
        patch.fields.into_fields().for_each(|(name, value)| drop(fields.insert(name, value)));
        true
    }

    /// The entry of the list log that the group's changes of lists are, if there are any.
    pub(crate) fn list_log(&mut self, shared: &Shared) -> Option<(Vec<usize>, ListLog)> {
        let (writers, changes): (Vec<usize>, Vec<ListChange>) = std::mem::take(&mut self.lists).into_iter().unzip();
        (!changes.is_empty()).then(|| (writers, shared.lists.entry(changes)))
    }

    /// The batch that makes the group durable, together with an entry of the list log, and the manifest in it: the first delta entry of a
    /// collection comes with one that says so. `None` when it changes nothing.
    ///
    /// # Errors
    /// An entry that is too large.
    pub(crate) fn batch(
        &self,
        shared: &Shared,
        made: &Made,
        manifest: &Manifest,
        lists: Option<&ListLog>,
    ) -> torre_storage::Result<Option<(Batch, Option<Manifest>)>> {
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
        let mut first = None;
        if !self.patched.is_empty() {
            let Snapshot { next_row, sealed_row, ref patches, .. } = *self.snapshot;
            batch.put_delta(shared.id, patches.next, made.delta.as_slice());
            if manifest.first_delta == 0 {
                let manifest = Manifest { next_row, sealed_row, first_delta: patches.next, ..manifest.clone() };
                batch.put_manifest(shared.id, &manifest);
                first = Some(manifest);
            }
        }
        if let Some(log) = lists {
            batch.put_list_entry(shared.id, log.number, log.entry.encode()?);
        }
        Ok((!batch.is_empty()).then_some((batch, first)))
    }

    /// Numbers of the rows that the group replaces or deletes.
    pub(crate) fn dead(&self) -> impl Iterator<Item = u64> {
        self.dead.iter().map(|&place| self.snapshot.row(place))
    }

    /// Makes what the group will show.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn make(&self, dim: usize) -> Result<Made, TableError> {
        let _span = tracing::debug_span!("make run").entered();
        let delta =
            if self.patched.is_empty() { Vec::new() } else { delta::encode(self.patched.iter().map(|(row, (_, fields))| (*row, fields))) };
        Ok(Made { run: self.run(dim)?, columns: self.columns()?, delta })
    }

    fn run(&self, dim: usize) -> Result<Run, TableError> {
        let rows = RowTable::from_iter(self.numbered().map(|(number, row)| (row.id.as_str(), number)))?;
        let mut columns = ColumnsBuilder::new(self.snapshot.schema.indexed());
        if !columns.is_empty() {
            // They were encoded a moment ago, and so they decode.
            self.numbered().for_each(|(_, row)| columns.push(&Row::from_bytes(&row.features).unwrap_or_default()));
        }
        let rows = rows.with_columns(columns.finish()?);
        let mut vectors = Matrix::with_capacity(dim, rows.len());
        self.numbered().for_each(|(_, row)| vectors.push(&row.vector));
        let of_rows = self.rows.iter().zip(&self.lists_of_rows).filter(|(row, _)| row.is_some()).map(|(_, list)| *list).collect();
        Run::new(&self.snapshot.training, rows, vectors, of_rows)
    }

    fn columns(&self) -> Result<Vec<(u32, Columns)>, TableError> {
        let mut by_part: BTreeMap<u32, BTreeMap<u32, &Row>> = BTreeMap::new();
        for ((part, position), fields) in self.patched.values() {
            by_part.entry(*part).or_default().insert(*position, fields);
        }
        by_part.into_iter().map(|(part, rows)| Ok((part, self.snapshot.table(part).columns().patched(&Vec::from_iter(rows))?))).collect()
    }

    /// The snapshot after the group. Runs that begin below `fixed_row` are left as they are.
    pub(crate) fn publish(self, made: Made, fixed_row: u64) -> Snapshot {
        let mut next = self.snapshot.clone();
        // Places are those of the snapshot, before runs are merged.
        for (part, columns) in made.columns {
            next.set_columns(part, columns);
        }
        let number = next.patches.next;
        if !self.patched.is_empty() {
            let rows: Vec<(u64, Row)> = self.patched.into_iter().map(|(row, (_, fields))| (row, fields)).collect();
            next.patches.push(number, &rows, made.delta.len());
        }
        next.version += 1;
        for &place in &self.dead {
            next.remove(place);
        }
        if made.run.rows.len() > 0 {
            next.next_row += made.run.rows.len() as u64;
            next.push_run(made.run.view(), fixed_row);
        }
        next
    }

    /// The rows that stay, with their row numbers.
    fn numbered(&self) -> impl Iterator<Item = (u64, &NewRow)> {
        (self.snapshot.next_row..).zip(self.rows.iter().flatten())
    }
}
