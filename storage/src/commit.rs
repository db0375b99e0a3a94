//! Group commit: threads queue their batches, one of them leads, applies all that wait, flushes once, and answers all.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::backend::Write;
use crate::backend::worker::message;
use crate::batch::{Batch, Change};
use crate::envelope::{PAYLOAD, seal};
use crate::error::{Error, Result};
use crate::key::{self, CollectionId, Key, LAST_ROW};
use crate::room;
use crate::storage::{Durability, Inner, Sequence, Stop, Storage, Writer};
use crate::sync::Mutex;

/// Most bytes of one record, settings value, manifest or tombstone entry: 65,535 pieces.
const LARGEST: usize = PAYLOAD * u16::MAX as usize;
/// The marker is rewritten at least every so many commits.
const MARK_EVERY: u64 = 256;

/// A batch in the queue, and the place of its answer.
pub(crate) struct Waiting {
    batch: Mutex<Option<Batch>>,
    answer: Mutex<Option<Result<Sequence>>>,
}

impl Storage {
    /// Commits a batch: whole or not at all, after every commit that returned before, durable on return under
    /// [`Durability::Commit`]. An empty batch is nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Reserved`], [`Error::UnknownCollection`], [`Error::DiskFull`]: nothing was changed. Any other: this
    /// handle takes no more writes ([`Error::Poisoned`]); whether the batch is there shows when the database is opened again.
    pub fn commit(&self, batch: Batch) -> Result<Sequence> {
        let inner = &*self.inner;
        inner.check_writable()?;
        if batch.is_empty() {
            return Ok(inner.writer.lock().applied);
        }
        check(&batch)?;
        inner.check_room(room(&batch))?;
        let mine = Arc::new(Waiting { batch: Mutex::new(Some(batch)), answer: Mutex::new(None) });
        let mut queue = inner.queue.lock();
        queue.waiting.push_back(mine.clone());
        loop {
            if let Some(answer) = mine.answer.lock().take() {
                return answer;
            }
            if queue.led {
                inner.answered.wait(&mut queue);
                continue;
            }
            queue.led = true;
            let group: Vec<Arc<Waiting>> = queue.waiting.drain(..).collect();
            drop(queue);
            let led = catch_unwind(AssertUnwindSafe(|| inner.lead(&group)));
            if let Err(panic) = &led {
                inner.give_up(&group, &**panic);
            }
            queue = inner.queue.lock();
            queue.led = false;
            inner.answered.notify_all();
            if let Err(panic) = led {
                drop(queue);
                resume_unwind(panic);
            }
        }
    }

    /// Makes every commit that returned durable (those under [`Durability::Batched`] may not be yet).
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the reason.
    pub fn flush(&self) -> Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        self.inner.check_writable()?;
        self.inner.flush_records(&mut self.inner.writer.lock())
    }
}

