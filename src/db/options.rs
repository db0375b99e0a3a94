//! How to open a database and what to create a collection with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use torre_storage::{Create, OpenOptions};

use crate::db::Database;
use crate::error::{Error, Result};
use crate::features::{Field, Schema, VECTOR_FIELD};
use crate::segment::{IndexSettings, MOST_COLUMNS};
use crate::tower::TowerPair;
use crate::types::{Metric, Refine};

pub use torre_storage::Durability;

/// Settings to open a database with; see [`Database::builder`].
///
/// ```
/// # let directory = tempfile::tempdir().map_err(|source| torre::Error::Io { path: std::env::temp_dir(), source })?;
/// use std::time::Duration;
/// use torre::{Database, Durability};
///
/// let shop = Database::builder(directory.path().join("shop"))
///     .create(true)
///     .threads(2)
///     .durability(Durability::Batched(Duration::from_millis(100)))
///     .open()?;
/// assert!(shop.collections().is_empty());
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DatabaseBuilder {
    pub(crate) path: PathBuf,
    pub(crate) storage: OpenOptions,
    pub(crate) durability: Durability,
    pub(crate) background: bool,
    pub(crate) read_only: bool,
    pub(crate) threads: Option<usize>,
    pub(crate) trim_memory: bool,
}

impl DatabaseBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            storage: OpenOptions::default(),
            durability: Durability::Commit,
            background: true,
            read_only: false,
            threads: None,
            trim_memory: false,
        }
    }

    /// Makes a new database where there is none (off).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.storage.create = if create { Create::IfMissing } else { Create::Never };
        self
    }

    /// When a change is on the disk (on return from the call that makes it).
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Memory for storage's cache, in bytes (64 MiB). Vectors and codes are held besides.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.storage.cache_bytes = bytes;
        self
    }

    /// How long opening may take before it is given up as hung (60 s).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.storage.timeout = timeout;
        self
    }

    /// Seals, compacts and trains on a thread of its own (on). Without it, call [`Collection::maintain`](crate::Collection::maintain).
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Threads that the database computes on besides the caller's: training, encoding, batches of queries (as many as there are cores). They
    /// are started when they are first needed, and are the database's own.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Returns memory to the system that the process has freed: after work that needed much of it, and when writing rests (off). It is for
    /// programs that are mostly a database, on Linux with glibc: `malloc_trim` goes through the heap of the whole process.
    #[must_use]
    pub fn trim_memory(mut self, trim: bool) -> Self {
        self.trim_memory = trim;
        self
    }

    /// Opens for reading only (off): nothing is written, not even a lock's file, so that the database may be on a medium, in an image or in a
    /// directory that cannot be written, or on a disk that is full. Any number of processes may read one at once, but not beside one that
    /// writes. What would change something is refused.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens the database.
    ///
    /// # Errors
    /// [`Error::Storage`] when there is no database at the path, it is of a newer format, another process has it open, it is
    /// damaged, or nothing can be written there: then [`Error::can_be_read`] is true, and [`DatabaseBuilder::read_only`] opens it.
    pub fn open(self) -> Result<Database> {
        Database::open_with(self)
    }
}

/// What a new collection is: towers or the caller's vectors, fields, index. Everything but that first choice has a default.
///
/// ```
/// use torre::{CollectionOptions, Database, Metric, Refine};
///
/// let options = CollectionOptions::vectors(64, Metric::Cosine).field("price:float".parse()?)?.m(16).refine(Refine::Int8);
/// let items = Database::in_memory()?.create_collection("items", options)?;
/// assert_eq!((items.dim(), items.metric()), (64, Metric::Cosine));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CollectionOptions {
    pub(crate) towers: Option<TowerPair>,
    pub(crate) dim: usize,
    pub(crate) metric: Metric,
    pub(crate) schema: Schema,
    pub(crate) index: IndexSettings,
}

/// Widest vector.
pub(crate) const MAX_DIM: usize = 8192;

impl CollectionOptions {
    /// A collection whose vectors are made by a tower pair, from raw features.
    #[must_use]
    pub fn towers(pair: &TowerPair) -> Self {
        Self { towers: Some(pair).cloned(), ..Self::vectors(pair.dim(), pair.metric()) }
    }

    /// A collection of the caller's own vectors, of `dim` numbers (1 to 8192).
    #[must_use]
    pub fn vectors(dim: usize, metric: Metric) -> Self {
        Self { towers: None, dim, metric, schema: Schema::default(), index: IndexSettings::default() }
    }

    /// Adds a field that rows may have besides those that the towers read.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when there is a field of that name already.
    pub fn field(mut self, field: Field) -> Result<Self> {
        if self.schema.names(&field.name) {
            return Err(Error::InvalidOption { option: "field", given: field.name, expected: "a name that is not taken".to_owned() });
        }
        self.schema.fields.push(field);
        Ok(self)
    }

    /// Takes rows with any further fields.
    #[must_use]
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.schema.lenient = lenient;
        self
    }

    /// Bytes of a code (from the width).
    #[must_use]
    pub fn m(mut self, m: usize) -> Self {
        self.index.m = Some(m);
        self
    }

    /// Lists of the index (from the number of rows, and growing with it).
    #[must_use]
    pub fn lists(mut self, lists: usize) -> Self {
        self.index.lists = Some(lists);
        self
    }

    /// What is kept to refine candidates with (auto: what the data needs).
    #[must_use]
    pub fn refine(mut self, refine: Refine) -> Self {
        self.index.refine = refine;
        self
    }

    /// Seed of everything random in training (0). The same rows in the same order give the same index.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.index.seed = seed;
        self
    }

    /// Refuses what no collection can be made with, before one is made.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) with what is allowed.
    pub fn check(&self) -> Result<()> {
        if self.dim == 0 || self.dim > MAX_DIM {
            return Err(Error::InvalidOption { option: "dim", given: self.dim.to_string(), expected: format!("1 to {MAX_DIM}") });
        }
        if self.towers.is_none() && self.schema.names(VECTOR_FIELD) {
            let expected = "another name: in a collection without towers it is the item's vector".to_owned();
            return Err(Error::InvalidOption { option: "field", given: VECTOR_FIELD.to_owned(), expected });
        }
        if self.schema.indexed().count() > MOST_COLUMNS {
            return Err(too_many_indexes());
        }
        check_index(&self.index)
    }
}

/// A segment has room for so many columns.
pub(super) fn too_many_indexes() -> Error {
    Error::InvalidOption { option: "index", given: "one more".to_owned(), expected: format!("at most {MOST_COLUMNS} indexed fields") }
}

/// Refuses index settings that cannot be built.
pub(crate) fn check_index(index: &IndexSettings) -> Result<()> {
    if let Some(m) = index.m
        && !(1..=256).contains(&m)
    {
        return Err(Error::InvalidOption { option: "m", given: m.to_string(), expected: "1 to 256".to_owned() });
    }
    match index.lists {
        Some(lists) if !(1..=1 << 20).contains(&lists) => {
            Err(Error::InvalidOption { option: "lists", given: lists.to_string(), expected: "1 to 1048576".to_owned() })
        }
        _ => Ok(()),
    }
}

/// Times in reports are seconds, to the millisecond.
pub(super) fn seconds<S: serde::Serializer>(elapsed: &std::time::Duration, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1e3).round() / 1e3)
}
