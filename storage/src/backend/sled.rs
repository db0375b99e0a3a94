//! The store on disk: sled 1.0 alpha. This is the only file that names it.
//!
//! What sled does and what is done about it here:
//! - It may hang (a damaged slab, a full disk) and panic: every call runs on a thread of ours, under a time limit.
//! - After a failed flush the next one waits for ever, and dropping a handle flushes: after a failure nothing is dropped.
//! - Dropping any clone of a handle, an iterator's too, flushes: iterators are dropped by the writing thread, between its own calls.
//! - Leaves that were written stay in memory until the store is closed: it is closed and opened again when enough was written.
//! - An iterator does not stop at its upper bound where nothing is left below it: none has one.
//! - A batch never gives back the leaves that it empties, which every opening and every range then walks through: what need not go as
//!   one is removed key by key.
//! - Its own flusher aborts the process on an error: there is none.
//! - It loses its metadata after a crash while it opens, and prints where a file is cut short: see `sled_files`.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::worker::{Failed, Wait, Worker};
use super::{Backend, Entry, Write, sled_files};
use crate::disk_size;
use crate::error::{Error, Result};
use crate::key::{describe, describe_bound};
use crate::lock::FORKED;
use crate::room;
use crate::salvage::diagnose;

type Db<const FANOUT: usize> = ::sled::Db<FANOUT>;
type Tree<const FANOUT: usize> = ::sled::Tree<FANOUT>;

/// How a store is opened.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) cache_bytes: usize,
    /// zstd's level; values that do not compress want a negative one.
    pub(crate) compression: i32,
    /// Longest wait for any call.
    pub(crate) timeout: Duration,
    /// Bytes written after which the store is opened again to give its memory back.
    pub(crate) reopen_after: u64,
}

/// A store with `FANOUT` entries a leaf.
pub(crate) struct Sled<const FANOUT: usize> {
    settings: Settings,
    wait: Wait,
    writer: Worker<Db<FANOUT>>,
    /// Reading threads that are idle.
    readers: Mutex<Vec<Worker<Tree<FANOUT>>>>,
    /// Held for reading by every call, for writing while the store is opened again.
    gate: RwLock<()>,
    written: AtomicU64,
    stuck: AtomicBool,
    closed: AtomicBool,
}

impl<const FANOUT: usize> Sled<FANOUT> {
    /// Opens the store, or creates it where there is nothing.
    pub(crate) fn open(settings: Settings) -> Result<Self> {
        let writer = Worker::start("torre-store")?;
        let path = settings.path.clone();
        let store = Self {
            wait: Wait { limit: settings.timeout, diagnose: Box::new(move || diagnose(&path).or_else(|| room::none_left(&path))) },
            settings,
            writer,
            readers: Mutex::default(),
            gate: RwLock::new(()),
            written: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        };
        store.connect()?;
        Ok(store)
    }

    fn connect(&self) -> Result<()> {
        let settings = self.settings.clone();
        self.write("opening", move |db| {
            sled_files::prepare(&settings.path)?;
            let mut config = ::sled::Config::new()
                .path(&settings.path)
                .cache_capacity_bytes(settings.cache_bytes)
                .flush_every_ms(None)
                .zstd_compression_level(settings.compression);
            config.target_heap_file_fill_ratio = 0.8;
            let start = Instant::now();
            loop {
                match config.open::<FANOUT>().map_err(|error| failure(&settings.path, "opening", error)) {
                    // Ours is the only handle: a child process that is being started has its lock a little longer.
                    Err(Error::Held { .. }) if start.elapsed() < FORKED => std::thread::sleep(Duration::from_millis(5)),
                    opened => break *db = Some(opened?),
                }
            }
            Ok(())
        })
    }

