//! One change of a collection, ready to be committed: checked, encoded, with its vector.

use crate::features::Row;
use crate::segment::ListChange;
use crate::types::ItemId;

/// A change of one row or one list.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Op {
    /// Puts a row in the place of whatever has its id.
    Put(NewRow),
    /// Puts a row made from another, unless that is no longer the live one, or has been patched since.
    Replace {
        /// The new row.
        row: NewRow,
        /// What it was made from.
        from: Version,
    },
    /// Changes fields of a row where it is, unless it is no longer the live one.
    Patch(FieldPatch),
    /// Removes a row, if there is one.
    Delete(ItemId),
    /// Removes a row, if it is still the live one of its id and has not been patched since.
    DeleteRow {
        id: ItemId,
        /// The row that it is for.
        of: Version,
    },
    /// Changes a stored list.
    List(ListChange),
}

/// A row as somebody has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    /// Its number.
    pub(crate) row: u64,
    /// The number of the delta entry that had changed it last; 0 for none.
    pub(crate) patched: u64,
}

/// Fields of a row to be changed without putting it anew.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FieldPatch {
    pub(crate) id: ItemId,
    /// The new values; a null takes the field away.
    pub(crate) fields: Row,
    /// The row that it is for.
    pub(crate) of: Version,
    /// Whether it depends on what other fields of the row are: then it is refused where the row has been patched since.
    pub(crate) whole: bool,
}

/// A row on its way in.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct NewRow {
    pub(crate) id: ItemId,
    pub(crate) vector: Vec<f32>,
    /// Encoded features.
    pub(crate) features: Vec<u8>,
}

impl Op {
    /// The item that it changes; `None` where it changes no item.
    pub(crate) fn id(&self) -> Option<&ItemId> {
        match self {
            Self::Put(row) | Self::Replace { row, .. } => Some(&row.id),
            Self::Patch(patch) => Some(&patch.id),
            Self::Delete(id) | Self::DeleteRow { id, .. } => Some(id),
            Self::List(_) => None,
        }
    }
}

/// What a commit changed.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let changes = films.upsert_many([Item::new("a")?.with_vector([1.0, 1.0]), Item::new("c")?.with_vector([1.0, 2.0])])?;
/// assert_eq!((changes.inserted, changes.updated), (1, 1));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Rows with an id that was not there before.
    pub inserted: u64,
    /// Rows that took the place of another with the same id.
    pub updated: u64,
    /// Rows of which fields were changed in their place.
    pub patched: u64,
    /// Rows removed by id.
    pub deleted: u64,
    /// Ids put on stored lists that were not on them, and ids taken off.
    pub listed: u64,
}

impl std::ops::AddAssign for Changes {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.patched += other.patched;
        self.deleted += other.deleted;
        self.listed += other.listed;
    }
}
