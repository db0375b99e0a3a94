//! Which items a filter lets through, whatever their vectors are.

use crate::db::Collection;
use crate::error::{Error, Result};
use crate::filter::{Filter, Params};
use crate::ingest::{Op, Version};
use crate::progress::{Progress, Stage};
use crate::query::{ListRows, PartFilters, bind};
use crate::segment::{Place, Shared, Snapshot};
use crate::types::ItemId;

impl Collection {
    /// The number of items of which a filter is true. The fields that it tests must be indexed ([`Collection::add_index`]).
    ///
    /// ```
    /// use torre::filter::{Params, field};
    /// use torre::{CollectionOptions, Database, Field, FieldType, Item, Metric, NoProgress, row};
    ///
    /// # fn main() -> torre::Result<()> {
    /// let options = CollectionOptions::vectors(1, Metric::InnerProduct).field(Field::new("price", FieldType::Float))?;
    /// let items = Database::in_memory()?.create_collection("items", options)?;
    /// items.add_index("price", &NoProgress)?;
    /// let item = |id: &str, price: f64| Ok::<Item, torre::Error>(Item::new(id)?.with_row(row! { "price" => price }).with_vector([1.0]));
    /// items.upsert_many([item("a", 5.0)?, item("b", 80.0)?])?;
    /// assert_eq!(items.count(&field("price").lt(50), &Params::new())?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Filter`](crate::Error::Filter), [`Error::NotIndexed`](crate::Error::NotIndexed).
    pub fn count(&self, filter: &Filter, params: &Params) -> Result<u64> {
        let snapshot = self.core.shared.read()?;
        Ok(places(&self.core.shared, &snapshot, filter, params)?.len() as u64)
    }

    /// The ids of the items of which a filter is true, in the order in which they lie in memory, from one snapshot.
    ///
    /// # Errors
    /// As [`Collection::count`].
    pub fn matching(&self, filter: &Filter, params: &Params) -> Result<Vec<ItemId>> {
        let snapshot = self.core.shared.read()?;
        places(&self.core.shared, &snapshot, filter, params)?.into_iter().map(|place| ItemId::new(snapshot.id(place))).collect()
    }

    /// Removes the items of which a filter is true, 1,000 and less at a time: each thousand as one and durable, before the next begins. Those that come
    /// or change meanwhile stay. Returns how many were removed.
    ///
    /// # Errors
    /// As [`Collection::count`]; [`Error::Interrupted`](crate::Error::Interrupted) and storage errors, with what was removed until then gone.
    pub fn delete_where(&self, filter: &Filter, params: &Params, progress: &dyn Progress) -> Result<u64> {
        self.may_write()?;
        let snapshot = self.core.shared.read()?;
        let places = places(&self.core.shared, &snapshot, filter, params)?;
        let mut deleted = 0;
        for batch in places.chunks(DELETED_AT_ONCE) {
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            let one = |&place: &Place| {
                let row = snapshot.row(place);
                let of = Version { row, patched: snapshot.patches.number(row) };
                Ok(Op::DeleteRow { id: ItemId::new(snapshot.id(place))?, of })
            };
            deleted += self.put_as_stored(batch.iter().map(one).collect::<Result<_>>()?)?.deleted;
            progress.update(Stage::Delete, deleted, Some(places.len() as u64));
        }
        Ok(deleted)
    }
}

/// Items that are removed as one.
const DELETED_AT_ONCE: usize = 1000;

/// The live rows of which a filter is true.
pub(super) fn places(shared: &Shared, snapshot: &Snapshot, filter: &Filter, params: &Params) -> Result<Vec<Place>> {
    let bound = bind(snapshot, filter, params)?;
    let lists = ListRows::new(shared, snapshot, &bound);
    Ok(PartFilters::new(snapshot, &bound, &lists)?.places(snapshot))
}
