//! The thread that flushes while durability is [`Durability::Batched`]: one at most, and gone soon after it is needed no more.

use std::sync::{Arc, Weak};

use crate::error::Error;
use crate::storage::{Durability, Inner, Storage};
use crate::sync::{Condvar, Mutex, thread};

/// When commits return, and what the thread waits for.
#[derive(Default)]
pub(crate) struct Flusher {
    state: Mutex<State>,
    /// Signalled when the state has changed, so that nobody sleeps by a setting of before.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    durability: Durability,
    /// There is a thread that will see the next change.
    runs: bool,
    closed: bool,
}

impl Flusher {
    pub(crate) fn durability(&self) -> Durability {
        self.state.lock().durability
    }

    /// Lets the thread end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until it is time to flush; false when that will be the last time.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        if let Durability::Batched(time) = state.durability
            && !state.closed
        {
            self.changed.wait_for(&mut state, time);
        }
        // Before the flush: what is committed under the setting as it was, is flushed by it.
        state.runs = matches!(state.durability, Durability::Batched(_)) && !state.closed;
        state.runs
    }
}

impl Storage {
    /// Sets when commits return, for all clones of this handle.
    pub fn set_durability(&self, durability: Durability) {
        let flusher = &self.inner.flusher;
        let mut state = flusher.state.lock();
        state.durability = durability;
        let starts = matches!(durability, Durability::Batched(_)) && !state.closed && !std::mem::replace(&mut state.runs, true);
        drop(state);
        flusher.changed.notify_all();
        if starts {
            start(&self.inner);
        }
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
