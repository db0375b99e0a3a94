//! A collection: what an application talks to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::db::core::Core;
use crate::db::database::Inner;
use crate::db::{Stats, options};
use crate::error::{Error, Result};
use crate::features::{FeatureSpec, Row, Schema};
use crate::ingest::{self, BuildParams, Changes, Item, Op, Outcome, Preparer};
use crate::progress::{NoProgress, Progress, Stage};
use crate::query::{Query, QueryBatch, Source};
use crate::segment::IndexSettings;
use crate::types::{ItemId, Metric, Refine};
use crate::vector::{Matrix, admit};

/// Rows of one commit of an import.
const IMPORT_BATCH: usize = 1000;

/// A named set of items of one database. Clones share it. `Send` and `Sync`: readers never wait, writers are committed together.
#[derive(Clone)]
pub struct Collection {
    core: Arc<Core>,
    database: Arc<Inner>,
}

impl Collection {
    pub(crate) fn new(core: Arc<Core>, database: Arc<Inner>) -> Self {
        Self { core, database }
    }

    /// The collection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.shared.settings.name
    }

    /// Width of its vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.core.shared.settings.dim
    }

    /// The metric.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.core.shared.settings.metric
    }

    /// The fields that rows may have besides those of the towers.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.core.shared.settings.schema
    }

    /// The feature spec of the item tower and that of the user tower; `None` for a collection of the caller's vectors.
    #[must_use]
    pub fn specs(&self) -> Option<(FeatureSpec, FeatureSpec)> {
        #[cfg(feature = "onnx")]
        {
            let snapshot = self.core.shared.snapshot.load();
            snapshot.generation.towers.as_ref().map(|pair| (pair.item_spec().clone(), pair.user_spec().clone()))
        }
        #[cfg(not(feature = "onnx"))]
        None
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.core.shared.snapshot.load().live()
    }

    /// True when there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when there is an item with this id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.core.shared.snapshot.load().locate(id).is_some()
    }

    /// The item with this id: its row and its vector as stored.
    ///
    /// # Errors
    /// Storage errors.
    pub fn get(&self, id: &str) -> Result<Option<Item>> {
        let shared = &self.core.shared;
        loop {
            let snapshot = shared.snapshot.load_full();
            let Some(place) = snapshot.locate(id) else { return Ok(None) };
            let row = snapshot.row(place);
            // A record can be gone when the row was replaced after the snapshot was taken: look again.
            if let Some(bytes) = shared.record(row)? {
                let record = shared.decode(row, &bytes)?;
                let features =
                    Row::from_bytes(record.features).ok_or_else(|| shared.damaged(format!("row {row}"), "the features do not decode"))?;
                return Ok(Some(Item::new(record.id)?.with_row(features).with_vector(record.values().collect::<Vec<f32>>())));
            }
            if Arc::ptr_eq(&snapshot, &shared.snapshot.load_full()) {
                return Err(shared.damaged(format!("row {row}"), "the record is missing"));
            }
        }
    }

    /// Ids of the items, in the order in which they lie in memory, from one snapshot; those that begin with `prefix`, at most `limit`.
    #[must_use]
    pub fn ids(&self, prefix: &str, limit: usize) -> Vec<String> {
        let snapshot = self.core.shared.snapshot.load_full();
        snapshot.live_ids().filter(|id| id.starts_with(prefix)).take(limit).map(str::to_owned).collect()
    }

    /// Puts an item in the place of whatever has its id. Durable and searchable on return.
    ///
    /// # Errors
    /// Errors about the row or the vector, with nothing changed; storage errors.
    pub fn upsert(&self, item: Item) -> Result<Changes> {
        self.upsert_many([item])
    }

    /// Puts items as one: all of them or none. Of several with one id the last wins. The item tower runs on all cores.
    ///
    /// # Errors
    /// As [`Collection::upsert`]; the error names the item's place in the batch.
    pub fn upsert_many(&self, items: impl IntoIterator<Item = Item>) -> Result<Changes> {
        let items: Vec<Item> = items.into_iter().collect();
        let snapshot = self.core.shared.snapshot.load_full();
        let ops = Preparer { shared: &self.core.shared, snapshot: &snapshot }.puts(items)?;
        self.commit(ops)
    }

    /// Puts one row of raw features; its id is its field `id`.
    ///
    /// # Errors
    /// As [`Collection::upsert`] and [`Item::from_row`].
    pub fn upsert_row(&self, row: Row) -> Result<Changes> {
        self.upsert(Item::from_row(row)?)
    }

    /// Sets fields of an item; a null removes a field. The tower runs only when a field that it reads has a new value; the vector
    /// stays as it is otherwise.
    ///
    /// # Errors
    /// [`Error::UnknownItem`]; errors about the row as it would become, with nothing changed; storage errors.
    pub fn patch(&self, id: &str, changes: &Row) -> Result<()> {
        let shared = &self.core.shared;
        loop {
            let snapshot = shared.snapshot.load_full();
            let place = snapshot.locate(id).ok_or_else(|| Error::UnknownItem { id: id.to_owned() })?;
            let row = snapshot.row(place);
            let Some(bytes) = shared.record(row)? else { continue };
            let op = Preparer { shared, snapshot: &snapshot }.patch(row, &shared.decode(row, &bytes)?, changes, None)?;
            // Somebody else replaced the row meanwhile: make the patch again, from the new one.
            if let Outcome::Done(_) = self.core.writer.commit(vec![op])? {
                self.database.worker.look_after(&self.core);
                return Ok(());
            }
        }
    }

    /// Removes items as one; ids that are not there are ignored. Returns how many were.
    ///
    /// # Errors
    /// Storage errors.
    pub fn delete<I: AsRef<str>>(&self, ids: impl IntoIterator<Item = I>) -> Result<u64> {
        // An id that no item can have is not there.
        let ops = ids.into_iter().filter_map(|id| ItemId::new(id.as_ref()).ok()).map(Op::Delete).collect();
        Ok(self.commit(ops)?.deleted)
    }

    fn commit(&self, ops: Vec<Op>) -> Result<Changes> {
        let outcome = self.core.writer.commit(ops)?;
        self.database.worker.look_after(&self.core);
        match outcome {
            Outcome::Done(changes) => Ok(changes),
            // Only a replacement can conflict, and there is none here.
            Outcome::Conflict => Ok(Changes::default()),
        }
    }

    /// Imports many items in batches; each batch is durable when the next begins.
    pub fn import(&self) -> Import<'_> {
        Import { collection: self, batch: IMPORT_BATCH, skip_bad: false, progress: &NoProgress }
    }

    /// Recommends items to a user, given the user's raw features.
    pub fn recommend<'q>(&'q self, user: &'q Row) -> Query<'q> {
        Query::new(&self.core.shared, Source::User(user))
    }

    /// Recommends to many users in one call.
    pub fn recommend_many<'q>(&'q self, users: impl IntoIterator<Item = &'q Row>) -> QueryBatch<'q> {
        QueryBatch::new(&self.core.shared, users.into_iter().map(Source::User).collect())
    }

    /// Finds the items nearest to a vector.
    pub fn search<'q>(&'q self, vector: &'q [f32]) -> Query<'q> {
        Query::new(&self.core.shared, Source::Vector(vector))
    }

    /// Finds the items nearest to each of many vectors in one call.
    pub fn search_many<'q>(&'q self, vectors: impl IntoIterator<Item = &'q [f32]>) -> QueryBatch<'q> {
        QueryBatch::new(&self.core.shared, vectors.into_iter().map(Source::Vector).collect())
    }

    /// Finds the items nearest to an item, without that item itself.
    pub fn similar<'q>(&'q self, id: &'q str) -> Query<'q> {
        Query::new(&self.core.shared, Source::Item(id))
    }

    /// Trains the quantizer on the items as they are and codes everything anew, now instead of in the background.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there are no items, [`Error::InvalidOption`], [`Error::Interrupted`], storage errors. The old index
    /// stays in place then.
    pub fn build(&self, options: &BuildOptions, progress: &dyn Progress) -> Result<Built> {
        let start = Instant::now();
        let mut index = self.core.shared.snapshot.load().generation.index.clone();
        options.apply(&mut index);
        options::check_index(&index)?;
        let queries = match &options.queries {
            None => None,
            Some(vectors) => {
                let mut queries = Matrix::with_capacity(self.dim(), vectors.len());
                for (row, vector) in vectors.iter().enumerate() {
                    queries.push(&admit(vector, self.dim(), self.metric(), row)?);
                }
                Some(queries)
            }
        };
        let built = ingest::build(&self.core.writer, &BuildParams { index: Some(index), queries }, progress)?;
        Ok(Built {
            rows: built.rows,
            lists: built.lists,
            m: built.m,
            bytes_per_row: built.bytes_per_row,
            quantization_error: built.error,
            generation: built.generation,
            elapsed: start.elapsed(),
        })
    }

    /// Does now what the background would do in time, and seals the tail however short it is: trains when there is enough to train
    /// on, seals, merges segments.
    ///
    /// # Errors
    /// [`Error::Interrupted`], storage errors; nothing that can be seen has changed then.
    pub fn maintain(&self, progress: &dyn Progress) -> Result<()> {
        self.core.maintain(true, progress)
    }

    /// Merges all segments into one and drops what was deleted. Returns the number of deleted rows dropped.
    ///
    /// # Errors
    /// As [`Collection::maintain`].
    pub fn compact(&self, progress: &dyn Progress) -> Result<u64> {
        ingest::seal(&self.core.writer, progress)?;
        let worth = |sizes: &[ingest::Size]| (sizes.len() > 1 || sizes.iter().any(|size| size.live < size.rows)).then_some(0);
        ingest::compact(&self.core.writer, worth, progress)
    }

    /// The state of the collection in numbers.
    ///
    /// # Errors
    /// Storage errors.
    pub fn stats(&self) -> Result<Stats> {
        let shared = &self.core.shared;
        Ok(Stats::new(&shared.snapshot.load_full(), shared.settings.metric.name(), self.dim(), shared.storage.disk_bytes()?))
    }
}

