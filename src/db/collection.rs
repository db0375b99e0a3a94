//! A collection: what an application talks to.

use std::sync::Arc;
use std::time::Instant;

use crate::db::core::Core;
use crate::db::database::Inner;
use crate::db::worker::Importing;
use crate::db::{BuildOptions, Built, Import, Stats, options};
use crate::error::Result;
use crate::features::{FeatureSpec, Row, Schema};
use crate::filter::{Filter, Params};
use crate::ingest::{self, BuildParams, Changes, Item, Op, Outcome, Preparer};
use crate::progress::Progress;
use crate::query::{PreparedFilter, Query, QueryBatch, RecommendAll, Source};
use crate::tower::TowerPair;
use crate::types::{ItemId, Metric};

/// A named set of items of one database. Clones share it. `Send` and `Sync`: readers never wait, writers are committed together.
///
/// ```
/// use torre::{CollectionOptions, Database, Item, Metric};
///
/// let database = Database::in_memory()?;
/// let points = database.create_collection("points", CollectionOptions::vectors(2, Metric::L2))?;
/// points.upsert_many([Item::new("a")?.with_vector([0.0, 1.0]), Item::new("b")?.with_vector([3.0, 4.0])])?;
/// points.delete(["a"])?;
/// assert_eq!(points.len(), 1);
/// assert_eq!(points.search(&[0.0, 0.0]).run()?.hits[0].score, -25.0);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone)]
pub struct Collection {
    pub(super) core: Arc<Core>,
    pub(super) database: Arc<Inner>,
    name: Arc<str>,
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Collection");
        out.field("name", &self.name()).field("dim", &self.dim()).field("metric", &self.metric()).field("len", &self.len());
        out.finish_non_exhaustive()
    }
}

impl Collection {
    pub(crate) fn new(core: Arc<Core>, database: Arc<Inner>) -> Self {
        let name = core.shared.name();
        Self { core, database, name }
    }

    /// The name that it was asked for by: a handle stays with its collection, whatever that is called since
    /// ([`Database::rename_collections`](crate::Database::rename_collections)).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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