impl Inner {
    /// Applies a group, flushes, and leaves the answers.
    fn lead(&self, group: &[Arc<Waiting>]) {
        let mut writer = self.writer.lock();
        let durability = self.flusher.durability();
        let mut answers: Vec<Result<Sequence>> = Vec::with_capacity(group.len());
        for waiting in group {
            let batch = waiting.batch.lock().take().unwrap_or_default();
            answers.push(self.apply(&mut writer, batch));
        }
        if durability == Durability::Commit && answers.iter().any(Result::is_ok) {
            if let Err(error) = self.flush_records(&mut writer) {
                for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                    *answer = Err(error.clone());
                }
            }
        } else if let Some(Stop::Failed(reason)) = &*self.stop.read() {
            // What was applied before the failure will not be flushed by this handle.
            for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                *answer = Err(Error::Poisoned { reason: reason.clone() });
            }
        }
        drop(writer);
        for (waiting, answer) in group.iter().zip(answers) {
            *waiting.answer.lock() = Some(answer);
        }
    }

    /// Stops writing after a panic in the middle of a group, and says so to all of it: nobody else would.
    fn give_up(&self, group: &[Arc<Waiting>], panic: &(dyn Any + Send)) {
        let error = self.poison(&Error::Panicked { what: "a commit".into(), message: message(panic) });
        for waiting in group {
            waiting.answer.lock().get_or_insert_with(|| Err(error.clone()));
        }
    }

    fn apply(&self, writer: &mut Writer, batch: Batch) -> Result<Sequence> {
        self.check_writable()?;
        let sequence = writer.applied + 1;
        let mut plan = Plan {
            inner: self,
            sequence,
            writes: BTreeMap::new(),
            collections: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            named: Vec::new(),
        };
        for change in batch.changes {
            plan.add(writer, change)?;
        }
        // A head for every collection touched.
        for c in plan.collections.keys().copied().collect::<Vec<_>>() {
            let last = plan.last_tombstone(writer, c).to_le_bytes();
            plan.put(Key::Head(c), &last);
        }
        let Plan { writes, collections, tombstones, named, .. } = plan;
        if !named.is_empty() && writer.blobs_unflushed > 0 {
            // No manifest becomes durable before what it names.
            writer.blobs_unflushed = 0;
            self.blobs.flush().map_err(|error| self.poison(&error))?;
        }
        match self.records.apply(writes.into_iter().collect::<Vec<Write>>()) {
            Ok(()) => {}
            // A store says so only before it has begun.
            Err(error @ Error::DiskFull { .. }) => return Err(error),
            Err(error) => return Err(self.poison(&error)),
        }
        writer.applied = sequence;
        writer.collections.extend(collections);
        writer.tombstones.extend(tombstones);
        for (c, blobs) in named {
            // From now on the manifest says whether they live.
            writer.blobs_young.retain(|(owner, blob)| *owner != c || blobs.binary_search(blob).is_err());
        }
        Ok(sequence)
    }

    /// Flushes the first store and says so in the files that promise it.
    pub(crate) fn flush_records(&self, writer: &mut Writer) -> Result<()> {
        self.check_writable()?;
        let sequence = writer.applied;
        if writer.durable == sequence {
            return Ok(());
        }
        self.records.flush().map_err(|error| self.poison(&error))?;
        writer.durable = sequence;
        if let Some(progress) = &mut writer.progress {
            // Only makes a later loss show; the commit itself is durable.
            progress.note(sequence).unwrap_or_else(|error| tracing::warn!(%error, "noting progress"));
        }
        if sequence >= writer.marked + MARK_EVERY {
            self.mark(writer)?;
        }
        Ok(())
    }

    /// Rewrites the marker.
    pub(crate) fn mark(&self, writer: &mut Writer) -> Result<()> {
        let sequence = writer.durable;
        if let Some(directory) = &mut writer.directory
            && writer.marked != sequence
        {
            match directory.mark(sequence) {
                Ok(()) => writer.marked = sequence,
                // The one before stands; the next flush tries again.
                Err(Error::Io { what, source }) if room::is_full(&source) => tracing::warn!(%source, "{what}"),
                Err(error) => return Err(self.poison(&error)),
            }
        }
        Ok(())
    }
}

/// What the caller must mend, before anything is touched.
fn check(batch: &Batch) -> Result<()> {
    for change in &batch.changes {
        let (what, bytes) = match change {
            Change::PutRecord(_, row, _) | Change::PutVector(_, _, row, _) if *row > LAST_ROW => {
                return Err(Error::Reserved { what: "row", number: *row });
            }
            Change::PutRecord(_, _, bytes) | Change::PutVector(_, _, _, bytes) if bytes.len() <= LARGEST => continue,
            Change::PutRecord(c, row, record) => (format!("record {row} of collection {}", c.0), record.len()),
            Change::PutVector(c, _, row, vector) => (format!("vector {row} of collection {}", c.0), vector.len()),
            Change::PutCollection(c, settings) => {
                if settings.len() >= PAYLOAD {
                    let what = format!("the settings of collection {}", c.0);
                    return Err(Error::TooLarge { what, bytes: settings.len() as u64, limit: PAYLOAD as u64 - 1 });
                }
                continue;
            }
            Change::PutManifest(c, manifest, _) => {
                (format!("the manifest of collection {}", c.0), manifest.as_ref().map_err(Clone::clone)?.len())
            }
            Change::PutTombstones(c, rows) => (format!("a tombstone entry of collection {}", c.0), rows.len().saturating_mul(8)),
            Change::DeleteRecords(..) | Change::DeleteVectors(..) | Change::DropCollection(_) => continue,
        };
        if bytes > LARGEST {
            return Err(Error::TooLarge { what, bytes: bytes as u64, limit: LARGEST as u64 });
        }
    }
    Ok(())
}

