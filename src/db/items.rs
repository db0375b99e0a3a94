//! Reading items back: one, several, all.

use crate::db::Collection;
use crate::error::Result;
use crate::ingest::Item;
use crate::segment::{Place, Record, Shared, Snapshot};

/// Items that [`Items`] reads at once.
const PAGE: usize = 256;

impl Collection {
    /// True when there is an item with this id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.core.shared.snapshot.load().locate(id).is_some()
    }

    /// The item with this id: its row and its vector as stored.
    ///
    /// # Errors
    /// [`CollectionDropped`](crate::Error::CollectionDropped), storage errors.
    pub fn get(&self, id: &str) -> Result<Option<Item>> {
        let shared = &self.core.shared;
        let snapshot = shared.read()?;
        let Some(place) = snapshot.locate(id) else { return Ok(None) };
        let row = snapshot.row(place);
        let vector = shared.exact_vector(&snapshot, place)?;
        item(shared, &snapshot, (row, &shared.record(row)?), vector, id).map(Some)
    }

    /// The items with these ids, in their order, from one snapshot; `None` where there is none.
    ///
    /// # Errors
    /// As [`Collection::get`].
    pub fn get_many<I: AsRef<str>>(&self, ids: impl IntoIterator<Item = I>) -> Result<Vec<Option<Item>>> {
        let shared = &self.core.shared;
        let snapshot = shared.read()?;
        let ids: Vec<I> = ids.into_iter().collect();
        let places: Vec<Option<Place>> = ids.iter().map(|id| snapshot.locate(id.as_ref())).collect();
        let rows: Vec<u64> = places.iter().flatten().map(|&place| snapshot.row(place)).collect();
        let (records, vectors) = (shared.records(&rows)?, shared.vectors_of(&rows)?);
        let mut found = rows.into_iter().zip(records.into_iter().zip(vectors));
        let one = |(id, place): (&I, &Option<Place>)| {
            let Some((row, (record, vector))) = place.and_then(|_| found.next()) else { return Ok(None) };
            item(shared, &snapshot, (row, &record), shared.values(row, &vector)?.to_vec(), id.as_ref()).map(Some)
        };
        ids.iter().zip(&places).map(one).collect()
    }

    /// Ids of the items, in the order in which they lie in memory, from one snapshot; those that begin with `prefix`, at most `limit`.
    #[must_use]
    pub fn ids(&self, prefix: &str, limit: usize) -> Vec<String> {
        ids(&self.core.shared.snapshot.load_full(), prefix, limit)
    }

    /// All items, one after another. Those that are there from the call to the end come exactly once, each as it is when it is read; an
    /// item that is deleted meanwhile may be left out. Holds neither writers nor maintenance up. [`Database::dump`](crate::Database::dump)
    /// writes one consistent state.
    ///
    /// ```
    /// # use torre::{CollectionOptions, Database, Item, Metric};
    /// # fn main() -> torre::Result<()> {
    /// # let items = Database::in_memory()?.create_collection("items", CollectionOptions::vectors(1, Metric::InnerProduct))?;
    /// items.upsert_many([Item::new("a")?.with_vector([1.0]), Item::new("b")?.with_vector([2.0])])?;
    /// for item in items.items() {
    ///     let item = item?;
    ///     println!("{} {:?}", item.id(), item.vector());
    /// }
    /// # assert_eq!(items.items().count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn items(&self) -> Items<'_> {
        Items { collection: self, ids: self.ids("", usize::MAX).into_iter(), page: Vec::new().into_iter() }
    }
}

fn ids(snapshot: &Snapshot, prefix: &str, limit: usize) -> Vec<String> {
    snapshot.live_ids().filter(|id| id.starts_with(prefix)).take(limit).map(str::to_owned).collect()
}

fn item(shared: &Shared, snapshot: &Snapshot, (row, bytes): (u64, &[u8]), vector: Vec<f32>, id: &str) -> Result<Item> {
    let record = of_item(shared, row, shared.decode(row, bytes)?, id)?;
    let features = shared.features(snapshot, row, &record)?;
    Ok(Item::new(record.id)?.with_row(features).with_vector(vector))
}

/// The record, if it is of this item: the ids in memory and those of the records are stored apart.
fn of_item<'r>(shared: &Shared, row: u64, record: Record<'r>, id: &str) -> Result<Record<'r>> {
    if record.id == id { Ok(record) } else { Err(shared.damaged(format!("row {row}"), "the record is of another item")) }
}

/// The items of a collection; see [`Collection::items`]. It ends at the first error.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let ids = films.items().map(|item| Ok(item?.id().to_string())).collect::<torre::Result<Vec<_>>>()?;
/// assert_eq!(ids, ["a", "b"]);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is read before it is iterated"]
pub struct Items<'c> {
    collection: &'c Collection,
    ids: std::vec::IntoIter<String>,
    page: std::vec::IntoIter<Option<Item>>,
}

impl Iterator for Items<'_> {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        loop {
            if let Some(item) = self.page.by_ref().flatten().next() {
                return Some(Ok(item));
            }
            let ids: Vec<String> = self.ids.by_ref().take(PAGE).collect();
            if ids.is_empty() {
                return None;
            }
            match self.collection.get_many(&ids) {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.ids = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.ids.len() + self.page.len()))
    }
}
