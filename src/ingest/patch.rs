//! Patches become changes: in the row's place where nothing that a vector is made of has changed, else as a new row.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::features::{ID_FIELD, Row, VECTOR_FIELD};
use crate::ingest::op::{FieldPatch, Version};
use crate::ingest::{Item, NewRow, Op, Preparer};
use crate::segment::lay_over;
use crate::types::ItemId;

/// Rows of a spec and a schema together that leave room in a row, which holds 4,096, for every field that they name.
const CLOSED_FIELDS: usize = 4000;

/// What one item's patches come to.
struct Wanted {
    item: Item,
    /// The place of the first of them among the patches, for errors.
    at: usize,
}

impl Preparer<'_> {
    /// What becomes of stored items when the fields of these are set (or removed, where null), several of one id one after the other. Nothing is
    /// read from storage, and no row moves, unless a field may be an input of the item tower; the tower runs only for rows of which an input
    /// has another value than before.
    ///
    /// # Errors
    /// [`Error::UnknownItem`], errors about a row as it would become; the first bad one fails all.
    pub(crate) fn patches(&self, items: Vec<Item>) -> Result<Vec<Op>> {
        let mut wanted: Vec<Wanted> = Vec::with_capacity(items.len());
        let mut by_id: HashMap<ItemId, usize> = HashMap::new();
        for (at, mut item) in items.into_iter().enumerate() {
            self.settle_changes(&mut item, at)?;
            match by_id.get(&item.id) {
                Some(&before) => {
                    let all = &mut wanted[before].item;
                    item.row.into_fields().for_each(|(name, value)| drop(all.row.insert(name, value)));
                    all.vector = item.vector.or(all.vector.take());
                }
                None => {
                    by_id.insert(item.id.clone(), wanted.len());
                    wanted.push(Wanted { item, at });
                }
            }
        }
        let (mut ops, mut read) = (Vec::with_capacity(wanted.len()), Vec::new());
        let is_open = self.is_open();
        for Wanted { item, at } in wanted {
            let place = self.snapshot.locate(item.id.as_str()).ok_or_else(|| Error::UnknownItem { id: item.id.to_string() })?;
            let row = self.snapshot.row(place);
            let of = Version { row, patched: self.snapshot.patches.number(row) };
            let may_move = item.vector.is_some() || item.row.iter().any(|(name, _)| self.reads(name));
            let patch = FieldPatch { id: item.id, fields: item.row, of, whole: is_open };
            if may_move || is_open { read.push((patch, item.vector, at)) } else { ops.push(Op::Patch(patch)) }
        }
        let mut renewed = Vec::new();
        let rows: Vec<u64> = read.iter().map(|(patch, ..)| patch.of.row).collect();
        for ((patch, vector, at), bytes) in read.into_iter().zip(self.shared.records(&rows)?) {
            match self.whole(patch, vector, &bytes, at)? {
                Whole::InPlace(patch) => ops.push(Op::Patch(patch)),
                Whole::Anew { item, of } => renewed.push((item, of, at)),
            }
        }
        if renewed.is_empty() {
            return Ok(ops);
        }
        let places: Vec<(Version, usize)> = renewed.iter().map(|(_, of, at)| (*of, *at)).collect();
        let items: Vec<Item> = renewed.into_iter().map(|(item, ..)| item).collect();
        let vectors = self.vectors(&items).map_err(|error| at_patch(error, &places))?;
        for ((item, vector), (from, _)) in items.into_iter().zip(vectors.iter()).zip(places) {
            let row = NewRow { id: item.id, vector: vector.to_vec(), features: item.row.to_bytes() };
            ops.push(Op::Replace { row, from });
        }
        Ok(ops)
    }

    /// Checks changes by themselves, and takes out what is not a field to be changed: the id, and the vector.
    fn settle_changes(&self, item: &mut Item, at: usize) -> Result<()> {
        if item.row.get(ID_FIELD).is_some_and(|value| value.is_null()) {
            item.row.remove(ID_FIELD);
        }
        if !self.shared.settings.towers && item.row.get(VECTOR_FIELD).is_some_and(|value| value.is_null()) {
            item.row.remove(VECTOR_FIELD);
        }
        self.settle(item, at)?;
        item.row.remove(ID_FIELD);
        Ok(())
    }

    fn reads(&self, name: &str) -> bool {
        self.snapshot.space.towers.as_ref().is_some_and(|pair| pair.item_spec().reads(name))
    }

    /// Whether a row might come to have more fields than one can hold.
    fn is_open(&self) -> bool {
        let read = self.snapshot.space.towers.as_ref().map_or(0, |pair| pair.item_spec().fields().count());
        self.snapshot.schema.lenient || self.snapshot.schema.fields.len() + read > CLOSED_FIELDS
    }

    /// A patch against the row as it is stored.
    fn whole(&self, patch: FieldPatch, vector: Option<Vec<f32>>, bytes: &[u8], at: usize) -> Result<Whole> {
        let (shared, row) = (self.shared, patch.of.row);
        let record = shared.decode(row, bytes)?;
        if record.id != patch.id.as_str() {
            return Err(shared.damaged(format!("row {row}"), "the record is of another item"));
        }
        let old = shared.features(self.snapshot, row, &record)?;
        let mut new = old.clone();
        lay_over(&mut new, &patch.fields);
        self.check_fields(&new, at)?;
        let FieldPatch { id, fields, of, whole } = patch;
        if vector.is_some() || fields.iter().any(|(name, _)| self.reads(name) && old.get(name) != new.get(name)) {
            return Ok(Whole::Anew { item: Item { id, row: new, vector }, of });
        }
        // Inputs have the values that they had; others may be changed by somebody else before this is committed.
        let fields: Row = fields.into_fields().filter(|(name, _)| !self.reads(name)).collect();
        Ok(Whole::InPlace(FieldPatch { id, fields, of, whole }))
    }
}

/// An error about one of the rows that get another vector, with the place of its patch.
fn at_patch(mut error: Error, places: &[(Version, usize)]) -> Error {
    let place = |row: usize| places.get(row).map_or(row, |(_, at)| *at);
    match &mut error {
        Error::VectorLength { row, .. }
        | Error::VectorNotFinite { row, .. }
        | Error::VectorTooLong { row, .. }
        | Error::ZeroVector { row }
        | Error::InvalidRow { row, .. } => *row = place(*row),
        _ => {}
    }
    match error {
        Error::Feature(error) => {
            let at = place(error.row());
            Error::Feature(error.at_row(at))
        }
        other => other,
    }
}

/// What becomes of a row that is patched.
enum Whole {
    InPlace(FieldPatch),
    /// It gets another vector.
    Anew {
        item: Item,
        of: Version,
    },
}
