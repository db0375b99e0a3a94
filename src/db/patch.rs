//! Patches: fields of items that are there.

use crate::db::Collection;
use crate::error::Result;
use crate::features::Row;
use crate::ingest::{Changes, Item, Outcome, Preparer};
use crate::types::ItemId;

impl Collection {
    /// Sets fields of an item; a null removes a field. As [`Collection::patch_many`] of one.
    ///
    /// # Errors
    /// [`UnknownItem`](crate::Error::UnknownItem); errors about the row as it would become, with nothing changed; storage errors.
    pub fn patch(&self, id: &str, changes: &Row) -> Result<()> {
        // An id that no item can have is not there.
        let id = ItemId::new(id).map_err(|_| crate::Error::UnknownItem { id: id.to_owned() })?;
        self.patch_many([Item::new(id)?.with_row(changes.clone())]).map(drop)
    }

    /// Sets fields of items that are there, as one: all of them or none. An item's row has the new values of the fields to be changed; a null
    /// removes a field; other fields stay. Several patches of one item are made one after the other. Durable and visible on return.
    ///
    /// Where no field is an input of the item tower the row stays where it is, with its vector: nothing comes to the tail, and nothing is
    /// deleted. A row of which an input gets another value, or a vector of the caller's own, is put anew; the tower runs for these
    /// rows only, on all cores.
    ///
    /// ```
    /// use torre::{CollectionOptions, Database, Item, Metric, Value, row};
    ///
    /// let options = CollectionOptions::vectors(2, Metric::Cosine).field("stock:int index".parse()?)?;
    /// let shop = Database::in_memory()?.create_collection("shop", options)?;
    /// shop.upsert(Item::new("mug")?.with_row(row! { "stock" => 3 }).with_vector([1.0, 0.0]))?;
    /// let changes = shop.patch_many([Item::new("mug")?.with_row(row! { "stock" => 2 })])?;
    /// assert_eq!((changes.patched, changes.updated), (1, 0));
    /// assert_eq!(shop.get("mug")?.and_then(|mug| mug.row().get("stock").cloned()), Some(Value::Int(2)));
    /// # Ok::<(), torre::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`UnknownItem`](crate::Error::UnknownItem) for an item that is not there; errors about a row as it would become, which name the patch's place;
    /// nothing has changed then. Storage errors.
    pub fn patch_many(&self, patches: impl IntoIterator<Item = Item>) -> Result<Changes> {
        self.may_write()?;
        let shared = &self.core.shared;
        let patches: Vec<Item> = patches.into_iter().collect();
        // Before a snapshot is taken: folding waits for who holds one.
        self.database.worker.pace(&self.core, patches.len());
        loop {
            // Held until the commit: what was patched is not folded away meanwhile, or a patch that came between would not show.
            let snapshot = shared.read()?;
            let ops = Preparer { shared, snapshot: &snapshot }.patches(patches.clone())?;
            let outcome = self.core.writer.commit(ops)?;
            self.database.worker.notify(&self.core);
            // Otherwise somebody else changed one of the rows meanwhile: the patches are made again, from the new one.
            if let Outcome::Done(changes) = outcome {
                return Ok(changes);
            }
        }
    }
}
