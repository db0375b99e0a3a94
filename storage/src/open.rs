//! Opening and creating: what comes up is compared with what was promised before anything else is done.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::backend::memory::Memory;
use crate::backend::sled::{Settings, Sled};
use crate::directory::{Create, Directory};
use crate::envelope::{self, seal};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::layout::{BLOBS, RECORDS};
use crate::marker::new_identity;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::room::Room;
use crate::salvage::Reader;
use crate::storage::{Inner, Stop, Storage, Writer};
use crate::swept::Swept;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, RwLock};
use crate::unflushed::Unflushed;

/// Entries a leaf of the store of records, and of the store of chunks (see docs/format.md for why).
const RECORDS_FANOUT: usize = 64;
const BLOBS_FANOUT: usize = 4;

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Whether it may be created.
    pub create: Create,
    /// Longest wait for any call of the store: beyond it a call is [`Error::TimedOut`].
    pub timeout: Duration,
    /// Cache of the store, in bytes. Leaves that were written are kept beyond it, up to about as much again, until the store is opened anew,
    /// which happens by itself.
    pub cache_bytes: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { create: Create::Never, timeout: Duration::from_secs(60), cache_bytes: 64 << 20 }
    }
}

impl Storage {
    /// Opens a database directory, or creates it where the options allow.
    ///
    /// # Errors
    /// Every variant of [`Error`] that carries a path says what is wrong with it; damage names the part.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Storage> {
        let directory = Directory::open(path, options.create)?;
        let settings = |name: &str, cache_bytes, compression| Settings {
            path: path.join(name),
            cache_bytes,
            compression,
            timeout: options.timeout,
            reopen_after: (cache_bytes as u64).max(32 << 20),
        };
        if !directory.fresh {
            for name in [RECORDS, BLOBS] {
                if !path.join(name).is_dir() {
                    return Err(Error::Absent { part: path.join(name).display().to_string() });
                }
            }
        }
        let records = Sled::<RECORDS_FANOUT>::open(settings(RECORDS, options.cache_bytes, 1))?;
        let blobs = Sled::<BLOBS_FANOUT>::open(settings(BLOBS, options.cache_bytes.min(8 << 20), -7))?;
        start(Box::new(records), Box::new(blobs), Some(directory))
    }

    /// Opens a database directory for reading only. Nothing is written, not even a lock's file: it may be on a medium or in a directory that
    /// cannot be written. Any number of such handles may be open at once, here and in other processes, but not beside one that writes. What
    /// a crash left is seen as a writing handle would see it; whatever would change something is [`Error::ReadOnly`].
    ///
    /// # Errors
    /// [`Error::InUse`] while a handle that writes is open; otherwise those of [`open`](Storage::open). Damage that a writing handle meets on
    /// opening may show only when what is damaged is read.
    pub fn open_read_only(path: &Path, options: &OpenOptions) -> Result<Storage> {
        let (marker, lock) = Directory::read(path)?;
        let store = |name: &str, cache_bytes: usize| -> Result<Reader> {
            let path = path.join(name);
            let metadata = path.join("metadata");
            if !path.is_dir() || matches!(metadata.try_exists(), Ok(false)) {
                return Err(Error::Absent { part: metadata.display().to_string() });
            }
            Reader::open(&path, cache_bytes)
        };
        let (records, blobs) = (store(RECORDS, options.cache_bytes)?, store(BLOBS, options.cache_bytes.min(8 << 20))?);
        belong(path, marker.identity, (identity(&records)?, identity(&blobs)?))?;
        let promised = marker.sequence.max(Progress::noted(path, marker.identity)?);
        let storage = assemble(Box::new(records), Box::new(blobs), Some(path.into()), Writer::reading(lock));
        *storage.inner.stop.write() = Some(Stop::ReadOnly);
        *storage.inner.swept.lock() = None;
        storage.recover(promised)?;
        Ok(storage)
    }

    /// A database that lives in memory and ends with its last handle.
    pub fn in_memory() -> Storage {
        let writer = Writer::new(None, None);
        assemble(Box::new(Memory::new()), Box::new(Memory::new()), None, writer)
    }

    /// A database on stores of the caller's: the first for records, the second for chunks.
    ///
    /// # Errors
    /// The stores'; damage.
    pub fn with_backend(records: Box<dyn Backend>, blobs: Box<dyn Backend>) -> Result<Storage> {
        start(records, blobs, None)
    }
}

/// Commits and tombstone entries are numbered one by one, so no database reaches this number. A stored one at or beyond it is damage, and numbering does not continue from it.
const IMPOSSIBLE: u64 = 1 << 62;

impl Writer {
    /// One that never writes, and keeps the lock, where there is one.
    pub(crate) fn reading(lock: Option<std::fs::File>) -> Self {
        Self { reads: true, lock, ..Self::new(None, None) }
    }

    fn new(directory: Option<Directory>, progress: Option<Progress>) -> Self {
        Self {
            applied: 0,
            durable: 0,
            unflushed_records: 0,
            marked: 0,
            collections: HashMap::new(),
            tombstones: HashMap::new(),
            unflushed: Unflushed::default(),
            blobs_young: BTreeSet::new(),
            directory,
            progress,
            reads: false,
            lock: None,
        }
    }
}