/// Room that a batch may take: its bytes, and for deletions the leaves that are written again.
fn room(batch: &Batch) -> u64 {
    const LEAF: u64 = 32 << 10;
    let deletes = |change: &&Change| matches!(change, Change::DeleteRecords(..) | Change::DeleteVectors(..));
    let deletions = batch.changes.iter().filter(deletes).count() as u64;
    batch.bytes as u64 + batch.len() as u64 * 64 + (deletions * LEAF).min(256 << 20)
}

/// The writes of one batch. Changes come in order, and a later one sees the earlier.
struct Plan<'a> {
    inner: &'a Inner,
    sequence: Sequence,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Collections touched, and whether they live afterwards.
    collections: BTreeMap<CollectionId, bool>,
    tombstones: BTreeMap<CollectionId, u64>,
    /// Blobs that the batch's manifests name.
    named: Vec<(CollectionId, Vec<u64>)>,
}

impl Plan<'_> {
    fn add(&mut self, writer: &Writer, change: Change) -> Result<()> {
        let c = change.collection();
        let lives = self.collections.get(&c).or_else(|| writer.collections.get(&c)).copied();
        match (&change, lives) {
            (Change::PutCollection(..), None) | (_, Some(true)) => {}
            _ => return Err(Error::UnknownCollection { id: c.0 }),
        }
        self.collections.insert(c, !matches!(change, Change::DropCollection(_)));
        match change {
            Change::PutCollection(c, settings) => {
                let mut payload = vec![1];
                payload.extend_from_slice(&settings);
                self.put(Key::Collection(c), &payload);
            }
            Change::DropCollection(c) => {
                // Records, vectors and tombstones may be many: they go by the sweep, in batches of their own.
                self.put(Key::Collection(c), &[0]);
                self.remove(key::manifest(c))?;
            }
            Change::PutRecord(collection, row, record) => self.put(Key::Record { collection, row, piece: 0 }, &record),
            Change::DeleteRecords(c, rows) => self.remove(key::records(c, rows))?,
            Change::PutVector(collection, space, row, vector) => self.put(Key::Vector { collection, space, row, piece: 0 }, &vector),
            Change::DeleteVectors(c, space, rows) => self.remove(key::vectors(c, space, rows))?,
            Change::PutTombstones(c, rows) => {
                let number = self.last_tombstone(writer, c) + 1;
                self.tombstones.insert(c, number);
                self.put_rows(c, number, &rows);
            }
            Change::PutManifest(collection, manifest, blobs) => {
                self.put(Key::Manifest { collection, piece: 0 }, &manifest?);
                self.named.push((collection, blobs));
            }
        }
        Ok(())
    }

    fn put_rows(&mut self, collection: CollectionId, number: u64, rows: &[u64]) {
        let payload: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        self.put(Key::Tombstones { collection, number, piece: 0 }, &payload);
    }

    /// Puts a value in as many pieces as it needs. Pieces of a longer one before stay behind the last and are no part of it.
    fn put(&mut self, key: Key, payload: &[u8]) {
        let pieces = payload.len().div_ceil(PAYLOAD).max(1);
        for piece in 0..pieces {
            let part = &payload[piece * PAYLOAD..payload.len().min((piece + 1) * PAYLOAD)];
            let key = key.piece(piece as u16);
            let encoded = key.encode();
            let value = seal(key, &encoded, pieces as u32, self.sequence, part);
            self.writes.insert(encoded, Some(value));
        }
    }

    /// Removes all there is in a range, in the store and in this batch.
    fn remove(&mut self, range: std::ops::Range<Vec<u8>>) -> Result<()> {
        if range.start >= range.end {
            return Ok(());
        }
        for (_, value) in self.writes.range_mut(range.clone()) {
            *value = None;
        }
        let mut start = range.start;
        loop {
            let page = self.inner.records.range(&start..&range.end, 1024, 4 << 20)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            start.clone_from(last);
            start.push(0);
            self.writes.extend(page.into_iter().map(|(key, _)| (key, None)));
        }
    }

    fn last_tombstone(&self, writer: &Writer, c: CollectionId) -> u64 {
        self.tombstones.get(&c).or_else(|| writer.tombstones.get(&c)).copied().unwrap_or(0)
    }
}