    /// The fields that rows may have besides those of the towers, and which of them are indexed now.
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema::clone(&self.core.shared.snapshot.load().schema)
    }

    /// Bytes of memory that the index of a field takes; `None` where it is not indexed.
    #[must_use]
    pub fn index_bytes(&self, field: &str) -> Option<u64> {
        let snapshot = self.core.shared.snapshot.load();
        snapshot.schema.indexed().find(|indexed| indexed.name == field)?;
        let columns = snapshot.tables().into_iter().filter_map(|table| Some(table.columns().get(field)?.memory() as u64));
        Some(columns.sum())
    }

    /// The feature spec of the item tower and that of the user tower; `None` for a collection of the caller's vectors.
    #[must_use]
    pub fn specs(&self) -> Option<(FeatureSpec, FeatureSpec)> {
        let snapshot = self.core.shared.snapshot.load();
        snapshot.space.towers.as_ref().map(|pair| (pair.item_spec().clone(), pair.user_spec().clone()))
    }

    /// The towers that make its vectors; `None` for a collection of the caller's vectors.
    #[must_use]
    pub fn towers(&self) -> Option<TowerPair> {
        self.core.shared.snapshot.load().space.towers.clone()
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
        self.may_write()?;
        let items: Vec<Item> = items.into_iter().collect();
        let snapshot = self.core.shared.read()?;
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

    /// Removes items as one; ids that are not there are ignored. Returns how many were.
    ///
    /// # Errors
    /// Storage errors.
    pub fn delete<I: AsRef<str>>(&self, ids: impl IntoIterator<Item = I>) -> Result<u64> {
        // An id that no item can have is not there.
        let ops = ids.into_iter().filter_map(|id| ItemId::new(id.as_ref()).ok()).map(Op::Delete).collect();
        Ok(self.commit(ops)?.deleted)
    }

    /// Refuses at once what would be refused after long work: nothing can be written to a database that was opened for reading only.
    pub(super) fn may_write(&self) -> Result<()> {
        let storage = &self.core.shared.storage;
        if storage.is_read_only() { Ok(storage.check_writable()?) } else { Ok(()) }
    }

    /// Fails as [`Collection::upsert_many`] would for items that it refuses; changes nothing.
    pub(super) fn accepts(&self, items: Vec<Item>) -> Result<()> {
        let snapshot = self.core.shared.read()?;
        Preparer { shared: &self.core.shared, snapshot: &snapshot }.puts(items).map(drop)
    }

    fn commit(&self, ops: Vec<Op>) -> Result<Changes> {
        self.may_write()?;
        self.database.worker.pace(&self.core, ops.len());
        let outcome = self.core.writer.commit(ops)?;
        self.database.worker.notify(&self.core);
        match outcome {
            Outcome::Done(changes) => Ok(changes),
            // Only a replacement can conflict, and there is none here.
            Outcome::Conflict => Ok(Changes::default()),
        }
    }

    /// Puts rows that were checked and given their vectors before, as they are; changes stored lists.
    pub(super) fn put_as_stored(&self, rows: Vec<Op>) -> Result<Changes> {
        self.commit(rows)
    }

    /// Says that many items are about to come, until the guard is dropped: the background trains on them once, at the end.
    /// [`Collection::import`] does so by itself.
    pub fn begin_import(&self) -> Importing<'_> {
        self.database.worker.begin_import(&self.core)
    }

    /// Imports many items in batches; each batch is durable when the next begins. The background trains on them when the import is over
    /// or when 256 MB of vectors have come; until then queries scan them exactly.
    pub fn import(&self) -> Import<'_> {
        Import::new(self)
    }

    /// Recommends items to a user, given the user's raw features.
    pub fn recommend<'q>(&'q self, user: &'q Row) -> Query<'q> {
        Query::new(&self.core.shared, Source::User(user))
    }

    /// Recommends to many users in one call.
    pub fn recommend_many<'q>(&'q self, users: impl IntoIterator<Item = &'q Row>) -> QueryBatch<'q> {
        QueryBatch::new(&self.core.shared, users.into_iter().map(Source::User).collect())
    }

    /// Recommends to all users, however many: they are read, answered and handed on in blocks.
    pub fn recommend_all(&self) -> RecommendAll<'_> {
        RecommendAll::new(&self.core.shared)
    }

    /// Makes a filter ready for many queries: names, types and parameters are resolved once. See
    /// [`Query::prepared`](crate::Query::prepared).
    ///
    /// ```
    /// # use torre::filter::{Params, field, param};
    /// # use torre::{CollectionOptions, Database, Item, Metric, row};
    /// # let options = CollectionOptions::vectors(1, Metric::InnerProduct).field("price:float index".parse()?)?;
    /// # let items = Database::in_memory()?.create_collection("items", options)?;
    /// # let item = |id: &str, price: f64| Ok::<Item, torre::Error>(Item::new(id)?.with_row(row! { "price" => price }).with_vector([1.0]));
    /// # items.upsert_many([item("a", 5.0)?, item("b", 80.0)?])?;
    /// let cheap = items.prepare(field("price").lt(param("most")), Params::new().with("most", 50))?;
    /// for query in [[1.0], [2.0]] {
    ///     assert_eq!(items.search(&query).prepared(&cheap).run()?.ids().collect::<Vec<_>>(), ["a"]);
    /// }
    /// # Ok::<(), torre::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Filter`](crate::Error::Filter), [`Error::NotIndexed`](crate::Error::NotIndexed),
    /// [`CollectionDropped`](crate::Error::CollectionDropped).
    pub fn prepare(&self, filter: Filter, params: Params) -> Result<PreparedFilter> {
        PreparedFilter::new(&*self.core.shared.read()?, filter, params)
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

    /// Finds the items nearest to each of many items, each without itself, in one call.
    pub fn similar_many<'q>(&'q self, ids: impl IntoIterator<Item = &'q str>) -> QueryBatch<'q> {
        QueryBatch::new(&self.core.shared, ids.into_iter().map(Source::Item).collect())
    }

    /// Trains the quantizer on the items as they are and codes everything anew, now instead of in the background.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Error::Unsupported) when there are no items, [`InvalidOption`](crate::Error::InvalidOption), [`Interrupted`](crate::Error::Interrupted), storage errors. The old index
    /// stays in place then.
    pub fn build(&self, options: &BuildOptions, progress: &dyn Progress) -> Result<Built> {
        self.may_write()?;
        let start = Instant::now();
        let mut index = self.core.shared.read()?.training.index.clone();
        options.apply(&mut index);
        options::check_index(&index)?;
        options.check()?;
        let queries = options.query_vectors(self.dim(), self.metric())?;
        let params = BuildParams { index: Some(index), queries, memory: options.memory, eta: options.eta, rounds: self.database.rounds };
        let built = ingest::build(&self.core.writer, &params, progress)?;
        Ok(Built::new(&built, start.elapsed()))
    }

    /// Indexes a field of the schema, or one that the item tower reads: its values are kept in memory, and filters can ask for it. Durable
    /// on return; readers and writers go on meanwhile. Nothing happens to a field that is indexed already.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::Error::InvalidOption) when there is no such field, or when some row has a value of another type there; [`Interrupted`](crate::Error::Interrupted);
    /// storage errors. Nothing has changed then.
    pub fn add_index(&self, field: &str, progress: &dyn Progress) -> Result<()> {
        self.may_write()?;
        self.core.shared.read()?;
        ingest::add_index(&self.core.writer, field, progress)
    }

    /// Drops the index of a field; the field stays. Durable on return. Nothing happens to a field that is not indexed.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::Error::InvalidOption) when there is no such field; storage errors.
    pub fn drop_index(&self, field: &str) -> Result<()> {
        self.may_write()?;
        self.core.shared.read()?;
        ingest::drop_index(&self.core.writer, field)
    }

    /// Does now what the background would do in time, and seals the tail however short it is: trains when there is enough to train
    /// on, seals, merges segments.
    ///
    /// # Errors
    /// [`Interrupted`](crate::Error::Interrupted), storage errors; nothing that can be seen has changed then.
    pub fn maintain(&self, progress: &dyn Progress) -> Result<()> {
        self.may_write()?;
        self.core.shared.read()?;
        self.core.maintain(true, progress)
    }

    /// Merges all segments into one, drops what was deleted and folds what was patched into the stored rows. Returns the number of deleted rows dropped.
    ///
    /// # Errors
    /// As [`Collection::maintain`].
    pub fn compact(&self, progress: &dyn Progress) -> Result<u64> {
        self.may_write()?;
        self.core.shared.read()?;
        ingest::seal(&self.core.writer, progress)?;
        let all = |sizes: &[ingest::Size]| match sizes {
            [one] if one.live == one.rows => Vec::new(),
            _ => (0..sizes.len()).collect(),
        };
        let dropped = ingest::compact(&self.core.writer, all, progress)?;
        ingest::fold(&self.core.writer, ingest::Sweep::Whole, progress)?;
        ingest::sweep(&self.core.writer, ingest::Sweep::Whole, progress)?;
        Ok(dropped)
    }

    /// The state of the collection in numbers.
    ///
    /// # Errors
    /// Storage errors.
    pub fn stats(&self) -> Result<Stats> {
        let shared = &self.core.shared;
        Ok(Stats::new(&*shared.read()?, shared, shared.storage.disk_bytes()?))
    }
}