    /// Runs a job on the writing thread.
    fn write<R: Send + 'static>(&self, what: &str, job: impl FnOnce(&mut Option<Db<FANOUT>>) -> Result<R> + Send + 'static) -> Result<R> {
        self.check()?;
        let what = format!("{what} {}", self.settings.path.display());
        self.writer.call(&what, &self.wait, job).map_err(|failed| self.note(failed))
    }

    /// Runs a job on a reading thread.
    fn read<R: Send + 'static>(&self, job: impl FnOnce(&mut Retiring<'_, FANOUT>) -> Result<R> + Send + 'static) -> Result<R> {
        self.check()?;
        let _open = self.gate.read();
        let idle = self.readers.lock().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.start_reader()?,
        };
        let what = format!("reading {}", self.settings.path.display());
        let result = reader.call(&what, &self.wait, move |reader| {
            let tree = reader.as_ref().ok_or(Error::Closed)?;
            let mut retiring = Retiring { tree, iterators: Vec::new() };
            let result = job(&mut retiring);
            Ok((result, retiring.iterators))
        });
        let (result, iterators) = match result {
            Ok(done) => done,
            Err(failed) => {
                reader.send(|state| std::mem::forget(state.take()));
                return Err(self.note(failed));
            }
        };
        if !iterators.is_empty() {
            // Not before the writer's flush: whoever drops one flushes what is dirty.
            self.writer.send(move |_| drop(iterators));
        }
        self.readers.lock().push(reader);
        result
    }

    fn start_reader(&self) -> Result<Worker<Tree<FANOUT>>> {
        let reader = Worker::<Tree<FANOUT>>::start("torre-read")?;
        let tree: Tree<FANOUT> = self.write("reading", |db| Ok((**db.as_ref().ok_or(Error::Closed)?).clone()))?;
        reader.call("starting a reader", &self.wait, move |state| {
            *state = Some(tree);
            Ok(())
        })?;
        Ok(reader)
    }

    fn check(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        if self.stuck.load(Ordering::Acquire) {
            let what = format!("{}: an earlier call did not come back", self.settings.path.display());
            return Err(Error::TimedOut { what, after: self.settings.timeout });
        }
        Ok(())
    }

    /// Remembers that a call did not come back: what it holds may keep every other from coming back.
    fn note(&self, failed: Failed) -> Error {
        if matches!(failed, Failed::Silent(_)) {
            self.stuck.store(true, Ordering::Release);
        }
        failed.into()
    }

    /// Lets go of every handle, so that the files' locks are released.
    fn disconnect(&self) -> Result<()> {
        for reader in self.readers.lock().drain(..) {
            reader.call("ending a reader", &self.wait, |state| {
                drop(state.take());
                Ok(())
            })?;
        }
        self.write("closing", |db| {
            let Some(open) = db.take() else { return Ok(()) };
            if let Err(error) = open.flush() {
                // Dropping it would flush again, and wait for ever.
                std::mem::forget(open);
                return Err(Error::io("flushing", error));
            }
            drop(open);
            Ok(())
        })
    }

    /// Opens the store again if more than this was written since it was opened.
    fn recycle(&self, beyond: u64) -> Result<()> {
        let enough = || self.written.load(Ordering::Relaxed) > beyond;
        if !enough() {
            return Ok(());
        }
        let _closed = self.gate.write();
        // Another thread may have been here first.
        if !enough() {
            return Ok(());
        }
        let _span = tracing::debug_span!("reopen").entered();
        self.disconnect()?;
        self.connect()?;
        self.written.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// A reading thread's handle, and the iterators that it has finished with.
struct Retiring<'a, const FANOUT: usize> {
    tree: &'a Tree<FANOUT>,
    iterators: Vec<::sled::Iter<FANOUT>>,
}