/// What to build; see [`Collection::build`]. What is not set stays as the collection has it.
#[derive(Clone, Default, Debug)]
pub struct BuildOptions {
    m: Option<usize>,
    lists: Option<usize>,
    refine: Option<Refine>,
    seed: Option<u64>,
    queries: Option<Vec<Vec<f32>>>,
}

impl BuildOptions {
    /// Bytes of a code: 1 to 256.
    #[must_use]
    pub fn m(mut self, m: usize) -> Self {
        self.m = Some(m);
        self
    }

    /// Number of lists.
    #[must_use]
    pub fn lists(mut self, lists: usize) -> Self {
        self.lists = Some(lists);
        self
    }

    /// What is kept to refine candidates with.
    #[must_use]
    pub fn refine(mut self, refine: Refine) -> Self {
        self.refine = Some(refine);
        self
    }

    /// Seed of everything random in training.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Vectors of real users to calibrate recall targets with. Without them, stored vectors stand in.
    #[must_use]
    pub fn queries(mut self, vectors: Vec<Vec<f32>>) -> Self {
        self.queries = Some(vectors);
        self
    }

    fn apply(&self, index: &mut IndexSettings) {
        index.m = self.m.or(index.m);
        index.lists = self.lists.or(index.lists);
        index.refine = self.refine.unwrap_or(index.refine);
        index.seed = self.seed.unwrap_or(index.seed);
    }
}

