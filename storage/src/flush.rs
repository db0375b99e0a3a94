//! Flushes: what was applied becomes durable, at once, when asked, or by a thread's turn, and the files that promise it say so.

use std::sync::{Arc, Weak};

use crate::durability::Durability;
use crate::error::{Error, Result};
use crate::room;
use crate::storage::{Inner, Storage, Writer};
use crate::sync::thread;

/// The marker is rewritten at least every so many commits.
const MARK_EVERY: u64 = 256;

impl Storage {
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

    /// Sets when commits return, for all clones of this handle.
    pub fn set_durability(&self, durability: Durability) {
        if self.inner.flusher.set(durability) {
            start(&self.inner);
        }
    }
}

impl Inner {
    /// Flushes the first store and says so in the files that promise it.
    pub(crate) fn flush_records(&self, writer: &mut Writer) -> Result<()> {
        self.check_writable()?;
        let sequence = writer.applied;
        if writer.durable == sequence {
            return Ok(());
        }
        let span = tracing::debug_span!("flush records").entered();
        self.records.flush().map_err(|error| self.poison(&error))?;
        drop(span);
        writer.durable = sequence;
        writer.unflushed_records = 0;
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
        let _span = tracing::debug_span!("marker").entered();
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

fn start(inner: &Arc<Inner>) {
    let (flusher, weak) = (Arc::clone(&inner.flusher), Arc::downgrade(inner));
    let started = thread::Builder::new().name("torre-flush".into()).spawn(move || {
        loop {
            let goes_on = flusher.wait();
            if !flush(&weak) || !goes_on {
                return;
            }
        }
    });
    if let Err(error) = started {
        // Without the thread nothing would ever become durable by itself.
        inner.poison(&Error::io("starting the flushing thread", error));
    }
}

/// False when there is nothing to flush any more. A failure is the next commit's answer.
fn flush(weak: &Weak<Inner>) -> bool {
    weak.upgrade().is_some_and(|inner| inner.flush_records(&mut inner.writer.lock()).is_ok())
}

#[cfg(test)]
#[cfg(not(feature = "schedules"))]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{Batch, CollectionId};

    fn commit(storage: &Storage) -> u64 {
        let mut batch = Batch::new();
        batch.put_collection(CollectionId(1), b"settings");
        storage.commit(batch).unwrap()
    }

    fn becomes_durable(storage: &Storage, sequence: u64) -> bool {
        let start = Instant::now();
        while storage.durable() < sequence && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        storage.durable() >= sequence
    }

    #[test]
    fn a_commit_under_batched_durability_becomes_durable_also_when_it_is_set_back_to_commit() {
        let storage = Storage::in_memory();
        storage.set_durability(Durability::Batched(Duration::from_millis(50)));
        let sequence = commit(&storage);
        storage.set_durability(Durability::Commit);
        assert!(becomes_durable(&storage, sequence));
    }

    #[test]
    fn a_shorter_time_holds_at_once() {
        let storage = Storage::in_memory();
        storage.set_durability(Durability::Batched(Duration::from_secs(3600)));
        // The thread sleeps by now, most likely.
        thread::sleep(Duration::from_millis(50));
        let sequence = commit(&storage);
        storage.set_durability(Durability::Batched(Duration::from_millis(1)));
        assert!(becomes_durable(&storage, sequence));
    }

    #[test]
    fn what_is_much_does_not_wait_for_its_time() {
        let storage = Storage::in_memory();
        storage.set_durability(Durability::Batched(Duration::from_secs(3600)));
        // Long enough for the thread to sleep by now, most likely, and to have flushed what should wait.
        thread::sleep(Duration::from_millis(50));
        let little = commit(&storage);
        thread::sleep(Duration::from_millis(50));
        assert!(storage.durable() < little);
        let mut last = little;
        for row in 0..30 {
            let mut batch = Batch::new();
            batch.put_record(CollectionId(1), row, vec![7; 60_000]);
            last = storage.commit(batch).unwrap();
        }
        assert!(becomes_durable(&storage, last - 12), "but for what came since");
    }

    #[test]
    fn there_is_one_thread_at_most_and_none_when_the_storage_is_gone() {
        let storage = Storage::in_memory();
        let flusher = Arc::downgrade(&storage.inner.flusher);
        for _ in 0..100 {
            storage.set_durability(Durability::Commit);
            storage.set_durability(Durability::Batched(Duration::from_secs(3600)));
        }
        // Every thread has a share of it, the storage another.
        let threads = || flusher.strong_count().saturating_sub(1);
        let start = Instant::now();
        while threads() > 1 && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(threads(), 1);
        drop(storage);
        while flusher.strong_count() > 0 && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(flusher.strong_count(), 0);
    }
}
