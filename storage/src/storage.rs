//! The handle: what is shared by everything that reads and writes one database.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::Backend;
use crate::directory::Directory;
use crate::disk_size;
use crate::durability::Sequence;
use crate::error::{Error, Result};
use crate::flusher::Flusher;
use crate::key::CollectionId;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::room::{self, Room};
use crate::swept::Swept;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::unflushed::Unflushed;

/// One open database. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Storage {
    pub(crate) inner: Arc<Inner>,
}

/// What the clones share.
pub(crate) struct Inner {
    pub(crate) path: Option<PathBuf>,
    pub(crate) records: Box<dyn Backend>,
    pub(crate) blobs: Box<dyn Backend>,
    /// Commits that wait for a leader.
    pub(crate) queue: Queue,
    /// Held by whoever applies or flushes.
    pub(crate) writer: Mutex<Writer>,
    /// Why nothing is written, if so.
    pub(crate) stop: RwLock<Option<Stop>>,
    pub(crate) room: Room,
    pub(crate) flusher: Arc<Flusher>,
    /// What the sweep at opening removed; `None` where there was none.
    pub(crate) swept: Mutex<Option<Swept>>,
    pub(crate) closed: AtomicBool,
}

/// Why a handle writes nothing.
pub(crate) enum Stop {
    /// A write or a flush failed.
    Failed(String),
    /// It was opened so.
    ReadOnly,
}

/// What only the one who applies may know and change.
pub(crate) struct Writer {
    /// Number of the last commit applied.
    pub(crate) applied: Sequence,
    /// Number of the last commit known durable.
    pub(crate) durable: Sequence,
    /// Bytes applied since the last flush of the first store.
    pub(crate) unflushed_records: u64,
    /// Number that the marker file carries.
    pub(crate) marked: Sequence,
    /// Every collection there ever was, and whether it lives.
    pub(crate) collections: HashMap<CollectionId, bool>,
    /// Last tombstone number by collection.
    pub(crate) tombstones: HashMap<CollectionId, u64>,
    /// Blobs that are not known durable.
    pub(crate) unflushed: Unflushed,
    /// Blob numbers being written in this process, which a sweep must leave alone.
    pub(crate) blobs_young: BTreeSet<(CollectionId, u64)>,
    pub(crate) directory: Option<Directory>,
    pub(crate) progress: Option<Progress>,
    /// Nothing was ever to be written.
    pub(crate) reads: bool,
    /// The lock alone, where the directory is only read.
    pub(crate) lock: Option<std::fs::File>,
}

impl Storage {
    /// The database's directory; `None` for one in memory.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Why writing has stopped, if it has.
    pub fn poisoned(&self) -> Option<String> {
        match &*self.inner.stop.read() {
            Some(Stop::Failed(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Whether the handle was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        matches!(&*self.inner.stop.read(), Some(Stop::ReadOnly))
    }

    /// Fails where nothing can be written, for callers that would work long before they come to it.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Poisoned`], [`Error::Closed`].
    pub fn check_writable(&self) -> Result<()> {
        self.inner.check_writable()
    }

    /// The number of the last commit that is durable.
    pub fn durable(&self) -> Sequence {
        self.inner.writer.lock().durable
    }

    /// Bytes that the database takes on disk (in memory, for one in memory).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn disk_bytes(&self) -> Result<u64> {
        match self.path() {
            Some(path) => disk_size::of(path),
            None => Ok(self.inner.records.bytes()? + self.inner.blobs.bytes()?),
        }
    }

    /// Gives memory back that the stores hold beyond their caches: what was written stays there until they are opened anew, which
    /// this does. Readers of records wait for it, some tens of milliseconds. Worth calling after a compaction, or when idle.
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the reason.
    pub fn trim(&self) -> Result<()> {
        self.inner.check_writable()?;
        self.flush()?;
        let trimmed = self.inner.blobs.trim().and_then(|()| self.inner.records.trim());
        trimmed.map_err(|error| self.inner.poison(&error))
    }

    /// Flushes and closes. Other clones of the handle get [`Error::Closed`] from then on.
    ///
    /// # Errors
    /// The flush's; the files are released all the same where that can be done safely.
    pub fn close(self) -> Result<()> {
        self.inner.close()
    }
}

impl Inner {
    pub(crate) fn close(&self) -> Result<()> {
        self.flusher.close();
        let mut writer = self.writer.lock();
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        if let Some(stop) = &*self.stop.read() {
            // Half of a failed commit may be in the stores' memory: it must not reach the disk now.
            self.records.abandon();
            self.blobs.abandon();
            writer.directory = None;
            writer.lock = None;
            return match stop {
                Stop::Failed(reason) if !writer.reads => Err(Error::Poisoned { reason: reason.clone() }),
                _ => Ok(()),
            };
        }
        // Blobs first: a manifest never becomes durable before what it names.
        let result = self.blobs.close().and_then(|()| self.records.close());
        if result.is_ok() {
            writer.durable = writer.applied;
            let sequence = writer.durable;
            if let Some(progress) = &mut writer.progress {
                // As with every flush: it only makes a later loss show.
                progress.note(sequence).unwrap_or_else(|error| tracing::warn!(%error, "noting progress"));
            }
            if let Some(directory) = &mut writer.directory {
                match directory.mark(sequence) {
                    // The one before stands, and promises less; all that was committed is durable.
                    Err(Error::Io { what, source }) if room::is_full(&source) => tracing::warn!(%source, "{what}"),
                    marked => marked?,
                }
            }
        }
        if result.is_err() {
            // Neither may go on by itself: what is in the one may need what is in the other.
            self.records.abandon();
            self.blobs.abandon();
        }
        // Releases the lock.
        writer.directory = None;
        writer.lock = None;
        result
    }

    /// Stops writing for good.
    pub(crate) fn poison(&self, error: &Error) -> Error {
        let mut stop = self.stop.write();
        match stop.get_or_insert_with(|| Stop::Failed(error.to_string())) {
            Stop::Failed(reason) => {
                tracing::error!(%reason, "writing has stopped");
                Error::Poisoned { reason: reason.clone() }
            }
            Stop::ReadOnly => self.reading_only(),
        }
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        match &*self.stop.read() {
            Some(Stop::Failed(reason)) => Err(Error::Poisoned { reason: reason.clone() }),
            Some(Stop::ReadOnly) => Err(self.reading_only()),
            None => Ok(()),
        }
    }

    fn reading_only(&self) -> Error {
        Error::reading_only(self.path.as_deref().unwrap_or(Path::new("")))
    }

    /// Refuses what would fill the disk, before the store has begun it: there it would be the end of writing.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<()> {
        // Asking leaves traces: not for what is refused anyway.
        self.check_writable()?;
        self.path.as_ref().map_or(Ok(()), |path| self.room.check(path, bytes))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "closing");
        }
    }
}
