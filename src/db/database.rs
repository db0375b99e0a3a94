//! A database: a directory, or memory, with named collections.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use torre_storage::{Batch, CollectionId, Create, Durability, Manifest, Storage, codec};

use crate::db::core::Core;
use crate::db::worker::Worker;
use crate::db::{Collection, CollectionOptions, DatabaseBuilder};
use crate::error::{Error, Result};
use crate::process::Process;
use crate::segment::{Settings, Space, Training};
use crate::sync::Mutex;

/// Longest name of a collection, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// An open database. Clones share it; it closes when the last clone and the last [`Collection`] are dropped. `Send` and `Sync`.
///
/// ```
/// # let directory = tempfile::tempdir().map_err(|source| torre::Error::Io { path: std::env::temp_dir(), source })?;
/// use torre::{CollectionOptions, Database, Metric};
///
/// let path = directory.path().join("shop");
/// let database = Database::create(&path)?;
/// database.create_collection("items", CollectionOptions::vectors(8, Metric::InnerProduct))?;
/// drop(database);
/// assert_eq!(Database::open(&path)?.collections(), ["items"]);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    pub(super) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(super) storage: Storage,
    pub(super) collections: Mutex<BTreeMap<String, Known>>,
    pub(crate) worker: Worker,
    process: Arc<Process>,
    /// See [`BuildParams::rounds`](crate::ingest::BuildParams::rounds); for builds that are asked for.
    pub(super) rounds: Option<usize>,
}

/// What an open database does besides answering.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Seals, compacts and trains by itself.
    pub(crate) background: bool,
    /// See [`BuildParams::rounds`](crate::ingest::BuildParams::rounds).
    pub(crate) rounds: Option<usize>,
    pub(crate) process: Process,
}

/// A collection of the database; loaded when it is first asked for.
pub(super) struct Known {
    pub(super) id: CollectionId,
    pub(super) settings: Settings,
    pub(super) core: Option<Arc<Core>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.path()).field("collections", &self.collections()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.worker.stop();
        for core in self.collections.lock().values().filter_map(|known| known.core.as_ref()) {
            // What is lost with it is a sample, and the next users bring another.
            if self.storage.check_writable().is_ok()
                && let Err(error) = core.store_sample()
            {
                tracing::warn!(collection = %core.shared.name(), %error, "the sample of queries was not stored");
            }
        }
        // At once: a thread of storage's own may hold the last handle for a while, and the directory's lock with it.
        if let Err(error) = self.storage.clone().close() {
            tracing::error!(%error, "closing failed");
        }
    }
}