pub(crate) fn assemble(records: Box<dyn Backend>, blobs: Box<dyn Backend>, path: Option<std::path::PathBuf>, writer: Writer) -> Storage {
    Storage {
        inner: Arc::new(Inner {
            path,
            records,
            blobs,
            queue: Queue::default(),
            writer: Mutex::new(writer),
            stop: RwLock::new(None),
            room: Room::default(),
            flusher: Arc::default(),
            swept: Mutex::new(Some(Swept::default())),
            closed: AtomicBool::new(false),
        }),
    }
}

fn start(records: Box<dyn Backend>, blobs: Box<dyn Backend>, directory: Option<Directory>) -> Result<Storage> {
    let path = directory.as_ref().map(|directory| directory.path.clone());
    let fresh = directory.as_ref().is_some_and(|directory| directory.fresh);
    // Stores of the caller's have no marker: what identity they carry is theirs.
    let expected = directory.as_ref().map(|directory| directory.marker.identity);
    let found = (identity(&*records)?, identity(&*blobs)?);
    let identity = match (expected, found) {
        (None, (Some(identity), _)) => identity,
        (None, (None, _)) => {
            let identity = new_identity();
            put_identity(&*records, identity)?;
            put_identity(&*blobs, identity)?;
            identity
        }
        (Some(identity), (None, None)) if fresh => {
            put_identity(&*records, identity)?;
            put_identity(&*blobs, identity)?;
            identity
        }
        (Some(identity), found) => {
            belong(path.as_deref().unwrap_or(Path::new("")), identity, found)?;
            identity
        }
    };
    let (progress, noted) = match &path {
        Some(path) => Progress::open(path, identity).map(|(progress, noted)| (Some(progress), noted))?,
        None => (None, 0),
    };
    let promised = directory.as_ref().map_or(0, |directory| directory.marker.sequence).max(noted);
    let mut writer = Writer::new(directory, progress);
    if fresh && let Some(directory) = &mut writer.directory {
        directory.finish_creation()?;
    }
    let storage = assemble(records, blobs, path.clone(), writer);
    storage.recover(promised)?;
    match storage.sweep_all() {
        // What a crash left is taken for nothing by everybody, and goes when there is room again.
        Err(error @ Error::DiskFull { .. }) => {
            tracing::warn!(%error, "what a crash left is not swept");
            *storage.inner.swept.lock() = None;
        }
        swept => swept?,
    }
    Ok(storage)
}

/// Refuses stores that are not this database's.
fn belong(path: &Path, identity: [u8; 16], found: (Option<[u8; 16]>, Option<[u8; 16]>)) -> Result<()> {
    for (name, found) in [(RECORDS, found.0), (BLOBS, found.1)] {
        let detail = match found {
            Some(found) if found == identity => continue,
            Some(_) => "it belongs to another database",
            None => "it comes up empty, and this is not a new database",
        };
        return Err(Error::corrupt(path.join(name).display().to_string(), detail));
    }
    Ok(())
}

impl Storage {
    /// Finds the last commit by the heads of the collections, and compares it with what was promised.
    fn recover(&self, promised: u64) -> Result<()> {
        let inner = &*self.inner;
        let mut last = 0;
        let (mut collections, mut tombstones) = (HashMap::new(), HashMap::new());
        for (c, settings) in self.collections_ever()? {
            collections.insert(c, settings.is_some());
            let key = Key::Head(c).encode();
            let value = inner.records.get(&key)?.ok_or_else(|| Error::Absent { part: Key::Head(c).to_string() })?;
            let head = envelope::open(&key, &value)?;
            last = last.max(head.sequence);
            let tombstone = head.payload.try_into().map_err(|_| Error::corrupt(Key::Head(c).to_string(), "it has another length"))?;
            let tombstone = u64::from_le_bytes(tombstone);
            if head.sequence.max(tombstone) >= IMPOSSIBLE {
                return Err(Error::corrupt(Key::Head(c).to_string(), "its numbers are impossible"));
            }
            tombstones.insert(c, tombstone);
        }
        if last < promised {
            let path = inner.path.clone().unwrap_or_default();
            return Err(Error::Behind { path, expected: promised, found: last });
        }
        let mut writer = inner.writer.lock();
        writer.applied = last;
        writer.durable = last;
        writer.collections = collections;
        writer.tombstones = tombstones;
        if let Some(directory) = &writer.directory {
            writer.marked = directory.marker.sequence;
        }
        // What came up was read from the disk: from now on it is promised.
        inner.mark(&mut writer)
    }
}

fn identity(store: &dyn Backend) -> Result<Option<[u8; 16]>> {
    let key = Key::Identity.encode();
    let Some(value) = store.get(&key)? else { return Ok(None) };
    let identity = envelope::open(&key, &value)?.payload.try_into();
    identity.map(Some).map_err(|_| Error::corrupt(Key::Identity.to_string(), "it has another length"))
}

fn put_identity(store: &dyn Backend, identity: [u8; 16]) -> Result<()> {
    let key = Key::Identity.encode();
    let value = seal(Key::Identity, &key, 1, 0, &identity);
    store.apply(vec![(key, Some(value))])?;
    store.flush()
}