impl<const FANOUT: usize> Backend for Sled<FANOUT> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (key, path) = (key.to_vec(), self.settings.path.clone());
        self.read(move |reader| match reader.tree.get(&key) {
            Ok(value) => Ok(value.map(|value| value.to_vec())),
            Err(error) => Err(failure(&path, &format!("reading {}", describe(&key)), error)),
        })
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let (keys, path) = (keys.to_vec(), self.settings.path.clone());
        self.read(move |reader| {
            let value = |key: &Vec<u8>| match reader.tree.get(key) {
                Ok(value) => Ok(value.map(|value| value.to_vec())),
                Err(error) => Err(failure(&path, &format!("reading {}", describe(key)), error)),
            };
            keys.iter().map(value).collect()
        })
    }

    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let (range, path) = (range.start.to_vec()..range.end.to_vec(), self.settings.path.clone());
        self.read(move |reader| {
            let (mut entries, mut size) = (Vec::new(), 0);
            // Without an upper bound: at its end an iterator with one goes on through all leaves behind it.
            reader.iterators.push(reader.tree.range(range.start.clone()..));
            for entry in reader.iterators.last_mut().into_iter().flatten() {
                let (key, value) = entry.map_err(|error| {
                    let from = entries.last().map_or(&range.start, |(key, _): &Entry| key);
                    failure(&path, &format!("reading from {} on", describe_bound(from)), error)
                })?;
                if *key >= *range.end {
                    break;
                }
                size += value.len();
                entries.push((key.to_vec(), value.to_vec()));
                if entries.len() >= limit || size >= bytes {
                    break;
                }
            }
            // An iterator's few accesses never reach the list by which the cache evicts; a handle that stays does: one access a leaf.
            for (key, _) in entries.iter().step_by((FANOUT / 4).max(1)) {
                reader.tree.get(key).map_err(|error| failure(&path, &format!("reading {}", describe(key)), error))?;
            }
            Ok(entries)
        })
    }

    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>> {
        if range.start >= range.end {
            return Ok(None);
        }
        let (range, end, path) = (range.start.to_vec()..range.end.to_vec(), range.end.to_vec(), self.settings.path.clone());
        self.read(move |reader| {
            reader.iterators.push(reader.tree.range(range));
            let last = reader.iterators.last_mut().and_then(DoubleEndedIterator::next_back);
            let last = last.transpose().map_err(|error| failure(&path, &format!("reading before {}", describe_bound(&end)), error))?;
            Ok(last.map(|(key, value)| (key.to_vec(), value.to_vec())))
        })
    }

    fn apply(&self, writes: Vec<Write>) -> Result<()> {
        let bytes: usize = writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        let path = self.settings.path.clone();
        let _open = self.gate.read();
        self.write("writing", move |db| {
            let mut batch = ::sled::Batch::default();
            for (key, value) in writes {
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
            let db = db.as_ref().ok_or(Error::Closed)?;
            db.apply_batch(batch).map_err(|error| failure(&path, "writing", error))
        })
    }

    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        let bytes: usize = keys.iter().map(Vec::len).sum();
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        let path = self.settings.path.clone();
        let _open = self.gate.read();
        self.write("removing", move |db| {
            let db = db.as_ref().ok_or(Error::Closed)?;
            keys.iter().try_for_each(|key| db.remove(key).map(drop)).map_err(|error| failure(&path, "removing", error))
        })
    }

    fn flush(&self) -> Result<()> {
        let path = self.settings.path.clone();
        let open = self.gate.read();
        self.write("flushing", move |db| {
            let db = db.as_ref().ok_or(Error::Closed)?;
            db.flush().map(|_| ()).map_err(|error| failure(&path, "flushing", error))
        })?;
        drop(open);
        self.recycle(self.settings.reopen_after)
    }

    fn trim(&self) -> Result<()> {
        // Below this there is little to gain.
        self.recycle(1 << 20)
    }

    fn close(&self) -> Result<()> {
        let _closed = self.gate.write();
        let result = self.disconnect();
        self.closed.store(true, Ordering::Release);
        if result.is_err() {
            self.abandon();
        }
        result
    }

    fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        for reader in self.readers.lock().drain(..) {
            reader.send(|state| std::mem::forget(state.take()));
        }
        self.writer.send(|db| std::mem::forget(db.take()));
    }

    fn bytes(&self) -> Result<u64> {
        disk_size::of(&self.settings.path)
    }
}

/// An error of sled, by who must act.
fn failure(path: &Path, what: &str, error: io::Error) -> Error {
    // It puts places in its source before its words.
    let words = error.to_string();
    let words = words.rsplit(" -> ").next().unwrap_or(&words);
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Error::corrupt(path.display().to_string(), format!("{what}: {words}")),
        // Our own lock is taken before: nobody else has a handle.
        io::ErrorKind::WouldBlock => Error::Held { path: path.to_path_buf() },
        _ if error.raw_os_error().is_some() => Error::io(format!("{what} {}", path.display()), error),
        kind => Error::io(format!("{what} {}", path.display()), io::Error::new(kind, words.to_string())),
    }
}