impl Database {
    /// Opens the database at `path` with the default settings.
    ///
    /// # Errors
    /// As [`DatabaseBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// Makes a new database at `path`, where there must be none.
    ///
    /// # Errors
    /// As [`DatabaseBuilder::open`]; also when there is something at the path.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let mut builder = Self::builder(path);
        builder.storage.create = Create::New;
        builder.open()
    }

    /// Opens the database at `path` for reading only; see [`DatabaseBuilder::read_only`].
    ///
    /// # Errors
    /// As [`DatabaseBuilder::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).read_only(true).open()
    }

    /// Settings for opening the database at `path`.
    #[must_use]
    pub fn builder(path: impl AsRef<Path>) -> DatabaseBuilder {
        DatabaseBuilder::new(path.as_ref())
    }

    /// A database in memory: it is gone when it is dropped.
    ///
    /// # Errors
    /// None so far.
    pub fn in_memory() -> Result<Self> {
        Self::with_storage(Storage::in_memory(), true)
    }

    pub(crate) fn open_with(builder: DatabaseBuilder) -> Result<Self> {
        let process = Process::new(builder.threads, builder.trim_memory);
        if builder.read_only {
            let storage = Storage::open_read_only(&builder.path, &builder.storage)?;
            return Self::over(storage, Running { process, ..Running::default() });
        }
        let storage = Storage::open(&builder.path, &builder.storage)?;
        storage.set_durability(builder.durability);
        Self::over(storage, Running { background: builder.background, process, ..Running::default() })
    }

    /// A database on an open storage.
    pub(crate) fn with_storage(storage: Storage, background: bool) -> Result<Self> {
        Self::over(storage, Running { background, ..Running::default() })
    }

    /// The same, with what it does besides answering.
    pub(crate) fn over(storage: Storage, running: Running) -> Result<Self> {
        let mut collections = BTreeMap::new();
        for (id, bytes) in storage.collections()? {
            let settings: Settings = codec::decode(&bytes)?;
            collections.insert(settings.name.clone(), Known { id, settings, core: None });
        }
        let Running { background, rounds, process } = running;
        let (collections, worker, process) = (Mutex::new(collections), Worker::start(background), Arc::new(process));
        Ok(Self { inner: Arc::new(Inner { storage, collections, worker, process, rounds }) })
    }

    /// Makes a collection. The towers, where there are any, are stored in the database.
    ///
    /// # Errors
    /// [`Error::CollectionExists`], [`Error::InvalidOption`], storage errors.
    pub fn create_collection(&self, name: &str, options: CollectionOptions) -> Result<Collection> {
        options.check()?;
        Self::check_name(name)?;
        let mut collections = self.inner.collections.lock();
        if collections.contains_key(name) {
            return Err(Error::CollectionExists { name: name.to_owned() });
        }
        let id = self.inner.storage.next_collection()?;
        let settings = Settings {
            name: name.to_owned(),
            dim: options.dim,
            metric: options.metric,
            towers: options.towers.is_some(),
            schema: options.schema,
        };
        let storage = &self.inner.storage;
        let (space, space_meta) = Space::create(storage, id, 0, &settings, options.towers)?;
        let mut training = Training::untrained(&space, options.index);
        let training_meta = training.write(storage, id, 1, &space)?;
        storage.flush_blobs()?;
        let manifest = Manifest {
            next_blob: 2,
            space: space.number,
            spaces: vec![space_meta],
            training: training.number,
            trainings: vec![training_meta],
            ..Manifest::default()
        };
        let mut batch = Batch::new();
        batch.put_collection(id, &codec::encode(&settings)?);
        batch.put_manifest(id, &manifest);
        storage.commit(batch)?;
        let core = Arc::new(Core::empty(storage.clone(), id, settings.clone(), manifest, space, training));
        core.shared.is_in(&self.inner.process);
        self.inner.worker.listen(&core);
        collections.insert(name.to_owned(), Known { id, settings, core: Some(Arc::clone(&core)) });
        Ok(Collection::new(core, Arc::clone(&self.inner)))
    }

    /// Refuses what cannot be a collection's name.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn check_name(name: &str) -> Result<()> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            let expected = format!("1 to {MAX_NAME_BYTES} bytes of text without control characters");
            return Err(Error::InvalidOption { option: "collection name", given: format!("{name:?}"), expected });
        }
        Ok(())
    }

    /// The collection of this name, loaded into memory if it was not yet.
    ///
    /// # Errors
    /// [`Error::UnknownCollection`]; [`Error::Damaged`] and storage errors when it cannot be read.
    pub fn collection(&self, name: &str) -> Result<Collection> {
        Ok(Collection::new(self.core(name)?, Arc::clone(&self.inner)))
    }

    /// What is behind a collection, loaded if it was not yet.
    pub(super) fn core(&self, name: &str) -> Result<Arc<Core>> {
        let mut collections = self.inner.collections.lock();
        let known_names: Vec<String> = collections.keys().cloned().collect();
        let known = collections.get_mut(name).ok_or_else(|| Error::UnknownCollection { name: name.to_owned(), known: known_names })?;
        Ok(match &known.core {
            Some(core) => Arc::clone(core),
            None => {
                let core = Arc::new(Core::load(self.inner.storage.clone(), known.id, known.settings.clone())?);
                known.core = Some(Arc::clone(&core));
                core.shared.is_in(&self.inner.process);
                self.inner.worker.listen(&core);
                self.inner.worker.notify(&core);
                core
            }
        })
    }

    /// The names of the collections, in alphabetical order.
    #[must_use]
    pub fn collections(&self) -> Vec<String> {
        self.inner.collections.lock().keys().cloned().collect()
    }

    /// True when there is a collection of this name.
    #[must_use]
    pub fn contains_collection(&self, name: &str) -> bool {
        self.inner.collections.lock().contains_key(name)
    }

    /// Removes a collection with all that it holds, for good: durable on return, whatever the durability. Calls under way on other handles to
    /// it end with what they have read or with [`Error::CollectionDropped`], as all later ones do. The name may be given again. Waits for a
    /// backup or a dump of the collection to end before its space is given back.
    ///
    /// # Errors
    /// [`Error::UnknownCollection`]; storage errors, with nothing changed.
    pub fn drop_collection(&self, name: &str) -> Result<()> {
        let (id, core) = {
            let mut collections = self.inner.collections.lock();
            let Some(known) = collections.get(name) else {
                return Err(Error::UnknownCollection { name: name.to_owned(), known: collections.keys().cloned().collect() });
            };
            let (id, core) = (known.id, known.core.clone());
            match &core {
                Some(core) => core.writer.drop_collection()?,
                // Nobody has read it, so nobody has to be told.
                None => {
                    let mut batch = Batch::new();
                    batch.drop_collection(id);
                    self.inner.storage.commit(batch)?;
                }
            }
            collections.remove(name);
            (id, core)
        };
        // From here on it is gone; what cannot be removed now is when the database is opened next.
        let _maintenance = core.as_ref().map(|core| (core.writer.maintenance.lock(), core.writer.sealing.lock()));
        if let Err(error) = self.inner.storage.sweep(id, &[]) {
            tracing::warn!(collection = name, %error, "the space of a dropped collection comes back when the database is opened again");
        }
        Ok(())
    }

    /// The database's directory; `None` for one in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.storage.path()
    }

    /// Whether it was opened for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.storage.is_read_only()
    }

    /// Makes everything durable that was acknowledged under [`Durability::Batched`].
    ///
    /// # Errors
    /// Storage errors.
    pub fn flush(&self) -> Result<()> {
        Ok(self.inner.storage.flush()?)
    }

    /// Changes when a commit returns.
    pub fn set_durability(&self, durability: Durability) {
        self.inner.storage.set_durability(durability);
    }

    /// Bytes that the database takes on the disk; 0 in memory.
    ///
    /// # Errors
    /// Storage errors.
    pub fn disk_bytes(&self) -> Result<u64> {
        Ok(self.inner.storage.disk_bytes()?)
    }
}
