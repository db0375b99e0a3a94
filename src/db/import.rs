//! Importing many items in durable batches.

use std::time::{Duration, Instant};

use crate::db::Collection;
use crate::db::options::seconds;
use crate::error::{Error, Result};
use crate::ingest::{Changes, Item};
use crate::progress::{NoProgress, Progress, Stage};

/// Rows of one commit.
const BATCH: usize = 4000;

/// An import being set up; see [`Collection::import`](crate::Collection::import).
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let rows = (0..10).map(|n| Ok(Item::new(n)?.with_vector([1.0, n as f32])));
/// let report = films.import().batch(4).run(rows)?;
/// assert_eq!((report.rows, report.inserted), (10, 10));
/// # Ok::<(), torre::Error>(())
/// ```
#[must_use = "an import does nothing until `run`"]
pub struct Import<'c> {
    collection: &'c Collection,
    batch: usize,
    skip_bad: bool,
    progress: &'c dyn Progress,
}

/// How an import went.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let rows = [Item::new("c")?.with_vector([1.0, 1.0]), Item::new("d")?.with_vector([1.0])];
/// let report = films.import().skip_bad(true).run(rows.map(Ok))?;
/// assert_eq!((report.inserted, report.rejected), (1, 1));
/// assert_eq!(report.first_error.as_deref(), Some("vector (row 1): expected length 2, got 1"));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// Rows read.
    pub rows: u64,
    /// Rows with a new id.
    pub inserted: u64,
    /// Rows that took the place of another.
    pub updated: u64,
    /// Rows left out because they were bad.
    pub rejected: u64,
    /// The first of the errors of rejected rows.
    pub first_error: Option<String>,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

impl<'c> Import<'c> {
    pub(super) fn new(collection: &'c Collection) -> Self {
        Self { collection, batch: BATCH, skip_bad: false, progress: &NoProgress }
    }

    /// Rows of one commit (4000).
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows.max(1);
        self
    }

    /// Leaves bad rows out and counts them, instead of stopping at the first (off).
    pub fn skip_bad(mut self, skip: bool) -> Self {
        self.skip_bad = skip;
        self
    }

    /// Reports progress here, and stops when it says so.
    pub fn progress(mut self, progress: &'c dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Imports the items. On an error, all batches before the one that failed are durable; running the import again completes it.
    ///
    /// # Errors
    /// The first error of the source, of a row (which names the row's place in the import), or of storage;
    /// [`Error::Interrupted`].
    pub fn run(self, items: impl IntoIterator<Item = Result<Item>>) -> Result<ImportReport> {
        let start = Instant::now();
        let _importing = self.collection.begin_import();
        let mut report = ImportReport::default();
        let mut batch = Vec::with_capacity(self.batch);
        for item in items {
            match item {
                Ok(item) => batch.push(item),
                Err(error) if self.skip_bad && error.is_about_input() => {
                    report.rows += 1;
                    report.reject(&error);
                }
                Err(error) => {
                    self.commit(&mut report, &mut batch)?;
                    return Err(error);
                }
            }
            if batch.len() == self.batch {
                self.commit(&mut report, &mut batch)?;
            }
        }
        self.commit(&mut report, &mut batch)?;
        report.elapsed = start.elapsed();
        Ok(report)
    }

    fn commit(&self, report: &mut ImportReport, batch: &mut Vec<Item>) -> Result<()> {
        let (first_row, items) = (report.rows as usize, std::mem::take(batch));
        let spare = if self.skip_bad { items.clone() } else { Vec::new() };
        report.rows += items.len() as u64;
        match self.collection.upsert_many(items) {
            Ok(changes) => report.count(changes),
            Err(error) if self.skip_bad && error.is_about_input() => {
                let good = self.collection.keep_valid(spare, &mut |at, error| report.reject(&error.at_row(first_row + at)))?;
                report.count(self.collection.upsert_many(good)?);
            }
            Err(error) => return Err(error.at_row(first_row)),
        }
        self.progress.update(Stage::Import, report.rows, None);
        if self.progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

impl Collection {
    /// The items that [`Collection::upsert_many`] would accept, in their order. `refused` gets the places of the others, and why: by halving
    /// what is not accepted, so that a few bad rows cost a few tries, and no commits.
    ///
    /// # Errors
    /// Storage errors.
    pub fn keep_valid(&self, items: Vec<Item>, refused: &mut dyn FnMut(usize, Error)) -> Result<Vec<Item>> {
        let mut good = Vec::with_capacity(items.len());
        self.keep_valid_from(0, items, &mut good, refused)?;
        Ok(good)
    }

    fn keep_valid_from(
        &self,
        first: usize,
        mut items: Vec<Item>,
        good: &mut Vec<Item>,
        refused: &mut dyn FnMut(usize, Error),
    ) -> Result<()> {
        match self.accepts(items.clone()) {
            Ok(()) => good.append(&mut items),
            Err(error) if !error.is_about_input() => return Err(error),
            Err(error) if items.len() <= 1 => refused(first, error),
            Err(_) => {
                let half = items.len() / 2;
                let rest = items.split_off(half);
                self.keep_valid_from(first, items, good, refused)?;
                self.keep_valid_from(first + half, rest, good, refused)?;
            }
        }
        Ok(())
    }
}

impl ImportReport {
    fn count(&mut self, changes: Changes) {
        self.inserted += changes.inserted;
        self.updated += changes.updated;
    }

    fn reject(&mut self, error: &Error) {
        self.rejected += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use torre_storage::Storage;

    use crate::db::{CollectionOptions, Database};
    use crate::ingest::Item;
    use crate::types::Metric;

    /// A commit for each row of a batch with a bad one in it would make a messy file a hundred times slower than a clean one.
    #[test]
    fn bad_rows_cost_no_commits() {
        let storage = Storage::in_memory();
        let database = Database::with_storage(storage.clone(), false).unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
        let is_bad = |row: u32| [7, 8, 250].contains(&row);
        let item = |row: u32| Ok(Item::new(row)?.with_vector([if is_bad(row) { f32::NAN } else { row as f32 }, 1.0]));
        let before = storage.durable();
        let report = items.import().batch(100).skip_bad(true).run((0..300).map(item)).unwrap();
        assert_eq!((report.inserted, report.rejected), (297, 3));
        assert_eq!(storage.durable() - before, 3, "one commit a batch");
        assert!(items.get("249").unwrap().is_some() && items.get("250").unwrap().is_none());
    }
}