/// What [`Collection::build`] made.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Built {
    /// Rows coded.
    pub rows: u64,
    /// Lists of the index.
    pub lists: usize,
    /// Bytes of a code.
    pub m: usize,
    /// Bytes of memory a row: codes, refine vectors, ids and tables.
    pub bytes_per_row: f64,
    /// Mean relative quantization error.
    pub quantization_error: f64,
    /// The new generation.
    pub generation: u32,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// An import being set up; see [`Collection::import`].
#[must_use = "an import does nothing until `run`"]
pub struct Import<'c> {
    collection: &'c Collection,
    batch: usize,
    skip_bad: bool,
    progress: &'c dyn Progress,
}

/// How an import went.
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
    /// Rows of one commit (1000).
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows.max(1);
        self
    }

    /// Leaves bad rows out and counts them, instead of stopping at the first (off).
    pub fn skip_bad(mut self, skip: bool) -> Self {
        self.skip_bad = skip;
        self
    }

    /// Reports progress to, and asks for leave from, this.
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
                // One by one, so that only the bad rows stay out.
                for item in spare {
                    match self.collection.upsert(item) {
                        Ok(changes) => report.count(changes),
                        Err(error) if error.is_about_input() => report.reject(&error),
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error.at_row(first_row)),
        }
        self.progress.update(Stage::Import, report.rows, None);
        if self.progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
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

fn seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1e3).round() / 1e3)
}
